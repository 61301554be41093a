import { describe, expect, test } from 'vitest'
import { chooseLanguage, LANGUAGES, type Messages } from '../../src/checkout/language.ts'

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

describe.each(Object.keys(LANGUAGES) as (keyof typeof LANGUAGES)[])('%s', (language) => {
  const messages: Messages = LANGUAGES[language]

  test('says everything, and uses every value that English uses', () => {
    for (const key of Object.keys(LANGUAGES.en) as (keyof Messages)[]) {
      // A parameter is named by what it is asked for: {amount} for p.amount.
      const named = new Proxy({}, { get: (_target, name) => `{${String(name)}}` })
      const say = (of: Messages) => {
        const message = of[key] as string | ((parameters: object) => string)
        return typeof message === 'string' ? message : message(named)
      }
      const names = (text: string) => text.match(/\{\w+\}/g)?.sort() ?? []
      expect(say(messages).trim(), key).not.toBe('')
      expect(names(say(messages)), key).toEqual(names(say(LANGUAGES.en)))
    }
  })

  test('shares no sentence with another language', () => {
    for (const [other, texts] of Object.entries(LANGUAGES)) {
      if (other === language) continue
      for (const [key, text] of Object.entries(texts)) {
        if (typeof text === 'string' && text.includes(' ')) expect(messages[key as keyof Messages], key).not.toBe(text)
      }
    }
  })
})
