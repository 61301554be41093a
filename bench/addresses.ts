import { DEVELOPMENT_CHAINS } from '../config/development.ts'
import { type Bench, type Figure, median } from './lib/figure.ts'
import { type Client, createClient } from './lib/load.ts'
import { startBenchWorker } from './lib/workerd.ts'

const PER_ROUND = 400
/** Of each kind, one after the other; the first pair warms both up and is not counted. */
const ROUNDS = 9

/** Addresses a second that a wallet gives out, against the bare derivation of as many. */
export const addresses: Bench = {
  name: 'addresses',
  title: 'Giving out addresses',
  async run() {
    const bindings = { CHAINS: JSON.stringify(DEVELOPMENT_CHAINS) }
    const worker = await startBenchWorker('addresses/worker.ts', { WALLETS: 'WalletObject' }, { bindings })
    const client = createClient(1)
    try {
      const figures: Figure[] = []
      for (const chain of DEVELOPMENT_CHAINS) figures.push(await measure(client, worker.origin, chain.id, chain.name))
      return {
        figures,
        notes: `${ROUNDS - 1} rounds of ${PER_ROUND} addresses each, taking turns: one wallet object, asked by 16 callers of one Worker at once, which counts the index, derives the address (BIP 32) and keeps whose it is; and the Worker deriving as many in a loop. The ratio is the median of the rounds' ratios.`,
      }
    } finally {
      client.close()
      await worker.stop()
    }
  },
}

async function measure(client: Client, origin: string, chainId: string, name: string): Promise<Figure> {
  const given: number[] = []
  const derived: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const [path, rates] of [
      ['/allocate', given],
      ['/derive', derived],
    ] as const) {
      const answer = await client.send(`${origin}${path}?chain=${chainId}&from=${round * PER_ROUND}&count=${PER_ROUND}`)
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body.slice(0, 300)}`)
      if (round > 0) rates.push((PER_ROUND * 1000) / answer.wholeMs)
    }
  }
  return {
    what: `${name}: addresses given out`,
    measured: `${median(given).toFixed(0)} /s`,
    floor: `${median(derived).toFixed(0)} /s derived`,
    ratio: median(given.map((rate, at) => rate / (derived[at] ?? Number.NaN))).toFixed(2),
    goal: '-',
    met: null,
  }
}
