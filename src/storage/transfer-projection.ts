import { sql } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { encodeJson } from '../lib/json.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { listed } from '../wallet/transfers/resource.ts'
import type { TransfersRpc } from '../wallet/transfers/rpc.ts'
import type { Transfer } from '../wallet/transfers/types.ts'
import { type ProjectionItem, retryLater } from './projection-item.ts'
import type { TransferProjection } from './rpc.ts'
import { transfers } from './shard-schema.ts'
import { shardOf } from './shards.ts'

export interface TransferProjectionEnv {
  readonly WALLETS: ObjectNamespace<Home>
  readonly BANKS: ObjectNamespace<Home>
  readonly LIGHTNINGS: ObjectNamespace<Home>
}

/** The object that has a transfer: a wallet, a bank account, or a Lightning node. */
type Home = Pick<TransfersRpc, 'transfer' | 'projectedTransfer'>

/**
 * Copies each transfer as its wallet has it now to its shard, where only a higher version wins, then tells the wallet,
 * which asks again until it has heard. Several messages of one transfer are one visit. A failure costs only this
 * transfer's messages a retry; this never throws.
 */
export async function projectTransfers(
  messages: readonly ProjectionItem<TransferProjection>[],
  env: TransferProjectionEnv,
): Promise<void> {
  const asked = Map.groupBy(messages, ({ body }) => `${body.walletId}/${body.transferId}`)
  await Promise.all(
    [...asked.values()].map(async (asking) => {
      const [first] = asking
      const isDone = first === undefined || (await copy(first.body, env))
      for (const message of asking) {
        if (isDone) message.ack()
        else retryLater(message)
      }
    }),
  )
}

async function copy(message: TransferProjection, env: TransferProjectionEnv): Promise<boolean> {
  const { walletId, transferId, shard, bank, lightning } = message
  const homes = lightning ? env.LIGHTNINGS : bank ? env.BANKS : env.WALLETS
  try {
    const transfer = await homes.getByName(walletId).transfer(transferId)
    if (transfer === null) {
      logEvent('error', 'transfer_to_copy_missing', { walletId, transferId })
      return true
    }
    await upsert(drizzle(shardOf(env, shard)), transfer)
    await homes.getByName(walletId).projectedTransfer(transferId, transfer.version)
    return true
  } catch (thrown) {
    logEvent('warn', 'transfer_projection_failed', { walletId, transferId, shard, reason: reasonOf(thrown) })
    return false
  }
}

async function upsert(database: DrizzleD1Database, transfer: Transfer): Promise<void> {
  const { storeId, id, createdAtMs, kind, walletId, batch, version, status } = transfer
  // Only these are updated: SQLite rewrites the index of each column that is named, changed or not.
  const changing = { version, status, body: encodeJson(listed(transfer)) }
  await database
    .insert(transfers)
    .values({ storeId, id, createdAtMs, kind, walletId, batchId: batch?.id ?? null, ...changing })
    .onConflictDoUpdate({
      target: [transfers.storeId, transfers.id],
      set: changing,
      setWhere: sql`excluded.version > ${transfers.version}`,
    })
}
