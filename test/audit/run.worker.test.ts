import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import { createHealth } from '../../src/api/health.ts'
import { RUN_LEASE_MS } from '../../src/audit/object.ts'
import { randomId } from '../../src/lib/ids.ts'
import { decodeJson, encodeJson } from '../../src/lib/json.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import {
  auditor,
  chain,
  FINAL,
  GRACE_MS,
  keyOfPayment,
  LAG_MS,
  newInvoice,
  newShop,
  payment,
  project,
  reserve,
  tamper,
  untilBooked,
} from './system.ts'

beforeAll(async () => {
  await migrateDatabases()
  await chain.mine(1)
})
beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  // What earlier tests have spoilt is none of this one's business.
  await testEnv.DIRECTORY.prepare('DELETE FROM merchants').run()
  await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, 'DELETE FROM payments')
})

/** A shop that was paid 100,000 sat, final, with everything in its place. */
async function paidShop() {
  const store = await newShop({ shard: 0 })
  const invoiceId = await newInvoice(store)
  const paid = payment(invoiceId)
  await chain.mine(1, [paid])
  await chain.mine(FINAL - 1)
  await untilBooked(store, 100_000n)
  return { store, invoiceId, paid, key: keyOfPayment(paid), ledger: testEnv.LEDGERS.getByName(store.merchantId) }
}

async function healthOf(audit: ReturnType<typeof auditor>) {
  const response = await createHealth().request('/health', {}, { ...testEnv, AUDITS: audit.AUDITS })
  return (await response.json()) as { status: string; ledger: Record<string, unknown> }
}

const idsOf = (found: readonly { id: string }[]) => found.map(({ id }) => id)

describe('a system that is honest', () => {
  test('is never accused, and its health says when it was looked at', async () => {
    const audit = auditor('honest')
    expect((await healthOf(audit)).ledger).toMatchObject({ status: 'unchecked', checkedAt: null, differences: 0 })
    const { store } = await paidShop()
    for (let runs = 0; runs < 3; runs++) expect((await audit.after(GRACE_MS)).suspects).toEqual([])
    expect(await audit.status()).toMatchObject({ differences: 0, merchants: 1, payments: 1, error: null })
    expect((await reserve(store)).ok).toBe(true)
    const health = await healthOf(audit)
    expect(health.ledger).toMatchObject({ status: 'ok', merchants: 1, payments: 1, differences: 0 })
    expect(health.ledger.checkedAt).toEqual(health.ledger.passedAt)
    expect(JSON.stringify(health)).not.toContain(store.merchantId)
  })

  test('is not accused of what is under way, and what has arrived is forgotten', async () => {
    const { store, invoiceId } = await paidShop()
    const audit = auditor('under way')
    const untold = payment(invoiceId, 7n)
    await chain.know(untold)
    expect(idsOf((await audit.after(0)).suspects)).toEqual([`chain/${keyOfPayment(untold)}`])
    expect((await audit.after(GRACE_MS - 1)).raised).toEqual([])
    await chain.tell(untold)
    await untilBooked(store, 100_000n, 7n)
    expect((await audit.after(1)).suspects).toEqual([])
    expect(await audit.status()).toMatchObject({ differences: 0 })
  })

  test('is not accused through part payments, reorganisations, adjustments and payouts', async () => {
    const { store, invoiceId, ledger } = await paidShop()
    const audit = auditor('eventful')
    const look = async () => expect(await audit.after(GRACE_MS)).toMatchObject({ suspects: [], raised: [] })
    const second = await newInvoice(store)
    await chain.show([payment(second, 40_000n)])
    await untilBooked(store, 100_000n, 40_000n)
    await look()
    const both = [payment(second, 60_001n), payment(invoiceId, 5n)]
    await chain.mine(1, both)
    await untilBooked(store, 100_000n, 100_006n)
    await look()
    await chain.mine(FINAL - 1)
    await untilBooked(store, 160_006n, 40_000n)
    await look()
    const taken = await reserve(store)
    expect(taken.ok).toBe(true)
    await chain.reorganise(FINAL)
    await untilBooked(store, 99_999n, 100_006n)
    await look()
    const booked = await ledger.book({
      key: 'adj_1',
      merchantId: store.merchantId,
      shard: store.shard,
      storeId: store.storeId,
      cause: 'adjustment',
      postings: [{ from: 'adjustments', to: 'available', amount: 3n, asset: 'BTC' }],
      invoiceId: null,
      transferId: null,
      by: 'Ada',
      reason: 'goodwill',
    })
    expect(booked.ok).toBe(true)
    await project(store)
    await look()
  })
})

