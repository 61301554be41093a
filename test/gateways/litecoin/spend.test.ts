import { expect, test } from 'vitest'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import { bitcoinSpender as spender } from '../../../src/gateways/bitcoin/spend.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { coin, coinPlan, must, request, SCRIPTS, SEED, stranger } from '../bitcoin/spending.ts'
import { litecoinRegtest as regtest } from './chain.ts'

const mainnet: ChainConfig = { ...regtest, id: 'bip122:12a765e31ffd4059bada1e25190f6e98', network: 'mainnet' }
const MWEB =
  'tmweb1qqgr5r4nkk9w4v5dlrd4wsvq8nyqz90sm7ngjzlhkqfg5gywhx5fxkqezk0d4z2m2shcs7u6mhg8ncrc6r5xkxhxgzyjwsjc8pmvu2k5k5u6yqwn0'

test('accounts are under coin type 2 on mainnet: the keys of test/gateways/litecoin/address', () => {
  const segwit = bitcoinSigner.account(mainnet, SEED, 'p2wpkh')
  expect(segwit).toEqual({
    xpub: 'xpub6CjGURuDpczf6uNrCCwfhVizn5J3hsWcvZ2m6GAdmAjZnoWJPrx6TFPjGSftc2o5fvox6ubQjSXmjjaHZjwYMH7SGFpHHb9Jg24zBf66mbE',
    script: 'p2wpkh',
    origin: '73c5da0a/84h/2h/0h',
  })
  expect(must(bitcoinAddresses.derive(mainnet, segwit, 0)).address).toBe('ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh')
  expect(bitcoinSigner.account(mainnet, SEED, 'p2tr').xpub).toBe(
    'xpub6D39rno4TW2oi3tGmu8RUcukFtU7wFnAkdFkYAcSpGZY9yoPNbkRgTbEUYyhkqacm7dyNfc5uK8oQ71M2hTALqqDQeE2JAQn9YDteoW2cQC',
  )
  expect(bitcoinSigner.account(regtest, SEED, 'p2wpkh').origin).toBe('73c5da0a/84h/1h/0h')
})

test.each(SCRIPTS)('%s: planned, signed and read back, with the dust of Litecoin Core', (script) => {
  const account = bitcoinSigner.account(regtest, SEED, script)
  const pay = (units: bigint) => [{ address: stranger(1, 'p2wpkh', regtest), units }]
  const of = (units: bigint) => request(pay(units), [coin(1, 60_000n)], { asset: 'LTC' })
  const plan = coinPlan(spender.plan(regtest, account, of(50_000n)))
  expect(plan.change).not.toBeNull()
  const signed = bitcoinSigner.sign(regtest, SEED, script, plan)
  expect(must(spender.readSigned(regtest, account, plan, signed.raw))).toEqual(signed)
  expect(spender.plan(regtest, account, of(2_939n))).toMatchObject({ error: { reason: 'bad_output', position: 0 } })
  expect(spender.plan(regtest, account, of(2_940n))).toMatchObject({ ok: true })
  // Left over are some 2,700 after the fee: no change of it is passed on here.
  expect(coinPlan(spender.plan(regtest, account, of(57_000n))).change).toBeNull()
})

test('an address inside MWEB is refused by its name', () => {
  const account = bitcoinSigner.account(regtest, SEED, 'p2wpkh')
  const to = request([{ address: MWEB, units: 50_000n }], [coin(1, 60_000n)], { asset: 'LTC' })
  expect(spender.plan(regtest, account, to)).toMatchObject({
    error: { reason: 'bad_output', position: 0, detail: expect.stringContaining('MWEB') },
  })
})
