import { keyedId } from '../lib/ids.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { CreateTransfer, TransfersRpc } from '../wallet/transfers/rpc.ts'
import type { Transfer } from '../wallet/transfers/types.ts'
import { type Call, steadily } from './call.ts'
import { askLedger } from './ledger-access.ts'
import type { Problem } from './problems.ts'

/** What a key makes in a wallet. */
export interface KeyedTransfer {
  /** What a transfer has of the call alone. */
  readonly owner: Pick<CreateTransfer, 'id' | 'merchantId' | 'shard' | 'storeId'>
  /** It was made before. */
  readonly isReplay: boolean
}

/** Names the transfer that a key makes in a wallet. Refuses a key that is for something else, in whichever wallet. */
export async function nameTransfer(call: Call, key: string, walletId: string): Promise<Result<KeyedTransfer, Problem>> {
  const before = await madeBefore(call, key)
  if (before.some((transfer) => transfer.walletId !== walletId || transfer.batch)) return keyReused()
  if (before.length === 0 && !(await takeKey(call, key, walletId))) return keyReused()
  const { merchantId, shard, storeId } = call.identity.store
  const id = await transferId(call, key, walletId, 0)
  return ok({ owner: { id, merchantId, shard, storeId }, isReplay: before.length > 0 })
}

/**
 * The id of the `number`th transfer that a key makes in a wallet. It is another one in each wallet, so that a key that is
 * used for two different things by mistake never makes one id mean two transfers.
 */
export function transferId({ env, identity }: Call, key: string, walletId: string, number: number): Promise<string> {
  return keyedId('tr', env.ID_SECRET, [identity.store.storeId, key, walletId, String(number)])
}

/** What a key has made before: the first transfer of it in each wallet, bank account and Lightning node of the store. */
export async function madeBefore(call: Call, key: string): Promise<Transfer[]> {
  const { wallets, bankAccounts = [], lightningNodes = [] } = call.identity.store
  const { WALLETS, BANKS, LIGHTNINGS } = call.env
  const first = async (homes: ObjectNamespace<Pick<TransfersRpc, 'transfer'>>, walletId: string) => {
    const id = await transferId(call, key, walletId, 0)
    return steadily(() => homes.getByName(walletId).transfer(id))
  }
  const found = await Promise.all([
    ...wallets.map(({ id }) => first(WALLETS, id)),
    ...bankAccounts.map(({ id }) => first(BANKS, id)),
    ...lightningNodes.map(({ id }) => first(LIGHTNINGS, id)),
  ])
  return found.filter((transfer) => transfer !== null)
}

/**
 * Takes a key that has made nothing for a wallet, or for a batch, by its id; false when it is for another. Of requests that come
 * at the same instant the first takes it. Whoever takes a key and dies, or is refused, leaves it to the same request.
 */
export async function takeKey(call: Call, key: string, purpose: string): Promise<boolean> {
  const { storeId } = call.identity.store
  return (await askLedger(call, (ledger) => ledger.claimKey({ storeId, key, purpose }))) === purpose
}

export function keyReused(): Result<never, Problem> {
  const detail = 'this key came before with another body; use a new key for a new request'
  return err({ reason: 'idempotency_key_reused', detail, param: 'Idempotency-Key' })
}
