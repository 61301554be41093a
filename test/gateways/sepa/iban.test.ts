import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkDigits, isBic, isSepaCountry, printIban, readIban } from '../../../src/gateways/sepa/iban.ts'

/** Examples of the IBAN Registry and of the national banks. */
const KNOWN = [
  'DE89 3704 0044 0532 0130 00',
  'GB82 WEST 1234 5698 7654 32',
  'FR14 2004 1010 0505 0001 3M02 606',
  'NO93 8601 1117 947',
  'MT84 MALT 0110 0001 2345 MTLC AST0 01S',
  'NL91 ABNA 0417 1643 00',
  'BE68 5390 0754 7034',
  'CH93 0076 2011 6238 5295 7',
  'AT61 1904 3002 3457 3201',
  'ES91 2100 0418 4502 0005 1332',
  'UA21 3223 1300 0002 6007 2335 6600 1',
  'LC55 HEMM 0001 0001 0012 0012 0002 3015',
]

describe('IBAN', () => {
  test.each(KNOWN)('%s is read as people write it and printed the same', (paper) => {
    const iban = readIban(paper)
    expect(iban).toBe(paper.replaceAll(' ', ''))
    expect(readIban(paper.toLowerCase())).toBe(iban)
    expect(printIban(iban ?? '')).toBe(paper)
  })

  test.each([
    ['a wrong check digit', 'DE88370400440532013000'],
    ['a digit too few', 'DE8937040044053201300'],
    ['a digit too many', 'DE893704004405320130000'],
    ['no such country', 'ZZ89370400440532013000'],
    ['punctuation', 'DE89-3704-0044-0532-0130-00'],
    ['a foreign letter', 'DE8937040044053201300Ö'],
    ['nothing', ''],
    ['a novel', 'DE89'.repeat(100)],
  ])('%s is refused', (_what, text) => {
    expect(readIban(text)).toBeNull()
  })

  test('check digits 00, 01 and 99 are refused, though the remainder fits', () => {
    // 97, 98 and 02 are what a bank gives out in their places.
    for (const [given, alias] of [
      ['97', '00'],
      ['98', '01'],
      ['02', '99'],
    ] as const) {
      for (let account = 0n; ; account++) {
        const rest = `37040044${String(account).padStart(10, '0')}`
        if (checkDigits('DE', rest) !== given) continue
        expect(readIban(`DE${given}${rest}`)).not.toBeNull()
        expect(readIban(`DE${alias}${rest}`)).toBeNull()
        break
      }
    }
  })

  test('any other digit and any swap of two digits is found', () => {
    const bban = fc.stringMatching(/^\d{18}$/)
    fc.assert(
      fc.property(bban, fc.nat(19), fc.integer({ min: 1, max: 9 }), (rest, at, more) => {
        const iban = `DE${checkDigits('DE', rest)}${rest}`
        expect(readIban(iban)).toBe(iban)
        const place = 2 + at
        const digit = iban[place] as string
        expect(readIban(iban.slice(0, place) + ((Number(digit) + more) % 10) + iban.slice(place + 1))).toBeNull()
        const next = iban[place + 1]
        if (next !== undefined && next !== digit)
          expect(readIban(iban.slice(0, place) + next + digit + iban.slice(place + 2))).toBeNull()
      }),
    )
  })

  test('no text makes the reader throw', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes)),
        (text) => void readIban(text),
      ),
    )
  })
})

test('who can be paid by SEPA transfer', () => {
  expect(['DE89370400440532013000', 'CH9300762011623852957', 'GB82WEST12345698765432'].map(isSepaCountry)).toEqual([
    true,
    true,
    true,
  ])
  expect(['UA213223130000026007233566001', 'SA0380000000608010167519'].map(isSepaCountry)).toEqual([false, false])
})

test('a BIC has 8 or 11 characters', () => {
  expect(['COBADEFF', 'COBADEFFXXX', 'BPOTBEB1'].map(isBic)).toEqual([true, true, true])
  expect(['COBADEFFX', 'cobadeff', 'C0BA1EFF', ''].map(isBic)).toEqual([false, false, false, false])
})
