import { type Asked, type Book, type HeldInvoice, type StandIn, standIn, type Told } from './stand-in.ts'

/** phoenixd 0.6: Basic authentication, forms, bare texts where something is wrong. */
export function phoenixd(): StandIn {
  const password = 'limited-password-of-phoenixd'
  const credentials = `Basic ${btoa(`:${password}`)}`
  return standIn('phoenixd', { password }, { status: 500, body: 'java.lang.IllegalStateException' }, (asked, book) => {
    if (asked.headers.authorization !== credentials)
      return { status: 401, body: 'Invalid authentication (use basic auth with the http password set in phoenix.conf)' }
    return answer(asked, book)
  })
}

function answer({ method, path, query, headers, body }: Asked, book: Book): Told {
  if (method === 'POST' && path === '/createinvoice') {
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return { status: 415, body: 'Unsupported Media Type' }
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
    return invoice ? { status: 200, body: shown(invoice) } : { status: 404, body: 'Unknown endpoint (check api doc)' }
  }
  if (method === 'GET' && path === '/getbalance') return { status: 200, body: { balanceSat: 250_000, feeCreditSat: 10_000 } }
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
