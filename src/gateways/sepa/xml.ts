import { err, ok, type Result } from '../../lib/result.ts'

/**
 * Reads the XML that banks write: elements, attributes, text, comments, CDATA, the five entities that XML itself has.
 * What could make a reader fetch, expand or loop (document types, entities, processing instructions) is refused, and
 * everything is bounded. Namespace prefixes are dropped. No text makes it throw.
 */
export interface XmlElement {
  /** Without its prefix. */
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  /** Of the element itself, without what surrounds it. Empty when it has children. */
  readonly text: string
}

export interface XmlRefusal {
  readonly reason: 'not_xml' | 'xml_not_allowed' | 'xml_too_large'
  readonly detail: string
}

export const XML_DEPTH_MAX = 40
export const XML_ELEMENTS_MAX = 500_000
const ATTRIBUTES_MAX = 20
const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y
const SPACE = /[ \t\r\n]*/y
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

interface Open {
  readonly tag: string
  readonly attributes: Record<string, string>
  readonly children: XmlElement[]
  text: string
}

/** Bounded by the caller in length. `text` is decoded already; a declaration of another encoding than UTF-8 is refused. */
export function readXml(text: string): Result<XmlElement, XmlRefusal> {
  return new Reader(text).read()
}

/** The first element at a path such as `Acct/Id/IBAN`, each step the first of its name. */
export function childAt(element: XmlElement, path: string): XmlElement | null {
  let here: XmlElement | undefined = element
  for (const step of path.split('/')) here = here?.children.find(({ name }) => name === step)
  return here ?? null
}

/** '' where there is no such element. */
export function textAt(element: XmlElement, path: string): string {
  return childAt(element, path)?.text ?? ''
}

/** Of every element at the path, not of the first alone. */
export function textsAt(element: XmlElement, path: string): string[] {
  let here: readonly XmlElement[] = [element]
  for (const step of path.split('/')) here = here.flatMap(({ children }) => children.filter(({ name }) => name === step))
  return here.map(({ text }) => text)
}

class Reader {
  readonly #text: string
  #at = 0
  #elements = 0

  constructor(text: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text
  }

