import type { Balances } from '../../src/ledger/types.ts'
import { count, inChartOrder, money, type Say, table } from '../stack/say.ts'
import type { Admin } from './admin.ts'

/** What each merchant's stores have, by account. */
export async function showBalances(admin: Admin, only: string | null, say: Say): Promise<void> {
  for await (const { merchantId, shard, no, stores } of admin.ledgers(only)) {
    say.line(`${merchantId}  shard ${shard}, ${count(no, 'transaction')}`)
    if (stores.length === 0) say.line('  nothing was ever posted')
    for (const { storeId, balances } of stores) {
      say.line(`  ${storeId}`)
      table(say, rowsOf(balances))
    }
  }
}

function rowsOf(balances: Balances): string[][] {
  const rows = inChartOrder(Object.keys(balances)).flatMap((account) =>
    Object.entries(balances[account] ?? {}).map(([asset, units]) => [`  ${account}`, money(units, asset)]),
  )
  const width = Math.max(0, ...rows.map(([, text]) => text?.length ?? 0))
  return rows.map(([account = '', text = '']) => [account, text.padStart(width)])
}

/** What waits for a person, what is of no merchant, and what is only suspected. Answers how many of the first two. */
export async function showDifferences(admin: Admin, say: Say): Promise<number> {
  let open = 0
  const since = (ms: number) => `since ${new Date(ms).toISOString()}`
  for await (const { merchantId, differences } of admin.ledgers(null)) {
    open += differences.length
    if (differences.length > 0) say.line(`${merchantId}: money out is frozen`)
    for (const { id, detail, sinceMs } of differences) {
      say.line(`  ${id}  ${since(sinceMs)}`)
      say.line(`    ${detail}`)
    }
  }
  const suspects = await admin.suspects()
  const ofNobody = suspects.filter(({ merchantId, raised }) => merchantId === null && raised)
  if (ofNobody.length > 0) say.line('Of no merchant; these end when they agree again')
  for (const { id, detail, sinceMs } of ofNobody) say.line(`  ${id}  ${since(sinceMs)}: ${detail}`)
  const waiting = suspects.filter(({ raised }) => !raised)
  if (waiting.length > 0) say.line('Seen once, perhaps under way')
  for (const { id, detail, sinceMs } of waiting) say.line(`  ${id}  ${since(sinceMs)}: ${detail}`)
  if (open + ofNobody.length === 0) say.line('Nothing waits for a person.')
  else if (open > 0) say.line('When you have looked: npm run ledger -- clear <merchant> <id> --by "you" --reason "why"')
  return open + ofNobody.length
}