describe('each side that is tampered with', () => {
  type Paid = Awaited<ReturnType<typeof paidShop>>
  const d1 = (statement: string, ...bindings: unknown[]) =>
    testEnv.SHARD_0.prepare(statement)
      .bind(...bindings)
      .run()
  const newestRow = ({ store }: Paid) =>
    testEnv.SHARD_0.prepare('SELECT no, body, balances FROM ledger_transactions WHERE store_id = ? ORDER BY no DESC')
      .bind(store.storeId)
      .first<{ no: number; body: string; balances: string }>()
  const changeBody = (body: string | undefined, change: (text: string) => string) => change(body ?? '')
  const onChain = (statement: string, ...bindings: unknown[]) => tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, statement, ...bindings)

  interface Case {
    readonly tamper: (paid: Paid) => Promise<unknown>
    readonly id: (paid: Paid) => string
    readonly kind: string
    readonly says: string
    readonly waitMs: number
  }

  const cases: Record<string, Case> = {
    'an amount in the ledger’s log': {
      tamper: async ({ store }) => {
        const [row] = (await tamper('LEDGERS', store.merchantId, 'SELECT no, body FROM commits ORDER BY no LIMIT 1')) as [
          { no: number; body: string },
        ]
        const body = changeBody(row.body, (text) => text.replaceAll('100000', '100001'))
        await tamper('LEDGERS', store.merchantId, 'UPDATE commits SET body = ? WHERE no = ?', body, row.no)
      },
      id: () => 'book/segment/0',
      kind: 'book',
      says: 'transaction 1 is not what its hash was made of',
      waitMs: 0,
    },
    'the body of a row in D1': {
      tamper: async (paid) => {
        const row = await newestRow(paid)
        const body = row?.body.replace('100000', '900000')
        await d1('UPDATE ledger_transactions SET body = ? WHERE store_id = ? AND no = ?', body, paid.store.storeId, row?.no)
      },
      id: ({ store }) => `shard/${store.storeId}/2`,
      kind: 'shard',
      says: 'is 900000 in D1 and 100000 in the ledger',
      waitMs: GRACE_MS,
    },
    'the balances of a row in D1': {
      tamper: async (paid) => {
        const row = await newestRow(paid)
        const balances = encodeJson({ ...decodeJson<object>(row?.balances ?? ''), available: { BTC: 1n } })
        await d1('UPDATE ledger_transactions SET balances = ? WHERE store_id = ? AND no = ?', balances, paid.store.storeId, row?.no)
      },
      id: ({ store }) => `shard/${store.storeId}/2`,
      kind: 'shard',
      says: 'available.BTC is 1 in D1 and 100000 in the ledger',
      waitMs: GRACE_MS,
    },
    'a row in D1 that cannot be read': {
      tamper: ({ store }) => d1('UPDATE ledger_transactions SET body = ? WHERE store_id = ? AND no = 1', 'torn', store.storeId),
      id: ({ store }) => `shard/${store.storeId}/1`,
      kind: 'shard',
      says: 'is torn in D1',
      waitMs: GRACE_MS,
    },
    'a row missing in the middle of D1': {
      tamper: ({ store }) => d1('DELETE FROM ledger_transactions WHERE store_id = ? AND no = 1', store.storeId),
      id: ({ store }) => `shard/${store.storeId}/1`,
      kind: 'shard',
      says: 'D1 does not have transaction 1',
      waitMs: GRACE_MS,
    },
    'the newest row missing in D1': {
      tamper: ({ store }) => d1('DELETE FROM ledger_transactions WHERE store_id = ? AND no = 2', store.storeId),
      id: ({ store }) => `shard/${store.storeId}`,
      kind: 'shard',
      says: 'up to 1, and the ledger has newer ones',
      waitMs: LAG_MS,
    },
    'a row in D1 that the ledger does not have': {
      tamper: ({ store }) =>
        d1(
          `INSERT INTO ledger_transactions SELECT store_id, at_ms, 9, cause, invoice_id, body, balances
           FROM ledger_transactions WHERE store_id = ? AND no = 2`,
          store.storeId,
        ),
      id: ({ store }) => `shard/${store.storeId}`,
      kind: 'shard',
      says: 'D1 has a transaction 9',
      waitMs: GRACE_MS,
    },
    'a ledger that writes to another shard than its merchant’s': {
      tamper: ({ store }) => testEnv.DIRECTORY.prepare('UPDATE merchants SET shard = 1 WHERE id = ?').bind(store.merchantId).run(),
      id: ({ store }) => `shard/${store.merchantId}`,
      kind: 'shard',
      says: 'writes to shard 0, and the merchant is in shard 1',
      waitMs: GRACE_MS,
    },
    'the units of a payment on the chain': {
      tamper: ({ paid }) => onChain("UPDATE payments SET units = '99999' WHERE txid = ?", paid.transfer.txid),
      id: ({ key }) => `chain/${key}`,
      kind: 'chain',
      says: 'on the chain: 99999 BTC; in the books: 100000 BTC',
      waitMs: GRACE_MS,
    },
    'a payment that the chain has no more': {
      tamper: ({ paid }) => onChain('DELETE FROM payments WHERE txid = ?', paid.transfer.txid),
      id: ({ key }) => `chain/${key}`,
      kind: 'chain',
      says: 'knows of no such payment to this invoice; in the books: 100000 BTC',
      waitMs: GRACE_MS,
    },
    'a payment that fell out of its block': {
      tamper: ({ paid }) =>
        onChain("UPDATE payments SET status = 'unconfirmed', height = NULL, tracked = 1 WHERE txid = ?", paid.transfer.txid),
      id: ({ key }) => `chain/${key}`,
      kind: 'chain',
      says: 'on the chain: 100000 BTC pending; in the books: 100000 BTC',
      waitMs: GRACE_MS,
    },
    'a payment that went to another invoice': {
      tamper: ({ paid }) => onChain("UPDATE payments SET invoice_id = 'inv_other' WHERE txid = ?", paid.transfer.txid),
      id: ({ key }) => `chain/${key}`,
      kind: 'chain',
      says: 'no such payment to this invoice',
      waitMs: GRACE_MS,
    },
    'an address that was given to another invoice': {
      tamper: ({ store }) => {
        const walletId = store.methods[0]?.walletId as string
        return tamper('WALLETS', walletId, "UPDATE addresses SET invoice_id = 'inv_other' WHERE idx = 0")
      },
      id: ({ store }) => `wallet/${store.methods[0]?.walletId}/0`,
      kind: 'wallet',
      says: 'which was given to inv_other',
      waitMs: GRACE_MS,
    },
  }

  test.each(Object.entries(cases))(
    '%s: found, raised once, and no money goes out',
    async (name, { tamper: spoil, id, kind, says, waitMs }) => {
      const paid = await paidShop()
      const audit = auditor(name)
      expect((await audit.after(0)).suspects).toEqual([])
      await spoil(paid)

      let report = await audit.after(0)
      if (waitMs > 0) {
        expect(report.raised).toEqual([])
        expect(idsOf((await audit.after(waitMs - 1)).raised)).not.toContain(id(paid))
        expect(idsOf((await paid.ledger.standing()).differences)).not.toContain(id(paid))
        report = await audit.after(1)
      }
      expect(idsOf(report.raised)).toContain(id(paid))
      const { differences } = await paid.ledger.standing()
      const found = differences.find((difference) => difference.id === id(paid))
      expect(found).toMatchObject({ kind, detail: expect.stringContaining(says) })
      expect(await reserve(paid.store)).toMatchObject({ ok: false, error: { reason: 'ledger_frozen' } })

      expect(idsOf((await audit.after(GRACE_MS)).raised)).not.toContain(id(paid))
      const status = await audit.status()
      expect(status?.error).toBeNull()
      expect(status?.differences).toBeGreaterThan(0)
      expect(await healthOf(audit)).toMatchObject({ status: 'degraded', ledger: { status: 'difference' } })
    },
  )
})

