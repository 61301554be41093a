import { ownerOf } from '../bank/receive.ts'
import type { BankRpc } from '../bank/rpc.ts'
import type { ChainRpc, PaymentFact } from '../chain/rpc.ts'
import type { InvoiceRpc } from '../invoice/rpc.ts'
import type { Invoice } from '../invoice/types.ts'
import type { LedgerRpc } from '../ledger/rpc.ts'
import type { LedgerEntry } from '../ledger/types.ts'
import { logEvent } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { LightningRpc } from '../lightning/rpc.ts'
import type { WalletRpc } from '../wallet/rpc.ts'
import { bookedPayments, faultOfPayment } from './compare.ts'
import { keyOf } from './judge.ts'
import type { Finding } from './rpc.ts'

/** With so many transactions the answer about an invoice may be cut short (ledger.ts): there may be more. */
const WHOLE_ANSWER = 250
/** Such answers that are read about one invoice, which takes a hundred payments. */
const ANSWERS_MAX = 10

export interface PaymentsEnv {
  readonly CHAINS_FOLLOWED: ObjectNamespace<ChainRpc>
  readonly INVOICES: ObjectNamespace<InvoiceRpc>
  readonly LEDGERS: ObjectNamespace<LedgerRpc>
  readonly WALLETS: ObjectNamespace<WalletRpc>
  readonly BANKS: ObjectNamespace<BankRpc>
  readonly LIGHTNINGS: ObjectNamespace<LightningRpc>
}

/** Payments of one invoice to compare. */
export interface InvoiceQuestion {
  readonly invoiceId: string
  /** In whose books it was met. */
  readonly owners: readonly Owner[]
  /** `<chainId>/<txid>/<index>` */
  readonly payments: readonly string[]
}

export interface Owner {
  readonly merchantId: string
  readonly storeId: string
}

export interface InvoiceLook {
  readonly findings: readonly Finding[]
  /** `keyOf` of all that was looked at. */
  readonly looked: readonly string[]
}

/**
 * One invoice's payments on the chain against the books: its own, and any others it was met in, which are to have
 * nothing of it. And its addresses against the wallets that gave them out.
 */
export async function lookAtInvoice(
  env: PaymentsEnv,
  { invoiceId, owners, payments }: InvoiceQuestion,
  facts: ReadonlyMap<string, PaymentFact>,
  graceMs: number,
): Promise<InvoiceLook> {
  const findings: Finding[] = []
  const looked: string[] = []
  const look = (kind: Finding['kind'], owner: Owner | null, id: string, detail: string | null) => {
    const { merchantId, storeId } = owner ?? { merchantId: null, storeId: null }
    looked.push(keyOf({ merchantId, id }))
    if (detail !== null) findings.push({ id, kind, merchantId, storeId, invoiceId, detail, waitMs: graceMs })
  }
  const invoice = await env.INVOICES.getByName(invoiceId).read()
  // Made before there were ledgers: it names no merchant, and is in nobody's books.
  if (invoice && !invoice.terms.merchantId)
    return { findings, looked: payments.map((key) => keyOf({ merchantId: null, id: `chain/${key}` })) }
  // An invoice that is not there leaves its money with the books that say they have it.
  const own = invoice ? { merchantId: invoice.terms.merchantId, storeId: invoice.terms.storeId } : (owners[0] ?? null)
  for (const owner of [own, ...owners.filter((other) => !isSame(other, own))]) {
    const entries = owner ? await entriesOf(env, owner, invoiceId) : []
    if (entries === null) {
      logEvent('warn', 'audit_invoice_too_long', { invoiceId, merchantId: owner?.merchantId })
      continue
    }
    const booked = bookedPayments(entries)
    for (const key of payments) {
      const fact = facts.get(key)
      const its = owner === own && fact?.invoiceId === invoiceId ? fact : null
      look('chain', owner, `chain/${key}`, faultOfPayment(key, its, owner === own ? invoice : null, booked.get(key)))
    }
  }
  if (invoice) for (const [id, detail] of await addressFaults(env, invoice)) look('wallet', own, id, detail)
  // What was met on the chain without an invoice may have one by now.
  return { findings, looked: [...looked, ...payments.map((key) => keyOf({ merchantId: null, id: `chain/${key}` }))] }
}

/** All that the books have of an invoice; null when that is more than is read. */
async function entriesOf(env: PaymentsEnv, { merchantId, storeId }: Owner, invoiceId: string): Promise<LedgerEntry[] | null> {
  const ledger = env.LEDGERS.getByName(merchantId)
  const entries: LedgerEntry[] = []
  for (let answers = 0; answers < ANSWERS_MAX; answers++) {
    const more = await ledger.ofInvoice(storeId, invoiceId, entries.at(-1)?.transaction.no ?? 0)
    entries.push(...more)
    if (more.length < WHOLE_ANSWER) return entries
  }
  return null
}

/** Each address index that the invoice shows belongs to it. */
async function addressFaults(env: PaymentsEnv, { terms, activations }: Invoice): Promise<Map<string, string | null>> {
  const faults = new Map<string, string | null>()
  for (const { asset, index } of activations) {
    const { walletId, chainId = '' } = terms.methods.find((method) => method.asset === asset) ?? {}
    const id = `wallet/${walletId}/${index}`
    if (walletId === undefined || faults.has(id)) continue
    const owner = await ownerOf(env, { chainId, walletId }, index)
    const words = `invoice ${terms.id} shows address ${index} of wallet ${walletId}, which was given to ${owner ?? 'nobody'}`
    faults.set(id, owner === terms.id ? null : words)
  }
  return faults
}

function isSame(one: Owner, other: Owner | null): boolean {
  return one.merchantId === other?.merchantId && one.storeId === other.storeId
}
