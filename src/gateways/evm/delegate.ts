import { keccak_256 } from '@noble/hashes/sha3.js'
import { fromHex, toHex } from '../../lib/bytes.ts'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { encodeAddress } from './abi.ts'
import { DELEGATE_CREATION_CODE } from './delegate-code.ts'
import { concat } from './rlp.ts'

/** The same contract on every chain for the same treasury. */
const SALT = new Uint8Array(32)

/**
 * Where contracts/PaytomatDelegate.sol is for a treasury, made by the chain's factory (EIP-1014). The address says all of
 * its code, the treasury included: nothing else can ever be there. Lower case, with 0x.
 */
export function delegateOf(factory: string, treasury: string): string {
  const codeHash = keccak_256(fromHex(creationCode(treasury)))
  return `0x${toHex(keccak_256(concat([Uint8Array.of(0xff), fromHex(factory), SALT, codeHash])).subarray(12))}`
}

/** Of a payer, on a chain that is configured to have them. */
export function ownDelegate(chain: ChainConfig, payer: string): string {
  assert(chain.delegateFactory !== undefined, `${chain.id} has a factory of delegates`)
  return delegateOf(chain.delegateFactory, payer)
}

/** What the factory is called with to make it: the salt, then the creation code. Made already, the call fails. */
export function deployData(treasury: string): string {
  return `0x${toHex(SALT)}${creationCode(treasury)}`
}

function creationCode(treasury: string): string {
  return DELEGATE_CREATION_CODE + encodeAddress(treasury)
}
