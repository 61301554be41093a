import { HDKey } from '@scure/bip32'
import { Address, OutScript, p2wpkh } from '@scure/btc-signer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { equalBytes } from '../../../src/lib/bytes.ts'
import { parseDecimal } from '../../../src/money/amount.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'

const regtest = DEVELOPMENT_CHAINS[0] as ChainConfig
const mainnet: ChainConfig = { ...regtest, network: 'mainnet' }
const testnet: ChainConfig = { ...regtest, network: 'testnet' }

/** "abandon … about": the mnemonic of the vectors in BIP 84 and BIP 86. */
const BIP84_ZPUB = 'zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs'
const BIP86_XPUB = 'xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ'

const TEST_VERSIONS = { public: 0x043587cf, private: 0x04358394 }
/** An account key m/0' of the given seed byte, with any version bytes. */
const account = (seed: number, versions?: { public: number; private: number }) =>
  HDKey.fromMasterSeed(new Uint8Array(32).fill(seed), versions).derive("m/84'/1'/0'")

test.each([
  ['p2wpkh', BIP84_ZPUB, 0, 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'],
  ['p2wpkh', BIP84_ZPUB, 1, 'bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g'],
  ['p2tr', BIP86_XPUB, 0, 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr'],
  ['p2tr', BIP86_XPUB, 1, 'bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh'],
] as const)('%s vector of its BIP: address %#', (script, xpub, index, address) => {
  expect(bitcoinAddresses.derive(mainnet, { xpub, script }, index)).toMatchObject({ ok: true, value: { address } })
})

test('the BIP 86 vector: scriptPubKey of the first receiving address', () => {
  const derived = bitcoinAddresses.derive(mainnet, { xpub: BIP86_XPUB, script: 'p2tr' }, 0)
  expect(derived.ok && Buffer.from(derived.value.watchKey).toString('hex')).toBe(
    '5120a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c',
  )
})

test('regtest and testnet both take tpub and vpub, each with its own address prefix', () => {
  const tpub = account(1, TEST_VERSIONS).publicExtendedKey
  const vpub = account(1, { public: 0x045f1cf6, private: 0x045f18bc }).publicExtendedKey
  expect([tpub.slice(0, 4), vpub.slice(0, 4)]).toEqual(['tpub', 'vpub'])
  for (const [chain, prefix] of [
    [regtest, 'bcrt1q'],
    [testnet, 'tb1q'],
  ] as const) {
    const fromTpub = bitcoinAddresses.derive(chain, { xpub: tpub, script: 'p2wpkh' }, 7)
    expect(fromTpub.ok && fromTpub.value.address.startsWith(prefix)).toBe(true)
    expect(bitcoinAddresses.derive(chain, { xpub: vpub, script: 'p2wpkh' }, 7)).toEqual(fromTpub)
  }
})

test('a key of another network is refused', () => {
  const tpub = account(1, TEST_VERSIONS).publicExtendedKey
  expect(bitcoinAddresses.derive(mainnet, { xpub: tpub, script: 'p2wpkh' }, 0)).toMatchObject({
    error: { reason: 'wrong_network' },
  })
  expect(bitcoinAddresses.derive(regtest, { xpub: BIP84_ZPUB, script: 'p2wpkh' }, 0)).toMatchObject({
    error: { reason: 'wrong_network' },
  })
})

test.each([
  ['a zpub for taproot', BIP84_ZPUB, 'p2tr'],
  ['a ypub', account(1, { public: 0x049d7cb2, private: 0x049d7878 }).publicExtendedKey, 'p2wpkh'],
  ['an EVM account', BIP86_XPUB, 'evm'],
  ['a private key', account(1).privateExtendedKey, 'p2wpkh'],
  ['a mistyped key', `${BIP86_XPUB.slice(0, -1)}R`, 'p2wpkh'],
  ['a cut key', BIP86_XPUB.slice(0, 60), 'p2wpkh'],
  ['the key of a branch', account(1).deriveChild(0).publicExtendedKey, 'p2wpkh'],
  ['nothing', '', 'p2wpkh'],
] as const)('%s is refused as an account key', (_what, xpub, script) => {
  const refused = bitcoinAddresses.derive(mainnet, { xpub, script }, 0)
  expect(refused).toMatchObject({ ok: false, error: { reason: 'bad_account_key' } })
  // A key must not end up in a log by way of an error.
  if (!refused.ok && xpub.length > 4) expect(refused.error.detail).not.toContain(xpub.slice(4, 20))
})

test.each([-1, 0.5, 2 ** 31, Number.NaN])('index %s is out of range', (index) => {
  expect(bitcoinAddresses.derive(mainnet, { xpub: BIP84_ZPUB, script: 'p2wpkh' }, index)).toMatchObject({
    error: { reason: 'index_out_of_range' },
  })
})

test('every address decodes back to its script, differs from its neighbour, and stays the same past the cache', () => {
  const keys = Array.from({ length: 300 }, (_, seed) => HDKey.fromMasterSeed(new Uint8Array(32).fill(1).with(0, seed)))
  const network = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef }
  fc.assert(
    fc.property(fc.nat({ max: 299 }), fc.nat({ max: 2 ** 31 - 2 }), fc.constantFrom('p2wpkh', 'p2tr'), (seed, index, script) => {
      const master = keys[seed] as HDKey
      const xpub = new HDKey({
        versions: TEST_VERSIONS,
        depth: 0,
        index: 0,
        parentFingerprint: 0,
        chainCode: master.chainCode as Uint8Array,
        publicKey: master.publicKey as Uint8Array,
      }).publicExtendedKey
      const one = bitcoinAddresses.derive(regtest, { xpub, script }, index)
      const next = bitcoinAddresses.derive(regtest, { xpub, script }, index + 1)
      if (!one.ok || !next.ok) throw new Error('refused')
      expect(one.value.address).not.toBe(next.value.address)
      expect(equalBytes(OutScript.encode(Address(network).decode(one.value.address)), one.value.watchKey)).toBe(true)
      if (script === 'p2wpkh') {
        // The long way, from the private key and without the cache.
        const long = p2wpkh(master.derive(`m/0/${index}`).publicKey as Uint8Array, network)
        expect(one.value.address).toBe(long.address)
      }
      expect(bitcoinAddresses.derive(regtest, { xpub, script }, index)).toEqual(one)
    }),
    { numRuns: 60 },
  )
})

/** Any characters, so also those with a meaning in an address. (fast-check's own strings of all Unicode take seconds to set up.) */
const text = fc
  .array(
    fc.oneof(fc.constantFrom(...'&=?#% +/:\'"'), fc.integer({ min: 1, max: 0xd7ff }), fc.integer({ min: 0x10000, max: 0x10ffff })),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((units) => units.map((unit) => (typeof unit === 'number' ? String.fromCodePoint(unit) : unit)).join(''))

test('a BIP 21 address reads back to the same amount, label and message', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 21_000_000n * 100_000_000n }), text, text, (units, label, message) => {
      const text = bitcoinAddresses.paymentUri(regtest, { address: 'bcrt1qx', assetCode: 'BTC', units, label, message })
      expect(text).toMatch(/^bitcoin:bcrt1qx\?amount=[0-9.]+&label=[A-Za-z0-9%\-_.!~*()]+&message=[A-Za-z0-9%\-_.!~*()]+$/)
      const query = new URLSearchParams(text.slice(text.indexOf('?')))
      expect(parseDecimal(query.get('amount') ?? '', 8)).toEqual({ ok: true, value: units })
      expect(query.get('label')).toBe(label)
      expect(query.get('message')).toBe(message)
    }),
  )
})

test.each([
  [1n, '0.00000001'],
  [100_000_000n, '1'],
  [150_000_000n, '1.5'],
  [20_300_000_000n, '203'],
])('%s satoshi are written as %s', (units, amount) => {
  expect(bitcoinAddresses.paymentUri(regtest, { address: 'bcrt1qx', assetCode: 'BTC', units })).toBe(
    `bitcoin:bcrt1qx?amount=${amount}`,
  )
})
