import { positionsOf } from '../invoice/positions.ts'
import { refundFault } from '../invoice/refundable.ts'
import type { InvoiceRpc } from '../invoice/rpc.ts'
import type { LedgerRpc } from '../ledger/rpc.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { unitsOf } from './intent.ts'
import type { Intent, SignRefusal } from './rpc.ts'

/** What the signer reads elsewhere, and all it can do there. */
export interface CoverSources {
  readonly INVOICES: ObjectNamespace<Pick<InvoiceRpc, 'read'>>
  readonly LEDGERS: ObjectNamespace<Pick<LedgerRpc, 'balances' | 'reservation'>>
}

/** What stands behind an intent. */
export interface Cover {
  /** All refunds of the invoice in the asset together; null of what is no refund. */
  readonly most: bigint | null
  /** Transfers of the invoice of which it is said that no money moved and none will. */
  readonly failed: readonly string[]
}

const NO_SUM: Cover = { most: null, failed: [] }

/**
 * Asks those who know for themselves, not who asks for the signature: the invoice what it received, the ledger what it
 * has set aside. Nothing stands behind a sweep, whose money stays where it is.
 */
export async function coverOf(intent: Intent, sources: CoverSources): Promise<Result<Cover, SignRefusal>> {
  if (intent.kind === 'sweep') return ok(NO_SUM)
  try {
    const ledger = sources.LEDGERS.getByName(intent.merchantId)
    const [{ frozen }, cover] = await Promise.all([
      ledger.balances(intent.storeId),
      intent.kind === 'refund' ? refundCover(intent, sources) : payoutCover(intent, ledger),
    ])
    return frozen ? err({ reason: 'stopped', detail: 'a difference is open in the merchant’s ledger: a person must look' }) : cover
  } catch (thrown) {
    logEvent('warn', 'signer_cover_unavailable', { intentId: intent.id, reason: reasonOf(thrown) })
    return err({ reason: 'unavailable', detail: 'the books did not answer' })
  }
}

/**
 * Whether it is a refund that the invoice wants now (`refundFault`), from this wallet. And all that the invoice received in
 * the asset in this wallet for good.
 */
async function refundCover(intent: Intent, { INVOICES }: CoverSources): Promise<Result<Cover, SignRefusal>> {
  const invoice = await INVOICES.getByName(intent.invoiceId ?? '').read()
  if (!invoice) return notCovered('there is no such invoice')
  const { merchantId, storeId } = invoice.terms
  if (merchantId !== intent.merchantId || storeId !== intent.storeId) return notCovered('the invoice is another store’s')
  const fault = refundFault(invoice, intent)
  if (fault !== null) return notCovered(fault)
  const refunds = invoice.refunds ?? []
  const refund = refunds.find(({ transfers }) => transfers.some(({ id }) => id === intent.id))
  if (refund?.walletId !== intent.walletId) return notCovered('the refund is of another wallet')
  const received = positionsOf(invoice).payments.filter(
    ({ asset, walletId, custody, place }) =>
      asset === intent.asset &&
      walletId === intent.walletId &&
      custody === 'platform' &&
      (place === 'available' || place === 'held'),
  )
  const most = received.reduce((sum, { units }) => sum + units, 0n)
  const failed = refunds.flatMap(({ transfers }) => transfers.filter(({ status }) => status === 'failed').map(({ id }) => id))
  return ok({ most, failed })
}

/** The reservation of this very transfer, still open. */
async function payoutCover(intent: Intent, ledger: Pick<LedgerRpc, 'reservation'>): Promise<Result<Cover, SignRefusal>> {
  const reservation = await ledger.reservation(intent.id)
  if (reservation?.state !== 'open' || reservation.cause !== 'payout') return notCovered('the books have set nothing aside for it')
  const { storeId, transferId, asset, amount } = reservation
  if (storeId !== intent.storeId || transferId !== intent.id || asset !== intent.asset)
    return notCovered('what the books have set aside under its id is for something else')
  if (amount < unitsOf(intent)) return notCovered(`the books have set ${amount} aside, and it pays ${unitsOf(intent)}`)
  return ok(NO_SUM)
}

function notCovered(detail: string): Result<never, SignRefusal> {
  return err({ reason: 'not_covered', detail })
}
