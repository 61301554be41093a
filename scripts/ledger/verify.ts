import type { Pass } from '../../src/audit/rpc.ts'
import { addMerchant, endOfPass, newPass, totalOf } from '../../src/audit/totals.ts'
import type { LedgerPosition } from '../../src/storage/ledger-rows.ts'
import { count, inChartOrder, money, type Say, table } from '../stack/say.ts'
import type { Admin, LedgerLine } from './admin.ts'

/** Faults of one ledger that are shown; the rest are counted. */
const FAULTS_SHOWN = 10

/**
 * Every ledger from its first transaction to its last: each segment derived anew, each row of D1 compared both ways, all
 * sums. Answers how many faults there are.
 */
export async function verify(admin: Admin, only: string | null, say: Say): Promise<number> {
  let faults = 0
  let pass: Pass = newPass(0)
  let open = 0
  for await (const ledger of admin.ledgers(only)) {
    const found = [...ledger.stores.flatMap(({ storeId, fault }) => (fault === null ? [] : [`store ${storeId}: ${fault}`]))]
    const transactions = await verifyBook(admin, ledger, found, say)
    const { rows, underWay } = await verifyCopy(admin, ledger, found, say)
    pass = addMerchant(pass, ledger.shard, ledger.stores)
    faults += found.length
    open += ledger.differences.length
    const copy = `${count(rows, 'row')} of D1 compared${underWay > 0 ? ` (${underWay} on their way)` : ''}`
    const verdict = found.length === 0 ? 'equal' : count(found.length, 'FAULT')
    say.line(`  ${ledger.merchantId}  shard ${ledger.shard}  ${count(transactions, 'transaction')}, ${copy}: ${verdict}`)
    for (const fault of found.slice(0, FAULTS_SHOWN)) say.line(`    ${fault}`)
    if (found.length > FAULTS_SHOWN) say.line(`    and ${found.length - FAULTS_SHOWN} more`)
  }
  const sums = only === null ? endOfPass(pass, [], 0).findings : []
  trialBalance(pass, say)
  for (const { id, detail } of sums) say.line(`  ${id}: ${detail}`)
  faults += sums.length
  say.line()
  say.line(
    faults === 0 ? `Books, copies and sums are whole and equal: ${count(pass.merchants, 'ledger')}.` : `${count(faults, 'FAULT')}.`,
  )
  if (open > 0) say.line(`${count(open, 'difference')} for a person to look at: npm run ledger -- differences`)
  return faults
}

async function verifyBook(admin: Admin, { merchantId, segments }: LedgerLine, found: string[], say: Say): Promise<number> {
  let transactions = 0
  // A ledger that grows meanwhile may have more of them at the end.
  for (let segment = 0; ; segment++) {
    say.progress(`  ${merchantId}: segment ${segment + 1} of ${segments}`)
    const check = await admin.verify(merchantId, segment)
    transactions += check.transactions
    if (check.fault !== null) found.push(`segment ${segment}: ${check.fault}`)
    if (check.isLast) return transactions
  }
}

async function verifyCopy(admin: Admin, { merchantId, no }: LedgerLine, found: string[], say: Say) {
  let after: LedgerPosition | null = null
  let rows = 0
  let underWay = 0
  for (;;) {
    say.progress(`  ${merchantId}: row ${rows} of ${no}`)
    const page = await admin.compare(merchantId, after)
    rows += page.compared
    underWay += page.underWay
    found.push(...page.faults)
    if (page.next === null) return { rows, underWay }
    after = page.next
  }
}

/** By kind of account, with the sum of each asset under it, which is zero; and each shard's. */
function trialBalance({ accounts, shards }: Pass, say: Say): void {
  const assets = [...new Set(Object.values(accounts).flatMap((sums) => Object.keys(sums)))].sort()
  if (assets.length === 0) return
  const cells = (sums: Readonly<Record<string, bigint>>) => assets.map((asset) => money(sums[asset] ?? 0n, asset))
  const rows = [
    ...inChartOrder(Object.keys(accounts)).map((kind) => [kind, ...cells(accounts[kind] ?? {})]),
    ['all accounts', ...cells(totalOf(Object.values(accounts)))],
    ...Object.entries(shards).map(([shard, sums]) => [`of shard ${shard}`, ...cells(sums)]),
  ]
  const widths = assets.map((_asset, at) => Math.max(...rows.map((row) => row[at + 1]?.length ?? 0)))
  say.line()
  say.line('Trial balance')
  table(
    say,
    rows.map(([name = '', ...sums]) => [name, ...sums.map((text, at) => text.padStart(widths[at] ?? 0))]),
  )
}

/** D1's rows made anew from every ledger. Answers how many had to be mended. */
export async function rebuild(admin: Admin, only: string | null, say: Say): Promise<number> {
  let mended = 0
  for await (const { merchantId, no } of admin.ledgers(only)) {
    let after: LedgerPosition | null = null
    let [transactions, written, deleted] = [0, 0, 0]
    for (;;) {
      say.progress(`  ${merchantId}: transaction ${transactions} of ${no}`)
      const page = await admin.rebuild(merchantId, after)
      transactions += page.transactions
      written += page.written
      deleted += page.deleted
      if (page.next === null) break
      after = page.next
    }
    mended += written + deleted
    say.line(`  ${merchantId}  ${count(transactions, 'transaction')}: ${count(written, 'row')} written, ${deleted} deleted`)
  }
  say.line()
  say.line(mended === 0 ? 'Every row was right already.' : `${count(mended, 'row')} mended.`)
  return mended
}
