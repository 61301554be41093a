import { type InvoiceProjectionEnv, projectInvoices } from './invoice-projection.ts'
import { type LedgerProjectionEnv, projectLedgers } from './ledger-projection.ts'
import type { ProjectionItem } from './projection-item.ts'
import type { InvoiceProjection, LedgerProjection, ProjectionMessage, TransferProjection } from './rpc.ts'
import { projectTransfers, type TransferProjectionEnv } from './transfer-projection.ts'

/** The bindings this consumer needs, and the shards beside them. */
export type ProjectionEnv = InvoiceProjectionEnv & LedgerProjectionEnv & TransferProjectionEnv

/**
 * Consumer of the `projections` queue: what objects ask to have copied to D1, each kind in its own way. Each message is
 * acknowledged or retried by itself; this never throws for the batch. Bounded by the queue's batch (100 messages).
 */
export async function consumeProjections(batch: MessageBatch<ProjectionMessage>, env: ProjectionEnv): Promise<void> {
  const { messages } = batch
  await Promise.all([
    projectInvoices(messages.filter(isInvoice), env),
    projectLedgers(messages.filter(isLedger), env),
    projectTransfers(messages.filter(isTransfer), env),
  ])
}

function isInvoice(message: ProjectionItem<ProjectionMessage>): message is ProjectionItem<InvoiceProjection> {
  return message.body.kind === 'invoice'
}

function isLedger(message: ProjectionItem<ProjectionMessage>): message is ProjectionItem<LedgerProjection> {
  return message.body.kind === 'ledger'
}

function isTransfer(message: ProjectionItem<ProjectionMessage>): message is ProjectionItem<TransferProjection> {
  return message.body.kind === 'transfer'
}
