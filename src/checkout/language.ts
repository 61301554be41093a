import { de } from './messages/de.ts'
import { en } from './messages/en.ts'
import { uk } from './messages/uk.ts'

/** The texts of one language: the keys and placeholders of English, with any words. */
export type Messages = {
  readonly [Key in keyof typeof en]: (typeof en)[Key] extends string ? string : (typeof en)[Key]
}

/** Every language of the checkout by its BCP 47 tag. A new one is a file in messages/ and a line here. */
export const LANGUAGES = { en, de, uk } as const satisfies Record<string, Messages>

export type Language = keyof typeof LANGUAGES

/** Tags looked at in an Accept-Language header; people have a handful. */
const TAGS_MAX = 20

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
