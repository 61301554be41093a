import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findReference, printReference, readReference, referenceOf } from '../../../src/gateways/sepa/reference.ts'

const anyId = fc.stringMatching(/^inv_[0-9a-hjkmnp-tv-z]{32}$/)

describe('creditor references (ISO 11649)', () => {
  test.each(['RF18 5390 0754 7034', 'RF712348231', 'RF18000000000539007547034', 'RF04GENERATEDREFERENCE'])('%s', (text) => {
    const bare = text.replaceAll(' ', '')
    const valid = readReference(text)
    // The last has the form but not the check digits.
    expect(valid).toBe(bare.startsWith('RF04') ? null : bare)
  })

  test.each(['RF19539007547034', 'RF18', 'XX18539007547034', `RF18${'0'.repeat(22)}`, '', 'RF18 5390-0754'])(
    '%s is none',
    (text) => {
      expect(readReference(text)).toBeNull()
    },
  )

  test('an invoice has one for ever: 20 characters, digits only, and it says nothing of the id', () => {
    expect(referenceOf('inv_9ps8h2m4k6q0v3xz7c5jnbt1wfrdaeg8', 0)).toBe(referenceOf('inv_9ps8h2m4k6q0v3xz7c5jnbt1wfrdaeg8', 0))
    fc.assert(
      fc.property(anyId, fc.nat(5), (id, attempt) => {
        const reference = referenceOf(id, attempt)
        expect(reference).toMatch(/^RF\d{2}[1-9]\d{15}$/)
        expect(readReference(reference)).toBe(reference)
        expect(referenceOf(id, attempt + 1)).not.toBe(reference)
      }),
    )
  })

  test('any mistyped digit and any swap of two is found', () => {
    fc.assert(
      fc.property(anyId, fc.integer({ min: 2, max: 19 }), fc.integer({ min: 1, max: 9 }), (id, place, more) => {
        const reference = referenceOf(id, 0)
        const digit = reference[place] as string
        expect(readReference(reference.slice(0, place) + ((Number(digit) + more) % 10) + reference.slice(place + 1))).toBeNull()
        const next = reference[place + 1]
        if (next !== undefined && next !== digit)
          expect(readReference(reference.slice(0, place) + next + digit + reference.slice(place + 2))).toBeNull()
      }),
    )
  })
})

describe('in what a payer wrote', () => {
  const reference = referenceOf('inv_1', 0)
  const other = referenceOf('inv_2', 0)

  test.each([
    ['alone', reference],
    ['as on paper', printReference(reference)],
    ['in lower case', reference.toLowerCase()],
    ['with other words', `Order 2026-1042, ref ${printReference(reference)} thank you`],
    ['with digits right after', `${reference}2026`],
    ['cut and hyphenated', `${reference.slice(0, 9)}-\n${reference.slice(9)}`],
    ['twice', `${reference} ${reference}`],
    ['after something that looks like one', `RF RF99 ${reference}`],
  ])('it is found %s', (_how, text) => {
    expect(findReference(text)).toBe(reference)
  })

  test('two different ones are none, and so is a mistyped one', () => {
    expect(findReference(`${reference} ${other}`)).toBeNull()
    expect(findReference(`${reference.slice(0, -1)}${(Number(reference.at(-1)) + 1) % 10}`)).toBeNull()
    expect(findReference('Invoice 4711')).toBeNull()
  })

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes)),
        (text) => void findReference(text),
      ),
    )
  })
})
