import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'
import { checkInvoice } from '../../../src/gateways/lightning/check.ts'
import { createCln } from '../../../src/gateways/lightning/cln.ts'
import { createLnd } from '../../../src/gateways/lightning/lnd.ts'
import type { LightningEndpoint, LightningNode, PaidAnswer, PaidQuestion } from '../../../src/gateways/lightning/node.ts'
import { lightningNodeOf } from '../../../src/gateways/lightning/nodes.ts'
import { createPhoenixd } from '../../../src/gateways/lightning/phoenixd.ts'
import { testLightning } from '../../../src/money/lightning.ts'
import { cln } from './cln.ts'
import { lnd } from './lnd.ts'
import { phoenixd } from './phoenixd.ts'
import { serve } from './serve.ts'
import type { StandIn } from './stand-in.ts'

const RAIL = testLightning('regtest')
const newLabel = () => `inv_${randomBytes(16).toString('hex')}.0`
const wish = (label = newLabel()) => ({ label, units: 12_345n, memo: 'Northwind: order 7 ☕', expirySeconds: 900 })

function connect(endpoint: LightningEndpoint): LightningNode {
  const found = lightningNodeOf({ NODES: JSON.stringify({ [RAIL.id]: [endpoint] }) }, RAIL, endpoint.name)
  if (!found) throw new Error('the node is configured')
  return found.node
}

const KINDS = [
  ['phoenixd', phoenixd],
  ['lnd', lnd],
  ['cln', cln],
] as const

// Each waits for seconds: all at once.
test.concurrent.each(KINDS)(
  'a node of kind %s that hangs is away, and not taken for one that has no news',
  async (_kind, create) => {
    const standIn = await serve(create())
    const node = connect(standIn.endpoint)
    standIn.behave('hang')
    const question = { cursor: '1', sinceMs: 0, waitMs: 0, open: [] }
    const answers = await Promise.all([node.makeInvoice(wish()), node.paidAfter(question)]).finally(() => standIn.close())
    for (const answer of answers) expect(answer).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
  },
  20_000,
)

