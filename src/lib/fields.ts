import { err, ok, type Result } from './result.ts'

/** Why a JSON value from outside is not what was asked for. `param` is a path such as `wallets[0].account.xpub`. */
export interface FieldRefusal {
  readonly reason: 'unknown_field' | 'invalid_field'
  readonly param: string
  readonly detail: string
}

/** Text of `min` to `max` UTF-16 units; `pattern` is for the whole of it, `form` says it in words. */
export interface TextRule {
  readonly min?: number
  readonly max: number
  readonly pattern?: RegExp
  readonly form?: string
}

/**
 * Reads a JSON object field by field: `build` asks for what it wants, and the first thing wrong is the answer.
 * A field that nobody may send is refused by name, `__proto__` like any other: nothing is copied by a key from outside.
 */
export function readFields<T>(source: unknown, known: readonly string[], build: (fields: Fields) => T): Result<T, FieldRefusal> {
  const found: Found = { refusal: null }
  const fields = openFields(source, '', known, found)
  if (found.refusal) return err(found.refusal)
  const value = build(fields)
  return found.refusal ? err(found.refusal) : ok(value)
}

/** The first refusal, shared by an object and everything inside it. */
interface Found {
  refusal: FieldRefusal | null
}

/** Each reader answers a harmless value once something was refused; `readFields` then drops the whole. */
export class Fields {
  readonly #source: Readonly<Record<string, unknown>>
  readonly #path: string
  readonly #found: Found

  constructor(source: Readonly<Record<string, unknown>>, path: string, found: Found) {
    this.#source = source
    this.#path = path
    this.#found = found
  }

  /** Null when the field is absent or null. */
  optional<T>(name: string, read: (name: string) => T): T | null {
    const value = this.value(name)
    return value === undefined || value === null ? null : read(name)
  }

  text(name: string, rule: TextRule): string {
    const value = this.value(name)
    const { min = 1, max, pattern, form } = rule
    if (typeof value !== 'string') return this.refuse(name, 'must be a string', '')
    if (value.length < min || value.length > max)
      return this.refuse(name, `must be ${min === max ? min : `${min} to ${max}`} characters long`, '')
    if (!value.isWellFormed() || hasControl(value)) return this.refuse(name, 'must be text without control characters', '')
    if (pattern && !pattern.test(value)) return this.refuse(name, `must be ${form}`, '')
    return value
  }

  integer(name: string, min: number, max: number): number {
    const value = this.value(name)
    const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
    return fits ? value : this.refuse(name, `must be a whole number from ${min} to ${max}`, min)
  }

  choice<const T extends string>(name: string, options: readonly [T, ...T[]]): T {
    const found = options.find((option) => option === this.value(name))
    return found ?? this.refuse(name, `must be one of ${options.join(', ')}`, options[0])
  }

  /** A list of `min` to `max` things; `read` reads one, given the name it is called by. */
  list<T>(name: string, min: number, max: number, read: (items: Fields, name: string) => T): T[] {
    const value = this.value(name)
    if (!Array.isArray(value) || value.length < min || value.length > max)
      return this.refuse(name, `must be a list of ${min} to ${max}`, [])
    const items = new Fields(Object.fromEntries(value.map((item, index) => [`${name}[${index}]`, item])), this.#path, this.#found)
    return value.map((_item, index) => read(items, `${name}[${index}]`))
  }

  /** A list of texts, none twice. */
  texts(name: string, min: number, max: number, rule: TextRule): string[] {
    const texts = this.list(name, min, max, (items, item) => items.text(item, rule))
    return new Set(texts).size === texts.length ? texts : this.refuse(name, 'must not name anything twice', [])
  }

  /** An object with only these fields. */
  object(name: string, known: readonly string[]): Fields {
    return openFields(this.value(name), this.#path + name, known, this.#found)
  }

  /** Up to `max` pairs of text with keys of the caller's choice. */
  pairs(name: string, max: number, key: RegExp, keyForm: string, value: TextRule): Record<string, string> {
    const source = this.value(name)
    if (!isRecord(source)) return this.refuse(name, 'must be an object', {})
    const keys = Object.keys(source)
    if (keys.length > max) return this.refuse(name, `must have at most ${max} entries`, {})
    const bad = keys.find((text) => !key.test(text) || text in Object.prototype)
    if (bad !== undefined) return this.refuse(name, `has a key that is not ${keyForm}`, {})
    const entries = new Fields(source, `${this.#path}${name}.`, this.#found)
    return Object.fromEntries(keys.map((text) => [text, entries.text(text, value)]))
  }

  /** The raw value, undefined when absent. */
  value(name: string): unknown {
    return Object.hasOwn(this.#source, name) ? this.#source[name] : undefined
  }

  /** Notes the first refusal and answers `instead`, so that reading can go on. */
  refuse<T>(name: string, detail: string, instead: T): T {
    const param = this.#path + name
    this.#found.refusal ??= {
      reason: 'invalid_field',
      param,
      detail: `${param} ${(this.value(name) ?? null) === null ? 'is missing: it ' : ''}${detail}`,
    }
    return instead
  }
}

function openFields(source: unknown, path: string, known: readonly string[], found: Found): Fields {
  const inside = path === '' ? '' : `${path}.`
  if (!isRecord(source)) {
    found.refusal ??= { reason: 'invalid_field', param: path, detail: `${path === '' ? 'the body' : path} must be a JSON object` }
    return new Fields({}, inside, found)
  }
  const unknown = Object.keys(source).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const param = inside + unknown.slice(0, 100)
    const here = known.length === 0 ? 'there are none' : `there are ${known.join(', ')}`
    found.refusal ??= { reason: 'unknown_field', param, detail: `${param} is not a field here: ${here}` }
  }
  return new Fields(source, inside, found)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Control characters other than tab and line ends: nothing a person types, and NUL ends texts in some places. */
function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if ((code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) || code === 0x7f) return true
  }
  return false
}
