import { HDKey } from '@scure/bip32'
import { bitcoinAddresses } from '../../src/gateways/bitcoin/address.ts'
import { evmAddresses } from '../../src/gateways/evm/address.ts'
import type { AddressBook } from '../../src/gateways/gateway.ts'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { besideHistory } from './globals.ts'

const keys = new Map<string, Uint8Array>()

/**
 * Deriving a key takes a millisecond, and all histories use the same accounts: what was derived once is remembered. The
 * function itself is the real one.
 */
export function rememberAddresses(): void {
  for (const book of [bitcoinAddresses, evmAddresses]) {
    const { derive } = book
    const known = new Map<string, ReturnType<AddressBook['derive']>>()
    book.derive = (chain, account, index) => {
      const name = `${chain.id} ${account.xpub} ${account.script} ${index}`
      const before = known.get(name)
      if (before) return before
      const derived = besideHistory(() => derive(chain, account, index))
      if (derived.ok) keys.set(derived.value.address, derived.value.watchKey)
      known.set(name, derived)
      return derived
    }
  }
  rememberKeys()
}

/** Of public keys alone, which a plan is checked with: nothing is wiped in them. */
function rememberKeys(): void {
  const { deriveChild } = HDKey.prototype
  const known = new Map<string, HDKey>()
  HDKey.prototype.deriveChild = function (this: HDKey, index: number): HDKey {
    if (this.privateKey || !this.publicKey || !this.chainCode) return deriveChild.call(this, index)
    const name = `${toHex(this.publicKey)} ${toHex(this.chainCode)} ${index}`
    const child = known.get(name) ?? besideHistory(() => deriveChild.call(this, index))
    known.set(name, child)
    return child
  }
}

/** What the outputs of a chain are compared with, for an address that was given out. */
export function keyOfAddress(address: string): Uint8Array {
  const key = keys.get(address)
  if (!key) throw new Error(`nobody has derived ${address}`)
  return key
}

/** The same of any address of an EVM chain. */
export function addressKey(address: string): Uint8Array {
  return fromHex(address.slice(2).toLowerCase())
}
