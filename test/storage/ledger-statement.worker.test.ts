import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { balanceOf } from '../../src/ledger/balances.ts'
import { balancesAt } from '../../src/storage/ledger.ts'
import { accountFilter } from '../../src/storage/ledger-filter.ts'
import { STATEMENT_LINES_MAX, type Statement, type StatementRequest, statement } from '../../src/storage/ledger-statement.ts'
import { migrateDatabases, testEnv } from './databases.ts'
import { ASSETS, type Move, move, projectedMerchant, START_MS } from './ledger-builders.ts'

beforeAll(migrateDatabases)

const accounts = fc.constantFrom('available', 'self.available', 'wallet', 'fees', 'partner:wal_a', 'shortfall')
const usual: Move = { store: 0, cause: 'payment_settled', from: 0, to: 0, asset: 'BTC', amount: 5n, laterMs: 1, invoice: 0 }

async function read(storeId: string, account: string, period: [number, number], asset: string | null = null): Promise<Statement> {
  const request: StatementRequest = {
    storeId,
    fromMs: period[0],
    toMs: period[1],
    account: accountFilter(account) ?? [],
    asset,
  }
  const answer = await statement(testEnv.SHARD_0, request)
  if (!answer.ok) throw new Error(answer.error.reason)
  return answer.value
}

/** By account and asset, without those at zero. */
function figures(statement: Statement, which: 'opening' | 'closing'): Record<string, bigint> {
  const found = statement.balances.map((balance): [string, bigint] => [`${balance.account} ${balance.asset}`, balance[which]])
  return Object.fromEntries(found.filter(([, units]) => units !== 0n))
}

test('opening and lines make the closing; periods side by side join; the closing is what was there then', async () => {
  const ticks = fc.array(fc.integer({ min: -1, max: 40 }), { minLength: 3, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { maxLength: 40 }),
      accounts,
      fc.option(fc.constantFrom(...ASSETS)),
      ticks,
      async (moves, account, asset, after) => {
        const { stores, ofStore } = await projectedMerchant(moves)
        const [from, middle, to] = after.sort((a, b) => a - b).map((tick) => START_MS + tick) as [number, number, number]
        const whole = await read(stores[0], account, [from, to], asset)
        const first = await read(stores[0], account, [from, middle], asset)
        const second = await read(stores[0], account, [middle, to], asset)

        expect([...first.lines, ...second.lines]).toEqual(whole.lines)
        expect(figures(first, 'closing')).toEqual(figures(second, 'opening'))
        expect(figures(whole, 'opening')).toEqual(figures(first, 'opening'))
        expect(figures(whole, 'closing')).toEqual(figures(second, 'closing'))

        const balances = await balancesAt(testEnv.SHARD_0, stores[0], to - 1)
        for (const { account, asset, opening, closing } of whole.balances) {
          expect(closing).toBe(balanceOf(balances, account, asset))
          const lines = whole.lines.filter((line) => line.account === account && line.asset === asset)
          expect(lines.reduce((sum, { units }) => sum + units, opening)).toBe(closing)
          expect(lines.at(-1)?.balance ?? closing).toBe(closing)
        }
        const inPeriod = ofStore(stores[0]).filter(({ transaction }) => transaction.atMs >= from && transaction.atMs < to)
        const nos = inPeriod.map(({ transaction }) => transaction.no)
        expect(whole.lines.every((line) => nos.includes(line.no))).toBe(true)
      },
    ),
    { numRuns: 50 },
  )
}, 90_000)

test('a line says what happened, why, and what was there after it', async () => {
  const { stores, entries } = await projectedMerchant([
    usual,
    { ...usual, cause: 'adjustment', from: 0, to: 0, amount: 3n, laterMs: 9 },
  ])
  const [, adjustment] = entries
  const account = adjustment?.transaction.postings[0]?.from ?? ''
  const { lines } = await read(stores[0], account, [START_MS, START_MS + 100])
  expect(lines.at(-1)).toEqual({
    no: 2,
    atMs: adjustment?.transaction.atMs,
    cause: 'adjustment',
    phase: 'single',
    invoiceId: adjustment?.transaction.invoiceId,
    payment: null,
    transferId: null,
    reason: '=1+1 “ß”',
    account,
    asset: 'BTC',
    units: -3n,
    balance: balanceOf(adjustment?.balances ?? {}, account, 'BTC'),
  })
})

test('a period with more lines than a statement holds is refused, however it is cut off', async () => {
  const settled = { ...usual, cause: 'over_payment', from: 5, to: 4 } as const
  const { stores, entries } = await projectedMerchant(Array.from({ length: 4_900 }, () => settled))
  const account = entries[0]?.transaction.postings[0]?.to ?? ''
  const period: [number, number] = [START_MS, START_MS + 1_000_000]
  const request = { storeId: stores[0], fromMs: period[0], toMs: period[1], account: accountFilter(account) ?? [], asset: null }
  expect((await read(stores[0], account, period)).lines).toHaveLength(4_900)
  // Each row twice more, so that what is read takes several pages.
  for (const more of [1, 2]) {
    await testEnv.SHARD_0.prepare(
      `INSERT INTO ledger_transactions SELECT store_id, at_ms + ${5_000 * more}, no + ${5_000 * more}, cause, invoice_id, body,
         json_object(?2, json_object('BTC', char(1) || 'n' || ((no + ${4_900 * more}) * 5)),
           ?3, json_object('BTC', char(1) || 'n-' || ((no + ${4_900 * more}) * 5)))
       FROM ledger_transactions WHERE store_id = ?1 AND no <= 4900`,
    )
      .bind(stores[0], account, entries[0]?.transaction.postings[0]?.from)
      .run()
    const answer = await statement(testEnv.SHARD_0, request)
    if (more === 1) expect(answer.ok && answer.value.lines.length).toBe(9_800)
    else expect(answer).toEqual({ ok: false, error: { reason: 'period_too_long' } })
  }
  expect(STATEMENT_LINES_MAX).toBe(10_000)
}, 60_000)

test('a row that is missing or changed makes no statement rather than a wrong one', async () => {
  const spoil = async (sql: string) => {
    const { stores } = await projectedMerchant([usual, { ...usual, cause: 'over_payment', from: 5, to: 4 }, usual, usual])
    await testEnv.SHARD_0.prepare(`${sql} WHERE store_id = ? AND no = 3`).bind(stores[0]).run()
    return read(stores[0], 'incoming:wal_a', [START_MS, START_MS + 100])
  }
  await expect(spoil('DELETE FROM ledger_transactions')).rejects.toThrow('closing balance')
  await expect(
    spoil("UPDATE ledger_transactions SET body = json_set(body, '$.postings[0].amount', char(1) || 'n7')"),
  ).rejects.toThrow('closing balance')
})
