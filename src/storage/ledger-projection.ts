import type { LedgerRpc } from '../ledger/rpc.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { writeStatements } from './ledger-rows.ts'
import { type ProjectionItem, retryLater } from './projection-item.ts'
import type { LedgerProjection } from './rpc.ts'
import { shardOf } from './shards.ts'

export interface LedgerProjectionEnv {
  readonly LEDGERS: ObjectNamespace<LedgerRpc>
}

/** Of 100 transactions each. What is left then is another message's, so that one merchant holds up nobody. */
const PAGES_MAX = 50

/**
 * Takes over what each merchant's ledger has that D1 has not. Rows never change, so one that is there already is left;
 * any order, repetition or loss of messages ends with all of them. Several messages of one merchant are one visit. A
 * failure costs only this merchant's messages a retry; this never throws.
 */
export async function projectLedgers(
  messages: readonly ProjectionItem<LedgerProjection>[],
  env: LedgerProjectionEnv,
): Promise<void> {
  const merchants = Map.groupBy(messages, ({ body }) => body.merchantId)
  await Promise.all(
    [...merchants].map(async ([merchantId, asking]) => {
      const isDone = await takeOver(merchantId, asking[0]?.body.shard ?? 0, env)
      for (const message of asking) {
        if (isDone) message.ack()
        else retryLater(message)
      }
    }),
  )
}

/** Whether D1 has everything. Oldest first: what D1 has never has a gap. */
async function takeOver(merchantId: string, shardIndex: number, env: LedgerProjectionEnv): Promise<boolean> {
  try {
    const shard = shardOf(env, shardIndex)
    for (let page = 0; page < PAGES_MAX; page++) {
      const entries = await env.LEDGERS.getByName(merchantId).unprojected()
      const last = entries.at(-1)
      if (!last) return true
      await shard.batch(writeStatements(shard, entries, 'keep'))
      await env.LEDGERS.getByName(merchantId).projected(last.transaction.no)
    }
    return false
  } catch (thrown) {
    logEvent('warn', 'ledger_projection_failed', { merchantId, shard: shardIndex, reason: reasonOf(thrown) })
    return false
  }
}
