import type { FeeFacts } from '../spend.ts'
import { isRecord, type RpcCall } from './rpc.ts'
import { readList, readQuantity } from './wire.ts'

const BLOCKS = 10
/** What three quarters of a block's gas paid more than, and half. */
const PERCENTILES = [25, 50]
/** Who has time for more blocks than this offers what the cheaper quarter of a block paid. */
const SOON_BLOCKS = 3
/** Wei for one gas. Blocks are often so empty that any tip is enough; geth's own least is the second (`miner.gasprice`). */
const SOON_TIP_MIN = 10_000_000n
const TIP_MIN = 1_000_000n

/** EIP-1559 fees of the last blocks, the tip a node would give, the price on chains without either. What is not there is null. */
export const FEE_CALLS: readonly RpcCall[] = [
  { method: 'eth_feeHistory', params: [`0x${BLOCKS.toString(16)}`, 'latest', PERCENTILES], optional: true },
  { method: 'eth_maxPriorityFeePerGas', params: [], optional: true },
  { method: 'eth_gasPrice', params: [], optional: true },
]

/**
 * Wei for one gas: the tip that was usual, of idle blocks the one that the node would give, and the next block's base fee
 * twice, which five full blocks in a row do not reach. `answers`: to `FEE_CALLS`. Null where the node tells nothing.
 */
export function readFees(
  [history, suggested, gasPrice]: readonly unknown[],
  targetBlocks: number,
): Pick<Extract<FeeFacts, { kind: 'account' }>, 'maxFeePerGas' | 'maxPriorityFeePerGas'> | null {
  const baseFees = isRecord(history) ? readList(history.baseFeePerGas, readQuantity) : null
  const next = baseFees?.at(-1)
  if (next === undefined || !isRecord(history)) {
    const price = readQuantity(gasPrice)
    return price === null ? null : { maxFeePerGas: price, maxPriorityFeePerGas: price }
  }
  const isSoon = targetBlocks <= SOON_BLOCKS
  const tips = readTips(history, isSoon ? 1 : 0)
  const least = isSoon ? SOON_TIP_MIN : TIP_MIN
  const usual = tips[Math.floor(tips.length / 2)] ?? readQuantity(suggested) ?? least
  const tip = usual > least ? usual : least
  return { maxFeePerGas: 2n * next + tip, maxPriorityFeePerGas: tip }
}

/** What a block's base fee was when `readFees` made these of it: zero where a chain has none. */
export function baseFeeOf({
  maxFeePerGas,
  maxPriorityFeePerGas,
}: Pick<Extract<FeeFacts, { kind: 'account' }>, 'maxFeePerGas' | 'maxPriorityFeePerGas'>): bigint {
  return (maxFeePerGas - maxPriorityFeePerGas) / 2n
}

/** One of each block, smallest first. Blocks without transactions have none: nodes say zero for them. */
function readTips(history: Record<string, unknown>, percentile: number): bigint[] {
  const used = Array.isArray(history.gasUsedRatio) ? history.gasUsedRatio : []
  const rewards = Array.isArray(history.reward) ? history.reward : []
  return rewards
    .flatMap((reward: unknown, at) => {
      const tip = Array.isArray(reward) ? readQuantity(reward[percentile]) : null
      return tip === null || used[at] === 0 ? [] : [tip]
    })
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
