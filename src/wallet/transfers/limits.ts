import type { SpendPlan } from '../../gateways/spend.ts'
import { type ChainConfig, PER_NATIVE_PARTS } from '../../money/chain.ts'
import { READING_LEASE_MS } from '../balances.ts'

/** Transfers of one wallet that are not over. */
export const OPEN_MAX = 2_000
/** Of them, accelerations of one store that have no plan: to ask for one costs nothing, and a wallet may be of many stores. */
export const UNPLANNED_MAX = 50
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
/** What waits for a reading is woken by it, and looks again when it must have been lost. */
export const READING_WAIT_MS = READING_LEASE_MS + 1_000
/** A refund whose fee the balance does not cover looks again after a part of the time that it has waited, this at most. */
export const BALANCE_WAIT_PART = 5
export const BALANCE_WAIT_MS_MAX = 30 * 60_000

/** A replacement that was refused is not tried again by itself before then. */
export const BUMP_PAUSE_MS = 30 * 60_000

/** Sweeps made for one transfer that waits: the treasury made ready, and 900 addresses. More mean that they bring nothing. */
export const SWEEPS_MAX = 10
/** Where there are no delegates: deposit addresses that are emptied at a time of one asset, and for one transfer that waits. */
export const EMPTYINGS_AT_ONCE = 20
export const EMPTYINGS_MAX = 100
/** How often the treasury brings gas for one emptying: a second time when it has become dearer meanwhile. */
export const TOP_UPS_MAX = 5
/** The treasury is said to be low on gas when it has less than so many tokens' transfers take at the last known price. */
export const GAS_TRANSFERS = 20n
/** Gas of a token's transfer, roughly. */
export const TRANSFER_GAS = 65_000n
const WEI_PER_GWEI = 1e9
/** Of chains that name no other. */
const GAS_PRICE_MAX_GWEI = 500
/**
 * Gas that a transaction may take, about twice what tests take (docs/evm-sweeping.md): tokens in use need more than theirs. A
 * payment of one output, and each further one; a sweep of none, which makes the delegate, and each address.
 */
const PAYMENT_GAS = 100_000n
const OUTPUT_GAS = 60_000n
const SWEEP_GAS = 700_000n
const DEPOSIT_GAS = 100_000n

/** A sweep costs at most one in so many of what it brings. */
export const SWEEP_FEE_PART = 4n
/** Gas that bringing from one more address of many takes, about, with its authorization. */
export const BRING_GAS = 50_000n

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
 * The most that a fee may be when nobody has named one, in base units of the native asset: 0.001 coin, and 0.00005 for each
 * output; on EVM chains the gas that it may take at the chain's `gasPriceMaxGwei`. `deposits`: of a sweep of so many addresses
 * in one transaction.
 */
export function houseFeeMax(chain: ChainConfig, outputs: number, deposits: number | null = null): bigint {
  if (chain.gateway !== 'evm') return 100_000n + 5_000n * BigInt(outputs)
  const payment = PAYMENT_GAS + OUTPUT_GAS * BigInt(Math.max(outputs - 1, 0))
  const gas = deposits === null ? payment : SWEEP_GAS + DEPOSIT_GAS * BigInt(deposits)
  return gas * BigInt(Math.round((chain.gasPriceMaxGwei ?? GAS_PRICE_MAX_GWEI) * WEI_PER_GWEI))
}

/**
 * The most that the fee may be of a sweep which brings so many base units of an asset, in base units of the native one; null where
 * nobody has said what that is worth (`perNativeMax`).
 */
export function sweepFeeMax(chain: ChainConfig, assetCode: string, units: bigint): bigint | null {
  if (assetCode === chain.native.code) return units / SWEEP_FEE_PART
  const token = chain.tokens.find(({ code }) => code === assetCode)
  if (token?.perNativeMax === undefined) return null
  const perNative = BigInt(Math.round(token.perNativeMax * PER_NATIVE_PARTS)) * 10n ** BigInt(token.decimals)
  return (units * BigInt(PER_NATIVE_PARTS) * 10n ** BigInt(chain.native.decimals)) / (perNative * SWEEP_FEE_PART)
}
