import { readFileSync } from 'node:fs'
import { HDKey } from '@scure/bip32'
import { expect, test } from 'vitest'
import { BITCOIN_REGTEST } from '../../../config/development.ts'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { assetsOf, type ChainConfig } from '../../../src/money/chain.ts'
import { expandChains } from '../../../src/money/presets.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { litecoinRegtest } from './chain.ts'

const regtest = litecoinRegtest
const mainnet: ChainConfig = { ...regtest, id: 'bip122:12a765e31ffd4059bada1e25190f6e98', network: 'mainnet' }
const testnet: ChainConfig = { ...regtest, id: 'bip122:4966625a4b2851d9fdee139e56211a0d', network: 'testnet' }
const bitcoin: ChainConfig = { ...regtest, id: 'bip122:000000000019d6689c085ae165831e93', coin: 'bitcoin', network: 'mainnet' }

/**
 * "abandon … about", m/84'/2'/0': key and addresses as in litecoin-lib's BIP84Spec (alexdupre/litecoin-lib, ACINQ's
 * bitcoin-lib for Litecoin) and bip_utils (ebellocchia/bip_utils). The same key under the other prefixes in use.
 */
const BIP84_XPUB = 'xpub6CjGURuDpczf6uNrCCwfhVizn5J3hsWcvZ2m6GAdmAjZnoWJPrx6TFPjGSftc2o5fvox6ubQjSXmjjaHZjwYMH7SGFpHHb9Jg24zBf66mbE'
const BIP84_ZPUB = 'zpub6rPo5mF47z5coVm5rvWv7fv181awb7Vckn5Cf3xQXBVKu18kuBHDhNi1Jrb4br6vVD3ZbrnXemEsWJoR18mZwkUdzwD8TQnHDUCGxqZ6swA'
const BIP84_LTUB = 'Ltub2ZANw57Fi4JfMGenngwfZMqDrsccTf2m3qEjvLuk8faGXB973sSqGttAdKBvGSCLG9DXh2yxaUB9qpwQUe2zCCtrZPhjxGuMAWqL6F7Xrpd'
/** The same words, m/86'/2'/0' and m/84'/1'/0', as maki-btc's tests have them from bitcoinjs-lib. */
const BIP86_XPUB = 'xpub6D39rno4TW2oi3tGmu8RUcukFtU7wFnAkdFkYAcSpGZY9yoPNbkRgTbEUYyhkqacm7dyNfc5uK8oQ71M2hTALqqDQeE2JAQn9YDteoW2cQC'
const TESTNET_TPUB =
  'tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M'

/** The account key of the given seed byte with any version bytes. */
const account = (seed: number, publicVersion: number, privateVersion = 0) =>
  HDKey.fromMasterSeed(new Uint8Array(32).fill(seed), { public: publicVersion, private: privateVersion }).derive("m/84'/2'/0'")

test.each([
  ['p2wpkh', BIP84_XPUB, mainnet, 0, 'ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh'],
  ['p2wpkh', BIP84_XPUB, mainnet, 1, 'ltc1qwlezpr3890hcp6vva9twqh27mr6edadreqvhnn'],
  ['p2wpkh', BIP84_ZPUB, mainnet, 1, 'ltc1qwlezpr3890hcp6vva9twqh27mr6edadreqvhnn'],
  ['p2wpkh', BIP84_LTUB, mainnet, 1, 'ltc1qwlezpr3890hcp6vva9twqh27mr6edadreqvhnn'],
  ['p2tr', BIP86_XPUB, mainnet, 0, 'ltc1puht8rk95c53q3u9w3pf9h3jfcutcrl9lxc7rqsdthjrse4k6sn7q9tuqm9'],
  ['p2wpkh', TESTNET_TPUB, testnet, 0, 'tltc1q6rz28mcfaxtmd6v789l9rrlrusdprr9pesrjxk'],
] as const)('%s of %s: address %#', (script, xpub, chain, index, address) => {
  expect(bitcoinAddresses.derive(chain, { xpub, script }, index)).toMatchObject({ ok: true, value: { address } })
})

