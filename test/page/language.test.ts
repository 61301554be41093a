import { describe, expect, test } from 'vitest'
import { MESSAGES as APPROVE } from '../../src/approve/language.ts'
import { MESSAGES as CHECKOUT } from '../../src/checkout/language.ts'
import { MESSAGES as CLAIM } from '../../src/claim/language.ts'
import { chooseLanguage, LANGUAGES, type Language } from '../../src/page/language.ts'

describe('choosing a language', () => {
  test('the one asked for by name wins', () => {
    expect(chooseLanguage('uk', 'de')).toBe('uk')
  })

  test('else the best of the header that there is', () => {
    expect(chooseLanguage(undefined, 'fr-FR, de-AT;q=0.8, en;q=0.9')).toBe('en')
    expect(chooseLanguage('xx', 'DE-at')).toBe('de')
    expect(chooseLanguage(undefined, 'uk;q=0, de;q=0.1')).toBe('de')
  })

  test.each([undefined, '', '*', 'fr', ';;;,,q=', 'constructor', '__proto__'])('else English: %s', (header) => {
    expect(chooseLanguage(header, header)).toBe('en')
  })
})

/** A parameter is told by what it is asked for: {amount} for p.amount. */
const named = new Proxy({}, { get: (_target, name) => `{${String(name)}}` })
const told = (text: unknown): string => (typeof text === 'function' ? text(named) : String(text))
const namesIn = (text: string) => text.match(/\{\w+\}/g)?.sort() ?? []

const faces: Readonly<Record<string, Readonly<Record<Language, object>>>> = { checkout: CHECKOUT, claim: CLAIM, approve: APPROVE }

describe.each(Object.entries(faces))('%s', (_face, { en, ...others }) => {
  test.each(Object.entries(others))(
    'in %s says everything in its own words, with every value that English uses',
    (_tag, messages) => {
      expect(Object.keys(messages)).toEqual(Object.keys(en))
      const english = new Map(Object.entries(en))
      for (const [key, text] of Object.entries(messages)) {
        const inEnglish = told(english.get(key))
        expect(told(text).trim(), key).not.toBe('')
        expect(namesIn(told(text)), key).toEqual(namesIn(inEnglish))
        expect(told(text), key).not.toBe(inEnglish)
      }
    },
  )

  test('no two languages share a sentence', () => {
    const sentences = Object.values({ en, ...others }).flatMap((messages) =>
      [...new Set(Object.values(messages).map(told))].filter((text) => text.includes(' ')),
    )
    expect(new Set(sentences).size).toBe(sentences.length)
  })
})

test('there are three languages, each under its own name', () => {
  expect(Object.values(LANGUAGES).map(({ languageName }) => languageName)).toEqual(['English', 'Deutsch', 'Українська'])
})
