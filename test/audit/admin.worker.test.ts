import { beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import { createAdmin } from '../../src/audit/admin.ts'
import { AUDIT_NAME } from '../../src/audit/rpc.ts'
import { randomId } from '../../src/lib/ids.ts'
import core from '../../workers/core/index.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { chain, FINAL, newInvoice, newShop, payment, untilBooked } from './system.ts'

beforeAll(async () => {
  await migrateDatabases()
  await chain.mine(1)
})
beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
})

/** Late enough that nothing in these tests is still on its way to D1. */
const later = () => Date.now() + 10 * 60_000
const admin = createAdmin(later)

async function call(method: string, path: string, body?: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await admin.request(path, { method, body: method === 'GET' ? undefined : text }, testEnv)
  const type = response.headers.get('content-type')
  return { status: response.status, type, json: (await response.json()) as Record<string, never> }
}

async function paidShop() {
  const store = await newShop({ shard: 0 })
  const invoiceId = await newInvoice(store)
  await chain.mine(1, [payment(invoiceId)])
  await chain.mine(FINAL - 1)
  await untilBooked(store, 100_000n)
  return { store, path: `/admin/ledgers/${store.merchantId}`, ledger: testEnv.LEDGERS.getByName(store.merchantId) }
}

const d1 = (statement: string, ...bindings: unknown[]) =>
  testEnv.SHARD_0.prepare(statement)
    .bind(...bindings)
    .run()

test('every merchant is listed, by pages, with balances as texts', async () => {
  const { store } = await paidShop()
  for (let more = 0; more < 21; more++) await newShop()
  const merchants: { merchantId: string }[] = []
  let next: string | null = ''
  let pages = 0
  while (next !== null) {
    const { status, json }: Awaited<ReturnType<typeof call>> = await call('GET', `/admin/ledgers?after=${next}`)
    expect(status).toBe(200)
    const page = json as unknown as { data: { merchantId: string }[]; next: string | null }
    merchants.push(...page.data)
    next = page.next
    pages++
  }
  expect(pages).toBeGreaterThan(1)
  expect(new Set(merchants.map(({ merchantId }) => merchantId)).size).toBe(merchants.length)
  expect(merchants.find(({ merchantId }) => merchantId === store.merchantId)).toMatchObject({
    shard: 0,
    no: 2,
    segments: 1,
    stores: [{ storeId: store.storeId, balances: { available: { BTC: '100000' } }, fault: null }],
    differences: [],
  })
})

test('a ledger and its rows are compared both ways, and rows are made anew', async () => {
  const { store, path } = await paidShop()
  expect((await call('POST', `${path}/verify?segment=0`)).json).toMatchObject({ transactions: 2, isLast: true, fault: null })
  const first = await call('POST', `${path}/compare`, { after: null })
  expect(first.json).toMatchObject({ compared: 2, underWay: 0, faults: [] })
  const { next } = first.json
  expect((await call('POST', `${path}/compare`, { after: next })).json).toMatchObject({ compared: 0, faults: [], next: null })

  await d1('DELETE FROM ledger_transactions WHERE store_id = ? AND no = 1', store.storeId)
  await d1("UPDATE ledger_transactions SET balances = '{}' WHERE store_id = ? AND no = 2", store.storeId)
  await d1(
    "INSERT INTO ledger_transactions SELECT store_id, at_ms, 7, cause, invoice_id, '{}', '{}' FROM ledger_transactions WHERE store_id = ?",
    store.storeId,
  )
  const broken = await call('POST', `${path}/compare`)
  expect(broken.json.faults).toHaveLength(2)
  expect(broken.json.faults).toContain('D1 does not have transaction 1')
  const beyond = await call('POST', `${path}/compare`, { after: next })
  expect(beyond.json).toMatchObject({ faults: ['D1 has a transaction 7 that the ledger does not have there'], next: null })

  const mended = [await call('POST', `${path}/rebuild`), await call('POST', `${path}/rebuild`, { after: next })]
  expect(mended.map(({ json }) => json)).toMatchObject([
    { transactions: 2, written: 2, next },
    { transactions: 0, deleted: 1, next: null },
  ])
  expect((await call('POST', `${path}/compare`)).json).toMatchObject({ compared: 2, faults: [] })
  expect((await call('POST', `${path}/compare`, { after: next })).json).toMatchObject({ faults: [], next: null })
})

