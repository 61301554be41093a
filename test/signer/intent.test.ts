import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BITCOIN_REGTEST, EVM_LOCAL } from '../../config/development.ts'
import { destinationsOf, faultOfIntent, unitsOf, wordsOf } from '../../src/signer/intent.ts'
import type { Intent } from '../../src/signer/rpc.ts'
import { chain, intent, refund, registry, SHOPPERS, WALLET } from './builders.ts'

const fault = (changes: object, of = intent('1')) =>
  faultOfIntent({ ...of, ...changes } as Intent, { walletId: WALLET, space: 'bitcoin regtest' }, registry)

describe('an intent', () => {
  test('in good form has no fault', () => {
    expect(fault({})).toBeNull()
    expect(fault({}, refund('1', 5n))).toBeNull()
    expect(fault({ kind: 'sweep', outputs: [] })).toBeNull()
    expect(fault({ outputs: SHOPPERS.map((address) => ({ address, units: 1n })) })).toBeNull()
  })

  test.each<[string, object]>([
    ['an id that is none', { id: 'tr/1' }],
    ['no id', { id: undefined }],
    ['an id that is a number', { id: 1 }],
    ['another wallet', { walletId: 'wal_1' }],
    ['a kind there is not', { kind: 'gift' }],
    ['a payout of an invoice', { invoiceId: 'inv_1' }],
    ['a refund of no invoice', { kind: 'refund' }],
    ['an unknown chain', { chainId: 'eip155:5' }],
    ['a chain the wallet has no account on', { chainId: EVM_LOCAL, asset: 'ETH' }],
    ['an asset of another chain', { asset: 'ETH' }],
    ['an asset there is not', { asset: '__proto__' }],
    ['nobody to pay', { outputs: [] }],
    ['outputs that are no list', { outputs: 'all' }],
    ['too many outputs', { outputs: Array.from({ length: 1_001 }, () => ({ address: SHOPPERS[0], units: 1n })) }],
    ['nothing to pay', { outputs: [{ address: SHOPPERS[0], units: 0n }] }],
    ['less than nothing', { outputs: [{ address: SHOPPERS[0], units: -1n }] }],
    ['an amount that is no bigint', { outputs: [{ address: SHOPPERS[0], units: 1 }] }],
    ['an amount beyond any', { outputs: [{ address: SHOPPERS[0], units: 2n ** 127n }] }],
    ['an address of mainnet', { outputs: [{ address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', units: 1n }] }],
    ['no address', { outputs: [{ units: 1n }] }],
  ])('with %s is refused', (_what, changes) => {
    expect(fault(changes)).toEqual(expect.any(String))
  })

  test('has one text, whatever else is in it and in whichever order', () => {
    const one = intent('1')
    const other = Object.fromEntries(Object.entries({ ...one, more: 'things' }).reverse()) as unknown as Intent
    expect(wordsOf(other)).toBe(wordsOf(one))
    expect(wordsOf(one)).toContain(`"chainId":"${BITCOIN_REGTEST}"`)
  })

  test('sums by destination, however it is spelled', () => {
    const [address] = SHOPPERS
    const several = intent('1', {
      outputs: [
        { address, units: 1n },
        { address: address.toUpperCase(), units: 2n },
        { address: SHOPPERS[1], units: 4n },
      ],
    })
    expect(Object.values(destinationsOf(several, chain))).toEqual([3n, 4n])
    expect(unitsOf(several)).toBe(7n)
  })
})

test('the documentation’s example of an intent is what is signed', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/signer.md'), 'utf8')
  const example = /```json intent\n(.*)\n```/.exec(text)?.[1] ?? ''
  const written = JSON.parse(example) as Intent
  const outputs = written.outputs.map(({ address, units }) => ({ address, units: BigInt(units) }))
  expect(wordsOf({ ...written, outputs })).toBe(example)
})
