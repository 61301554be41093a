import { DEVELOPMENT_CHAINS } from '../config/development.ts'
import type { Stack } from '../scripts/stack/supervisor.ts'
import { type Bench, type Figure, ms, percentile } from './lib/figure.ts'
import { type Client, createClient } from './lib/load.ts'
import { openShopper } from './lib/shopper.ts'
import { type System, startSystem } from './lib/system.ts'

const SAMPLES = 100
const GOALS = { p50: 150, p99: 750 }
/** Payments between two blocks, so that the wallet always has a confirmed coin. */
const MINE_EVERY = 10

interface Sample {
  readonly totalMs: number
  /** From the node's acceptance to the beginning of the next look at the chain. */
  readonly pollWaitMs: number
}

/** From the node accepting a transaction to the page showing it, less the wait for the next look at the chain. */
export const detection: Bench = {
  name: 'detection',
  title: 'Seeing a payment',
  async run() {
    const looks: { chainId: string; atMs: number }[] = []
    const system = await startSystem({
      entries: { gateways: 'detection/gateways.ts' },
      onTrouble(line) {
        const look = readLook(line)
        if (look) looks.push(look)
      },
    })
    const client = createClient(8)
    try {
      const figures: Figure[] = []
      const waits: string[] = []
      for (const chain of DEVELOPMENT_CHAINS) {
        const asset = chain.native.code
        const samples: Sample[] = []
        for (let n = 0; n < SAMPLES + 3; n++) {
          if (n % MINE_EVERY === 0) await mine(system)
          // Not in step with the looks.
          await new Promise((resolve) => setTimeout(resolve, Math.random() * chain.pollMs))
          const sample = await measure(client, system.stack, asset, () => looks.filter((look) => look.chainId === chain.id))
          if (n >= 3) samples.push(sample)
        }
        figures.push(...(['p50', 'p99'] as const).map((name) => figureOf(asset, name, samples)))
        waits.push(
          `${asset} p50 ${ms(
            percentile(
              samples.map((sample) => sample.totalMs),
              0.5,
            ),
          )} in all, of it ${ms(
            percentile(
              samples.map((sample) => sample.pollWaitMs),
              0.5,
            ),
          )} waiting for a look`,
        )
      }
      return {
        figures,
        notes: `${SAMPLES} payments each, on real nodes, one at a time. The page is a client that keeps the WebSocket and fetches the page's fragment when told, as the page's script does, without a browser's drawing. The poll wait (to the beginning of the next look, told by the gateways Worker) is taken off: ${waits.join('; ')}.`,
      }
    } finally {
      client.close()
      await system.stop()
    }
  },
}

function figureOf(asset: string, name: 'p50' | 'p99', samples: readonly Sample[]): Figure {
  const value = percentile(
    samples.map((sample) => sample.totalMs - sample.pollWaitMs),
    name === 'p50' ? 0.5 : 0.99,
  )
  return {
    what: `${asset}: node accepts to page shows, ${name}`,
    measured: ms(value),
    floor: '-',
    ratio: '-',
    goal: `<= ${GOALS[name]} ms`,
    met: value <= GOALS[name],
  }
}

async function measure(client: Client, stack: Stack, asset: string, looks: () => { atMs: number }[]): Promise<Sample> {
  const shopper = await openShopper(client, stack, asset)
  try {
    const acceptedAtMs = await shopper.pay()
    const shownAtMs = await shopper.shows('confirming')
    // The look that found it began after the acceptance; if none did, it was under way already and there was no wait.
    const look = looks().find(({ atMs }) => atMs >= acceptedAtMs && atMs <= shownAtMs)
    return { totalMs: Math.max(0, shownAtMs - acceptedAtMs), pollWaitMs: look ? look.atMs - acceptedAtMs : 0 }
  } finally {
    shopper.leave()
  }
}

async function mine({ stack }: System): Promise<void> {
  await stack.wallets.bitcoin.mine(1)
  await stack.wallets.evm.mine(1)
}

function readLook(line: string): { chainId: string; atMs: number } | null {
  if (!line.includes('"bench":"look"')) return null
  return JSON.parse(line.slice(line.indexOf('{'))) as { chainId: string; atMs: number }
}
