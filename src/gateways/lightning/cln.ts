import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { callNode, fieldOf, isHash, isOk, type NodeAnswer, noAnswer, refusalOf, textIn, wholeIn } from './call.ts'
import type { LightningEndpoint, LightningNode, PaidAnswer, PaidQuestion, SettledPayment } from './node.ts'

/** Payments of one look. More wait for the next. */
const PAYMENTS_MAX = 100
/** Beyond the time that the node itself waits. */
const SLACK_MS = 5_000
/** Channels that pay; the second while their size is being changed. */
const USABLE: readonly unknown[] = ['CHANNELD_NORMAL', 'CHANNELD_AWAITING_SPLICE']
/** Codes of lightningd, which clnrest answers with status 500. */
const CODE = { duplicateLabel: 900, timedOut: 904, unknownLabel: 905, otherStatus: 906 } as const

/**
 * Core Lightning's REST interface (clnrest): every call is a POST to `/v1/<command>`, and answers 201. The header `Rune` is
 * configured; a rune restricted to the commands below cannot pay.
 */
export function createCln(endpoint: LightningEndpoint, fetcher: typeof fetch): LightningNode {
  async function call(
    command: 'invoice' | 'waitanyinvoice' | 'listinvoices' | 'delinvoice' | 'listfunds',
    json: object,
    timeoutMs?: number,
  ): Promise<Result<NodeAnswer, NodeError>> {
    return callNode(endpoint, { path: `/v1/${command}`, json, ...(timeoutMs !== undefined && { timeoutMs }) }, fetcher)
  }

  async function find(label: string): Promise<Result<unknown, NodeError>> {
    const answer = await call('listinvoices', { label })
    if (!answer.ok) return answer
    const invoices = fieldOf(answer.value.body, 'invoices')
    return isOk(answer.value) && Array.isArray(invoices) ? ok(invoices[0] ?? null) : err(refusalOf(endpoint, answer.value))
  }

  return {
    async makeInvoice({ label, units, memo, expirySeconds }) {
      const wish = { amount_msat: Number(units * 1_000n), label, description: memo, expiry: expirySeconds }
      const made = await call('invoice', wish)
      if (!made.ok) return made
      let body = made.value.body
      if (!isOk(made.value)) {
        if (fieldOf(body, 'code') !== CODE.duplicateLabel) return err(refusalOf(endpoint, made.value))
        const known = await find(label)
        if (!known.ok) return known
        body = known.value
      }
      const [bolt11, paymentHash] = [textIn(body, 'bolt11'), fieldOf(body, 'payment_hash')]
      if (bolt11 === null || !isHash(paymentHash)) return err(noAnswer(endpoint))
      return ok({ bolt11, paymentHash })
    },

    async paidAfter({ cursor, waitMs }: PaidQuestion): Promise<Result<PaidAnswer, NodeError>> {
      const payments: SettledPayment[] = []
      let index = wholeIn({ cursor }, 'cursor') ?? 0n
      for (let wait = Math.floor(waitMs / 1_000); payments.length < PAYMENTS_MAX; wait = 0) {
        // Without an index the node waits for a payment that is yet to come: 0 is the first.
        const asked = { lastpay_index: Number(index), timeout: wait }
        const answer = await call('waitanyinvoice', asked, wait * 1_000 + SLACK_MS)
        if (!answer.ok) return answer
        if (!isOk(answer.value)) {
          if (fieldOf(answer.value.body, 'code') === CODE.timedOut) break
          return err(refusalOf(endpoint, answer.value))
        }
        const payIndex = wholeIn(answer.value.body, 'pay_index')
        if (payIndex === null || payIndex <= index) return err(noAnswer(endpoint))
        index = payIndex
        const paid = readPaid(answer.value.body)
        if (paid) payments.push(paid)
      }
      return ok({ payments, cursor: String(index) })
    },

    async lookUp({ label }) {
      const found = await find(label)
      if (!found.ok) return found
      const paid = readPaid(found.value)
      const isUnread = paid === null && fieldOf(found.value, 'status') === 'paid'
      return isUnread ? err(noAnswer(endpoint)) : ok(paid)
    },

    async cancel({ label }) {
      const answer = await call('delinvoice', { label, status: 'unpaid' })
      if (!answer.ok) return answer
      const code = fieldOf(answer.value.body, 'code')
      const isGone = isOk(answer.value) || code === CODE.unknownLabel || code === CODE.otherStatus
      return isGone ? ok(null) : err(refusalOf(endpoint, answer.value))
    },

    async balance() {
      const answer = await call('listfunds', {})
      if (!answer.ok) return answer
      const channels = fieldOf(answer.value.body, 'channels')
      if (!isOk(answer.value) || !Array.isArray(channels)) return err(refusalOf(endpoint, answer.value))
      const amounts = channels
        .filter((channel) => USABLE.includes(fieldOf(channel, 'state')))
        .map((channel) => wholeIn(channel, 'our_amount_msat'))
      if (!amounts.every((msat) => msat !== null)) return err(noAnswer(endpoint))
      return ok(amounts.reduce((sum, msat) => sum + msat, 0n) / 1_000n)
    },
  }
}

/** Null when it is not paid. */
function readPaid(invoice: unknown): SettledPayment | null {
  const [paymentHash, msat] = [fieldOf(invoice, 'payment_hash'), wholeIn(invoice, 'amount_received_msat')]
  const atS = wholeIn(invoice, 'paid_at')
  if (fieldOf(invoice, 'status') !== 'paid' || !isHash(paymentHash) || msat === null || atS === null) return null
  return { paymentHash, msat, atMs: Number(atS) * 1_000 }
}
