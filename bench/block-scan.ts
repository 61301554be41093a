import { PAID_KEYS, TRANSACTIONS } from './block-scan/block.ts'
import { type Bench, median, ms, percentile } from './lib/figure.ts'
import { type Client, createClient } from './lib/load.ts'
import { startBenchWorker } from './lib/workerd.ts'

const FEW = 1_000
const MANY = 1_000_000
const GOAL = 1.5
/** Blocks scanned by one request, and requests of each kind, taking turns. */
const BLOCKS = 5
const REQUESTS = 60
/** Keys put on the watch list by one request. */
const KEYS_AT_ONCE = 50_000

/** What a block costs with many addresses watched, against the same block with few. */
export const blockScan: Bench = {
  name: 'block-scan',
  title: 'Scanning a block',
  async run() {
    const worker = await startBenchWorker('block-scan/worker.ts', { WATCH: 'WatchObject' })
    const client = createClient(1)
    try {
      for (const keys of [FEW, MANY]) await fill(client, worker.origin, keys)
      const times = new Map<number, number[]>([
        [FEW, []],
        [MANY, []],
      ])
      let bytes = 0
      for (let n = 0; n < REQUESTS + 1; n++) {
        for (const [keys, list] of times) {
          const request = await scan(client, worker.origin, keys)
          bytes = request.bytes
          // The first one builds the filters and warms the code up.
          if (n > 0) list.push(request.perBlockMs)
        }
      }
      const [few = [], many = []] = [...times.values()]
      const ratio = median(many) / median(few)
      return {
        figures: [
          {
            what: `a block with ${MANY.toLocaleString('en')} addresses watched, p50`,
            measured: ms(median(many)),
            floor: `${ms(median(few))} with ${FEW.toLocaleString('en')}`,
            ratio: ratio.toFixed(2),
            goal: `<= ${GOAL}`,
            met: ratio <= GOAL,
          },
          {
            what: 'p90',
            measured: ms(percentile(many, 0.9)),
            floor: ms(percentile(few, 0.9)),
            ratio: (percentile(many, 0.9) / percentile(few, 0.9)).toFixed(2),
            goal: '-',
            met: null,
          },
        ],
        notes: `A block of ${(bytes / 1e6).toFixed(1)} MB with ${TRANSACTIONS.toLocaleString('en')} transactions, ${PAID_KEYS.length} of them payments of ours: bytes to payments by the real scanner and the real watch list of four objects in workerd. ${REQUESTS} requests of ${BLOCKS} blocks each, taking turns. The merkle proof of a block that holds a payment (9 to 15 ms, the same in both) is not in it.`,
      }
    } finally {
      client.close()
      await worker.stop()
    }
  },
}

async function fill(client: Client, origin: string, keys: number): Promise<void> {
  for (let from = 0; from < keys; from += KEYS_AT_ONCE) {
    const answer = await client.send(`${origin}/watch?chain=${keys}&from=${from}&count=${Math.min(KEYS_AT_ONCE, keys - from)}`)
    if (answer.status !== 200) throw new Error(`watching failed: ${answer.status} ${answer.body.slice(0, 300)}`)
  }
}

async function scan(client: Client, origin: string, keys: number): Promise<{ perBlockMs: number; bytes: number }> {
  const answer = await client.send(`${origin}/scan?chain=${keys}&count=${BLOCKS}`)
  if (answer.status !== 200) throw new Error(`scanning failed: ${answer.status} ${answer.body.slice(0, 300)}`)
  const { payments, bytes } = JSON.parse(answer.body) as { payments: number; bytes: number }
  if (payments !== PAID_KEYS.length * BLOCKS) throw new Error(`${payments} payments found instead of ${PAID_KEYS.length * BLOCKS}`)
  return { perBlockMs: answer.wholeMs / BLOCKS, bytes }
}
