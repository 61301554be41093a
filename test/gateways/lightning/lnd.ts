import type { Book, HeldInvoice } from '../../../scripts/stack/lightning/book.ts'
import type { HeldPayment, Purse } from '../../../scripts/stack/lightning/purse.ts'
import type { Asked, Told } from '../../../scripts/stack/lightning/serve.ts'
import { fromBase64Url } from '../../../src/lib/base64.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { type StandIn, standIn } from './stand-in.ts'

/** LND 0.21: the macaroon in hexadecimal, bytes in base64, 64-bit numbers as texts, gRPC's codes in its errors. */
export function lnd(): StandIn {
  const [macaroon, admin] = ['0201036c6e64022f030a10b6a5', '0201036c6e640258030a10ff01']
  const broken = { status: 500, body: { code: 2, message: 'rpc error: wallet locked', details: [] } }
  const spending = { headers: { 'Grpc-Metadata-macaroon': admin } }
  return standIn('lnd', { headers: { 'Grpc-Metadata-macaroon': macaroon } }, spending, broken, (asked, book, purse) => {
    const given = asked.headers['grpc-metadata-macaroon']
    if (given === undefined) return refused(500, 2, 'expected 1 macaroon, got 0')
    if (given !== macaroon && given !== admin)
      return refused(500, 2, 'verification failed: signature mismatch after caveat verification')
    if (given === macaroon && asked.path.startsWith('/v2/router')) return refused(500, 2, 'permission denied')
    return answerPaying(asked, purse) ?? answer(asked, book, purse)
  })
}

const REASONS = {
  no_route: 'FAILURE_REASON_NO_ROUTE',
  poor: 'FAILURE_REASON_INSUFFICIENT_BALANCE',
  refused: 'FAILURE_REASON_INCORRECT_PAYMENT_DETAILS',
} as const

/** Streams of payments, one line an update. An error of a stream is in `error`. Null for what is no question about paying. */
function answerPaying({ method, path, body }: Asked, purse: Purse): Told | null {
  if (method === 'POST' && path === '/v2/router/send') {
    const { payment_request: bolt11, amt, fee_limit_sat, timeout_seconds, no_inflight_updates } = JSON.parse(body)
    if (!timeout_seconds || no_inflight_updates !== true) return failedStream(400, 3, 'this stand-in is asked otherwise')
    const { before, payment } = purse.pay({
      bolt11,
      msat: amt === undefined ? undefined : BigInt(amt) * 1_000n,
      feeMaxMsat: BigInt(fee_limit_sat ?? 0) * 1_000n,
    })
    if (before === 'paid') return failedStream(409, 6, 'invoice is already paid')
    if (before === 'in_flight') return failedStream(409, 6, 'payment is in transition')
    return streamOf(payment, purse, false)
  }
  const base64 = /^\/v2\/router\/track\/([A-Za-z0-9_=-]+)$/.exec(path)?.[1]
  if (method !== 'GET' || base64 === undefined) return null
  const payment = purse.of(hexOf(base64))
  return payment ? streamOf(payment, purse, true) : failedStream(404, 5, "payment isn't initiated")
}

function failedStream(status: number, code: number, message: string): Told {
  return { status, body: { error: { code, message, details: [] } } }
}

/** How it is now, and how it ends. */
function streamOf(payment: HeldPayment, purse: Purse, tellsNow: boolean): Told {
  return {
    status: 200,
    stream(write) {
      let isOpen = true
      const line = () => isOpen && write(`${JSON.stringify({ result: shownPayment(payment) })}\n`)
      if (payment.state !== 'in_flight') line()
      else {
        if (tellsNow) line()
        void purse.ended(payment, 60_000).then(line)
      }
      return () => {
        isOpen = false
      }
    },
  }
}

function shownPayment({ paymentHash, msat, feeMsat, state, failure, preimage, bolt11, createdAtMs }: HeldPayment) {
  const fee = state === 'paid' ? feeMsat : 0n
  return {
    payment_hash: paymentHash,
    value: String(msat / 1_000n),
    creation_date: String(Math.floor(createdAtMs / 1_000)),
    fee: String(fee / 1_000n),
    payment_preimage: preimage ?? '00'.repeat(32),
    value_sat: String(msat / 1_000n),
    value_msat: String(msat),
    payment_request: bolt11,
    status: { in_flight: 'IN_FLIGHT', paid: 'SUCCEEDED', failed: 'FAILED' }[state],
    fee_sat: String(fee / 1_000n),
    fee_msat: String(fee),
    creation_time_ns: String(BigInt(createdAtMs) * 1_000_000n),
    htlcs: [],
    payment_index: '1',
    failure_reason: failure === null ? 'FAILURE_REASON_NONE' : REASONS[failure],
  }
}

