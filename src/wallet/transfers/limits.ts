import type { SpendPlan } from '../../gateways/spend.ts'
import type { ChainConfig } from '../../money/chain.ts'

/** Transfers of one wallet that are not over. */
export const OPEN_MAX = 2_000
export const APPROVALS_MAX = 20
const SIGNED_MAX = 20
/** Bytes of a row that signed transactions may take: a row of object storage has 2 MB, and more is in it. */
const SIGNED_BYTES_MAX = 1_500_000
/** An input or an output in a plan and in the raw transaction, as text. */
const INPUT_BYTES = 450
const OUTPUT_BYTES = 160
export const TARGET_BLOCKS_MAX = 144
export const TEXT_MAX = 300

/** A watch-only plan keeps its coins for so long. */
export const SIGNATURE_WAIT_MS = 7 * 24 * 3_600_000
/** For coins, or for a fee under the limit, a transfer waits so long from its beginning. */
export const FUNDS_WAIT_MS = 24 * 3_600_000
/**
 * A question to the signer is answered by then or never: a queue's consumer lives fifteen minutes at most, and what it asked
 * ends with it.
 */
export const HANDED_MS = 20 * 60_000
/** Until then nobody else asks the signer the same. */
export const HANDED_PAUSE_MS = 5_000
/** The books' word that money may go out is good for so long. */
export const CLEARED_MS = 10_000

/** From one try to the next, doubling to the last. */
export const RETRY_MS = 1_000
export const RETRY_MAX_MS = 60_000
/** What waits for money, coins, or to be allowed looks again after this. */
export const WAIT_MS = 60_000

/** A replacement that was refused is not tried again by itself before then. */
export const BUMP_PAUSE_MS = 30 * 60_000

/** Sweeps made for one transfer that waits: the treasury made ready, and 900 addresses. More mean that they bring nothing. */
export const SWEEPS_MAX = 10
/** The treasury is said to be low on gas when it has less than so many tokens' transfers take at the last known price. */
export const GAS_TRANSFERS = 20n
const MILLI_ETHER = 10n ** 15n

const BLOCK_MS = 10 * 60_000
const STUCK_COINS_MS_MIN = 3_600_000
const STUCK_ACCOUNT_MS = 3 * 60_000

/** How many transactions may be signed for one transfer, replacements included: each is kept for ever. */
export function signedMax(plan: SpendPlan): number {
  if (plan.kind === 'account') return SIGNED_MAX
  const bytes = plan.inputs.length * INPUT_BYTES + plan.outputs.length * OUTPUT_BYTES
  // The newest plan is there twice more: as what everybody sees, and while it waits for its signature.
  return Math.min(Math.max(Math.floor(SIGNED_BYTES_MAX / bytes) - 2, 1), SIGNED_MAX)
}

/** A transaction that has waited so long for a block is replaced by one with the fee of that time. */
export function stuckAfterMs(chain: ChainConfig, targetBlocks: number): number {
  return chain.gateway === 'evm' ? STUCK_ACCOUNT_MS : Math.max(STUCK_COINS_MS_MIN, 2 * targetBlocks * BLOCK_MS)
}

/**
 * Base units of the native asset: 0.001 coin, and 0.00005 for each output; on EVM chains 0.05, and 0.0025 for each output
 * but the first. A sweep, of no outputs, is of 100 addresses at most: 0.5.
 */
export function houseFeeMax(chain: ChainConfig, outputs: number): bigint {
  if (chain.gateway !== 'evm') return 100_000n + 5_000n * BigInt(outputs)
  return outputs === 0 ? 500n * MILLI_ETHER : 50n * MILLI_ETHER + (5n * MILLI_ETHER * BigInt(outputs - 1)) / 2n
}
