import { postingFigures } from './ledger/posting.ts'
import { fillShard, readingFigures } from './ledger/reading.ts'
import type { Bench } from './lib/figure.ts'
import { createClient } from './lib/load.ts'
import { startSystem } from './lib/system.ts'
import { startBenchWorker } from './lib/workerd.ts'

/** Postings a second against rows a second, and what a page and a statement take out of a shard with a million transactions. */
export const ledger: Bench = {
  name: 'ledger',
  title: 'The ledger',
  async run() {
    const bare = await startBenchWorker('ledger/bare.ts', { BARE: 'BareObject' }, { d1Databases: { DATABASE: 'bench' } })
    const system = await startSystem({ entries: { core: 'ledger/core.ts' } })
    const client = createClient(1)
    try {
      const posting = await postingFigures(client, system.stack, bare.origin)
      const filled = await fillShard(system.stack)
      const reading = await readingFigures(client, system.stack, bare.origin, filled)
      return { figures: [...posting.figures, ...reading.figures], notes: [posting.notes, reading.notes].join('\n\n') }
    } finally {
      client.close()
      await bare.stop()
      await system.stop()
    }
  },
}
