/** The core Worker: every Durable Object class, the consumers of its queues, the cron sweep. Nothing outside reaches it. */

import { createAdmin } from '../../src/audit/admin.ts'
import { runAudit } from '../../src/audit/run.ts'
import { consumeResults } from '../../src/delivery/results.ts'
import type { AttemptResult } from '../../src/delivery/rpc.ts'
import { logEvent } from '../../src/lib/log.ts'
import { registryOf } from '../../src/money/registry.ts'
import { consumeProjections } from '../../src/storage/projection.ts'
import { handleProvision } from '../../src/storage/provision.ts'
import type { ProjectionMessage } from '../../src/storage/rpc.ts'
import type { CoreEnv } from './env.ts'

export { AuditObject } from '../../src/audit/object.ts'
export { BankObject } from '../../src/bank/object.ts'
export { ChainObject } from '../../src/chain/object.ts'
export { WatchObject } from '../../src/chain/watch-object.ts'
export { DeliveryObject } from '../../src/delivery/object.ts'
export { RatesObject } from '../../src/exchange/object.ts'
export { InvoiceObject } from '../../src/invoice/object.ts'
export { LedgerObject } from '../../src/ledger/object.ts'
export { LightningObject } from '../../src/lightning/object.ts'
export { WalletObject } from '../../src/wallet/object.ts'

const admin = createAdmin().post('/admin/stores', ({ req, env }) => handleProvision(req.raw, env))

export default {
  /** Reached through a service binding or a local tool only: this Worker has no route and no workers.dev address. */
  fetch: (request, env) => admin.fetch(request, env),

  async queue(batch, env) {
    if (batch.queue.startsWith('projections')) return consumeProjections(batch as MessageBatch<ProjectionMessage>, env)
    if (batch.queue.startsWith('delivery-results')) return consumeResults(batch as MessageBatch<AttemptResult>, env)
    logEvent('error', 'unknown_queue', { queue: batch.queue })
  },

  /**
   * Every minute: followers that fell asleep (a new chain, a lost alarm) are woken; those that run are not disturbed. And
   * a run of the audit.
   */
  async scheduled(_controller, env) {
    const { chains } = registryOf(env)
    const awake = chains.map(({ id }) => env.CHAINS_FOLLOWED.getByName(id).wake(id))
    await Promise.all([...awake, runAudit(env, Date.now())])
  },
} satisfies ExportedHandler<CoreEnv>
