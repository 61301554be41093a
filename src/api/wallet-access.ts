import type { AccountKey } from '../gateways/gateway.ts'
import type { Custody } from '../ledger/types.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Asset } from '../money/asset.ts'
import type { ChainConfig } from '../money/chain.ts'
import { registryOf } from '../money/registry.ts'
import type { WalletRpc } from '../wallet/rpc.ts'
import { type Call, steadily } from './call.ts'
import type { Problem } from './problems.ts'

/** A wallet of the caller's store, with what the store is paid into it. */
export interface StoreWallet {
  readonly id: string
  readonly account: AccountKey
  readonly custody: Custody
  readonly assets: readonly Asset[]
  readonly chains: readonly ChainConfig[]
}

export function walletsOf({ env, identity }: Call): StoreWallet[] {
  const registry = registryOf(env)
  const { wallets, methods } = identity.store
  return wallets.map(({ id, account }) => {
    const own = methods.filter(({ walletId }) => walletId === id)
    // An asset that is not configured any more has no chain to be asked.
    const assets = own.flatMap(({ asset }) => registry.findAsset(asset) ?? [])
    const chains = registry.chains.filter((chain) => assets.some(({ chainId }) => chainId === chain.id))
    return { id, account, custody: own[0]?.custody ?? 'self', assets, chains }
  })
}

/** The wallet that the path names, when it is one of the caller's store. */
export function ownWallet(call: Call): Result<StoreWallet, Problem> {
  const wallet = walletsOf(call).find(({ id }) => id === call.param('id'))
  if (wallet) return ok(wallet)
  return err({ reason: 'wallet_not_found', detail: 'this store has no wallet with this id' })
}

export function askWallet<T>({ env }: Call, { id }: StoreWallet, ask: (wallet: WalletRpc) => Promise<T>): Promise<T> {
  return steadily(() => ask(env.WALLETS.getByName(id)))
}

/** Of what was given to invoices, that of the caller's: each invoice is asked once, however much it was given. */
export async function ownAmong<T extends { readonly invoiceId: string }>(call: Call, given: readonly T[]): Promise<T[]> {
  const ids = [...new Set(given.map(({ invoiceId }) => invoiceId))]
  const own = await Promise.all(ids.map((id) => isOwnInvoice(call, id)))
  const isOwn = new Map(ids.map((id, at) => [id, own[at]]))
  return given.filter(({ invoiceId }) => isOwn.get(invoiceId))
}

/** A wallet may serve several stores, of several merchants when it is the platform's: each sees its own invoices' addresses. */
export async function isOwnInvoice({ env, identity }: Call, invoiceId: string): Promise<boolean> {
  const invoice = await steadily(() => env.INVOICES.getByName(invoiceId).read())
  return invoice?.terms.storeId === identity.store.storeId
}
