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
  // Whatever was made under a key was made after the key was taken for it.
  const [isOurs, before] = await Promise.all([takeKey(call, key, walletId), madeBefore(call, key, [walletId])])
  if (!isOurs) return keyReused()
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

/** What a key has made before in these wallets, bank accounts and Lightning nodes of the store: the first transfer in each. */
export async function madeBefore(call: Call, key: string, walletIds: readonly string[]): Promise<Transfer[]> {
  const found = await Promise.all(
    walletIds.map(async (walletId) => {
      const id = await transferId(call, key, walletId, 0)
      return steadily(() => homeOf(call, walletId).getByName(walletId).transfer(id))
    }),
  )
  return found.filter((transfer) => transfer !== null)
}

function homeOf({ env, identity }: Call, walletId: string): ObjectNamespace<Pick<TransfersRpc, 'transfer'>> {
  const { bankAccounts = [], lightningNodes = [] } = identity.store
  if (bankAccounts.some(({ id }) => id === walletId)) return env.BANKS
  return lightningNodes.some(({ id }) => id === walletId) ? env.LIGHTNINGS : env.WALLETS
}

/**
 * Takes a key for a wallet, or for a batch, by its id; false when it is for another. Of requests that come at the same instant
 * the first takes it. Whoever takes a key and dies, or is refused, leaves it to the same request.
 */
export async function takeKey(call: Call, key: string, purpose: string): Promise<boolean> {
  const { storeId } = call.identity.store
  return (await askLedger(call, (ledger) => ledger.claimKey({ storeId, key, purpose }))) === purpose
}

export function keyReused(): Result<never, Problem> {
  const detail = 'this key came before with another body; use a new key for a new request'
  return err({ reason: 'idempotency_key_reused', detail, param: 'Idempotency-Key' })
}
