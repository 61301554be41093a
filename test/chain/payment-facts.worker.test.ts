import { runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import type { PaymentFact, PaymentsPart } from '../../src/chain/rpc.ts'
import type { CoreEnv } from '../../workers/core/env.ts'

const env = testEnv as unknown as CoreEnv
const raw = (name: string) => (testEnv as unknown as { CHAINS_FOLLOWED: DurableObjectNamespace }).CHAINS_FOLLOWED.getByName(name)

function sql(name: string, statement: string, ...bindings: unknown[]): Promise<Record<string, unknown>[]> {
  return runInDurableObject(raw(name), (_object, { storage }) => storage.sql.exec(statement, ...bindings).toArray())
}

const COLUMNS = 'txid, idx, invoice_id, asset, units, spends, status, height, seen_at_ms, notify_until, touch_height, tracked'

/** A follower at block 100, with two payments in each block from 81 on, final after two, and three that wait. */
async function follower(name: string) {
  await sql(name, "INSERT INTO blocks (height, hash, parent, time_ms) VALUES (100, 'h', 'p', 0)")
  const insert = (txid: string, index: string, height: number | null) =>
    sql(
      name,
      `INSERT INTO payments (${COLUMNS}) VALUES (?, ?, 'inv_1', 'BTC', '7', '[]', ?, ?, 0, 2, ?, ?)`,
      txid,
      index,
      height === null ? 'unconfirmed' : 'confirmed',
      height,
      height === null ? null : height + 1,
      height === null ? 1 : 0,
    )
  for (let height = 81; height <= 100; height++) for (const index of ['0', '1']) await insert(`tx${200 - height}`, index, height)
  for (const txid of ['loose1', 'loose2', 'loose3']) await insert(txid, '0', null)
  const object = env.CHAINS_FOLLOWED.getByName(name)
  return {
    object,
    insert,
    async pages(part: PaymentsPart, limit: number, from: string | null = null, most = 30) {
      const found: PaymentFact[] = []
      let after = from
      for (let page = 0; page < most; page++) {
        const { payments, next } = await object.paymentsPage(part, after, limit)
        found.push(...payments)
        after = next
        if (payments.length < limit) break
      }
      return { found, after }
    },
  }
}

const keysOf = (facts: readonly PaymentFact[]) => facts.map(({ key }) => key)

test('each part is gone through in pages, every payment once', async () => {
  const { pages } = await follower('audit:parts')
  for (const limit of [1, 7, 100]) {
    const all = await pages('all', limit, null, 50)
    expect(new Set(keysOf(all.found)).size).toBe(43)
    expect(all).toMatchObject({ found: { length: 43 }, after: null })
    const loose = await pages('loose', limit)
    expect(keysOf(loose.found)).toEqual([1, 2, 3].map((n) => `audit:parts/loose${n}/0`))
    expect(loose.after).toBeNull()
  }
})

test('the near part begins shortly before the tip, and goes on with the chain without leaving one out', async () => {
  const { pages, insert } = await follower('audit:near')
  const first = await pages('near', 4)
  // What became final with block 90 or a later one: found in block 89 or later.
  expect(first.found).toHaveLength(24)
  expect(first.found.every(({ confirmations }) => confirmations <= 12)).toBe(true)
  await sql('audit:near', "INSERT INTO blocks (height, hash, parent, time_ms) VALUES (130, 'h2', 'h', 0)")
  await insert('between', '0', 115)
  const { found } = await pages('near', 4, first.after)
  expect(keysOf(found)).toContain('audit:near/between/0')
  expect(keysOf(found)).toContain('audit:near/tx100/0')
})

test('a payment is told as its invoice would be told, by its key; keys of other chains and none find nothing', async () => {
  const { object } = await follower('audit:keys')
  const keys = ['audit:keys/tx101/1', 'audit:keys/loose2/0', 'audit:keys/tx101/9', 'other:chain/tx101/1', 'nonsense', 'a/b/c/d']
  const known = { invoiceId: 'inv_1', assetCode: 'BTC', units: 7n, final: false }
  expect(await object.paymentsAt(keys)).toEqual([
    { ...known, key: 'audit:keys/tx101/1', status: 'confirmed', confirmations: 2 },
    { ...known, key: 'audit:keys/loose2/0', status: 'unconfirmed', confirmations: 0 },
  ])
  expect(await object.paymentsAt([])).toEqual([])
})

test('every page is read off an index, in its order, without sorting', async () => {
  await follower('audit:plan')
  const plan = async (statement: string) =>
    (await sql('audit:plan', `EXPLAIN QUERY PLAN ${statement}`)).map(({ detail }) => detail).join('; ')
  const near = 'SELECT * FROM payments WHERE touch_height IS NOT NULL AND (touch_height, txid, idx) > (1, 2, 3)'
  expect(await plan(`${near} ORDER BY touch_height, txid, idx LIMIT 5`)).toMatch(
    /^SEARCH payments USING INDEX payments_touched [^;]*$/,
  )
  const all = 'SELECT * FROM payments WHERE (txid, idx) > (1, 2) ORDER BY txid, idx LIMIT 5'
  expect(await plan(all)).toMatch(/^SEARCH payments USING PRIMARY KEY [^;]*$/)
  const loose = 'SELECT * FROM payments WHERE tracked = 1 AND (txid, idx) > (1, 2) ORDER BY txid, idx LIMIT 5'
  expect(await plan(loose)).toMatch(/^SEARCH payments USING INDEX payments_tracked [^;]*$/)
})
