import { fromHex } from '../../lib/bytes.ts'

/** The 20 bytes of an address, in any case of its letters: a wrong checksum (EIP-55) cannot lead to another address. */
export function evmWatchKey(address: string): Uint8Array | null {
  return /^0x[0-9a-fA-F]{40}$/.test(address) ? fromHex(address.toLowerCase()) : null
}
