import type { NodeError, Scan } from '../gateways/gateway.ts'
import { toHex } from '../lib/bytes.ts'
import { ok, type Result } from '../lib/result.ts'
import type { MatchedTransfer, WatchHit, WatchRpc } from './rpc.ts'

const FINGERPRINT_BYTES = 8

/** The shards of a chain's watch list, in their order. */
export type WatchShards = readonly Pick<WatchRpc, 'match'>[]

/**
 * The transfers of a scan that go to watched keys. Each shard is asked once, about its own fingerprints only; full
 * facts are read of the hits only; and a hit counts only if the whole key is the same.
 */
export async function matchScan(scan: Scan, shards: WatchShards): Promise<Result<MatchedTransfer[], NodeError>> {
  const asked = splitByShard(scan.fingerprints, shards.length)
  const answers = await Promise.all(
    asked.map(({ fingerprints }, shard) => (fingerprints.length === 0 ? [] : (shards[shard]?.match(fingerprints) ?? []))),
  )
  const positions = new Set<number>()
  const invoiceOfKey = new Map<string, string>()
  for (const [shard, hits] of answers.entries()) {
    for (const { position, key, invoiceId } of hits satisfies readonly WatchHit[]) {
      positions.add(asked[shard]?.positions[position] as number)
      invoiceOfKey.set(toHex(key), invoiceId)
    }
  }
  if (positions.size === 0) return ok([])
  const resolved = await scan.resolve([...positions].sort((a, b) => a - b))
  if (!resolved.ok) return resolved
  return ok(
    resolved.value.flatMap(({ watchKey, ...transfer }) => {
      const invoiceId = invoiceOfKey.get(toHex(watchKey))
      // Anybody can send nothing to any address, as often as they like: it is no payment.
      return invoiceId === undefined || transfer.units === 0n ? [] : [{ transfer, invoiceId }]
    }),
  )
}

interface ShardPart {
  readonly fingerprints: Uint8Array
  /** Where each of them stands in the whole. */
  readonly positions: Uint32Array
}

/** By the first byte of each fingerprint, as `watchShardOf` does. */
function splitByShard(fingerprints: Uint8Array, shards: number): ShardPart[] {
  const count = Math.floor(fingerprints.length / FINGERPRINT_BYTES)
  const sizes = new Uint32Array(shards)
  for (let i = 0; i < count; i++) {
    const shard = (fingerprints[i * FINGERPRINT_BYTES] as number) % shards
    sizes[shard] = (sizes[shard] as number) + 1
  }
  const parts = Array.from(sizes, (size) => ({
    fingerprints: new Uint8Array(size * FINGERPRINT_BYTES),
    positions: new Uint32Array(size),
    filled: 0,
  }))
  for (let i = 0; i < count; i++) {
    const at = i * FINGERPRINT_BYTES
    const part = parts[(fingerprints[at] as number) % shards] as (typeof parts)[number]
    part.fingerprints.set(fingerprints.subarray(at, at + FINGERPRINT_BYTES), part.filled * FINGERPRINT_BYTES)
    part.positions[part.filled++] = i
  }
  return parts
}
