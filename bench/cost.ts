import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ORDER_EVENTS } from '../scripts/shop/paytomat.ts'
import type { Stack } from '../scripts/stack/supervisor.ts'
import { OBJECT_GIGABYTE_MONTH, OBJECT_GIGABYTES, OPERATIONS_PER_MESSAGE, PRICES } from './cost/prices.ts'
import { type Bench, markdownTable } from './lib/figure.ts'
import { type Client, createClient } from './lib/load.ts'
import { INVOICE_BODY, merchantHeaders } from './lib/merchant.ts'
import { openShopper } from './lib/shopper.ts'
import { startSystem } from './lib/system.ts'

const INVOICES = 40
const ASSETS = ['BTC', 'ETH'] as const
/** More than either chain's confirmations. */
const BLOCKS = 3
const GOAL = 60
/** One run of the cron, which wakes followers and checks the books, falls into any such time. */
const IDLE_MS = 60_000
/** Long enough for all to be paid in time, short enough to see the deadline pass, which is a part of every life. */
const EXPIRES_SECONDS = 120
/** Time for the last webhooks and projections to be delivered and acknowledged, and for the alarms that see to it. */
const SETTLE_MS = 12_000
/** CPU time that Linux counts in, per second. */
const TICKS = 100

type Counts = Readonly<Record<string, number>>

/** What one invoice's life costs on Cloudflare's price list, from counts of a real run with everything waiting for nobody else. */
export const cost: Bench = {
  name: 'cost',
  title: 'What an invoice costs',
  async run() {
    const system = await startSystem({ entries: { core: 'cost/core.ts' } })
    const client = createClient(16)
    const hooks = await startReceiver()
    try {
      const { stack } = system
      await createEndpoint(client, stack, hooks.url)
      const busy = await measured(stack, () => live(client, stack))
      // After them, since the checks look at what there is, as often with 40 invoices as with a million.
      const idle = await measured(stack, () => sleep(IDLE_MS))
      const per = perInvoice(idle, busy)
      const requests = busy.result / INVOICES
      const lines = priced(per, requests, Math.max(0, busy.cpuMs - (idle.cpuMs * busy.tookMs) / idle.tookMs) / INVOICES)
      const total = lines.reduce((sum, line) => sum + line.dollars, 0)
      const stored = (busy.after['bytes InvoiceObject'] ?? 0) / INVOICES
      return {
        figures: [
          {
            what: 'one invoice, created to settled, USD a million',
            measured: total.toFixed(2),
            floor: '-',
            ratio: '-',
            goal: `<= ${GOAL}`,
            met: total <= GOAL,
          },
        ],
        notes: [
          markdownTable(
            ['Counted', 'an invoice', 'USD a million invoices'],
            lines.map((line) => [line.what, line.count.toFixed(line.count < 10 ? 2 : 1), line.dollars.toFixed(2)]),
          ),
          `${INVOICES} invoices on real nodes, half in BTC and half in ETH, each from creation over the page with its WebSocket and ${BLOCKS} blocks to settled and past its deadline, with ${(hooks.received() / INVOICES).toFixed(1)} webhooks each to one endpoint that wants what the demo shop wants. What runs however many invoices there are (looks at the chains, checks of the books) was counted for ${IDLE_MS / 1000} s afterwards and is taken off. Every queue consumer's run is counted as a request to a Worker, which the price list leaves open. CPU is that of the whole workerd process${busy.cpuMs === 0 ? ', not known on this system' : ''}. Logs are not counted.`,
          `Calls an invoice: ${callList(per)}.`,
          markdownTable(['Rows are written by', 'an invoice'], statements(Object.keys(busy.counts), per)),
          `Kept afterwards: ${(stored / 1024).toFixed(1)} KB in the invoice's object, USD ${((stored / 1e9) * OBJECT_GIGABYTE_MONTH * 1e6).toFixed(2)} a month for a million of them.`,
        ].join('\n\n'),
      }
    } finally {
      client.close()
      hooks.stop()
      await system.stop()
    }
  },
}

/** A full life of every invoice; answers the requests made to the public Worker. */
async function live(client: Client, stack: Stack): Promise<number> {
  const body = JSON.stringify({ ...JSON.parse(INVOICE_BODY), expiresInSeconds: EXPIRES_SECONDS })
  const shoppers = []
  for (let n = 0; n < INVOICES; n++) shoppers.push(await openShopper(client, stack, ASSETS[n % ASSETS.length] ?? 'BTC', body))
  const lastDeadlineMs = Date.now() + EXPIRES_SECONDS * 1000
  for (const shopper of shoppers) await shopper.pay()
  await Promise.all(shoppers.map((shopper) => shopper.shows('confirming')))
  for (let n = 0; n < BLOCKS; n++) {
    await stack.wallets.bitcoin.mine(1)
    await stack.wallets.evm.mine(1)
    // Blocks come one by one, each told to the shoppers.
    await sleep(1_500)
  }
  await Promise.all(shoppers.map((shopper) => shopper.shows('paid')))
  for (const shopper of shoppers) shopper.leave()
  await sleep(lastDeadlineMs - Date.now() + SETTLE_MS)
  return shoppers.reduce((sum, shopper) => sum + shopper.requests(), 0)
}

