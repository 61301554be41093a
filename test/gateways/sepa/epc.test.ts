import fc from 'fast-check'
import { encode } from 'uqr'
import { describe, expect, test } from 'vitest'
import { bankPaymentUri, formatBankAddress, readBankAddress } from '../../../src/gateways/sepa/address.ts'
import { type EpcTransfer, epcPayload } from '../../../src/gateways/sepa/epc.ts'
import { referenceOf } from '../../../src/gateways/sepa/reference.ts'

const IBAN = 'DE89370400440532013000'
const TRANSFER: EpcTransfer = { name: 'Northwind Coffee', iban: IBAN, cents: 49_78n, reference: 'RF18539007547034' }

describe('EPC069-12', () => {
  test('a transfer with a creditor reference ends at it', () => {
    expect(epcPayload(TRANSFER)).toBe('BCD\n002\n1\nSCT\n\nNorthwind Coffee\nDE89370400440532013000\nEUR49.78\n\nRF18539007547034')
  })

  test('a transfer with text and a BIC', () => {
    const { reference: _none, ...rest } = TRANSFER
    expect(epcPayload({ ...rest, bic: 'COBADEFFXXX', text: 'Order 2026-1042' })).toBe(
      'BCD\n002\n1\nSCT\nCOBADEFFXXX\nNorthwind Coffee\nDE89370400440532013000\nEUR49.78\n\n\nOrder 2026-1042',
    )
  })

  test('a transfer with neither ends at the amount', () => {
    const { reference: _none, ...rest } = TRANSFER
    expect(epcPayload(rest)).toMatch(/\nEUR49\.78$/)
  })

  test.each<[string, Partial<EpcTransfer>]>([
    ['nothing', { cents: 0n }],
    ['a billion', { cents: 1_000_000_000_00n }],
    ['no name', { name: '' }],
    ['a name of 71', { name: 'x'.repeat(71) }],
    ['a name of two lines', { name: 'A\nB' }],
    ['a reference and a text', { text: 'both' }],
    ['a text of 141', { reference: undefined, text: 'x'.repeat(141) }],
    ['a wrong reference', { reference: 'RF19539007547034' }],
    ['a wrong IBAN', { iban: 'DE88370400440532013000' }],
    ['a wrong BIC', { bic: 'COBA' }],
    ['over 331 bytes', { name: 'ї'.repeat(70), reference: undefined, text: 'ї'.repeat(140) }],
  ])('%s does not fit the form', (_what, change) => {
    expect(epcPayload({ ...TRANSFER, ...change })).toBeNull()
  })

  test('the smallest and the largest amount fit', () => {
    expect(epcPayload({ ...TRANSFER, cents: 1n })).toContain('\nEUR0.01\n')
    expect(epcPayload({ ...TRANSFER, cents: 999_999_999_99n })).toContain('\nEUR999999999.99\n')
  })

  test('whatever fits is a QR code of version 13 at most, at level M', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9 ÄÖÜäöüß&.,'-]{1,70}$/)
    fc.assert(
      fc.property(name, fc.bigInt({ min: 1n, max: 999_999_999_99n }), fc.integer(), (holder, cents, seed) => {
        const payload = epcPayload({ name: holder, iban: IBAN, cents, reference: referenceOf(`inv_${seed}`, 0) })
        expect(payload).not.toBeNull()
        expect(encode(payload ?? '', { ecc: 'M', border: 0, maskPattern: 2 }).version).toBeLessThanOrEqual(13)
      }),
      { numRuns: 20 },
    )
  })
})

describe('a bank account as an address (RFC 8905)', () => {
  const reference = referenceOf('inv_1', 0)

  test('is read back as it was', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 70 }),
        fc.constantFrom(null, 'COBADEFFXXX'),
        (holder, bic) => {
          fc.pre(holder.isWellFormed())
          const account = { iban: IBAN, bic, holder, reference }
          expect(readBankAddress(formatBankAddress(account))).toEqual(account)
        },
      ),
    )
  })

  test('looks like this, and with an amount like that', () => {
    const address = formatBankAddress({ iban: IBAN, bic: null, holder: 'Café & Söhne', reference })
    expect(address).toBe(`payto://iban/${IBAN}?receiver-name=Caf%C3%A9%20%26%20S%C3%B6hne&instruction=${reference}`)
    expect(bankPaymentUri(address, 5n)).toBe(`${address}&amount=EUR:0.05`)
  })

  test.each([
    '',
    'payto://iban/',
    `payto://iban/${IBAN}`,
    `payto://ach/${IBAN}?receiver-name=a&instruction=${reference}`,
    '0x00',
    'payto://iban/%zz?',
  ])('%s is none', (text) => {
    expect(readBankAddress(text)).toBeNull()
  })
})