test('an invoice of hundreds of transactions is compared as any other', async () => {
  const { store, invoiceId, paid, ledger, key } = await paidShop()
  const { merchantId, shard, storeId } = store
  const postings = [{ from: 'adjustments', to: 'available', amount: 1n, asset: 'BTC' }]
  const adjustment = { cause: 'adjustment', postings, invoiceId, transferId: null, by: 'Ada', reason: 'goodwill' } as const
  for (let n = 0; n < 260; n++) await ledger.book({ key: `adj_${n}`, merchantId, shard, storeId, ...adjustment })
  const audit = auditor('long invoice')
  expect(idsOf((await audit.after(0)).suspects)).not.toContain(`chain/${key}`)
  await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, "UPDATE payments SET units = '99999' WHERE txid = ?", paid.transfer.txid)
  await audit.after(0)
  expect(idsOf((await audit.after(GRACE_MS)).raised)).toContain(`chain/${key}`)
})

describe('a person who has looked', () => {
  test('lets money out again; the same is not raised again, and something else is', async () => {
    const { store, paid, key, ledger } = await paidShop()
    const audit = auditor('cleared')
    const units = (amount: string) =>
      tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, 'UPDATE payments SET units = ? WHERE txid = ?', amount, paid.transfer.txid)
    await units('99999')
    await audit.after(0)
    expect(idsOf((await audit.after(GRACE_MS)).raised)).toEqual([`chain/${key}`])

    expect(await ledger.clear({ id: `chain/${key}`, by: 'Ada', reason: 'a test' })).toMatchObject({ ok: true })
    expect((await reserve(store)).ok).toBe(true)
    await project(store)
    for (let runs = 0; runs < 3; runs++) expect((await audit.after(GRACE_MS)).raised).toEqual([])
    expect(await audit.status()).toMatchObject({ differences: 0 })
    expect((await reserve(store)).ok).toBe(true)
    await project(store)

    await units('99998')
    expect((await audit.after(GRACE_MS)).raised).toEqual([])
    expect(idsOf((await audit.after(GRACE_MS)).raised)).toEqual([`chain/${key}`])
    expect((await reserve(store)).ok).toBe(false)
  })

  test('is still wanted when the difference has gone away by itself', async () => {
    const { store, paid, key } = await paidShop()
    const audit = auditor('gone')
    await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, "UPDATE payments SET units = '1' WHERE txid = ?", paid.transfer.txid)
    await audit.after(0)
    await audit.after(GRACE_MS)
    await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, "UPDATE payments SET units = '100000' WHERE txid = ?", paid.transfer.txid)
    expect((await audit.after(GRACE_MS)).suspects).toEqual([])
    expect((await reserve(store)).ok).toBe(false)
    expect(await audit.status()).toMatchObject({ differences: 1 })
    await testEnv.LEDGERS.getByName(store.merchantId).clear({ id: `chain/${key}`, by: 'Ada', reason: 'it is right again' })
    await audit.after(GRACE_MS)
    expect(await audit.status()).toMatchObject({ differences: 0 })
  })
})

