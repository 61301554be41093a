import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBech32, writeBolt11 } from '../../../scripts/stack/lightning/encode.ts'
import { decodeBech32 } from '../../../src/gateways/lightning/bech32.ts'
import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import vectors from './bolt11-vectors.json' with { type: 'json' }

/** Signs every vector of BOLT 11. */
const PAYEE = '03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad'
const HASH = '0001020304050607080900010203040506070809000102030405060708090102'
const AT_MS = 1_496_314_658_000

/** What the examples say, in their order. */
const SAID: readonly object[] = [
  { msat: null, description: 'Please consider supporting this project', expiresAtMs: AT_MS + 3_600_000 },
  { msat: 250_000_000n, description: '1 cup coffee', expiresAtMs: AT_MS + 60_000 },
  { msat: 250_000_000n, description: 'ナンセンス 1杯', expiresAtMs: AT_MS + 60_000 },
  { msat: 2_000_000_000n, description: null },
  { msat: 2_000_000_000n, network: 'testnet' },
  { msat: 2_000_000_000n },
  { msat: 2_000_000_000n },
  { msat: 2_000_000_000n },
  { msat: 2_000_000_000n },
  {
    msat: 967_878_534n,
    paymentHash: '462264ede7e14047e9b249da94fefc47f41f7d02ee9b091815a5506bc8abf75f',
    createdAtMs: 1_572_468_703_000,
    expiresAtMs: 1_572_468_703_000 + 604_800_000,
  },
  { msat: 2_500_000_000n, description: 'coffee beans' },
  { msat: 2_500_000_000n, description: 'coffee beans' },
  { msat: 2_500_000_000n, description: 'coffee beans' },
  { msat: 1_000_000_000n, description: 'payment metadata inside' },
]
/** Another node signed it, as it were: s is high. */
const HIGH_S = vectors.valid.find(({ name }) => name.includes('high-S'))
/** A payer must refuse it. What a payer's wallet knows is not ours to say. */
const UNKNOWN_FEATURE = vectors.invalid.find(({ name }) => name.includes('unknown feature'))

const invoices = fc.record({
  network: fc.constantFrom('bc', 'tb', 'bcrt'),
  msat: fc.option(fc.bigInt(1n, 2_100_000_000_000_000n), { nil: null }),
  paymentHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex),
  description: fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => text.isWellFormed()),
  createdAtS: fc.integer({ min: 0, max: 2 ** 35 - 1 }),
  expiryS: fc.integer({ min: 0, max: 2 ** 31 }),
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }).filter(secp256k1.utils.isValidSecretKey).map(toHex),
  named: fc.boolean(),
})

describe('an invoice of BOLT 11', () => {
  test.each(vectors.valid.slice(0, SAID.length).map(({ name, text }, at) => [name, text, SAID[at]]))('%s', (_name, text, said) => {
    expect(decodeBolt11(text as string)).toMatchObject({
      ok: true,
      value: { network: 'mainnet', paymentHash: HASH, payee: PAYEE, createdAtMs: AT_MS, ...(said as object) },
    })
  })

  test('with a high s: whoever signed it is recovered', () => {
    expect(decodeBolt11(HIGH_S?.text ?? '')).toMatchObject({ ok: true, value: { paymentHash: HASH } })
  })

  test.each(vectors.invalid.filter((vector) => vector !== UNKNOWN_FEATURE).map(({ name, text }) => [name, text]))(
    'is refused: %s',
    (_name, text) => {
      expect(decodeBolt11(text as string)).toMatchObject({ ok: false, error: { reason: 'not_bolt11' } })
    },
  )

  test('with a feature that nobody knows is read', () => {
    expect(decodeBolt11(UNKNOWN_FEATURE?.text ?? '')).toMatchObject({ ok: true, value: { msat: 2_500_000_000n, payee: PAYEE } })
  })

  test('property: what is written is read, in either case', () => {
    fc.assert(
      fc.property(invoices, fc.boolean(), (invoice, upper) => {
        const text = writeBolt11(invoice)
        const read = decodeBolt11(upper ? text.toUpperCase() : text)
        const network = { bc: 'mainnet', tb: 'testnet', bcrt: 'regtest' }[invoice.network]
        const { msat, paymentHash, description } = invoice
        const createdAtMs = invoice.createdAtS * 1_000
        const payee = toHex(secp256k1.getPublicKey(fromHex(invoice.key)))
        const expiresAtMs = createdAtMs + invoice.expiryS * 1_000
        expect(read).toEqual({ ok: true, value: { network, msat, paymentHash, description, createdAtMs, expiresAtMs, payee } })
      }),
      { numRuns: 60 },
    )
  })

  test('property: nothing makes the reader throw, and no change of a character passes', () => {
    const text = writeBolt11({ msat: 1_000n, paymentHash: HASH, createdAtS: 1, key: '11'.repeat(32) })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((rest) => `lnbcrt1${rest}`),
        ),
        (any) => {
          expect(decodeBolt11(any).ok).toBe(false)
        },
      ),
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: text.length - 1 }),
        fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l'),
        (at, letter) => {
          fc.pre(text[at] !== letter)
          expect(decodeBolt11(text.slice(0, at) + letter + text.slice(at + 1)).ok).toBe(false)
        },
      ),
    )
  })

  test('property: with a right checksum over any words the reader does not throw either', () => {
    const words = fc.array(fc.integer({ min: 0, max: 31 }), { maxLength: 300 })
    fc.assert(
      fc.property(fc.constantFrom('lnbc', 'lnbcrt10u', 'lntb1p', 'lnbc0', 'ln', 'bc'), words, (prefix, any) => {
        expect(() => decodeBolt11(encodeBech32({ prefix, words: any }))).not.toThrow()
        expect(decodeBech32(encodeBech32({ prefix, words: any }))).toEqual({ prefix, words: any })
      }),
    )
  })
})
