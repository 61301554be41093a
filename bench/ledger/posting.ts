import type { Stack } from '../../scripts/stack/supervisor.ts'
import { type BenchResult, type Figure, median } from '../lib/figure.ts'
import type { Client } from '../lib/load.ts'
import { loadQuery } from './lanes.ts'

const MERCHANTS = [1, 16]
/** Calls under way at once, whatever number of merchants they are for. */
const LANES = 16
/** Calls of a lane in one round; even, since two messages are one invoice. */
const EACH = 100
/** The first one of each kind warms it up and is not counted. */
const ROUNDS = 8
const GOAL = 0.5
/** For D1 to take over what a round has posted. */
const PROJECTED_MS_MAX = 60_000

/** Calls a second of the ledger and of an object that only writes a row, by turns. */
export async function postingFigures(client: Client, stack: Stack, bareOrigin: string): Promise<BenchResult> {
  const kinds = [
    { what: 'postings', run: (query: string) => core(stack, `/bench/book?${query}`) },
    { what: 'messages of invoices', run: (query: string) => core(stack, `/bench/record?${query}`) },
  ]
  const figures: Figure[] = []
  let from = 0
  for (const merchants of MERCHANTS) {
    const rounds: number[][] = []
    for (let round = 0; round < ROUNDS; round++) {
      const query = loadQuery({ lanes: LANES, merchants, each: EACH, from })
      from += LANES * EACH
      const speeds = [await perSecond(() => bare(client, `${bareOrigin}/write?${query}`))]
      for (const { run } of kinds) {
        speeds.push(await perSecond(() => run(query)))
        await projected(stack, merchants)
      }
      if (round > 0) rounds.push(speeds)
    }
    const of = (at: number) => rounds.map((speeds) => speeds[at] ?? Number.NaN)
    for (const [at, { what }] of kinds.entries()) {
      const ratio = median(of(at + 1).map((speed, round) => speed / (of(0)[round] ?? Number.NaN)))
      figures.push({
        what: `${what}, ${merchants === 1 ? 'one merchant' : `${merchants} merchants`}`,
        measured: `${median(of(at + 1)).toFixed(0)} /s`,
        floor: `${median(of(0)).toFixed(0)} /s`,
        ratio: ratio.toFixed(2),
        goal: `>= ${GOAL}`,
        met: ratio >= GOAL,
      })
    }
  }
  return {
    figures,
    notes: `A posting is a call of the ledger's object in the whole system; so is an invoice's message, of which one in two is a payment seen (one transaction) and one a payment settled with fee and partner's share (three). Floor: a bare object that writes one row a call. ${LANES} calls at once from within a Worker of the same workerd, ${ROUNDS - 1} rounds of ${LANES * EACH} calls of each kind, taking turns; the ratio is the median of the rounds' ratios. The real queue and its consumer take over into D1 what is posted, in the same workerd and in part during the round.`,
  }
}

async function perSecond(calls: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await calls()
  return (LANES * EACH * 1000) / (performance.now() - startedAt)
}

async function core(stack: Stack, path: string): Promise<void> {
  const answer = await stack.workers.dispatchCore(path)
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text.slice(0, 300)}`)
}

async function bare(client: Client, url: string): Promise<void> {
  const answer = await client.send(url)
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${answer.body.slice(0, 300)}`)
}

/** Waits until D1 has everything: no round pays for the one before it. */
async function projected(stack: Stack, merchants: number): Promise<void> {
  const endsAtMs = Date.now() + PROJECTED_MS_MAX
  for (;;) {
    const answer = await stack.workers.dispatchCore(`/bench/behind?merchants=${merchants}`)
    const { behind } = (await answer.json()) as { behind: number }
    if (behind === 0) return
    if (Date.now() > endsAtMs) throw new Error(`after ${PROJECTED_MS_MAX} ms D1 lacks transactions of ${behind} ledgers`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