/** Every kind of node: the same words, the same answers. */
describe.each(KINDS)('a node of kind %s', (_kind, create) => {
  let standIn: StandIn & { close(): Promise<void> }
  let node: LightningNode

  beforeEach(async () => {
    standIn = await serve(create())
    node = connect(standIn.endpoint)
  })
  afterEach(() => standIn.close())

  async function make(label = newLabel()) {
    const made = await node.makeInvoice(wish(label))
    if (!made.ok) throw new Error(made.error.detail)
    return { label, ...made.value }
  }

  async function paidAfter(question: Partial<PaidQuestion> = {}): Promise<PaidAnswer> {
    const answer = await node.paidAfter({ cursor: null, sinceMs: 0, waitMs: 0, open: [], ...question })
    if (!answer.ok) throw new Error(answer.error.detail)
    return answer.value
  }

  test('makes an invoice that says what was asked for', async () => {
    const { bolt11, paymentHash } = await make()
    expect(decodeBolt11(bolt11)).toMatchObject({
      ok: true,
      value: { msat: 12_345_000n, description: 'Northwind: order 7 ☕', paymentHash },
    })
    const nowMs = Date.now()
    const wanted = { network: RAIL.network, units: 12_345n, expiresAtMs: nowMs + 900_000, paymentHash, nodeId: null }
    expect(checkInvoice(bolt11, wanted, nowMs)).toEqual({ ok: true, value: bolt11 })
  })

  test('makes one invoice of one label, however often it is asked', async () => {
    const first = await make()
    expect(await make(first.label)).toEqual(first)
    expect((await make()).paymentHash).not.toBe(first.paymentHash)
    expect(standIn.invoices()).toHaveLength(2)
  })

  test('makes no second invoice when the first answer was lost', async () => {
    const label = newLabel()
    standIn.behave('lost')
    expect((await node.makeInvoice(wish(label))).ok).toBe(false)
    standIn.behave('well')
    await make(label)
    // phoenixd asks first, so that what is lost is the question.
    expect(standIn.invoices()).toHaveLength(1)
  })

  test('tells each payment, from where it was read last', async () => {
    const [one, two, three] = [await make(), await make(), await make()]
    standIn.pay(one.paymentHash)
    const open = [one, two, three]
    const first = await paidAfter({ open })
    expect(first.payments).toEqual([{ paymentHash: one.paymentHash, msat: 12_345_000n, atMs: expect.any(Number) }])
    expect(Math.abs((first.payments[0]?.atMs ?? 0) - Date.now())).toBeLessThan(60_000)
    standIn.pay(three.paymentHash, { msat: 12_345_999n })
    const second = await paidAfter({ cursor: first.cursor, open })
    expect(second.payments).toContainEqual({ paymentHash: three.paymentHash, msat: expect.any(BigInt), atMs: expect.any(Number) })
    const known = second.payments.find(({ paymentHash }) => paymentHash === three.paymentHash)
    // phoenixd tells whole satoshi.
    expect(known?.msat === 12_345_999n || known?.msat === 12_345_000n).toBe(true)
    const third = await paidAfter({ cursor: second.cursor, open })
    expect(third.payments.map(({ paymentHash }) => paymentHash)).not.toContain(two.paymentHash)
    expect(third.cursor).toBe(second.cursor)
  })

  test('tells of a payment while it is waited for', async () => {
    const [one, two] = [await make(), await make()]
    standIn.pay(one.paymentHash, { atMs: Date.now() - 1_000 })
    const { cursor } = await paidAfter({ open: [one, two] })
    setTimeout(() => standIn.pay(two.paymentHash), 300)
    const startedMs = Date.now()
    const { payments } = await paidAfter({ cursor, waitMs: 10_000, open: [two] })
    expect(payments.map(({ paymentHash }) => paymentHash)).toContain(two.paymentHash)
    // Before the wait is over.
    expect(Date.now() - startedMs).toBeLessThan(9_000)
  })

  test('tells of the very first payment, made while nobody looked', async () => {
    const made = await make()
    await paidAfter({ open: [made] })
    standIn.pay(made.paymentHash)
    const { payments, cursor } = await paidAfter({ open: [made] })
    expect(payments).toHaveLength(1)
    expect(cursor).not.toBeNull()
  })

  test('tells whether one invoice is paid', async () => {
    const made = await make()
    expect(await node.lookUp(made)).toEqual({ ok: true, value: null })
    standIn.pay(made.paymentHash)
    expect(await node.lookUp(made)).toMatchObject({ ok: true, value: { paymentHash: made.paymentHash, msat: 12_345_000n } })
    expect(await node.lookUp({ label: newLabel(), paymentHash: '00'.repeat(32) })).toEqual({ ok: true, value: null })
  })

  test('cancels what is not paid, where it can, and leaves the rest alone', async () => {
    const [open, paid] = [await make(), await make()]
    standIn.pay(paid.paymentHash)
    for (const invoice of [open, open, paid, { label: newLabel(), paymentHash: '00'.repeat(32) }])
      expect(await node.cancel(invoice)).toEqual({ ok: true, value: null })
    const states = standIn.invoices().map(({ state }) => state)
    expect(states).toEqual([standIn.kind === 'phoenixd' ? 'open' : 'cancelled', 'paid'])
  })

  test('tells its balance', async () => {
    expect(await node.balance()).toEqual({ ok: true, value: 250_000n })
  })

  test('is told to be away, broken or foreign in words without its credentials', async () => {
    const made = await make()
    const secrets = [standIn.endpoint.password, ...Object.values(standIn.endpoint.headers ?? {})].filter(
      (text) => text !== undefined,
    )
    const all = () => [
      node.makeInvoice(wish()),
      node.paidAfter({ cursor: '1', sinceMs: 0, waitMs: 0, open: [] }),
      node.lookUp(made),
      node.balance(),
    ]
    for (const [behaviour, reason] of [
      ['away', 'node_unreachable'],
      ['broken', 'node_refused'],
    ] as const) {
      standIn.behave(behaviour)
      for (const answer of await Promise.all(all())) {
        expect(answer).toMatchObject({ ok: false, error: { reason } })
        for (const secret of secrets) expect(JSON.stringify(answer)).not.toContain(secret)
      }
    }
    standIn.behave('well')
    const { password: _password, headers: _headers, ...stranger } = standIn.endpoint
    for (const wrong of [
      stranger,
      { ...stranger, password: 'wrong', headers: { Rune: 'wrong', 'Grpc-Metadata-macaroon': '00' } },
    ]) {
      const answer = await connect(wrong).makeInvoice(wish())
      expect(answer).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
    }
    expect(standIn.invoices()).toHaveLength(1)
  })

  test('that lies about the amount is found out', async () => {
    standIn.behave('lying')
    const { bolt11, paymentHash } = await make()
    const nowMs = Date.now()
    const wanted = { network: RAIL.network, units: 12_345n, expiresAtMs: nowMs + 900_000, paymentHash, nodeId: null }
    expect(checkInvoice(bolt11, wanted, nowMs)).toMatchObject({
      ok: false,
      error: { reason: 'node_lied', detail: /24690000 msat/ },
    })
  })
})

