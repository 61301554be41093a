import { Address } from '@scure/btc-signer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ALL_COINS, coinOf } from '../../../src/gateways/bitcoin/coins.ts'
import { dustLimit } from '../../../src/gateways/bitcoin/fees.ts'
import { recipientScript } from '../../../src/gateways/bitcoin/recipient.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { litecoinRegtest } from '../litecoin/chain.ts'
import { must, regtest } from './spending.ts'

const bitcoin: ChainConfig = { ...regtest, id: 'bip122:000000000019d6689c085ae165831e93', network: 'mainnet' }
const litecoin: ChainConfig = { ...litecoinRegtest, id: 'bip122:12a765e31ffd4059bada1e25190f6e98', network: 'mainnet' }

/** From BIP 16's and Core's key_io vectors, BIP 173 and BIP 350; what Bitcoin Core gives as dust for each kind. */
test.each([
  ['P2PKH', '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2', '76a91477bff20c60e522dfaa3350c39b030a5d004e839a88ac', 546n],
  ['P2SH', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy', 'a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87', 540n],
  ['P2WPKH', 'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4', '0014751e76e8199196d454941c45d1b3a323f1433bd6', 294n],
  [
    'P2WSH',
    'bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3',
    '00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262',
    330n,
  ],
  [
    'P2TR',
    'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
    '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
    330n,
  ],
])('%s is paid, down to its dust limit', (_kind, address, script, dust) => {
  const found = must(recipientScript(bitcoin, address))
  expect(toHex(found)).toBe(script)
  expect(dustLimit(bitcoin, found)).toBe(dust)
  // Litecoin Core reckons dust at ten times the rate.
  expect(dustLimit(litecoin, found)).toBe(10n * dust)
})

test.each([
  ['bitcoin', 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx', 'Bitcoin testnet'],
  ['bitcoin', 'ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9', 'Litecoin mainnet'],
  ['litecoin', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'Bitcoin mainnet'],
  ['litecoin', '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2', 'Bitcoin mainnet'],
  ['litecoin', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy', 'Bitcoin mainnet'],
  ['litecoin', 'ltcmweb1qqw9k3kuzg5nnsfs6', 'MWEB'],
  ['litecoin', 'tmweb1qqw9k3kuzg5nnsfs6', 'MWEB'],
  ['bitcoin', '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266', 'no address'],
  // BIP 350: version 1 with the checksum of version 0, and the other way round.
  ['bitcoin', 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd', 'no address'],
  ['bitcoin', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh', 'no address'],
  // BIP 173: mixed case; a version that nobody can spend yet; pay to anchor, which anybody can (BIP 433).
  ['bitcoin', 'bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'no address'],
  ['bitcoin', 'bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs', 'no address'],
  ['bitcoin', 'bc1pfeessrawgf', 'no address'],
  ['bitcoin', ' bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'no address'],
])('on %s, %s is refused by its name', (coin, address, name) => {
  expect(recipientScript(coin === 'bitcoin' ? bitcoin : litecoin, address)).toMatchObject({
    ok: false,
    error: expect.stringContaining(name),
  })
})

test('every address of every coin and network reads back to the script it was made of, there alone', () => {
  const chains = [regtest, litecoinRegtest].flatMap((chain) =>
    (['mainnet', 'testnet', 'regtest'] as const).map((network): ChainConfig => ({ ...chain, network })),
  )
  expect(ALL_COINS).toHaveLength(2)
  const programs = fc.record({ twenty: fc.uint8Array({ minLength: 20, maxLength: 20 }), chain: fc.constantFrom(...chains) })
  fc.assert(
    fc.property(programs, ({ twenty, chain }) => {
      const coder = Address(coinOf(chain).networks[chain.network])
      const long = Uint8Array.of(...twenty, ...twenty.slice(0, 12))
      const made = [
        [coder.encode({ type: 'pkh', hash: twenty }), `76a914${toHex(twenty)}88ac`],
        [coder.encode({ type: 'sh', hash: twenty }), `a914${toHex(twenty)}87`],
        [coder.encode({ type: 'wpkh', hash: twenty }), `0014${toHex(twenty)}`],
        [coder.encode({ type: 'wsh', hash: long }), `0020${toHex(long)}`],
      ] as const
      for (const [address, script] of made) expect(toHex(must(recipientScript(chain, address)))).toBe(script)
      const prefixOf = (one: ChainConfig) => coinOf(one).networks[one.network].bech32
      const foreign = chains.filter((other) => prefixOf(other) !== prefixOf(chain))
      expect(foreign).toHaveLength(5)
      for (const other of foreign)
        for (const [address] of made.slice(2)) expect(recipientScript(other, address)).toMatchObject({ ok: false })
    }),
    { numRuns: 40 },
  )
})

test('one wrong character is no other address', () => {
  const address = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'
  fc.assert(
    fc.property(fc.nat(address.length - 1), fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l'), (at, character) => {
      if (address[at] === character) return
      expect(recipientScript(bitcoin, address.slice(0, at) + character + address.slice(at + 1)).ok).toBe(false)
    }),
  )
})
