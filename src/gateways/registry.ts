import type { ChainConfig } from '../money/chain.ts'
import { bitcoinAddresses } from './bitcoin/address.ts'
import { evmAddresses } from './evm/address.ts'
import type { AddressBook } from './gateway.ts'

/** The pure half of each gateway. The reading half is in readers.ts, so that a Worker bundles only what it uses. */
const BOOKS: Record<ChainConfig['gateway'], AddressBook> = { bitcoin: bitcoinAddresses, evm: evmAddresses }

/** How addresses of this chain are made and shown. */
export function addressBookOf(chain: ChainConfig): AddressBook {
  return BOOKS[chain.gateway]
}
