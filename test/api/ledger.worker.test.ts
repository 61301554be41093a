import { beforeAll, describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import { createApi } from '../../src/api/app.ts'
import { createApiKey } from '../../src/auth/api-keys.ts'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import type { LedgerEntry, PaymentPosition } from '../../src/ledger/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { testEnv } from '../storage/databases.ts'
import { projectLedgers } from '../storage/ledger-builders.ts'
import { apiEnv, type Merchant, newMerchant } from './merchant.ts'
import { violations } from './schema.ts'

interface Transaction {
  readonly id: string
  readonly no: number
  readonly at: string
  readonly cause: string
  readonly postings: readonly { from: string; to: string; amount: string; asset: string }[]
}

interface Line {
  readonly at: string
  readonly amount: string
  readonly balance: string
  readonly account: string
}

const ledgerOf = ({ merchantId }: Merchant) => testEnv.LEDGERS.getByName(merchantId)
const minutes = (count: number) => new Date(Date.now() + count * 60_000).toISOString()

/** Reads a call that must succeed and look as the document says. */
async function get<T>(merchant: Merchant, path: string, schema: string): Promise<T> {
  const { status, text, json } = await merchant.call('GET', path)
  expect(status, text).toBe(200)
  expect(violations(schema, json)).toEqual([])
  return json as unknown as T
}

async function transactions(merchant: Merchant, query = ''): Promise<Transaction[]> {
  return (await get<{ data: Transaction[] }>(merchant, `/v1/ledger/transactions?${query}`, 'LedgerTransactionList')).data
}

function payment(changes: Partial<PaymentPosition> = {}): PaymentPosition {
  return {
    key: `${BITCOIN_REGTEST}/${'ab'.repeat(32)}/0`,
    asset: 'BTC',
    walletId: 'wal_a',
    custody: 'platform',
    units: 100_000n,
    place: 'available',
    late: false,
    over: 0n,
    zeroConfirmation: false,
    ...changes,
  }
}

/** A payment as its invoice tells the ledger of it; then all of it is in D1. */
async function pay(merchant: Merchant, changes: Partial<PaymentPosition> = {}, invoiceId = randomId('inv'), version = 1) {
  const { merchantId, shard, storeId } = merchant
  const payments = [payment(changes)]
  expect(await ledgerOf(merchant).record({ merchantId, shard, storeId, invoiceId, version, payments, fees: [] })).toMatchObject({
    ok: true,
  })
  await copied(merchant)
  return invoiceId
}

/** By the consumer itself, at once: the queue would have its message wait a second for others. */
async function copied(merchant: Merchant) {
  const { merchantId, shard } = merchant
  const { acked } = await projectLedgers([{ merchantId, shard }], { [merchantId]: ledgerOf(merchant) })
  expect(acked).toEqual([merchantId])
  expect(await ledgerOf(merchant).unprojected()).toEqual([])
}

/** The same merchant's second store, with a key of its own. */
function sisterOf({ merchantId, shard }: Merchant): Promise<Merchant> {
  return newMerchant(apiEnv, createApi(), { merchantId, shard, storeId: randomId('st'), apiKey: createApiKey('test') })
}

describe('balances', () => {
  test('a store nothing was paid to has nothing', async () => {
    const shop = await newMerchant()
    const answer = await get(shop, '/v1/balances', 'Balances')
    expect(answer).toMatchObject({
      object: 'balances',
      storeId: shop.storeId,
      frozen: false,
      differences: [],
      data: [],
      accounts: [],
    })
  })

  test('each asset’s money is told by who holds the keys and what it waits for; what backs it adds up to zero', async () => {
    const shop = await newMerchant()
    await pay(shop, { units: 250_000n })
    await pay(shop, { place: 'pending', units: 40_000n, key: `${BITCOIN_REGTEST}/${'cd'.repeat(32)}/1` })
    await pay(shop, { place: 'held', units: 5_000n, late: true, key: `${BITCOIN_REGTEST}/${'ef'.repeat(32)}/1` })
    await pay(shop, { custody: 'self', asset: 'USDC', walletId: 'wal_b', units: 9_990_000n })
    const { merchantId, shard, storeId } = shop
    const common = { merchantId, shard, storeId, transferId: 'tr_1', invoiceId: null }
    const reserved = await ledgerOf(shop).reserve({
      ...common,
      key: 'payout-1',
      cause: 'payout',
      asset: 'BTC',
      amount: 30_000n,
      wantedAtMs: 1,
      expiresAtMs: null,
    })
    expect(reserved.ok).toBe(true)
    const answer = await get<{ accounts: { asset: string; balance: string }[] }>(shop, '/v1/balances', 'Balances')
    expect(answer).toMatchObject({
      data: [
        {
          asset: 'BTC',
          custody: 'platform',
          available: '0.00220000',
          pending: '0.00040000',
          reserved: '0.00035000',
          reservedFor: { held: '0.00005000', locked: '0.00030000', inTransit: '0.00000000' },
          owed: '0.00000000',
        },
        { asset: 'USDC', custody: 'self', available: '9.990000', pending: '0.000000', reserved: '0.000000', owed: '0.000000' },
      ],
    })
    for (const asset of ['BTC', 'USDC']) {
      const units = answer.accounts
        .filter((account) => account.asset === asset)
        .map(({ balance }) => BigInt(balance.replace('.', '')))
      expect(units.length).toBeGreaterThan(1)
      expect(units.reduce((sum, one) => sum + one, 0n)).toBe(0n)
    }
  })

  test('what the merchant owes is told: fees of its own wallets, and what a reorganisation left uncovered', async () => {
    const shop = await newMerchant()
    const { merchantId, shard, storeId } = shop
    const fees = [{ asset: 'USDC', custody: 'self' as const, units: 12_345n, partner: null }]
    const payments = [payment({ custody: 'self', asset: 'USDC', units: 1_000_000n })]
    await ledgerOf(shop).record({ merchantId, shard, storeId, invoiceId: randomId('inv'), version: 1, payments, fees })
    const invoiceId = await pay(shop)
    const out = { merchantId, shard, storeId, cause: 'payout', asset: 'BTC', amount: 60_000n, transferId: 'tr_1' } as const
    await ledgerOf(shop).reserve({ ...out, key: 'payout-1', invoiceId: null, wantedAtMs: 1, expiresAtMs: null })
    await pay(shop, { place: 'none' }, invoiceId, 2)
    const { data } = await get<{ data: object[] }>(shop, '/v1/balances', 'Balances')
    expect(data).toMatchObject([
      { asset: 'BTC', custody: 'platform', available: '0.00000000', owed: '0.00060000' },
      { asset: 'USDC', custody: 'self', available: '1.000000', owed: '0.012345' },
    ])
  })

  test('at a moment past they are what they were then', async () => {
    const shop = await newMerchant()
    await pay(shop, { units: 1n })
    const between = new Date().toISOString()
    await new Promise((resolve) => setTimeout(resolve, 5))
    await pay(shop, { units: 2n, key: `${BITCOIN_REGTEST}/${'cd'.repeat(32)}/1` })
    const at = (time: string) => get(shop, `/v1/balances?at=${encodeURIComponent(time)}`, 'Balances')
    expect(await at(between)).toMatchObject({ at: between, data: [{ available: '0.00000001' }] })
    expect(await at(between.replace('Z', '+00:00'))).toMatchObject({ at: between, data: [{ available: '0.00000001' }] })
    expect(await at(new Date().toISOString())).toMatchObject({ data: [{ available: '0.00000003' }] })
    expect(await at('2020-01-01T00:00:00Z')).toMatchObject({ data: [], accounts: [] })
  })

  test.each([
    ['at=2099-01-01T00:00:00Z', 'at'],
    ['at=2026-02-30T00:00:00Z', 'at'],
    ['at=2026-11-22', 'at'],
    ['at=2026-11-22T10:31:00+01:00', 'at'],
    ['at=1', 'at'],
    ['at=', 'at'],
    ['at=2020-01-01T00:00:00Z&at=2020-01-01T00:00:00Z', 'at'],
    ['asset=BTC', 'asset'],
  ])('?%s is refused', async (query, param) => {
    const { status, json } = await shop.call('GET', `/v1/balances?${query}`)
    expect({ status, param: json.param }).toEqual({ status: 400, param })
  })

  test('an open difference is shown, and what it says of the whole merchant’s books only that it is there', async () => {
    const own = await newMerchant()
    const sister = await sisterOf(own)
    await pay(own)
    const difference = { kind: 'shard', sinceMs: Date.now() } as const
    await ledgerOf(own).raise([
      { ...difference, id: `shard/${own.storeId}`, storeId: own.storeId, detail: 'the copy has 7, the ledger 8' },
      { ...difference, id: 'book', kind: 'book', storeId: null, detail: 'segment 3 of all stores: 12345' },
    ])
    const shown = await own.call('GET', '/v1/balances')
    expect(violations('Balances', shown.json)).toEqual([])
    expect(shown.json).toMatchObject({ frozen: true })
    expect(shown.text).toContain('the copy has 7, the ledger 8')
    expect(shown.text).not.toContain('12345')
    const theirs = await sister.call('GET', '/v1/balances')
    expect(violations('Balances', theirs.json)).toEqual([])
    expect(theirs.json).toMatchObject({ frozen: true, differences: [{ id: 'book', kind: 'book' }], data: [] })
    expect(theirs.text).not.toContain(own.storeId)
    expect(await ledgerOf(own).clear({ id: 'book', by: 'member:ann', reason: 'looked at' })).toEqual({ ok: true, value: null })
    expect((await sister.call('GET', '/v1/balances')).json).toMatchObject({ frozen: true, differences: [] })
  })
})

let shop: Merchant
let invoiceId: string
/** A shop with a payment of each custody, seen and then settled, and a correction by a person. */
beforeAll(async () => {
  shop = await newMerchant()
  invoiceId = (await shop.call('POST', '/v1/invoices', { amount: '10', currency: 'EUR' })).json.id
  await pay(shop, { place: 'pending' }, invoiceId, 1_001)
  await pay(shop, { place: 'available', over: 20_000n }, invoiceId, 1_002)
  await pay(shop, { custody: 'self', asset: 'USDC', units: 5_000_000n, walletId: 'wal_b' })
  const { merchantId, shard, storeId } = shop
  const booked = await ledgerOf(shop).book({
    key: 'fix-1',
    merchantId,
    shard,
    storeId,
    cause: 'adjustment',
    postings: [{ from: 'adjustments', to: 'available', amount: 7n, asset: 'BTC' }],
    invoiceId: null,
    transferId: null,
    by: 'member:ann',
    reason: '=HYPERLINK("https://evil.example"), "quoted"\nand more',
  })
  expect(booked.ok).toBe(true)
  await copied(shop)
}, 30_000)

describe('transactions', () => {
  test('are listed newest first, with postings, cause and the chain of hashes', async () => {
    const all = await transactions(shop)
    expect(all.map(({ cause }) => cause)).toEqual([
      'adjustment',
      'payment_settled',
      'over_payment',
      'payment_settled',
      'payment_seen',
    ])
    expect(all.map(({ id }) => id)).toEqual(['ltx_5', 'ltx_4', 'ltx_3', 'ltx_2', 'ltx_1'])
    expect(all[0]).toMatchObject({ by: 'member:ann', phase: 'single', invoiceId: null })
    expect(all.at(-1)).toMatchObject({
      object: 'ledger_transaction',
      phase: 'pending',
      invoiceId,
      payment: payment().key,
      postings: [{ from: 'incoming:wal_a', to: 'pending', amount: '0.00100000', asset: 'BTC' }],
    })
    const chain = all as unknown as { hash: string; previous: string }[]
    for (const [index, { previous }] of chain.slice(0, -1).entries()) expect(previous).toBe(chain[index + 1]?.hash)
  })

  test('are filtered by account, cause, asset, time and invoice, and paged', async () => {
    const nos = async (query: string) => (await transactions(shop, query)).map(({ no }) => no)
    expect(await nos('account=available')).toEqual([5, 4, 3, 2])
    expect(await nos('account=wallet')).toEqual([4, 3, 2])
    expect(await nos('account=wallet:wal_b')).toEqual([4])
    expect(await nos('account=self.wallet')).toEqual([4])
    expect(await nos('account=adjustments')).toEqual([5])
    expect(await nos('cause=payment_settled')).toEqual([4, 2])
    expect(await nos('cause=payment_settled&asset=BTC')).toEqual([2])
    expect(await nos('cause=refund')).toEqual([])
    expect(await nos(`invoiceId=${invoiceId}`)).toEqual([3, 2, 1])
    expect(await nos(`invoiceId=${invoiceId}&cause=over_payment&account=wallet&asset=BTC`)).toEqual([3])
    expect(await nos(`invoiceId=${randomId('inv')}`)).toEqual([])
    const at = (await transactions(shop))[1]?.at ?? ''
    expect(await nos(`from=${at}`)).toContain(4)
    expect(await nos(`to=${at}`)).not.toContain(4)
    expect(await nos(`from=${at}&invoiceId=${invoiceId}`)).toEqual((await nos(`from=${at}`)).filter((no) => no < 4))
    for (const query of ['', `&invoiceId=${invoiceId}`]) {
      const paged: number[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const path: string = `/v1/ledger/transactions?limit=2${query}${cursor && `&cursor=${cursor}`}`
        const page: { data: Transaction[]; nextCursor: string | null } = await get(shop, path, 'LedgerTransactionList')
        expect(page.data.length).toBeLessThanOrEqual(2)
        paged.push(...page.data.map(({ no }) => no))
        cursor = page.nextCursor
      }
      expect(paged).toEqual(await nos(query.slice(1)))
    }
  })

  test.each([
    ['account=nothing', 'account'],
    ['account=wallet:a%20b', 'account'],
    ['cause=gift', 'cause'],
    ['asset=DOGE', 'asset'],
    ['from=yesterday', 'from'],
    ['from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 'to'],
    ['to=2026-13-01T00:00:00Z', 'to'],
    ['invoiceId=1', 'invoiceId'],
    ['limit=101', 'limit'],
    ['cursor=abc', 'cursor'],
    ['invoice=1', 'invoice'],
  ])('?%s is refused', async (query, param) => {
    const { status, json } = await shop.call('GET', `/v1/ledger/transactions?${query}`)
    expect({ status, param: json.param }).toEqual({ status: 400, param })
  })

  test('an invoice shows what it did, oldest first', async () => {
    const { data } = await get<{ data: Transaction[] }>(shop, `/v1/invoices/${invoiceId}/postings`, 'InvoicePostings')
    expect(data.map(({ cause }) => cause)).toEqual(['payment_seen', 'payment_settled', 'over_payment'])
    const { json } = await shop.call('POST', '/v1/invoices', { amount: '10', currency: 'EUR' })
    expect(await get(shop, `/v1/invoices/${json.id}/postings`, 'InvoicePostings')).toEqual({ data: [] })
  })
})

describe('a statement', () => {
  const period = () => `from=2026-01-01T00:00:00Z&to=${minutes(60)}`

  test('has opening and closing balances and a line for each change of the account, whoever holds the keys', async () => {
    const statement = await get<{ balances: object[]; lines: Line[] }>(shop, `/v1/ledger/statement?${period()}`, 'Statement')
    expect(statement).toMatchObject({ object: 'statement', storeId: shop.storeId, account: 'available', asset: null })
    expect(statement.balances).toEqual([
      { account: 'available', asset: 'BTC', opening: '0.00000000', closing: '0.00100007' },
      { account: 'self.available', asset: 'USDC', opening: '0.000000', closing: '5.000000' },
    ])
    expect(statement.lines.map(({ account, amount, balance }) => [account, amount, balance])).toEqual([
      ['available', '0.00080000', '0.00080000'],
      ['available', '0.00020000', '0.00100000'],
      ['self.available', '5.000000', '5.000000'],
      ['available', '0.00000007', '0.00100007'],
    ])
    const wallet = await get<{ lines: Line[] }>(shop, `/v1/ledger/statement?${period()}&account=wallet&asset=BTC`, 'Statement')
    expect(wallet.lines.map(({ amount }) => amount)).toEqual(['-0.00080000', '-0.00020000'])
  })

  test('begins where the one before ended', async () => {
    const middle = (await transactions(shop))[1]?.at ?? ''
    const read = (query: string) =>
      get<{ balances: { account: string; opening: string; closing: string }[]; lines: Line[] }>(
        shop,
        `/v1/ledger/statement?asset=BTC&${query}`,
        'Statement',
      )
    const before = await read(`from=2026-01-01T00:00:00Z&to=${middle}`)
    const after = await read(`from=${middle}&to=${minutes(60)}`)
    expect(after.balances[0]?.opening).toBe(before.balances[0]?.closing ?? '0.00000000')
    expect([...before.lines, ...after.lines]).toEqual((await read(period())).lines)
  })

  test('is CSV when it is asked for: one line each, and no cell that a spreadsheet would run', async () => {
    const byQuery = await shop.call('GET', `/v1/ledger/statement?from=2026-01-01T00:00:00Z&to=2099-01-01T00:00:00Z&format=csv`)
    expect(byQuery.status).toBe(200)
    expect(byQuery.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(byQuery.headers.get('content-disposition')).toBe(
      `attachment; filename="statement_${shop.storeId}_20260101T000000Z_20990101T000000Z.csv"`,
    )
    const lines = byQuery.text.split('\r\n')
    expect(lines[0]).toBe('type,at,account,asset,amount,balance,cause,phase,invoiceId,payment,transferId,reason,transaction')
    expect(lines[1]).toBe('opening,2026-01-01T00:00:00.000Z,available,BTC,,0.00000000,,,,,,,')
    expect(lines.at(-2)).toBe('closing,2099-01-01T00:00:00.000Z,self.available,USDC,,5.000000,,,,,,,')
    expect(lines.at(-1)).toBe('')
    expect(lines).toHaveLength(1 + 2 + 4 + 2 + 1)
    expect(byQuery.text).toContain(`,"'=HYPERLINK(""https://evil.example""), ""quoted""\nand more",ltx_5\r\n`)
    const path = `/v1/ledger/statement?from=2026-01-01T00:00:00Z&to=2099-01-01T00:00:00Z`
    const byHeader = await shop.call('GET', path, undefined, { accept: 'text/csv, */*;q=0.1' })
    expect(byHeader.text).toBe(byQuery.text)
    const json = await shop.call('GET', path, undefined, { accept: 'application/json, text/csv' })
    expect(json.headers.get('content-type')).toBe('application/json')
  })

  test.each([
    ['', 'from'],
    ['from=2026-01-01T00:00:00Z', 'to'],
    ['from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
    ['from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&account=x', 'account'],
    ['from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&asset=btc', 'asset'],
    ['from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&format=pdf', 'format'],
    ['from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&limit=5', 'limit'],
  ])('?%s is refused', async (query, param) => {
    const { status, json } = await shop.call('GET', `/v1/ledger/statement?${query}`)
    expect({ status, param: json.param }).toEqual({ status: 400, param })
  })

  test('of a period with too many lines is refused with what to do', async () => {
    const own = await newMerchant()
    await pay(own)
    const shard = own.shard === 0 ? testEnv.SHARD_0 : testEnv.SHARD_1
    await shard
      .prepare(
        `INSERT INTO ledger_transactions WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 10_005)
         SELECT store_id, at_ms, n, cause, invoice_id, body, balances FROM ledger_transactions, n WHERE store_id = ? AND no = 1`,
      )
      .bind(own.storeId)
      .run()
    const { status, json } = await own.call('GET', `/v1/ledger/statement?from=2026-01-01T00:00:00Z&to=${minutes(60)}`)
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'period_too_long' })
    expect((json as unknown as { detail: string }).detail).toContain('shorter period')
  }, 30_000)

  test('waits for what is on its way to D1: what is told of the past never changes', async () => {
    const own = await newMerchant()
    await pay(own)
    const [entry] = await ledgerOf(own).page(0, 1)
    const missing = { ...entry, transaction: { ...entry?.transaction, storeId: own.storeId } } as LedgerEntry
    const ask = async (unprojected: LedgerEntry[], path: string, arrivesAfter = Number.POSITIVE_INFINITY) => {
      let asked = 0
      const stub = {
        unprojected: async () => (asked++ < arrivesAfter ? unprojected : []),
        balances: (id: string) => ledgerOf(own).balances(id),
      } as unknown as LedgerRpc
      const env = { ...apiEnv, LEDGERS: { getByName: () => stub } } as unknown as EdgeEnv
      const headers = { authorization: `Bearer ${own.apiKey}` }
      return (await createApi().request(path, { headers }, env)).status
    }
    const [before, after] = [entry?.transaction.atMs ?? 0, (entry?.transaction.atMs ?? 0) + 1].map((ms) =>
      new Date(ms).toISOString(),
    )
    const until = (to?: string) => `/v1/ledger/statement?from=2026-01-01T00:00:00Z&to=${to}`
    const theirs = { ...missing, transaction: { ...missing.transaction, storeId: randomId('st') } }
    const tooLong = [
      ask([missing], until(after)),
      ask([missing], `/v1/balances?at=${before}`),
      ask(Array(100).fill(theirs), until(after)),
    ]
    expect(await Promise.all(tooLong)).toEqual([503, 503, 503])
    expect(await ask([missing], until(after), 2)).toBe(200)
    expect(await ask([missing], until(before))).toBe(200)
    expect(await ask([missing], until(minutes(9)))).toBe(200)
    expect(await ask([missing], '/v1/balances?at=2026-01-01T00:00:00Z')).toBe(200)
    expect(await ask([theirs], until(after))).toBe(200)
  })
})

test('a store’s key shows nothing of another store, not even of the same merchant’s', async () => {
  const strangers = [await newMerchant(), await sisterOf(shop)]
  expect(strangers[1]?.merchantId).toBe(shop.merchantId)
  for (const stranger of strangers) {
    expect(await get(stranger, '/v1/balances', 'Balances')).toMatchObject({ data: [], accounts: [] })
    expect(await get(stranger, `/v1/balances?at=${new Date().toISOString()}`, 'Balances')).toMatchObject({ accounts: [] })
    expect(await transactions(stranger)).toEqual([])
    expect(await transactions(stranger, `invoiceId=${invoiceId}`)).toEqual([])
    const statement = await get(stranger, `/v1/ledger/statement?from=2026-01-01T00:00:00Z&to=${minutes(60)}`, 'Statement')
    expect(statement).toMatchObject({ balances: [], lines: [] })
    expect((await stranger.call('GET', `/v1/invoices/${invoiceId}/postings`)).json.code).toBe('invoice_not_found')
  }
})

test('a shard that fails is a reason to try again', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const broken = {
    withSession: () => {
      throw new Error('D1_ERROR: secret detail')
    },
  }
  const env = { ...apiEnv, SHARD_0: broken, SHARD_1: broken } as unknown as EdgeEnv
  const merchant = await newMerchant(env)
  for (const path of [
    '/v1/ledger/transactions',
    '/v1/ledger/statement?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z',
    '/v1/balances?at=2026-01-01T00:00:00Z',
  ]) {
    const { status, json, text } = await merchant.call('GET', path)
    expect({ path, status, code: json.code }).toEqual({ path, status: 503, code: 'temporarily_unavailable' })
    expect(text).not.toContain('secret')
  }
})