test('regtest takes tpub, vpub and ttub; its addresses start with rltc1', () => {
  const [tpub, ...others] = [0x043587cf, 0x045f1cf6, 0x0436f6e1].map((version) => account(1, version).publicExtendedKey)
  expect([tpub, ...others].map((key) => key?.slice(0, 4))).toEqual(['tpub', 'vpub', 'ttub'])
  const derived = bitcoinAddresses.derive(regtest, { xpub: tpub as string, script: 'p2wpkh' }, 3)
  expect(derived.ok && derived.value.address).toMatch(/^rltc1q/)
  for (const xpub of others) expect(bitcoinAddresses.derive(regtest, { xpub, script: 'p2wpkh' }, 3)).toEqual(derived)
})

test("the scripts are Bitcoin's; only the address around them differs", () => {
  for (const script of ['p2wpkh', 'p2tr'] as const) {
    const ours = bitcoinAddresses.derive(mainnet, { xpub: BIP86_XPUB, script }, 5)
    const theirs = bitcoinAddresses.derive(bitcoin, { xpub: BIP86_XPUB, script }, 5)
    if (!ours.ok || !theirs.ok) throw new Error('refused')
    expect(toHex(ours.value.watchKey)).toBe(toHex(theirs.value.watchKey))
    expect(ours.value.address).not.toBe(theirs.value.address)
  }
})

test.each([
  ['Mtub, of nested segwit', mainnet, account(1, 0x01b26ef6).publicExtendedKey, 'bad_account_key', 'Mtub is not for p2wpkh'],
  ['a private key', mainnet, account(1, 0x019da462, 0x019d9cfe).privateExtendedKey, 'bad_account_key', 'private key'],
  ['a test key', mainnet, account(1, 0x0436f6e1).publicExtendedKey, 'wrong_network', 'test networks'],
  ['a key of mainnet', regtest, BIP84_LTUB, 'wrong_network', 'mainnet'],
  ['Ltub on a chain of Bitcoin', bitcoin, BIP84_LTUB, 'wrong_network', "Litecoin's"],
  // Nobody must be shown an address of Bitcoin to pay litecoin to.
  ['any key of a chain without its coin', { ...mainnet, coin: undefined }, BIP84_XPUB, 'wrong_network', "Litecoin's"],
  ['any key of a chain with a wrong coin', { ...regtest, id: BITCOIN_REGTEST }, TESTNET_TPUB, 'wrong_network', "Bitcoin's"],
] as const)('%s is refused', (_what, chain, xpub, reason, detail) => {
  const refused = bitcoinAddresses.derive(chain, { xpub, script: 'p2wpkh' }, 0)
  expect(refused).toMatchObject({ ok: false, error: { reason, detail: expect.stringContaining(detail) } })
})

test('payment links are of BIP 21 with the scheme litecoin; the asset is named by its own chain and coin type', () => {
  const request = { address: 'ltc1qx', assetCode: 'LTC', units: 150_000_000n, label: 'Shop' }
  expect(bitcoinAddresses.paymentUri(mainnet, request)).toBe('litecoin:ltc1qx?amount=1.5&label=Shop')
  expect(assetsOf(mainnet)[0]?.id).toBe('bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2')
})

test('the example configuration has Litecoin right: its addresses, and peg-outs that are final no sooner than they can be spent', () => {
  const example = expandChains(JSON.parse(readFileSync('config/production.example.json', 'utf8')))
  const chain = createRegistry(example).chain(mainnet.id)
  const derived = bitcoinAddresses.derive(chain, { xpub: BIP84_ZPUB, script: 'p2wpkh' }, 0)
  expect(derived.ok && derived.value.address).toBe('ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh')
  // PEGOUT_MATURITY of Litecoin Core, src/consensus/consensus.h.
  expect(chain.confirmations).toBeGreaterThanOrEqual(6)
})
