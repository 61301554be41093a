import type { Stack } from '../../scripts/stack/supervisor.ts'
import { type BenchResult, type Figure, median, ms, percentile } from '../lib/figure.ts'
import type { Answer, Client } from '../lib/load.ts'
import { merchantHeaders } from '../lib/merchant.ts'
import type { Filling } from './fill.ts'

/** Transactions in the shard: of the store that is asked about, before its months of few, and of each of three others. */
const BIG = 690_000
const OTHERS = [100_000, 100_000, 100_000]
/** The last months of the store: so many transactions each, which are 1,000 lines of its account `available`. */
const MONTHS = 6
const A_MONTH = 2_000
/** Written by one request. */
const PER_REQUEST = 50_000
const DAY_MS = 24 * 60 * 60_000
const MONTH_MS = 30 * DAY_MS
const YEARS_MS = 2 * 365 * DAY_MS

const READS = 200
const WARM_UP = 20
const GOALS = { page: 50, statement: 200 }

export interface Filled {
  readonly transactions: number
  readonly fromMs: number
  /** Where the months of few begin. */
  readonly monthsMs: number
}

/** A shard of a million transactions. The demo store's are most of them. */
export async function fillShard(stack: Stack): Promise<Filled> {
  const monthsMs = Date.now() - MONTHS * MONTH_MS
  const fromMs = monthsMs - YEARS_MS
  const own = { merchantId: 'mer_bench_big', shard: 0, storeId: stack.storeId }
  let transactions = 0
  for (const [n, count] of OTHERS.entries()) {
    const owner = { merchantId: `mer_bench_other_${n}`, shard: 0, storeId: `st_bench_other_${n}` }
    transactions += await fill(stack, { ...owner, count, fromMs, toMs: Date.now() })
  }
  transactions += await fill(stack, { ...own, count: BIG, fromMs, toMs: monthsMs })
  for (let month = 0; month < MONTHS; month++) {
    const startMs = monthsMs + month * MONTH_MS
    transactions += await fill(stack, { ...own, count: A_MONTH, fromMs: startMs, toMs: startMs + MONTH_MS })
  }
  return { transactions, fromMs, monthsMs }
}

async function fill(stack: Stack, filling: Filling): Promise<number> {
  const { count, fromMs, toMs } = filling
  let written = 0
  while (written < count) {
    const at = (share: number) => Math.round(fromMs + (toMs - fromMs) * share)
    const part = Math.min(PER_REQUEST, count - written)
    const times = { fromMs: at(written / count), toMs: at((written + part) / count) }
    const body = JSON.stringify({ ...filling, count: part, ...times })
    const answer = await stack.workers.dispatchCore('/bench/fill', { method: 'POST', body })
    if (!answer.ok) throw new Error(`filling the shard: ${answer.status} ${(await answer.text()).slice(0, 300)}`)
    written += ((await answer.json()) as { written: number }).written
  }
  return written
}

interface Question {
  readonly what: string
  /** The `n`th time it is asked. */
  readonly path: (n: number) => string
  /** How much the answer has to hold: a page that is empty by mistake is quick. */
  readonly holds: (body: { data?: unknown[]; lines?: unknown[] }) => boolean
  readonly goalMs: number
}

/** What the API takes to answer, and what a bare Worker takes to read one row of D1, by turns on one kept connection. */
export async function readingFigures(client: Client, stack: Stack, bareOrigin: string, filled: Filled): Promise<BenchResult> {
  await good(client, `${bareOrigin}/prepare`)
  const headers = merchantHeaders(stack)
  const times = { floor: [] as number[], ofQuestions: questions(filled).map(() => [] as number[]) }
  let lines = 0
  for (let n = 0; n < READS + WARM_UP; n++) {
    const floor = await good(client, `${bareOrigin}/row`)
    if (n >= WARM_UP) times.floor.push(floor.wholeMs)
    for (const [at, { path, holds }] of questions(filled).entries()) {
      const answer = await good(client, `${stack.origin}/v1/ledger${path(n)}`, headers)
      const body = JSON.parse(answer.body)
      if (!holds(body)) throw new Error(`${path(n)} answered something else: ${answer.body.slice(0, 300)}`)
      if (n >= WARM_UP) times.ofQuestions[at]?.push(answer.wholeMs)
      lines = body.lines?.length ?? lines
    }
  }
  const floor = percentile(times.floor, 0.95)
  const figures = questions(filled).map(({ what, goalMs }, at): Figure => {
    const p95 = percentile(times.ofQuestions[at] ?? [], 0.95)
    return {
      what: `${what}, p95`,
      measured: ms(p95),
      floor: ms(floor),
      ratio: (p95 / floor).toFixed(2),
      goal: `<= ${goalMs} ms`,
      met: p95 <= goalMs,
    }
  })
  const medians = questions(filled).map(({ what }, at) => `${what} ${ms(median(times.ofQuestions[at] ?? []))}`)
  return {
    figures,
    notes: `${filled.transactions.toLocaleString('en')} transactions in the shard, each with the store's balances after it, of ${OTHERS.length + 1} stores; asked about is the one with ${(BIG + MONTHS * A_MONTH).toLocaleString('en')}. They are those of invoices paid in a platform's wallet, decided, sealed and written by the ledger's own code past the objects. Pages begin at moments all over two years; the month has ${lines.toLocaleString('en')} lines. Floor: a bare Worker that reads one row of D1. ${READS} requests of each kind through the public Worker, taking turns over loopback. p50: ${medians.join('; ')}; floor ${ms(median(times.floor))}.`,
  }
}

function questions({ fromMs, monthsMs }: Filled): Question[] {
  // The golden ratio's steps meet all of the time, evenly and in no order.
  const before = (n: number) => new Date(fromMs + (monthsMs - fromMs) * (((n + 1) * 0.618) % 1)).toISOString()
  const page = (words: string) => (n: number) => `/transactions?limit=100&to=${before(n)}${words}`
  const month = (n: number) => new Date(monthsMs + n * MONTH_MS).toISOString()
  const full: Question['holds'] = ({ data }) => data?.length === 100
  return [
    { what: 'a page of 100 transactions', path: page(''), holds: full, goalMs: GOALS.page },
    { what: 'of a cause as frequent as payments', path: page('&cause=payment_settled'), holds: full, goalMs: GOALS.page },
    { what: 'of a rare cause', path: page('&cause=treasury'), holds: ({ data = [] }) => data.length > 0, goalMs: GOALS.page },
    { what: 'of an account that every payment touches', path: page('&account=available'), holds: full, goalMs: GOALS.page },
    {
      what: 'of an account that none touches',
      path: page('&account=wallet:wal_other'),
      holds: ({ data }) => data?.length === 0,
      goalMs: GOALS.page,
    },
    {
      what: 'a statement of a month',
      path: (n) => `/statement?account=available&from=${month(n % MONTHS)}&to=${month((n % MONTHS) + 1)}`,
      holds: ({ lines = [] }) => lines.length > 900,
      goalMs: GOALS.statement,
    },
  ]
}

async function good(client: Client, url: string, headers?: Record<string, string>): Promise<Answer> {
  const answer = await client.send(url, { headers })
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${answer.body.slice(0, 300)}`)
  return answer
}
