import type { HonoRequest } from 'hono'
import { de } from './messages/de.ts'
import { en } from './messages/en.ts'
import { uk } from './messages/uk.ts'

/** The texts of one language: the keys and placeholders of English, with any words. */
export type Translated<English> = {
  readonly [Key in keyof English]: English[Key] extends string ? string : English[Key]
}

export type PageMessages = Translated<typeof en>

/** Every language there is by its BCP 47 tag. A new one is a line here, and then whatever the compiler misses. */
export const LANGUAGES = { en, de, uk } as const satisfies Record<string, PageMessages>

export type Language = keyof typeof LANGUAGES

/** Tags looked at in an Accept-Language header; people have a handful. */
const TAGS_MAX = 20

/** What a face says in each language, beside what all of them say. */
export function withCommon<Own>({ en, de, uk }: Readonly<Record<Language, Own>>): Readonly<Record<Language, PageMessages & Own>> {
  return { en: { ...LANGUAGES.en, ...en }, de: { ...LANGUAGES.de, ...de }, uk: { ...LANGUAGES.uk, ...uk } }
}

/** The language a page is drawn in. */
export function languageOf(request: HonoRequest): Language {
  return chooseLanguage(request.query('lang'), request.header('accept-language'))
}

/** The language asked for by name, which links hand on. */
export function askedLanguage(request: HonoRequest): Language | null {
  const asked = request.query('lang')
  return asked && isLanguage(asked) ? asked : null
}

/** The language asked for by name, else the best of the Accept-Language header (RFC 9110, 12.5.4), else English. */
export function chooseLanguage(asked: string | undefined, acceptLanguage: string | undefined): Language {
  if (asked && isLanguage(asked)) return asked
  const wanted = (acceptLanguage ?? '')
    .split(',', TAGS_MAX)
    .map((entry) => {
      const [tag = '', ...parameters] = entry.trim().split(';')
      const quality = parameters
        .find((parameter) => parameter.trim().startsWith('q='))
        ?.trim()
        .slice(2)
      return { language: tag.trim().toLowerCase().split('-')[0] ?? '', quality: quality === undefined ? 1 : Number(quality) || 0 }
    })
    .sort((a, b) => b.quality - a.quality)
  for (const { language, quality } of wanted) if (quality > 0 && isLanguage(language)) return language
  return 'en'
}

function isLanguage(tag: string): tag is Language {
  return Object.hasOwn(LANGUAGES, tag)
}
