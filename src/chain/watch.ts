import { fingerprintOf } from '../gateways/gateway.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { WatchRpc } from './rpc.ts'

/** Which shard of the chain's watch list a key belongs to. */
export function watchShardOf(chain: Pick<ChainConfig, 'watchShards'>, key: Uint8Array): number {
  return (fingerprintOf(key)[0] as number) % chain.watchShards
}

/** The name of a shard's object. */
export function watchShardName(chain: Pick<ChainConfig, 'id'>, shard: number): string {
  return `${chain.id}#${shard}`
}

/** Returns once the address is watched for good: only then may it be shown. The same again changes nothing. */
export async function watchAddress(
  env: { WATCH: ObjectNamespace<WatchRpc> },
  chain: ChainConfig,
  watchKey: Uint8Array,
  invoiceId: string,
): Promise<void> {
  const shard = env.WATCH.getByName(watchShardName(chain, watchShardOf(chain, watchKey)))
  await shard.watch([{ key: watchKey, invoiceId }])
}
