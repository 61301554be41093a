import { Transaction } from '@scure/btc-signer'
import { expect, test } from 'vitest'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import { bitcoinSpender as spender } from '../../../src/gateways/bitcoin/spend.ts'
import { createDigests, draftOf } from '../../../src/gateways/bitcoin/transaction.ts'
import type { OwnCoin } from '../../../src/gateways/spend.ts'
import { fromHex } from '../../../src/lib/bytes.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { accountOf, coin, coinPlan, must, regtest, request, SCRIPTS, SEED, stranger } from './spending.ts'

const mainnet: ChainConfig = { ...regtest, id: 'bip122:000000000019d6689c085ae165831e93', network: 'mainnet' }

test.each([
  ['p2wpkh', 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', '73c5da0a/84h/0h/0h'],
  ['p2tr', 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr', '73c5da0a/86h/0h/0h'],
] as const)('the account of a seed is that of its BIP: %s', (script, address, origin) => {
  const account = bitcoinSigner.account(mainnet, SEED, script)
  expect(account).toMatchObject({ script, origin, xpub: expect.stringMatching(/^xpub/) })
  expect(must(bitcoinAddresses.derive(mainnet, account, 0)).address).toBe(address)
})

test('test networks have an account of their own, under coin type 1', () => {
  expect(accountOf('p2wpkh')).toMatchObject({ origin: '73c5da0a/84h/1h/0h', xpub: expect.stringMatching(/^tpub/) })
})

test.each(SCRIPTS)('%s: what is signed is what @scure/btc-signer would sign, byte for byte the same each time', (script) => {
  const account = accountOf(script)
  const outputs = [{ address: stranger(1), units: 70_000n }]
  const plan = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 40_000n), coin(2, 40_000n)])))
  const draft = draftOf(regtest, account, plan)
  const digests = createDigests(draft)
  const psbt = Transaction.fromPSBT(Uint8Array.from(Buffer.from(spender.unsigned(regtest, account, plan).psbt?.v0 ?? '', 'base64')))
  const scripts = draft.inputs.map(({ key }) => key.watchKey)
  const units = draft.inputs.map((one) => one.units)
  for (const i of [0, 1]) {
    if (script === 'p2wpkh') {
      const p2pkh = Uint8Array.of(0x76, 0xa9, 0x14, ...(scripts[i] ?? new Uint8Array()).subarray(2), 0x88, 0xac)
      expect(digests.p2wpkh(i)).toEqual(psbt.preimageWitnessV0(i, p2pkh, 1, units[i] ?? 0n))
    } else
      for (const type of [0, 1] as const) expect(digests.p2tr(i, type)).toEqual(psbt.preimageWitnessV1(i, scripts, type, units))
  }
  const signed = bitcoinSigner.sign(regtest, SEED, script, plan)
  expect(bitcoinSigner.sign(regtest, SEED, script, plan)).toEqual(signed)
  expect(Transaction.fromRaw(fromHex(signed.raw)).id).toBe(signed.txid)
  expect(must(spender.readSigned(regtest, account, plan, signed.raw))).toEqual(signed)
})

test('a plan that is not of the seed, or not sound, is not signed', () => {
  const account = accountOf('p2wpkh')
  const plan = coinPlan(spender.plan(regtest, account, request([{ address: stranger(1), units: 9_000n }], [coin(1, 50_000n)])))
  expect(() => bitcoinSigner.sign(regtest, SEED, 'p2tr', plan)).toThrow(/change goes elsewhere/)
  expect(() => bitcoinSigner.sign(mainnet, SEED, 'p2wpkh', plan)).toThrow(/it is for bip122:0f91/)
  expect(() => bitcoinSigner.sign(regtest, SEED, 'p2wpkh', { ...plan, fee: plan.fee + 1n })).toThrow(/inputs are not/)
})

test('a transaction of a thousand outputs and hundreds of coins is planned, signed and read back within seconds', () => {
  const account = accountOf('p2wpkh')
  const address = stranger(1)
  const outputs = Array.from({ length: 1_000 }, (_, n) => ({ address, units: 10_000n + BigInt(n) }))
  const coins = Array.from({ length: 540 }, (_, n): OwnCoin => coin(n, 26_000n))
  const began = performance.now()
  const plan = coinPlan(spender.plan(regtest, account, request(outputs, coins)))
  const planned = performance.now()
  expect(plan.inputs.length).toBeGreaterThan(400)
  const signed = bitcoinSigner.sign(regtest, SEED, 'p2wpkh', plan)
  const done = performance.now()
  expect(must(spender.readSigned(regtest, account, plan, signed.raw)).txid).toBe(signed.txid)
  expect(spender.unsigned(regtest, account, plan).psbt?.v2.length).toBeGreaterThan(100_000)
  expect(planned - began).toBeLessThan(10_000)
  expect(done - planned).toBeLessThan(20_000)
}, 60_000)
