import type { ChainConfig } from '../money/chain.ts'
import type { Rail } from '../money/registry.ts'
import { bitcoinAddresses } from './bitcoin/address.ts'
import { bitcoinWatchKey } from './bitcoin/parse-address.ts'
import { evmAddresses } from './evm/address.ts'
import { evmWatchKey } from './evm/parse-address.ts'
import type { AddressBook, PaymentRequest } from './gateway.ts'
import { lightningPaymentUri } from './lightning/uri.ts'
import { bankPaymentUri } from './sepa/address.ts'

/** The pure half of each gateway. The reading half is in readers.ts, so that a Worker bundles only what it uses. */
const BOOKS: Record<ChainConfig['gateway'], AddressBook> = { bitcoin: bitcoinAddresses, evm: evmAddresses }

/** How addresses of this chain are made and shown. */
export function addressBookOf(chain: ChainConfig): AddressBook {
  return BOOKS[chain.gateway]
}

const WATCH_KEYS: Record<ChainConfig['gateway'], (chain: ChainConfig, address: string) => Uint8Array | null> = {
  bitcoin: bitcoinWatchKey,
  evm: (_chain, address) => evmWatchKey(address),
}

/** What outputs to an address of this chain are compared with; null for what is no address of it. The way back from `derive`. */
export function watchKeyOf(chain: ChainConfig, address: string): Uint8Array | null {
  return WATCH_KEYS[chain.gateway](chain, address)
}

/** What a wallet or a bank's app opens to pay, whatever it is paid on. */
export function paymentUri(rail: Rail, request: PaymentRequest): string {
  if (rail.gateway === 'sepa') return bankPaymentUri(request.address, request.units)
  return rail.gateway === 'lightning' ? lightningPaymentUri(request.address) : addressBookOf(rail).paymentUri(rail, request)
}