describe('a run', () => {
  test('is one at a time; one that never ended is given up', async () => {
    const store = await newShop()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const LEDGERS = {
      getByName: (name: string) => ({ standing: () => held.then(() => testEnv.LEDGERS.getByName(name).standing()) }),
    }
    const slow = auditor('one at a time', { LEDGERS })
    const other = auditor('one at a time')
    const first = slow.run()
    await vi.waitFor(async () => expect(await other.run()).toBeNull(), 20_000)
    expect(await other.status()).toMatchObject({ atMs: null, error: null })
    expect(await healthOf(other)).toMatchObject({ ledger: { status: 'unchecked' } })
    const later = await other.after(RUN_LEASE_MS + 1_000)
    release()
    await first
    expect(await other.status()).toEqual(later.status)
    expect(store.merchantId).toBeDefined()
  })

  test('goes on past a merchant it cannot read, says so, and does not count as a look', async () => {
    const [broken, { paid, key, store }] = [await newShop(), await paidShop()]
    const LEDGERS = {
      getByName: (name: string) => {
        if (name === broken.merchantId) throw new Error('the object was reset')
        return testEnv.LEDGERS.getByName(name)
      },
    }
    const audit = auditor('trouble', { LEDGERS })
    await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, "UPDATE payments SET units = '1' WHERE txid = ?", paid.transfer.txid)
    await audit.after(0)
    expect(idsOf((await audit.after(GRACE_MS)).raised)).toEqual([`chain/${key}`])
    expect(await audit.status()).toMatchObject({ atMs: null, error: 'books: the object was reset', merchants: 1 })
    await testEnv.LEDGERS.getByName(store.merchantId).clear({ id: `chain/${key}`, by: 'Ada', reason: 'a test' })
    await audit.after(GRACE_MS)
    expect(await healthOf(audit)).toMatchObject({ status: 'degraded', ledger: { status: 'stale', checkedAt: null } })
  })

  test('raises again what could not be raised', async () => {
    const { store, paid, key } = await paidShop()
    await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, "UPDATE payments SET units = '1' WHERE txid = ?", paid.transfer.txid)
    let isDown = true
    const LEDGERS = {
      getByName: (name: string) => {
        const real = testEnv.LEDGERS.getByName(name)
        const down = { raise: () => Promise.reject(new Error('down')) }
        return isDown ? new Proxy(real, { get: (_real, method) => Reflect.get(method === 'raise' ? down : real, method) }) : real
      },
    }
    const audit = auditor('again', { LEDGERS })
    await audit.after(0)
    expect((await audit.after(GRACE_MS)).raised).toEqual([])
    isDown = false
    expect(idsOf((await audit.after(1)).raised)).toEqual([`chain/${key}`])
    expect((await reserve(store)).ok).toBe(false)
  })

  test('takes some merchants at a time, and sums all of them up at the end', async () => {
    const { store } = await paidShop()
    const many = Array.from({ length: 30 }, () => randomId('mer'))
    const insert = testEnv.DIRECTORY.prepare("INSERT INTO merchants (id, shard, plan, created_at_ms) VALUES (?, 0, '{}', 0)")
    await testEnv.DIRECTORY.batch(many.map((id) => insert.bind(id)))
    const audit = auditor('pages')
    expect((await audit.after(0)).status).toMatchObject({ merchants: 25, passedAtMs: null })
    expect((await audit.after(1)).status).toMatchObject({ merchants: 31, passedAtMs: expect.any(Number) })
    const memory = await testEnv.AUDITS.getByName('pages').read()
    expect(memory?.passed?.accounts).toEqual({ available: { BTC: 100_000n }, wallet: { BTC: -100_000n } })
    expect(memory?.pass).toMatchObject({ no: 2, merchants: 0 })
    expect(store.shard).toBe(0)
  })

  test('finds a wallet out of which more went than came in, over all stores, when it lasts', async () => {
    const store = await newShop()
    const book = { merchantId: store.merchantId, shard: store.shard, storeId: store.storeId, invoiceId: null, transferId: null }
    const [by, reason] = ['Ada', 'a test']
    const account = `wallet:${store.methods[0]?.walletId}`
    const postings = [{ from: 'adjustments', to: account, amount: 5n, asset: 'BTC' }]
    const booked = await testEnv.LEDGERS.getByName(store.merchantId).book({
      ...book,
      key: 'over',
      cause: 'adjustment',
      postings,
      by,
      reason,
    })
    expect(booked.ok).toBe(true)
    await project(store)
    const audit = auditor('wallet over')
    expect((await audit.after(0)).raised).toEqual([])
    expect((await audit.after(GRACE_MS)).raised).toMatchObject([{ id: account, merchantId: null, kind: 'wallet' }])
    expect(await audit.status()).toMatchObject({ differences: 1 })
  })

  test('tells of money on the chain that no invoice is there for', async () => {
    const lost = payment(randomId('inv'), 9n)
    await chain.know(lost)
    const audit = auditor('orphan')
    await audit.after(0)
    const { raised } = await audit.after(GRACE_MS)
    expect(raised).toMatchObject([{ id: `chain/${keyOfPayment(lost)}`, merchantId: null }])
    expect(await audit.status()).toMatchObject({ differences: 1 })
    await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, 'DELETE FROM payments')
    await audit.after(1)
    expect(await audit.status()).toMatchObject({ differences: 0 })
  })
})