interface Measured<T> {
  readonly result: T
  readonly counts: Counts
  readonly after: Counts
  readonly tookMs: number
  readonly cpuMs: number
}

async function measured<T>(stack: Stack, work: () => Promise<T>): Promise<Measured<T>> {
  const before = await readCounts(stack)
  const cpuBefore = cpuMsOf(stack.workers.pid)
  const startedAt = performance.now()
  const result = await work()
  const tookMs = performance.now() - startedAt
  const cpuMs = cpuMsOf(stack.workers.pid) - cpuBefore
  const after = await readCounts(stack)
  const counts = Object.fromEntries(Object.entries(after).map(([line, value]) => [line, value - (before[line] ?? 0)]))
  return { result, counts, after, tookMs, cpuMs }
}

async function readCounts(stack: Stack): Promise<Counts> {
  return (await stack.workers.dispatchCore('/bench/counts')).json() as Promise<Counts>
}

/** CPU time of a process so far, user and system; 0 where there is no /proc. */
function cpuMsOf(pid: number): number {
  const path = `/proc/${pid}/stat`
  if (!existsSync(path)) return 0
  const fields = readFileSync(path, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS
}

/** Counts of the busy time less what the same time costs when no invoice is on its way. */
function perInvoice(idle: Measured<unknown>, busy: Measured<unknown>): (line: string) => number {
  const share = busy.tookMs / idle.tookMs
  const lines = Object.keys(busy.counts)
  return (start) => {
    const sum = (counts: Counts) =>
      lines.filter((line) => line.startsWith(start)).reduce((sum, line) => sum + (counts[line] ?? 0), 0)
    return Math.max(0, sum(busy.counts) - sum(idle.counts) * share) / INVOICES
  }
}

function priced(per: (start: string) => number, requests: number, cpuMs: number) {
  // The courier's messages come one to a run at worst.
  const consumerRuns = per('consumer runs') + per('messages DELIVER')
  const messages = per('messages PROJECTIONS') + per('messages DELIVER') + per('consumed delivery-results')
  const gigabyteSeconds = (per('active ms ') / 1000) * OBJECT_GIGABYTES
  const line = (what: string, count: number, price: number) => ({ what, count, dollars: count * price })
  return [
    line('requests to the public Worker', requests, PRICES.workerRequest),
    line('runs of queue consumers', consumerRuns, PRICES.workerRequest),
    line('CPU, ms', cpuMs, PRICES.workerCpuMs),
    line('calls of Durable Objects', per('calls '), PRICES.objectRequest),
    line('alarms run', per('alarms run '), PRICES.objectRequest),
    line('GB-seconds of Durable Objects', gigabyteSeconds, PRICES.objectGigabyteSecond),
    line(
      'rows written by Durable Objects (alarms set among them)',
      per('rows written ') - per('rows written D1'),
      PRICES.rowWritten,
    ),
    line('rows read by Durable Objects', per('rows read ') - per('rows read D1'), PRICES.rowRead),
    line('rows written in D1', per('rows written D1'), PRICES.rowWritten),
    line('rows read in D1', per('rows read D1'), PRICES.rowRead),
    line('queue operations', messages * OPERATIONS_PER_MESSAGE, PRICES.queueOperation),
  ]
}

function callList(per: (start: string) => number): string {
  const classes = [
    'InvoiceObject',
    'WalletObject',
    'WatchObject',
    'ChainObject',
    'DeliveryObject',
    'RatesObject',
    'LedgerObject',
    'AuditObject',
  ]
  const rows = classes.map((name) => {
    const written = per(`rows written ${name}`)
    return `${name} ${(per(`calls ${name}`) + per(`alarms run ${name}`)).toFixed(1)} (${written.toFixed(1)} rows written, ${per(`alarms set ${name}`).toFixed(1)} of them alarms)`
  })
  return rows.join(', ')
}

const STATEMENTS_SHOWN = 15

/** The statements that write the most rows: where to look when this costs too much. */
function statements(lines: readonly string[], per: (start: string) => number): string[][] {
  return lines
    .filter((line) => line.startsWith('statement '))
    .map((line) => ({ name: line.slice('statement '.length), rows: per(line) }))
    .sort((a, b) => b.rows - a.rows)
    .slice(0, STATEMENTS_SHOWN)
    .map(({ name, rows }) => [`\`${name}\``, rows.toFixed(1)])
}

/** The merchant's shop: takes every webhook. */
async function startReceiver() {
  let received = 0
  const server = createServer((request, response) => {
    received++
    request.resume().on('end', () => response.end('ok'))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received: () => received,
    stop: () => server.close().closeAllConnections(),
  }
}

async function createEndpoint(client: Client, stack: Stack, url: string): Promise<void> {
  const body = JSON.stringify({ url, events: ORDER_EVENTS })
  const answer = await client.send(`${stack.origin}/v1/webhook_endpoints`, {
    method: 'POST',
    headers: merchantHeaders(stack),
    body,
  })
  if (answer.status !== 201) throw new Error(`creating a webhook endpoint: ${answer.status} ${answer.body.slice(0, 300)}`)
}

function sleep(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}
