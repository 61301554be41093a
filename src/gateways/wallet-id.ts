import { toHex } from '../lib/bytes.ts'
import { keyedId } from '../lib/ids.ts'
import { ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { AccountKey, AddressRefusal } from './gateway.ts'
import { addressBookOf } from './registry.ts'

/**
 * The id of an account's wallet, made from its first address: one account is one wallet however often, under whichever
 * xpub prefix and on whichever of its chains it is given. Refuses an account key that is none of this chain.
 */
export async function walletIdOf(chain: ChainConfig, account: AccountKey): Promise<Result<string, AddressRefusal>> {
  const first = addressBookOf(chain).derive(chain, account, 0)
  if (!first.ok) return first
  return ok(await keyedId('wal', 'account', [spaceOf(chain), account.script, toHex(first.value.watchKey)]))
}

/** What must be the same for two address indices to be one: on EVM chains one index serves them all. */
export function spaceOf(chain: ChainConfig): string {
  return chain.gateway === 'evm' ? 'evm' : `${chain.coin ?? chain.gateway} ${chain.network}`
}