test('what was posted a moment ago may be on its way to D1', async () => {
  const { store, path } = await paidShop()
  await d1('DELETE FROM ledger_transactions WHERE store_id = ? AND no = 2', store.storeId)
  const now = await createAdmin().request(`${path}/compare`, { method: 'POST', body: '{}' }, testEnv)
  expect(await now.json()).toMatchObject({ compared: 2, underWay: 1, faults: [] })
})

test('an adjustment is posted once, with who and why; what is not money there is refused', async () => {
  const { store, path, ledger } = await paidShop()
  const order = {
    storeId: store.storeId,
    key: 'adj-1',
    by: 'Ada',
    reason: 'found in the till',
    postings: [{ from: 'adjustments', to: 'available', asset: 'BTC', amount: '7' }],
  }
  const made = await call('POST', `${path}/adjustments`, order)
  expect(made).toMatchObject({ status: 200, json: { no: 3, cause: 'adjustment', by: 'Ada', reason: 'found in the till' } })
  expect((await call('POST', `${path}/adjustments`, order)).json).toEqual(made.json)
  expect((await ledger.balances(store.storeId)).balances.available).toEqual({ BTC: 100_007n })

  const posting = order.postings[0]
  const refused: [object, number, string, string?][] = [
    [{ ...order, reason: 'another' }, 409, 'ledger_key_reused', 'key'],
    [
      { ...order, key: 'b', postings: [{ ...posting, from: 'available', to: 'adjustments', amount: '999999999' }] },
      409,
      'insufficient_funds',
    ],
    [{ ...order, key: 'b', postings: [{ ...posting, from: 'pockets' }] }, 400, 'bad_posting'],
    [{ ...order, key: 'b', postings: [{ ...posting, from: 'rounding' }] }, 400, 'bad_posting'],
    [{ ...order, storeId: randomId('st') }, 404, 'store_not_found', 'storeId'],
    [{ ...order, storeId: 'x' }, 400, 'invalid_field', 'storeId'],
    [{ ...order, by: '' }, 400, 'invalid_field', 'by'],
    [{ ...order, reason: undefined }, 400, 'invalid_field', 'reason'],
    [{ ...order, postings: [] }, 400, 'invalid_field', 'postings'],
    [{ ...order, postings: [{ ...posting, asset: 'XYZ' }] }, 400, 'invalid_field', 'postings[0].asset'],
    [{ ...order, postings: [{ ...posting, amount: '0' }] }, 400, 'invalid_field', 'postings[0].amount'],
    [{ ...order, postings: [{ ...posting, amount: 7 }] }, 400, 'invalid_field', 'postings[0].amount'],
    [{ ...order, postings: [{ ...posting, amount: '9'.repeat(39) }] }, 400, 'invalid_field', 'postings[0].amount'],
    [{ ...order, why: 'x' }, 400, 'unknown_field', 'why'],
  ]
  for (const [body, status, code, param] of refused) {
    const { type, json, status: told } = await call('POST', `${path}/adjustments`, body)
    expect({ told, code: json.code, type }).toEqual({ told: status, code, type: 'application/problem+json' })
    if (param) expect(json.param).toBe(param)
  }
  expect((await ledger.balances(store.storeId)).no).toBe(3)
})

test('a difference is cleared by its id, by somebody, for a reason; health hears of it at once', async () => {
  const { store, path, ledger } = await paidShop()
  await testEnv.AUDITS.getByName(AUDIT_NAME).begin(0)
  await testEnv.AUDITS.getByName(AUDIT_NAME).looked(store.merchantId, 2)
  const difference = { kind: 'chain', storeId: store.storeId, detail: 'one is not two', sinceMs: 1 } as const
  const id = 'chain/eip155:31337/0xab/0xcd:0'
  await ledger.raise([
    { ...difference, id },
    { ...difference, id: 'book' },
  ])
  const clear = (name: string, body: unknown) => call('POST', `${path}/differences/${encodeURIComponent(name)}/clear`, body)
  expect(await clear(id, { by: 'Ada' })).toMatchObject({ status: 400, json: { param: 'reason' } })
  expect(await clear('chain/other', { by: 'Ada', reason: 'seen' })).toMatchObject({
    status: 404,
    json: { code: 'difference_not_found' },
  })
  expect((await testEnv.AUDITS.getByName(AUDIT_NAME).status())?.differences).toBe(2)
  expect(await clear(id, { by: 'Ada', reason: 'seen' })).toMatchObject({ status: 200, json: { open: 1 } })
  expect(await clear('book', { by: 'Ada', reason: 'seen' })).toMatchObject({ json: { open: 0 } })
  expect((await testEnv.AUDITS.getByName(AUDIT_NAME).status())?.differences).toBe(0)
})

