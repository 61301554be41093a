import { type Bench, median, ms, percentile } from './lib/figure.ts'
import { type Client, createClient, drive } from './lib/load.ts'
import { INVOICE_BODY, merchantHeaders } from './lib/merchant.ts'
import { startSystem } from './lib/system.ts'
import { startBenchWorker } from './lib/workerd.ts'

const CLIENTS = 16
const PER_ROUND = 400
/** Of each kind, one after the other; the first pair warms both up and is not counted. */
const ROUNDS = 7
const GOAL = 0.5

/** `POST /v1/invoices` against a Worker that creates one object and writes one row, taking turns on one machine. */
export const createInvoice: Bench = {
  name: 'create-invoice',
  title: 'Creating invoices',
  async run() {
    const bare = await startBenchWorker('lib/bare-worker.ts', { BARE: 'BareObject' })
    const system = await startSystem()
    const client = createClient(CLIENTS)
    try {
      const headers = merchantHeaders(system.stack)
      const full = await rounds([
        () => post(client, `${system.stack.origin}/v1/invoices`, headers),
        () => post(client, bare.origin, {}),
      ])
      const [ours = [], floor = []] = full
      const ratio = median(ours.map((round, n) => round.perSecond / (floor[n]?.perSecond ?? Number.NaN)))
      const latencies = (list: typeof ours) => list.flatMap((round) => round.latenciesMs)
      const rate = (list: typeof ours) => `${median(list.map((round) => round.perSecond)).toFixed(0)} /s`
      const times = (share: number) => ({
        measured: ms(percentile(latencies(ours), share)),
        floor: ms(percentile(latencies(floor), share)),
        ratio: (percentile(latencies(ours), share) / percentile(latencies(floor), share)).toFixed(2),
        goal: '-',
        met: null,
      })
      return {
        figures: [
          {
            what: `invoices created, ${CLIENTS} clients`,
            measured: rate(ours),
            floor: rate(floor),
            ratio: ratio.toFixed(2),
            goal: `>= ${GOAL}`,
            met: ratio >= GOAL,
          },
          { what: 'p50', ...times(0.5) },
          { what: 'p99', ...times(0.99) },
        ],
        notes: `Floor: a bare Worker that creates one Durable Object and writes one row. ${ROUNDS - 1} rounds of ${PER_ROUND} requests each, taking turns over loopback; the ratio is the median of the rounds' ratios. The client shares the machine with both.`,
      }
    } finally {
      client.close()
      await bare.stop()
      await system.stop()
    }
  },
}

type Round = Awaited<ReturnType<typeof drive>>

/** Runs each kind in turn, round by round. */
async function rounds(kinds: readonly (() => Promise<Round>)[]): Promise<Round[][]> {
  const results: Round[][] = kinds.map(() => [])
  for (let n = 0; n < ROUNDS; n++) {
    for (const [kind, run] of kinds.entries()) {
      const round = await run()
      if (n > 0) results[kind]?.push(round)
    }
  }
  return results
}

function post(client: Client, url: string, headers: Record<string, string>): Promise<Round> {
  return drive(CLIENTS, PER_ROUND, async () => {
    const answer = await client.send(url, { method: 'POST', headers, body: INVOICE_BODY })
    if (answer.status !== 201) throw new Error(`${url} answered ${answer.status}: ${answer.body.slice(0, 300)}`)
    return answer
  })
}