  read(): Result<XmlElement, XmlRefusal> {
    const declared = this.#declaration()
    if (declared) return err(declared)
    const open: Open[] = []
    for (;;) {
      const from = this.#at
      const next = this.#text.indexOf('<', from)
      const words = this.#text.slice(from, next < 0 ? undefined : next)
      const inside = open.at(-1)
      if (inside) {
        const decoded = decode(words)
        if (decoded === null) return this.#refuse('xml_not_allowed', 'an entity that XML itself does not have')
        inside.text += decoded
      } else if (words.trim() !== '') return this.#refuse('not_xml', 'text outside of the document')
      if (next < 0) return this.#refuse('not_xml', inside ? `${inside.tag} is not closed` : 'there is no element')
      this.#at = next

      if (this.#text.startsWith('<!--', next)) {
        if (!this.#skip('-->')) return this.#refuse('not_xml', 'a comment that does not end')
      } else if (this.#text.startsWith('<![CDATA[', next)) {
        const end = this.#text.indexOf(']]>', next)
        if (!inside || end < 0) return this.#refuse('not_xml', 'CDATA out of place')
        inside.text += this.#text.slice(next + 9, end)
        this.#at = end + 3
      } else if (this.#text.startsWith('<!', next)) return this.#refuse('xml_not_allowed', 'a document type')
      else if (this.#text.startsWith('<?', next)) return this.#refuse('xml_not_allowed', 'a processing instruction')
      else if (this.#text.startsWith('</', next)) {
        const done = this.#close(open)
        if (!done.ok) return done
        if (done.value) return this.#end(done.value)
      } else {
        const started = this.#open(open)
        if (!started.ok) return started
        if (started.value) return this.#end(started.value)
      }
    }
  }

  /** `<?xml … ?>`, at the very beginning only. */
  #declaration(): XmlRefusal | null {
    if (!/^<\?xml\s/.test(this.#text)) return null
    const end = this.#text.indexOf('?>')
    if (end < 0 || end > 200) return { reason: 'not_xml', detail: 'the declaration does not end' }
    const encoding = /encoding\s*=\s*["']([^"']*)["']/.exec(this.#text.slice(0, end))?.[1] ?? 'UTF-8'
    if (!/^(utf-?8|us-ascii)$/i.test(encoding))
      return { reason: 'xml_not_allowed', detail: `the encoding ${encoding.slice(0, 20)}` }
    this.#at = end + 2
    return null
  }

  /** Answers the root when it was empty: then the document is read. */
  #open(open: Open[]): Result<XmlElement | null, XmlRefusal> {
    this.#at++
    const tag = this.#name()
    if (tag === null) return this.#refuse('not_xml', 'an element without a name')
    if (++this.#elements > XML_ELEMENTS_MAX) return this.#refuse('xml_too_large', `more than ${XML_ELEMENTS_MAX} elements`)
    if (open.length >= XML_DEPTH_MAX) return this.#refuse('xml_too_large', `deeper than ${XML_DEPTH_MAX} elements`)
    const attributes: Record<string, string> = Object.create(null)
    for (let count = 0; ; count++) {
      const space = this.#space()
      if (this.#take('>')) {
        open.push({ tag, attributes, children: [], text: '' })
        return ok(null)
      }
      if (this.#take('/>')) return ok(put(open, { name: local(tag), attributes, children: [], text: '' }))
      const name = space ? this.#name() : null
      if (name === null) return this.#refuse('not_xml', `${tag} has something that is no attribute`)
      if (count >= ATTRIBUTES_MAX) return this.#refuse('xml_too_large', `${tag} has more than ${ATTRIBUTES_MAX} attributes`)
      const value = this.#value()
      if (value === null || name in attributes) return this.#refuse('not_xml', `the attribute ${name} of ${tag}`)
      attributes[name] = value
    }
  }

  #value(): string | null {
    this.#space()
    if (!this.#take('=')) return null
    this.#space()
    const quote = this.#text[this.#at]
    if (quote !== '"' && quote !== "'") return null
    const end = this.#text.indexOf(quote, this.#at + 1)
    const words = end < 0 ? '<' : this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    return words.includes('<') ? null : decode(words)
  }

  #close(open: Open[]): Result<XmlElement | null, XmlRefusal> {
    this.#at += 2
    const tag = this.#name()
    this.#space()
    const closed = open.pop()
    if (!closed || tag !== closed.tag || !this.#take('>'))
      return this.#refuse('not_xml', `${closed?.tag ?? 'nothing'} is closed wrongly`)
    const text = closed.children.length === 0 ? closed.text.trim() : ''
    return ok(put(open, { name: local(closed.tag), attributes: closed.attributes, children: closed.children, text }))
  }

  /** After the root only comments and space may follow. */
  #end(root: XmlElement): Result<XmlElement, XmlRefusal> {
    for (;;) {
      this.#space()
      if (this.#at >= this.#text.length) return ok(root)
      if (!this.#text.startsWith('<!--', this.#at) || !this.#skip('-->'))
        return this.#refuse('not_xml', 'something follows the document')
    }
  }

  #name(): string | null {
    NAME.lastIndex = this.#at
    const found = NAME.exec(this.#text)?.[0] ?? null
    if (found === null || found.length > 100) return null
    this.#at += found.length
    return found
  }

  #space(): boolean {
    SPACE.lastIndex = this.#at
    const length = SPACE.exec(this.#text)?.[0].length ?? 0
    this.#at += length
    return length > 0
  }

  #take(mark: string): boolean {
    if (!this.#text.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    return true
  }

  #skip(mark: string): boolean {
    const end = this.#text.indexOf(mark, this.#at + 4)
    if (end < 0) return false
    this.#at = end + mark.length
    return true
  }

  #refuse(reason: XmlRefusal['reason'], what: string): Result<never, XmlRefusal> {
    const line = this.#text.slice(0, this.#at).split('\n').length
    return err({ reason, detail: `line ${line}: ${what}` })
  }
}

/** Into the element that is open; answers it when none is. */
function put(open: readonly Open[], element: XmlElement): XmlElement | null {
  const inside = open.at(-1)
  if (!inside) return element
  inside.children.push(element)
  return null
}

function local(tag: string): string {
  return tag.slice(tag.indexOf(':') + 1)
}

/** Null when there is an entity that is not XML's own, or a character that XML cannot have. */
function decode(words: string): string | null {
  if (!words.includes('&')) return words
  let isWhole = true
  const decoded = words.replace(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([A-Za-z]\w{0,30}));|&/g, (_all, decimal, hex, name) => {
    const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : null
    const found = code === null ? (Object.hasOwn(ENTITIES, name ?? '') ? ENTITIES[name] : undefined) : character(code)
    if (found === undefined) isWhole = false
    return found ?? ''
  })
  return isWhole ? decoded : null
}

/** XML 1.0, 2.2. */
function character(code: number): string | undefined {
  const isAllowed =
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  return isAllowed ? String.fromCodePoint(code) : undefined
}
