import { HDKey } from '@scure/bip32'
import fc from 'fast-check'
import { getAddress } from 'viem'
import { mnemonicToAccount, privateKeyToAddress } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { ANVIL_MNEMONIC } from '../../../scripts/stack/evm/accounts.ts'
import { evmAddresses } from '../../../src/gateways/evm/address.ts'
import type { AccountKey } from '../../../src/gateways/gateway.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { createRegistry } from '../../../src/money/registry.ts'

const chain = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
/** m/44'/60'/0' of "test test … junk", whose addresses every Ethereum tool prints. */
const account: AccountKey = {
  xpub: 'xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP',
  script: 'evm',
}
const master = HDKey.fromMasterSeed(new Uint8Array(32).fill(7))

function keyAt(path: string, versions?: { private: number; public: number }): AccountKey {
  const node = HDKey.fromMasterSeed(new Uint8Array(32).fill(7), versions).derive(path)
  return { xpub: node.publicExtendedKey, script: 'evm' }
}

function addressAt(index: number): string {
  const derived = evmAddresses.derive(chain, account, index)
  if (!derived.ok) throw new Error(derived.error.detail)
  return derived.value.address
}

describe('addresses of an account key', () => {
  test('are those that every Ethereum tool derives from the same words', () => {
    expect([0, 1, 2, 9].map(addressAt)).toEqual([
      '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
      '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
      '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',
      '0xa0Ee7A142d267C1f36714E4a8F75612F20a79720',
    ])
    for (const addressIndex of [3, 57]) {
      expect(addressAt(addressIndex)).toBe(mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex }).address)
    }
  })

  test('agree with viem for any account and index', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed, index) => {
        const node = HDKey.fromMasterSeed(seed).derive("m/44'/60'/0'")
        const derived = evmAddresses.derive(chain, { xpub: node.publicExtendedKey, script: 'evm' }, index)
        if (!derived.ok) throw new Error(derived.error.detail)
        const address = fromPrivate(node, index)
        expect(derived.value.address).toBe(address)
        expect(`0x${toHex(derived.value.watchKey)}`).toBe(address.toLowerCase())
      }),
      { numRuns: 30 },
    )
  })

  test.each([-1, 0.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY])('refuse index %s', (index) => {
    expect(evmAddresses.derive(chain, account, index)).toMatchObject({ ok: false, error: { reason: 'index_out_of_range' } })
  })

  test.each([
    ['text', 'hello', 'bad_account_key'],
    ['nothing', '', 'bad_account_key'],
    ['a damaged key', account.xpub.replace('Ce9N', 'Ce9M'), 'bad_account_key'],
    ['a private key', master.derive("m/44'/60'/0'").privateExtendedKey, 'bad_account_key'],
    ['a master key', keyAt('m').xpub, 'bad_account_key'],
    ['a branch key', keyAt("m/44'/60'/0'/0").xpub, 'bad_account_key'],
    ['a testnet key', keyAt("m/44'/60'/0'", { private: 0x04358394, public: 0x043587cf }).xpub, 'wrong_network'],
    ['a segwit key', keyAt("m/84'/0'/0'", { private: 0x04b2430c, public: 0x04b24746 }).xpub, 'wrong_network'],
  ])('refuse %s and never repeat it', (_name, xpub, reason) => {
    const refused = evmAddresses.derive(chain, { xpub, script: 'evm' }, 0)
    expect(refused).toMatchObject({ ok: false, error: { reason } })
    if (xpub !== '') expect(JSON.stringify(refused)).not.toContain(xpub)
  })

  test('refuse a Bitcoin account', () => {
    expect(evmAddresses.derive(chain, { ...account, script: 'p2wpkh' }, 0)).toMatchObject({ error: { reason: 'bad_account_key' } })
  })
})

describe('payment URIs (EIP-681)', () => {
  const address = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'

  test('of the native asset carry wei', () => {
    expect(evmAddresses.paymentUri(chain, { address, assetCode: 'ETH', units: 12_500_000_000_000_000n, label: 'Shop & Co' })).toBe(
      'ethereum:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266@31337?value=12500000000000000',
    )
  })

  test('of a token call its transfer', () => {
    expect(evmAddresses.paymentUri(chain, { address, assetCode: 'USDC', units: 13_586_957n })).toBe(
      `ethereum:${getAddress(LOCAL_USDC)}@31337/transfer?address=${address}&uint256=13586957`,
    )
  })
})

/** The address by way of the private key, which the gateway never has. */
function fromPrivate(account: HDKey, index: number): string {
  const { privateKey } = account.deriveChild(0).deriveChild(index)
  if (privateKey === null) throw new Error('no private key')
  return privateKeyToAddress(`0x${toHex(privateKey)}`)
}
