import { err, ok, type Result } from '../../lib/result.ts'
import { greater, lesser } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError } from '../gateway.ts'
import { unitsOf } from './amounts.ts'
import { MIN_RELAY_SATS_PER_KVB } from './fees.ts'
import { type BitcoinRpc, refusalError, toNodeError } from './rpc.ts'

/** No place in a block is worth more to us, whatever nodes say: 1,000 satoshi a byte. */
const RATE_MAX_SATS_PER_KVB = 1_000_000n
/** The farthest that nodes estimate for. */
const TARGET_BLOCKS_MAX = 1_008

/** What nodes estimated last, by chain and target, as long as this isolate lives: better than none when they have none. */
const lastRates = new Map<string, bigint>()

/** What one node says that a place in a block costs, in satoshi for 1,000 virtual bytes. */
export interface Market {
  /** Null from one that has seen too few blocks, or estimates nothing (`-blocksonly`). */
  readonly rate: bigint | null
  /** Below it this node keeps nothing. */
  readonly floor: bigint
  readonly height: number
}

export async function marketFrom(rpc: BitcoinRpc, chain: ChainConfig, targetBlocks: number): Promise<Result<Market, NodeError>> {
  const answers = await rpc.exact([
    ['estimatesmartfee', targetOf(targetBlocks), 'ECONOMICAL'],
    ['getmempoolinfo'],
    ['getblockcount'],
  ])
  if (!answers.ok) return err(toNodeError(answers.error))
  const [estimate, info, count] = answers.value
  if (info?.ok === false) return err(refusalError('getmempoolinfo', info.error))
  if (count?.ok === false) return err(refusalError('getblockcount', count.error))
  const read = (value: unknown) => unitsOf(value, chain.native.decimals)
  const { feerate } = ((estimate?.ok && estimate.value) || {}) as { feerate?: unknown }
  const { mempoolminfee, minrelaytxfee } = (info?.value ?? {}) as { mempoolminfee?: unknown; minrelaytxfee?: unknown }
  const height = /^\d{1,10}$/.test(String(count?.value)) ? Number(count?.value) : null
  if (height === null) return err({ reason: 'protocol', detail: 'getblockcount gave no height' })
  return ok({ rate: read(feerate), floor: greater(read(mempoolminfee) ?? 0n, read(minrelaytxfee) ?? 0n), height })
}

/**
 * What several nodes say: of each the middle one, of two the lower, so that one that lies among three moves nothing. A fee
 * that is too low can be raised, one that is too high is gone. Where none estimates, what they said last holds.
 */
export function mergeMarkets(
  chain: ChainConfig,
  targetBlocks: number,
  answers: readonly Result<Market, NodeError>[],
): Result<{ satsPerKvb: bigint; height: number }, NodeError> {
  const told = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
  const height = middle(told.map((one) => one.height))
  const floor = middle(told.map((one) => one.floor))
  if (height === undefined || floor === undefined)
    return (answers[0] as Result<never, NodeError>) ?? err({ reason: 'protocol', detail: 'no node is configured for this chain' })
  const key = `${chain.id}/${targetOf(targetBlocks)}`
  const rate = middle(told.flatMap((one) => one.rate ?? []))
  if (rate !== undefined) lastRates.set(key, rate)
  const wanted = greater(rate ?? lastRates.get(key) ?? 0n, greater(MIN_RELAY_SATS_PER_KVB, floor))
  return ok({ satsPerKvb: lesser(wanted, RATE_MAX_SATS_PER_KVB), height })
}

function targetOf(targetBlocks: number): number {
  return Math.min(Math.max(Math.trunc(targetBlocks), 1), TARGET_BLOCKS_MAX)
}

function middle<T extends bigint | number>(values: readonly T[]): T | undefined {
  return values.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0))[(values.length - 1) >> 1]
}
