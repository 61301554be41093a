import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sepaText } from '../../../src/gateways/sepa/text.ts'

const unicode = fc.string({ unit: 'grapheme', maxLength: 200 })
const SET = /^[A-Za-z0-9/\-?:().,'+ ]*$/

describe('a text for a bank', () => {
  test.each([
    ['Müller & Söhne', 'Mueller + Soehne'],
    ['MÜLLER STRASSE', 'MUELLER STRASSE'],
    ['Ärzte', 'Aerzte'],
    ['Ümit ÖZ', 'Uemit OEZ'],
    ['Straße', 'Strasse'],
    ['José Ñandú Çelik', 'Jose Nandu Celik'],
    ['Łukasz Żółć', 'Lukasz Zolc'],
    ['Đorđe Ångström Øst', 'Dorde Angstroem Ost'],
    ['Иван Щърбаков', 'Ivan Shtarbakov'],
    ['ЮЛИЯ', 'YULIYA'],
    ['Київ Їжак', 'Kiiv Izhak'],
    ['Αθήνα Χρήστος', 'Athina Christos'],
    ['“Bob’s” [shop] a_b; 5 €', "'Bob's' (shop) a-b, 5 EUR"],
    ['a\n\tb \u00a0 c', 'a b c'],
    ['王 Wang', '. Wang'],
    ['ﬁne ½', 'fine 1.2'],
  ])('%s is written %s', (text, written) => expect(sepaText(text, 140)).toBe(written))

  test.each(['', '   ', '王小明', '!?', '🍕'])('“%s” has nothing that banks can write', (text) =>
    expect(sepaText(text, 70)).toBeNull(),
  )

  test('is of the set, not too long, without space at its ends, and the same when it is written again', () => {
    fc.assert(
      fc.property(unicode, fc.integer({ min: 1, max: 140 }), (text, max) => {
        const written = sepaText(text, max)
        if (written === null) return
        expect(written).toMatch(SET)
        expect(written.length).toBeLessThanOrEqual(max)
        expect(written).toBe(written.trim())
        expect(sepaText(written, max)).toBe(written)
      }),
    )
  })
})