function answer({ method, path, query, body }: Asked, book: Book, { funds }: Purse): Told {
  if (method === 'POST' && path === '/v1/invoices') {
    const { memo = '', value, expiry = '86400', r_preimage } = JSON.parse(body)
    const preimage = hexOf(r_preimage ?? '')
    const known = book.invoices.some((invoice) => invoice.preimage === preimage)
    if (known) return refused(500, 2, 'invoice with payment hash already exists')
    const invoice = book.make({
      label: '',
      msat: BigInt(value) * 1_000n,
      memo,
      expiryS: Number(expiry),
      ...(preimage !== '' && { preimage }),
    })
    const r_hash = base64Of(invoice.paymentHash)
    const add_index = String(book.invoices.length)
    return { status: 200, body: { r_hash, payment_request: invoice.bolt11, add_index, payment_addr: r_hash } }
  }
  if (method === 'GET' && path === '/v1/invoices') {
    const invoices = book.invoices.slice(-Number(query.get('num_max_invoices') ?? 100)).map((invoice) => shown(invoice, book))
    return { status: 200, body: { invoices, last_index_offset: String(book.invoices.length), first_index_offset: '1' } }
  }
  if (method === 'GET' && path === '/v1/invoices/subscribe') {
    const settleIndex = Number(query.get('settle_index') ?? 0)
    return {
      status: 200,
      stream(write) {
        const line = (invoice: HeldInvoice) => write(`${JSON.stringify({ result: shown(invoice, book) })}\n`)
        // "If specified (non-zero)": with 0 nothing of the past is told.
        if (settleIndex > 0) for (const invoice of book.paidAfter(settleIndex)) line(invoice)
        return book.watch((invoice) => invoice.state !== 'cancelled' && line(invoice))
      },
    }
  }
  const hash = /^\/v1\/invoice\/([0-9a-f]{64})$/.exec(path)?.[1]
  if (method === 'GET' && hash) {
    const invoice = book.byHash(hash)
    return invoice ? { status: 200, body: shown(invoice, book) } : refused(404, 5, 'unable to locate invoice')
  }
  if (method === 'POST' && path === '/v2/invoices/cancel') {
    const invoice = book.byHash(hexOf(JSON.parse(body).payment_hash))
    if (!invoice) return refused(404, 5, 'unable to locate invoice')
    if (invoice.state === 'paid') return refused(500, 2, 'invoice already settled')
    invoice.state = 'cancelled'
    return { status: 200, body: {} }
  }
  if (method === 'GET' && path === '/v1/balance/channels')
    return {
      status: 200,
      body: { balance: String(funds / 1_000n), local_balance: { sat: String(funds / 1_000n), msat: String(funds) } },
    }
  return refused(404, 5, 'Not Found')
}

function shown({ memo, preimage, paymentHash, msat, bolt11, state, paid, createdAtMs }: HeldInvoice, book: Book) {
  return {
    memo,
    r_preimage: base64Of(preimage),
    r_hash: base64Of(paymentHash),
    value: String(msat / 1_000n),
    value_msat: String(msat),
    settled: paid !== null,
    creation_date: String(createdAtMs / 1_000),
    settle_date: String(Math.floor((paid?.atMs ?? 0) / 1_000)),
    payment_request: bolt11,
    add_index: String(book.invoices.findIndex((invoice) => invoice.paymentHash === paymentHash) + 1),
    settle_index: String(paid?.index ?? 0),
    amt_paid: String(paid?.msat ?? 0n),
    amt_paid_sat: String((paid?.msat ?? 0n) / 1_000n),
    amt_paid_msat: String(paid?.msat ?? 0n),
    state: { open: 'OPEN', paid: 'SETTLED', cancelled: 'CANCELED' }[state],
  }
}

function refused(status: number, code: number, message: string): Told {
  return { status, body: { code, message, details: [] } }
}

function hexOf(base64: string): string {
  return toHex(fromBase64Url(base64) ?? new Uint8Array())
}

function base64Of(hex: string): string {
  return btoa(String.fromCharCode(...fromHex(hex)))
}
