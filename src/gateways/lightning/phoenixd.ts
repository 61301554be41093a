import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { callNode, fieldOf, isHash, isOk, type NodeCall, noAnswer, refusalOf, textIn, wholeIn } from './call.ts'
import type { LightningEndpoint, LightningNode, PaidAnswer, PaidQuestion, SettledPayment } from './node.ts'

/** Payments in one page, newest first, and pages in one look. What is beyond is found by looking it up. */
const PAGE = 100
const PAGES_MAX = 20
/** A payment gets its time before its row is there: so far back is asked again. */
const OVERLAP_MS = 60_000
const POLL_MS = 1_000
/** What it says of a payment hash that it does not know, in versions before 0.6 too; not what a proxy before it says. */
const NOTHING = /^(Not found|Unknown endpoint)/

/**
 * phoenixd's HTTP interface (phoenix.acinq.co/server/api), version 0.5 or newer. HTTP Basic without a user, forms in, JSON
 * out, and bare text where something is wrong. Configure the limited password: it cannot pay.
 */
export function createPhoenixd(endpoint: LightningEndpoint, fetcher: typeof fetch): LightningNode {
  const call = (request: NodeCall) => callNode(endpoint, request, fetcher)

  async function list(query: Readonly<Record<string, string>>): Promise<Result<readonly unknown[], NodeError>> {
    const answer = await call({ path: `/payments/incoming?${new URLSearchParams(query)}` })
    if (!answer.ok) return answer
    const { body } = answer.value
    return isOk(answer.value) && Array.isArray(body) ? ok(body) : err(refusalOf(endpoint, answer.value))
  }

  async function paidSince(fromMs: number): Promise<Result<SettledPayment[], NodeError>> {
    const payments: SettledPayment[] = []
    for (let page = 0; page < PAGES_MAX; page++) {
      const rows = await list({ from: String(fromMs), limit: String(PAGE), offset: String(page * PAGE) })
      if (!rows.ok) return rows
      payments.push(...rows.value.flatMap((row) => readPayment(row) ?? []))
      if (rows.value.length < PAGE) break
    }
    return ok(payments)
  }

  return {
    async makeInvoice({ label, units, memo, expirySeconds }) {
      // An external id may be used twice there: one that is known has its invoice.
      const known = await list({ externalId: label, all: 'true', limit: '1' })
      if (!known.ok) return known
      const row = known.value.find((one) => textIn(one, 'externalId') === label)
      const answer = row !== undefined ? ok(row) : await make()
      if (!answer.ok) return answer
      const bolt11 = textIn(answer.value, 'serialized') ?? textIn(answer.value, 'invoice')
      const paymentHash = fieldOf(answer.value, 'paymentHash')
      if (bolt11 === null || !isHash(paymentHash)) return err(noAnswer(endpoint))
      return ok({ bolt11, paymentHash })

      async function make(): Promise<Result<unknown, NodeError>> {
        const form = {
          description: memo,
          amountSat: String(units),
          expirySeconds: String(expirySeconds),
          externalId: label,
        }
        const made = await call({ path: '/createinvoice', form })
        if (!made.ok) return made
        return isOk(made.value) ? ok(made.value.body) : err(refusalOf(endpoint, made.value))
      }
    },

    async paidAfter({ cursor, sinceMs, waitMs }: PaidQuestion): Promise<Result<PaidAnswer, NodeError>> {
      const lastMs = cursor === null ? sinceMs : Number(cursor)
      for (let waitedMs = 0; ; waitedMs += POLL_MS) {
        const found = await paidSince(Math.max(0, lastMs - OVERLAP_MS))
        if (!found.ok) return found
        const newestMs = Math.max(lastMs, ...found.value.map(({ atMs }) => atMs))
        if (newestMs > lastMs || waitedMs + POLL_MS > waitMs) return ok({ payments: found.value, cursor: String(newestMs) })
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },

    async lookUp({ paymentHash }) {
      const answer = await call({ path: `/payments/incoming/${paymentHash}` })
      if (!answer.ok) return answer
      const { status, body } = answer.value
      if (status === 404 && NOTHING.test(String(body))) return ok(null)
      const payment = readPayment(body)
      const isUnread = payment === null && fieldOf(body, 'isPaid') !== false
      if (!isOk(answer.value) || fieldOf(body, 'paymentHash') !== paymentHash || isUnread)
        return err(refusalOf(endpoint, answer.value))
      return ok(payment)
    },

    // It has no call for that: what was shown stays payable until it expires.
    cancel: async () => ok(null),

    async balance() {
      const answer = await call({ path: '/getbalance' })
      if (!answer.ok) return answer
      const units = isOk(answer.value) ? wholeIn(answer.value.body, 'balanceSat') : null
      return units === null ? err(refusalOf(endpoint, answer.value)) : ok(units)
    },
  }
}

/** Null when it is not paid, or is no Lightning payment. What the node kept for a channel, the payer has paid all the same. */
function readPayment(row: unknown): SettledPayment | null {
  const [paymentHash, receivedSat, feesMsat] = [fieldOf(row, 'paymentHash'), wholeIn(row, 'receivedSat'), wholeIn(row, 'fees')]
  const atMs = wholeIn(row, 'completedAt')
  if (fieldOf(row, 'isPaid') !== true || !isHash(paymentHash)) return null
  if (receivedSat === null || feesMsat === null || atMs === null) return null
  return { paymentHash, msat: receivedSat * 1_000n + feesMsat, atMs: Number(atMs) }
}
