import type { ChainRpc, WatchRpc } from '../chain/rpc.ts'
import { watchAddress } from '../chain/watch.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { ok, type Result } from '../lib/result.ts'
import type { LightningRefusal, LightningRpc, LightningWish } from '../lightning/rpc.ts'
import { BANK_RAILS } from '../money/bank.ts'
import { shareAddresses } from '../money/chain.ts'
import { registryOf } from '../money/registry.ts'
import type { WalletRpc } from '../wallet/rpc.ts'
import type { BankRpc } from './rpc.ts'

export interface ReceiveEnv {
  readonly CHAINS: string
  readonly WALLETS: ObjectNamespace<WalletRpc>
  readonly WATCH: ObjectNamespace<WatchRpc>
  readonly CHAINS_FOLLOWED: ObjectNamespace<ChainRpc>
  readonly BANKS: ObjectNamespace<BankRpc>
  readonly LIGHTNINGS: ObjectNamespace<LightningRpc>
}

/** Where money comes in: a wallet on a chain, a bank account on a rail, or a Lightning node. */
export interface Place {
  readonly chainId: string
  readonly walletId: string
}

/**
 * The address of an invoice. Watched before it is answered: who sees it can pay it, and a payment to it is found. A bank
 * account finds what bears its references by itself; a Lightning node makes an invoice for what is asked.
 */
export async function openAddress(
  env: ReceiveEnv,
  { chainId, walletId }: Place,
  invoiceId: string,
  wish: Pick<LightningWish, 'units' | 'memo' | 'expiresAtMs'>,
): Promise<Result<{ address: string; index: number }, LightningRefusal>> {
  if (isLightning(chainId)) return env.LIGHTNINGS.getByName(walletId).allocate({ ...wish, chainId, invoiceId })
  if (isBankRail(chainId)) return env.BANKS.getByName(walletId).allocate(chainId, invoiceId)
  const allocated = await env.WALLETS.getByName(walletId).allocate(chainId, invoiceId)
  if (!allocated.ok) return allocated
  const { address, index, watchKey } = allocated.value
  // On the wrong EVM chain too: the merchant has the key there as well, and money sent there is found as what it is.
  const chains = registryOf(env).chains.filter(({ id }) => shareAddresses(id, chainId))
  await Promise.all(chains.map((chain) => watchAddress(env, chain, watchKey, invoiceId)))
  return ok({ address, index })
}

/** Everything that came in by this time is known; null when nothing is. */
export async function readUntil(
  env: Pick<ReceiveEnv, 'CHAINS_FOLLOWED' | 'BANKS' | 'LIGHTNINGS'>,
  { chainId, walletId }: Place,
): Promise<number | null> {
  if (isLightning(chainId)) return env.LIGHTNINGS.getByName(walletId).readUntil()
  if (isBankRail(chainId)) return env.BANKS.getByName(walletId).readUntil()
  return (await env.CHAINS_FOLLOWED.getByName(chainId).health()).syncedAtMs
}

/** The invoice that an address was given to, by its index; null when nobody has it. */
export function ownerOf(
  env: Pick<ReceiveEnv, 'WALLETS' | 'BANKS' | 'LIGHTNINGS'>,
  { chainId, walletId }: Place,
  index: number,
): Promise<string | null> {
  const places = isLightning(chainId) ? env.LIGHTNINGS : isBankRail(chainId) ? env.BANKS : env.WALLETS
  return places.getByName(walletId).ownerOf(index)
}

export function isBankRail(chainId: string): boolean {
  return BANK_RAILS.some(({ id }) => id === chainId)
}

/** Whether a rail is a Lightning network, by its id. */
export function isLightning(chainId: string): boolean {
  return chainId.startsWith('lightning:')
}
