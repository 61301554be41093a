import type { Book, HeldInvoice } from './book.ts'
import type { Purse } from './purse.ts'
import type { Asked, Told } from './serve.ts'

/** A node that is spoken to as phoenixd is. */
export interface Phoenixd {
  readonly book: Book
  readonly purse: Purse
  /** Lets a caller receive, and see what was received. */
  readonly password: string
  /** Lets a caller pay too. */
  readonly fullPassword: string
}

/**
 * What phoenixd 0.8 answers (phoenix.acinq.co/server/api): Basic authentication, forms, bare texts where something is wrong.
 * Null: it does not answer in time.
 */
export function answerAsPhoenixd(
  asked: Asked,
  { book, purse, password, fullPassword }: Phoenixd,
): Promise<Told | null> | Told | null {
  const given = [password, fullPassword].find((one) => asked.headers.authorization === `Basic ${btoa(`:${one}`)}`)
  if (given === undefined || (given === password && asked.path === '/payinvoice'))
    return { status: 401, body: 'Invalid authentication (use basic auth with the http password set in phoenix.conf)' }
  return answerPaying(asked, purse) ?? answer(asked, book, purse)
}

/** Reasons as lightning-kmp words them (`FinalFailure`). */
const REASONS = {
  no_route: 'payment attempts exhausted without success',
  poor: 'not enough funds in wallet to afford payment',
  refused: 'the recipient was offline or did not have enough liquidity to receive the payment',
} as const

/** Null for what is no question about paying. */
function answerPaying({ method, path, headers, body }: Asked, purse: Purse): Promise<Told | null> | Told | null {
  if (method === 'POST' && path === '/payinvoice') {
    if (!isForm(headers)) return UNSUPPORTED
    const form = new URLSearchParams(body)
    const amountSat = form.get('amountSat')
    const { before, payment } = purse.pay({
      bolt11: form.get('invoice') ?? '',
      msat: amountSat === null ? undefined : BigInt(amountSat) * 1_000n,
      feeMaxMsat: null,
    })
    const { paymentHash } = payment
    const words = { paid: 'this invoice has already been paid', in_flight: 'another payment is in progress for that invoice' }
    if (before !== null) return { status: 200, body: { paymentHash, reason: words[before] } }
    return purse.ended(payment).then(({ state, failure, preimage, msat, feeMsat }) => {
      if (state === 'in_flight') return null
      if (state === 'failed') return { status: 200, body: { paymentHash, reason: REASONS[failure ?? 'no_route'] } }
      const [recipientAmountSat, routingFeeSat] = [Number(msat / 1_000n), Number(feeMsat / 1_000n)]
      return {
        status: 200,
        body: { recipientAmountSat, routingFeeSat, paymentId: PAYMENT_ID, paymentHash, paymentPreimage: preimage },
      }
    })
  }
  const hash = /^\/payments\/outgoingbyhash\/([0-9a-f]{64})$/.exec(path)?.[1]
  if (method !== 'GET' || !hash) return null
  const payment = purse.of(hash)
  if (!payment) return { status: 404, body: 'Not found' }
  const { state, preimage, msat, feeMsat, bolt11, endedAtMs, createdAtMs } = payment
  const isPaid = state === 'paid'
  return {
    status: 200,
    body: {
      type: 'outgoing_payment',
      subType: 'lightning',
      paymentId: PAYMENT_ID,
      paymentHash: hash,
      ...(isPaid && { preimage }),
      isPaid,
      sent: isPaid ? Number((msat + feeMsat) / 1_000n) : 0,
      fees: isPaid ? Number(feeMsat) : 0,
      invoice: bolt11,
      ...(endedAtMs !== null && { completedAt: endedAtMs }),
      createdAt: createdAtMs,
    },
  }
}

const UNSUPPORTED: Told = { status: 415, body: 'Unsupported Media Type' }

function isForm(headers: Asked['headers']): boolean {
  return String(headers['content-type']).startsWith('application/x-www-form-urlencoded')
}

const PAYMENT_ID = '1b2d4c1e-7d4b-4a64-9f6e-0d7b3d5f9a11'

function answer({ method, path, query, headers, body }: Asked, book: Book, purse: Purse): Told {
  if (method === 'POST' && path === '/createinvoice') {
    if (!isForm(headers)) return UNSUPPORTED
    const form = new URLSearchParams(body)
    const memo = form.get('description')
    if (memo === null) return { status: 400, body: 'Must provide either a description or descriptionHash' }
    if (memo.length > 128) return { status: 400, body: 'Request parameter description is too long (max 128 characters)' }
    const invoice = book.make({
      label: form.get('externalId') ?? '',
      msat: BigInt(form.get('amountSat') ?? 0) * 1_000n,
      memo,
      expiryS: Number(form.get('expirySeconds') ?? 3_600),
    })
    const { paymentHash, bolt11: serialized, msat } = invoice
    return { status: 200, body: { amountSat: Number(msat / 1_000n), paymentHash, serialized } }
  }
  if (method === 'GET' && path === '/payments/incoming') {
    const [all, externalId] = [query.get('all') === 'true', query.get('externalId')]
    const timeOf = (invoice: HeldInvoice) => (all ? invoice.createdAtMs : (invoice.paid?.atMs ?? -1))
    const [from, to] = [Number(query.get('from') ?? 0), Number(query.get('to') ?? Date.now())]
    const [limit, offset] = [Number(query.get('limit') ?? 20), Number(query.get('offset') ?? 0)]
    const rows = book.invoices
      .filter(
        (invoice) => (externalId === null || invoice.label === externalId) && timeOf(invoice) >= from && timeOf(invoice) <= to,
      )
      .sort((one, other) => timeOf(other) - timeOf(one))
    return { status: 200, body: rows.slice(offset, offset + limit).map(shown) }
  }
  const hash = /^\/payments\/incoming\/([0-9a-f]{64})$/.exec(path)?.[1]
  if (method === 'GET' && hash) {
    const invoice = book.byHash(hash)
    return invoice ? { status: 200, body: shown(invoice) } : { status: 404, body: 'Not found' }
  }
  if (method === 'GET' && path === '/getbalance')
    return { status: 200, body: { balanceSat: Number(purse.funds / 1_000n), feeCreditSat: 10_000 } }
  return { status: 404, body: 'Unknown endpoint (check api doc)' }
}

function shown({ paymentHash, preimage, label, memo, bolt11, paid, createdAtMs }: HeldInvoice) {
  return {
    type: 'incoming_payment',
    subType: 'lightning',
    paymentHash,
    preimage,
    ...(label && { externalId: label }),
    description: memo,
    invoice: bolt11,
    isPaid: paid !== null,
    receivedSat: Number((paid?.msat ?? 0n) / 1_000n),
    fees: 0,
    ...(paid && { completedAt: paid.atMs }),
    createdAt: createdAtMs,
  }
}