describe('an answer that is none', () => {
  const created = { phoenixd: createPhoenixd, lnd: createLnd, cln: createCln }
  const always = (status: number, body: unknown) =>
    (async () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status })) as typeof fetch
  const paymentHash = 'ab'.repeat(32)
  const made = { label: 'inv_x.0', paymentHash }

  test.each(
    KINDS.flatMap(([kind]) =>
      [
        [200, '<html>Sign in</html>'],
        [404, '<html>Not Found</html>'],
        [200, { error: 'no' }],
      ].map(([status, body]) => [kind, status, body] as const),
    ),
  )('of %s says neither that nothing was paid nor that all is well: %i %j', async (kind, status, body) => {
    const node = created[kind]({ name: 'till', kind, url: 'http://localhost' }, always(status as number, body))
    expect(await node.lookUp(made)).toMatchObject({ ok: false })
    expect(await node.paidAfter({ cursor: '1', sinceMs: 0, waitMs: 0, open: [] })).toMatchObject({ ok: false })
    expect(await node.makeInvoice(wish())).toMatchObject({ ok: false })
    expect(await node.balance()).toMatchObject({ ok: false })
  })

  test.each([
    ['phoenixd', { paymentHash, isPaid: true, receivedSat: -5, completedAt: 1 }],
    ['phoenixd', { paymentHash: 'cd'.repeat(32), isPaid: false, receivedSat: 0 }],
    ['phoenixd', { paymentHash, isPaid: true, receivedSat: 5, completedAt: 1 }],
    ['lnd', { r_hash: btoa('\xab'.repeat(32)), state: 'SETTLED', amt_paid_msat: 'all', settle_date: '1', settle_index: '1' }],
    ['lnd', { r_hash: btoa('\xcd'.repeat(32)), state: 'OPEN' }],
    ['cln', { invoices: [{ payment_hash: paymentHash, status: 'paid', amount_received_msat: 1.5, paid_at: 1 }] }],
  ] as const)('of %s that it is paid, or of another invoice, is not taken for unpaid: %j', async (kind, body) => {
    const node = created[kind]({ name: 'till', kind, url: 'http://localhost' }, always(200, body))
    expect(await node.lookUp(made)).toMatchObject({ ok: false })
  })

  test('of phoenixd that does not know labels is no invoice of ours', async () => {
    const row = { paymentHash, externalId: 'inv_other.0', invoice: 'lnbcrt1other', isPaid: false }
    const asked: string[] = []
    const fetcher = (async (_input: RequestInfo | URL, init?: RequestInit) => {
      asked.push(init?.method ?? '')
      return new Response(
        JSON.stringify(init?.method === 'POST' ? { paymentHash: 'cd'.repeat(32), serialized: 'lnbcrt1ours' } : [row]),
      )
    }) as typeof fetch
    const node = createPhoenixd({ name: 'till', kind: 'phoenixd', url: 'http://localhost' }, fetcher)
    expect(await node.makeInvoice(wish())).toEqual({ ok: true, value: { bolt11: 'lnbcrt1ours', paymentHash: 'cd'.repeat(32) } })
    expect(asked).toEqual(['GET', 'POST'])
  })
})

describe('what is asked of an invoice', () => {
  test.each([
    ['another network', { network: 'mainnet' }, /regtest/],
    ['another amount', { units: 12_344n }, /msat/],
    ['another payment hash', { paymentHash: '00'.repeat(32) }, /hash/],
    ['another payee', { nodeId: `02${'11'.repeat(32)}` }, /another node/],
    ['too long a life', { expiresAtMs: Date.now() - 60_000 }, /longer/],
  ] as const)('%s is refused', async (_name, changes, detail) => {
    const standIn = await serve(cln())
    const made = await connect(standIn.endpoint).makeInvoice(wish())
    await standIn.close()
    if (!made.ok) throw new Error(made.error.detail)
    const { bolt11, paymentHash } = made.value
    const wanted = { network: RAIL.network, units: 12_345n, expiresAtMs: Date.now() + 900_000, paymentHash, nodeId: null }
    const refusal = { ok: false, error: { reason: 'node_lied', detail: expect.stringMatching(detail) } }
    expect(checkInvoice(bolt11, { ...wanted, ...changes }, Date.now())).toMatchObject(refusal)
    expect(checkInvoice(bolt11, wanted, Date.now() + 901_000)).toMatchObject({ ok: false })
    expect(checkInvoice('lnbcrt1nothing', wanted, Date.now())).toMatchObject({ ok: false })
  })
})
