/** The Bitcoin scanner and the watch list themselves, with a block made by rule instead of a node. */
import { matchScan } from '../../src/chain/match.ts'
import { watchShardName, watchShardOf } from '../../src/chain/watch.ts'
import type { WatchObject } from '../../src/chain/watch-object.ts'
import { scanBlock } from '../../src/gateways/bitcoin/block.ts'
import { transfersAt } from '../../src/gateways/bitcoin/scan.ts'
import type { Scan } from '../../src/gateways/gateway.ts'
import { ok } from '../../src/lib/result.ts'
import { syntheticBlock, watchedScript } from './block.ts'

export { WatchObject } from '../../src/chain/watch-object.ts'

interface BenchEnv {
  WATCH: DurableObjectNamespace<WatchObject>
}

const SHARDS = 4
/** Keys in one call of `watch`. */
const BATCH = 5_000

let block: Uint8Array | undefined

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    const chain = { id: `bench:${searchParams.get('chain')}`, watchShards: SHARDS }
    const count = Number(searchParams.get('count'))
    if (pathname === '/watch') {
      await watch(env, chain, Number(searchParams.get('from')), count)
      return new Response('ok')
    }
    block ??= syntheticBlock()
    let payments = 0
    for (let n = 0; n < count; n++) payments += await scan(env, chain, block)
    return Response.json({ payments, bytes: block.length })
  },
} satisfies ExportedHandler<BenchEnv>

interface BenchChain {
  readonly id: string
  readonly watchShards: number
}

/** One block's way from bytes to payments. The merkle proof, the same for any list, is left out of both. */
async function scan(env: BenchEnv, chain: BenchChain, raw: Uint8Array): Promise<number> {
  const scanned = scanBlock(raw)
  if (!scanned.ok) throw new Error(scanned.error)
  const { transactions } = scanned.value
  const whole: Scan = {
    fingerprints: transactions.fingerprints,
    resolve: async (positions) => ok(transfersAt(transactions, positions, 'BTC')),
    conflicts: () => [],
  }
  const found = await matchScan(whole, shardsOf(env, chain))
  if (!found.ok) throw new Error(found.error.detail)
  return found.value.length
}

async function watch(env: BenchEnv, chain: BenchChain, from: number, count: number): Promise<void> {
  const shards = shardsOf(env, chain)
  for (let start = from; start < from + count; start += BATCH) {
    const entries = Array.from({ length: Math.min(BATCH, from + count - start) }, (_, n) => ({
      key: watchedScript(start + n),
      invoiceId: `inv_${start + n}`,
    }))
    await Promise.all(shards.map((shard, n) => shard.watch(entries.filter(({ key }) => watchShardOf(chain, key) === n))))
  }
}

function shardsOf(env: BenchEnv, chain: BenchChain) {
  return Array.from({ length: SHARDS }, (_, shard) => env.WATCH.getByName(watchShardName(chain, shard)))
}
