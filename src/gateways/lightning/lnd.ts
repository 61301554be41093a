import { fromBase64Url, toBase64 } from '../../lib/base64.ts'
import { fromHex, toHex } from '../../lib/bytes.ts'
import { hmacSha256 } from '../../lib/ids.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { reachNode } from '../nodes-request.ts'
import { callNode, fieldOf, isHash, isOk, type NodeCall, noAnswer, refusalOf, textIn, wholeIn } from './call.ts'
import type { LightningEndpoint, LightningNode, PaidAnswer, PaidQuestion, SettledPayment } from './node.ts'

/** After the first payment others of the same moment are waited for so long. */
const GATHER_MS = 250
/** What is read of a stream in one look. More waits for the next. */
const STREAM_BYTES_MAX = 4 * 1024 * 1024
/** Invoices that are looked up one by one while the node has no settled one to count from. */
const FIRST_LOOK_UPS_MAX = 20
/** A stream without anything to wait for: what is there comes at once. */
const STREAM_MIN_MS = 1_000

/**
 * LND's REST interface (lightning.engineering/api-docs). The header `Grpc-Metadata-macaroon` is configured; an invoice
 * macaroon is enough and cannot pay. Bytes are base64 in its JSON, 64-bit numbers are texts.
 */
export function createLnd(endpoint: LightningEndpoint, fetcher: typeof fetch): LightningNode {
  const call = (request: NodeCall) => callNode(endpoint, request, fetcher)

  async function find(paymentHash: string): Promise<Result<unknown, NodeError>> {
    const answer = await call({ path: `/v1/invoice/${paymentHash}` })
    if (!answer.ok) return answer
    if (isOk(answer.value) && hexIn(answer.value.body, 'r_hash') === paymentHash) return ok(answer.value.body)
    return isUnknown(answer.value.body) ? ok(null) : err(refusalOf(endpoint, answer.value))
  }

  return {
    async makeInvoice({ label, units, memo, expirySeconds }) {
      // LND has no names for invoices, and takes a payment hash only once: a preimage made of the label makes it the name.
      const preimage = await hmacSha256(secretOf(endpoint), new TextEncoder().encode(`paytomat invoice ${label}`))
      const json = {
        memo,
        value: String(units),
        expiry: String(expirySeconds),
        r_preimage: toBase64(preimage),
        // Nodes without a public channel are found by hints only.
        private: true,
      }
      const made = await call({ path: '/v1/invoices', json })
      if (!made.ok) return made
      let body = made.value.body
      if (!isOk(made.value)) {
        if (!/payment hash already exists/.test(textIn(body, 'message') ?? '')) return err(refusalOf(endpoint, made.value))
        const known = await find(toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', preimage as Uint8Array<ArrayBuffer>))))
        if (!known.ok) return known
        body = known.value
      }
      const [bolt11, paymentHash] = [textIn(body, 'payment_request'), hexIn(body, 'r_hash')]
      if (bolt11 === null || paymentHash === null) return err(noAnswer(endpoint))
      return ok({ bolt11, paymentHash })
    },

    async paidAfter(question: PaidQuestion): Promise<Result<PaidAnswer, NodeError>> {
      // With the index 0 nothing that is past is told: until there is a first payment, it is looked for.
      const first = question.cursor === null ? await lookUpFirst(question) : null
      if (first !== null && (!first.ok || first.value.length > 0)) return first.ok ? ok(answerOf(first.value, null)) : first
      // A stream without payments says nothing, not even that the node is there.
      const alive = await call({ path: '/v1/invoices?num_max_invoices=1&reversed=true' })
      if (!alive.ok) return alive
      if (!isOk(alive.value) || !Array.isArray(fieldOf(alive.value.body, 'invoices'))) return err(refusalOf(endpoint, alive.value))
      const settled = await readStream(endpoint, question.cursor ?? '0', question.waitMs, fetcher)
      return settled.ok ? ok(answerOf(settled.value, question.cursor)) : settled
    },

    async lookUp({ paymentHash }) {
      const found = await find(paymentHash)
      if (!found.ok) return found
      const settled = readSettled(found.value)
      const isUnread = settled === null && fieldOf(found.value, 'state') === 'SETTLED'
      return isUnread ? err(noAnswer(endpoint)) : ok(settled)
    },

    async cancel({ paymentHash }) {
      const answer = await call({ path: '/v2/invoices/cancel', json: { payment_hash: toBase64(fromHex(paymentHash)) } })
      if (!answer.ok) return answer
      if (isOk(answer.value) || isUnknown(answer.value.body)) return ok(null)
      const isOver = /already (settled|canceled|cancelled)/i.test(textIn(answer.value.body, 'message') ?? '')
      return isOver ? ok(null) : err(refusalOf(endpoint, answer.value))
    },

    async balance() {
      const answer = await call({ path: '/v1/balance/channels' })
      if (!answer.ok) return answer
      const units = isOk(answer.value) ? wholeIn(fieldOf(answer.value.body, 'local_balance'), 'sat') : null
      return units === null ? err(refusalOf(endpoint, answer.value)) : ok(units)
    },
  }

  async function lookUpFirst({ open }: PaidQuestion): Promise<Result<Settled[], NodeError>> {
    const settled: Settled[] = []
    for (const { paymentHash } of open.slice(-FIRST_LOOK_UPS_MAX)) {
      const found = await find(paymentHash)
      if (!found.ok) return found
      const read = readSettled(found.value)
      if (read) settled.push(read)
    }
    return ok(settled)
  }
}

interface Settled extends SettledPayment {
  readonly index: bigint
}

/** Before anything was counted from, the lowest: what lies between is told again, and nothing is left out. */
function answerOf(settled: readonly Settled[], cursor: string | null): PaidAnswer {
  const indices = settled.map(({ index }) => index).sort((one, other) => (one < other ? -1 : 1))
  const next = cursor === null ? indices[0] : indices.at(-1)
  const payments = settled.map(({ paymentHash, msat, atMs }) => ({ paymentHash, msat, atMs }))
  return { payments, cursor: next === undefined ? cursor : String(next) }
}

/** Lines of `{"result": invoice}` for as long as the request lasts. New invoices are told too, and passed over. */
async function readStream(
  endpoint: LightningEndpoint,
  settleIndex: string,
  waitMs: number,
  fetcher: typeof fetch,
): Promise<Result<Settled[], NodeError>> {
  const timeoutMs = Math.max(STREAM_MIN_MS, waitMs)
  const reached = await reachNode(
    endpoint,
    { path: `/v1/invoices/subscribe?settle_index=${settleIndex}`, json: null, timeoutMs },
    fetcher,
  )
  // Nothing came before the time was over, not even a header: LND sends it with the first line.
  if (!reached.ok) return isTimeout(reached.error) ? ok([]) : reached
  if (reached.value.status !== 200) {
    const text = await reached.value.text()
    return err(refusalOf(endpoint, { status: reached.value.status, body: readLine(text) ?? text }))
  }
  const settled: Settled[] = []
  const reader = reached.value.body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let length = 0
  let untilMs = Date.now() + timeoutMs
  try {
    while (reader) {
      const next = await Promise.race([reader.read(), after(Math.max(0, untilMs - Date.now()))])
      if (next === null || next.done) break
      length += next.value.length
      const lines = `${rest}${next.value}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const read = readSettled(fieldOf(readLine(line), 'result'))
        if (!read) continue
        if (settled.length === 0) untilMs = Math.min(untilMs, Date.now() + GATHER_MS)
        settled.push(read)
      }
      if (length > STREAM_BYTES_MAX) break
    }
  } catch {
    // The time is over. What was read is whole.
  }
  await reader?.cancel().catch(() => {})
  return ok(settled)
}

function readSettled(invoice: unknown): Settled | null {
  if (fieldOf(invoice, 'state') !== 'SETTLED') return null
  const [paymentHash, msat, atS] = [hexIn(invoice, 'r_hash'), wholeIn(invoice, 'amt_paid_msat'), wholeIn(invoice, 'settle_date')]
  const index = wholeIn(invoice, 'settle_index')
  if (paymentHash === null || msat === null || atS === null || index === null) return null
  return { paymentHash, msat, atMs: Number(atS) * 1_000, index }
}

function isUnknown(body: unknown): boolean {
  return /unable to locate invoice|no existing invoices/.test(textIn(body, 'message') ?? '')
}

/** The macaroon: whoever has it reads the preimages of all invoices anyway. */
function secretOf({ headers = {}, url }: LightningEndpoint): Uint8Array {
  const macaroon = Object.entries(headers).find(([name]) => name.toLowerCase() === 'grpc-metadata-macaroon')?.[1]
  return new TextEncoder().encode(macaroon ?? url)
}

function hexIn(value: unknown, name: string): string | null {
  const bytes = fromBase64Url(textIn(value, name) ?? '')
  const hex = bytes && toHex(bytes)
  return isHash(hex) ? hex : null
}

function readLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

function isTimeout({ detail }: NodeError): boolean {
  return /timeout|timed out|aborted/i.test(detail)
}

function after(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms))
}