test('a transfer is ended by a person only when it is unknown, and with a name and a reason', async () => {
  const { store } = await paidShop()
  const [{ id: walletId } = { id: '' }] = store.wallets
  const settle = (id: string, body: object) => call('POST', `/admin/wallets/${walletId}/transfers/${id}/settle`, body)
  const word = { by: 'Ada', reason: 'seen' }
  expect(await settle('tr_1', { by: 'Ada' })).toMatchObject({ status: 400, json: { param: 'reason' } })
  expect(await settle('tr_1', word)).toMatchObject({ status: 404, json: { code: 'transfer_not_found' } })
  const { merchantId, storeId } = store
  const whose = { id: randomId('tr'), merchantId, shard: 0, storeId, custody: 'self', invoiceId: null, reference: null } as const
  const outputs = [{ address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', units: 1_000n }]
  const terms = { kind: 'payout', chainId: BITCOIN_REGTEST, asset: 'BTC', outputs, targetBlocks: 2, feeMax: null } as const
  expect((await testEnv.WALLETS.getByName(walletId).createTransfer({ ...whose, ...terms })).ok).toBe(true)
  expect(await settle(whose.id, word)).toMatchObject({ status: 409, json: { code: 'wrong_status' } })
})

test('the audit can be run and read', async () => {
  await paidShop()
  const ran = await call('POST', '/admin/audit')
  expect(ran).toMatchObject({ status: 200, json: { status: { error: null }, raised: [] } })
  expect((await call('GET', '/admin/audit')).json).toMatchObject({ status: ran.json.status, suspects: ran.json.suspects })
  await testEnv.AUDITS.getByName(AUDIT_NAME).begin(later())
  expect(await call('POST', '/admin/audit')).toMatchObject({ status: 409, json: { code: 'audit_running' } })
})

test.each([
  ['POST', `/admin/ledgers/${randomId('mer')}/verify`, {}, 404, 'merchant_not_found'],
  ['POST', '/admin/ledgers/x/compare', {}, 404, 'merchant_not_found'],
])('%s %s is a problem', async (method, path, body, status, code) => {
  expect(await call(method, path, body)).toMatchObject({ status, type: 'application/problem+json', json: { code } })
})

test('bodies and numbers that are none are refused', async () => {
  const { path } = await paidShop()
  const code = async (rest: string, body?: unknown) => (await call('POST', path + rest, body)).json.code
  expect(await code('/verify?segment=-1')).toBe('invalid_field')
  expect(await code('/verify?segment=x')).toBe('invalid_field')
  expect(await code('/compare', '{')).toBe('malformed_json')
  expect(await code('/compare', '[]')).toBe('invalid_field')
  expect(await code('/compare', { after: { atMs: 1 } })).toBe('invalid_field')
  expect(await code('/rebuild', { from: 1 })).toBe('unknown_field')
  expect(await code('/rebuild', 'x'.repeat(70_000))).toBe('body_too_large')
})

test('the door of core serves them beside the making of stores, and nothing else', async () => {
  const reach = (method: string, path: string) =>
    core.fetch(new Request(`http://core${path}`, { method, body: method === 'POST' ? '{}' : undefined }) as never, testEnv)
  expect((await reach('GET', '/admin/ledgers')).status).toBe(200)
  expect((await reach('POST', '/admin/stores')).status).toBe(400)
  for (const [method, path] of [
    ['GET', '/admin/stores'],
    ['GET', '/'],
    ['POST', '/v1/invoices'],
  ] as const)
    expect((await reach(method, path)).status).toBe(404)
})
