import type { Book, HeldInvoice } from '../../../scripts/stack/lightning/book.ts'
import type { HeldPayment, Purse } from '../../../scripts/stack/lightning/purse.ts'
import type { Asked, Told } from '../../../scripts/stack/lightning/serve.ts'
import { type StandIn, standIn } from './stand-in.ts'

/**
 * clnrest of Core Lightning, as 24.08.2 answers (`lightningd.test.ts` asks the real one): POST for everything, 201 for an answer,
 * lightningd's codes in its errors.
 */
export function cln(): StandIn {
  const rune = 'tU-RLjMiDpY2U0o3W1oFowar36RFGpWloPbW9-RuZdo9MyZpZD0wMjRiOWEx'
  const admin = 'mQf9o8o1cTgq5zYgWl1vF2c8m3Rk7Nq0JpXb4dUeSAs9MA=='
  const broken = { status: 500, body: { code: -32602, message: 'database is locked' } }
  return standIn('cln', { headers: { Rune: rune } }, { headers: { Rune: admin } }, broken, (asked, book, purse) => {
    const given = asked.headers.rune
    if (given === undefined) return refused(403, 1501, 'Not authorized: Missing rune')
    if (given !== rune && given !== admin) return refused(401, 1501, 'Not authorized: Not derived from master')
    const isPaying = asked.path === '/v1/pay' || asked.path === '/v1/listpays'
    // Runes are restricted to commands: one receives, the other pays.
    if (isPaying !== (given === admin)) return refused(401, 1502, 'Not permitted: method is not equal to any of the allowed')
    return isPaying ? answerPaying(asked, purse) : answer(asked, book, purse)
  })
}

/** No way within the fee, the amount is too much for our channels (a code that 24.08 forgets), permanent failure at destination. */
const ERRORS = {
  no_route: [210, 'Ran out of routes to try after 2 attempts: see `paystatus`'],
  poor: [0, 'Destination is not reachable directly and all routehints were unusable.'],
  refused: [203, 'failed: WIRE_INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS (reply from remote)'],
} as const

async function answerPaying({ path, body }: Asked, purse: Purse): Promise<Told | null> {
  const given = JSON.parse(body)
  if (path === '/v1/listpays') {
    const all = purse.payments.filter(({ paymentHash }) => paymentHash === given.payment_hash)
    // All attempts at one invoice are one pay: as the best of them is.
    const best = all.find(({ state }) => state !== 'failed') ?? all.at(-1)
    return { status: 201, body: { pays: best ? [shownPay(best)] : [] } }
  }
  const { bolt11, amount_msat, maxfee, retry_for } = given
  if (!retry_for) return refused(500, -32602, 'this stand-in is asked otherwise')
  const { before, payment } = purse.pay({
    bolt11,
    msat: amount_msat === undefined ? undefined : BigInt(amount_msat),
    feeMaxMsat: BigInt(maxfee),
  })
  // "Once a payment has succeeded, calls to pay with the same bolt11 will succeed immediately."
  const { state, failure } = before === 'paid' ? payment : await purse.ended(payment)
  if (state === 'failed') {
    const [code, message] = ERRORS[failure ?? 'no_route']
    return refused(500, code, message)
  }
  return state === 'paid' ? { status: 201, body: shownPaid(payment) } : null
}

function shownPaid({ paymentHash, preimage, msat, feeMsat, createdAtMs }: HeldPayment) {
  return {
    destination: '02'.repeat(33),
    payment_hash: paymentHash,
    created_at: createdAtMs / 1_000,
    parts: 1,
    amount_msat: Number(msat),
    amount_sent_msat: Number(msat + feeMsat),
    payment_preimage: preimage,
    status: 'complete',
  }
}

function shownPay({ paymentHash, preimage, msat, feeMsat, bolt11, state, createdAtMs }: HeldPayment) {
  return {
    payment_hash: paymentHash,
    status: { in_flight: 'pending', paid: 'complete', failed: 'failed' }[state],
    created_at: Math.floor(createdAtMs / 1_000),
    bolt11,
    ...(state !== 'failed' && { amount_msat: Number(msat) }),
    amount_sent_msat: state === 'failed' ? 0 : Number(msat + feeMsat),
    ...(state === 'paid' && { preimage }),
  }
}

async function answer({ method, path, body }: Asked, book: Book, { funds }: Purse): Promise<Told> {
  const command = /^\/v1\/([a-z]+)$/.exec(path)?.[1] ?? ''
  if (method !== 'POST') return refused(404, -32601, 'Unknown command')
  const given = JSON.parse(body)
  switch (command) {
    case 'invoice': {
      if (book.byLabel(given.label)) return refused(500, 900, `Duplicate label '${given.label}'`)
      const { label, description: memo, amount_msat, expiry: expiryS } = given
      const invoice = book.make({ label, memo, msat: BigInt(amount_msat), expiryS })
      const { paymentHash: payment_hash, bolt11, expiresAtMs } = invoice
      const created_index = book.invoices.length
      return {
        status: 201,
        body: { payment_hash, expires_at: expiresAtMs / 1_000, bolt11, payment_secret: payment_hash, created_index },
      }
    }
    case 'waitanyinvoice': {
      const found = await nextPaid(book, given.lastpay_index ?? 0, given.timeout * 1_000)
      return found ? { status: 201, body: shown(found) } : refused(500, 904, 'Timed out while waiting for invoice to be paid')
    }
    case 'listinvoices': {
      const invoice = book.byLabel(given.label)
      return { status: 201, body: { invoices: invoice && invoice.state !== 'cancelled' ? [shown(invoice)] : [] } }
    }
    case 'delinvoice': {
      const invoice = book.byLabel(given.label)
      if (!invoice || invoice.state === 'cancelled') return refused(500, 905, 'Unknown invoice')
      if (invoice.state === 'paid') return refused(500, 906, 'Invoice status is paid not unpaid')
      invoice.state = 'cancelled'
      return { status: 201, body: shown(invoice) }
    }
    case 'listfunds': {
      const channel = (state: string, our_amount_msat: number) => ({
        state,
        our_amount_msat,
        amount_msat: 900_000_000,
        connected: true,
      })
      return {
        status: 201,
        body: { outputs: [], channels: [channel('CHANNELD_NORMAL', Number(funds)), channel('ONCHAIN', 5_000_000)] },
      }
    }
    default:
      return refused(404, -32601, `Unknown command '${command}'`)
  }
}

async function nextPaid(book: Book, after: number, timeoutMs: number): Promise<HeldInvoice | undefined> {
  const found = book.paidAfter(after)[0]
  if (found || timeoutMs === 0) return found
  return new Promise((resolve) => {
    const end = book.watch((invoice) => invoice.paid && finish(invoice))
    const timer = setTimeout(() => finish(undefined), timeoutMs)
    const finish = (paid: HeldInvoice | undefined) => {
      clearTimeout(timer)
      end()
      resolve(paid)
    }
  })
}

function shown({ label, memo, paymentHash, msat, bolt11, paid, preimage, expiresAtMs }: HeldInvoice) {
  return {
    label,
    description: memo,
    payment_hash: paymentHash,
    amount_msat: Number(msat),
    bolt11,
    status: paid ? 'paid' : expiresAtMs < Date.now() ? 'expired' : 'unpaid',
    expires_at: expiresAtMs / 1_000,
    ...(paid && {
      pay_index: paid.index,
      amount_received_msat: Number(paid.msat),
      paid_at: Math.floor(paid.atMs / 1_000),
      payment_preimage: preimage,
    }),
  }
}

function refused(status: number, code: number, message: string): Told {
  return { status, body: { code, message } }
}
