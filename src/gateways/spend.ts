import type { Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { AccountKey, TrackedTransaction, UnspentOutput } from './gateway.ts'

/**
 * The contract of a gateway's way out. A plan says all that a transaction will be, before anybody signs: it is decided by
 * a pure function, kept, and only then signed, by the signer (hot wallets) or by the merchant (watch-only wallets). Who
 * signs checks the plan against the intent again.
 */
export interface Spender {
  /** Decides a transaction that pays all of `request.outputs` exactly, or refuses. Same input, same plan. */
  plan(chain: ChainConfig, account: AccountKey, request: SpendRequest): Result<SpendPlan, PlanRefusal>
  /**
   * The same payment at a higher fee, so that only one of the two can ever be in the chain: a plan of coins keeps every
   * input (BIP 125; it may add some), one of an account keeps the nonce.
   */
  bump(chain: ChainConfig, account: AccountKey, before: SpendPlan, request: SpendRequest): Result<SpendPlan, PlanRefusal>
  /**
   * In the place of `before`, as a bump is, but nobody is paid: all that `before` spends stays in the account, less the fee;
   * of an account, nothing is moved and its number is used up. `request.outputs` are not looked at.
   */
  callBack(chain: ChainConfig, account: AccountKey, before: SpendPlan, request: SpendRequest): Result<SpendPlan, PlanRefusal>
  /** The id that the transaction has whoever signs it; null where that follows from the signature. */
  txidOf(chain: ChainConfig, account: AccountKey, plan: SpendPlan): string | null
  /** What the holder of the key is given to sign. */
  unsigned(chain: ChainConfig, account: AccountKey, plan: SpendPlan): UnsignedTransaction
  /**
   * Takes back what was signed elsewhere: refuses it unless it is `plan` to the last field, signed whole by the account's
   * keys. `text` is a PSBT (v0 or v2, base64), or a raw transaction in hexadecimal.
   */
  readSigned(chain: ChainConfig, account: AccountKey, plan: SpendPlan, text: string): Result<SignedTransaction, SignedRefusal>
  /** Whether a plan pays exactly these outputs, all else going to the account itself: what a signer asks before it signs. */
  check(
    chain: ChainConfig,
    account: AccountKey,
    plan: SpendPlan,
    asset: string,
    outputs: readonly Output[],
  ): Result<null, PlanFault>
}

/** Where money goes, as a person wrote it, and how much in base units of the transfer's asset (over zero). */
export interface Output {
  readonly address: string
  readonly units: bigint
}

export interface SpendRequest {
  /** `Asset.code`, of this chain. */
  readonly asset: string
  /** 1 to `OUTPUTS_MAX`; the same address may come twice. */
  readonly outputs: readonly Output[]
  readonly funds: Funds
  readonly fees: FeeFacts
  /** The most that the fee may be, in base units of the chain's native asset. A plan over it is refused. */
  readonly feeMax: bigint
}

export const OUTPUTS_MAX = 1_000

/** What may be spent. */
export type Funds =
  | {
      readonly kind: 'coins'
      /** Of the wallet's own indices, not reserved by another transfer, mature. */
      readonly coins: readonly OwnCoin[]
      /** The account's index that change goes to: a fresh one of the external branch, so that it is read like any other. */
      readonly changeIndex: number
      /** Height of the newest block: the transaction's lock time (against fee sniping), as Bitcoin Core does. */
      readonly height: number
      /** Coins of them that the plan spends whatever else it does, so that it excludes others that do. Absent: none. */
      readonly required?: readonly OwnCoin[]
      /** An acceleration, which pays nobody (`outputs` is empty): what waits, and is paid for by a child of it. */
      readonly parent?: WaitingParent
    }
  | {
      readonly kind: 'account'
      /** Index of the address that pays. */
      readonly index: number
      /** Number of the transaction (EIP-155 nonce) of that address. */
      readonly nonce: number
      /** What that address has: of the asset, and of the native asset for gas. */
      readonly units: bigint
      readonly native: bigint
      /** Gas that the node estimates for the call, without a margin; null when it was not asked. */
      readonly gas: bigint | null
      /** As in `SpendFacts`. */
      readonly refusing?: number
      /**
       * A sweep, which pays nobody (`outputs` is empty): the account's own addresses that all of the asset is brought from, to
       * the payer. None of them: the payer is made ready for it, once (docs/evm-sweeping.md).
       */
      readonly deposits?: readonly Deposit[]
      /** A sweep on a chain without delegates: `outputs` is empty, and one of the account's own addresses is paid. */
      readonly own?: OwnPayment
    }

/** Between two of an account's own addresses. */
export interface OwnPayment {
  /** Of the address that is paid. */
  readonly index: number
  /** Null: all that the payer has, of the native asset less the gas for it. */
  readonly units: bigint | null
}

/** One of an account's own addresses, and what is known of it. */
export interface Deposit {
  readonly index: number
  /** Of the asset that is swept. */
  readonly units: bigint
  readonly native: bigint
  readonly nonce: number
  /** Whether it lets the payer's own delegate act for it already (EIP-7702). */
  readonly delegated: boolean
}

/** A transaction that waits for a block, with what of it is the account's own. */
export interface WaitingParent {
  readonly txid: string
  /** Made by it; spent by nothing else. */
  readonly coins: readonly OwnCoin[]
  /** It and all that waits and that it hangs on, parents before children. Empty: it is in a block. */
  readonly ancestors: readonly WaitingTransaction[]
}

export interface WaitingTransaction extends TrackedTransaction {
  readonly fee: bigint
  /** Virtual bytes. */
  readonly vsize: number
}

export interface OwnCoin extends Pick<UnspentOutput, 'txid' | 'vout' | 'units'> {
  /** Of its address in the account. */
  readonly index: number
}

/** What a place in a block costs now. */
export type FeeFacts =
  | { readonly kind: 'coins' /** Satoshi for 1,000 virtual bytes. */; readonly satsPerKvb: bigint }
  | {
      readonly kind: 'account'
      /** EIP-1559, wei for one gas. */
      readonly maxFeePerGas: bigint
      readonly maxPriorityFeePerGas: bigint
      /** Wei: what a rollup takes besides gas for keeping the data of one such transaction on Ethereum. Absent: nothing. */
      readonly dataFee?: bigint
    }

export type SpendPlan = CoinPlan | AccountPlan

/** Bitcoin's family. Sum of inputs = sum of outputs + fee. */
export interface CoinPlan {
  readonly kind: 'coins'
  readonly chainId: string
  readonly inputs: readonly OwnCoin[]
  /** In the order they have in the transaction (BIP 69 is not kept: the order of the request, change at a place of its own). */
  readonly outputs: readonly Output[]
  /** Which output is change, and whose index it goes to; null without change. */
  readonly change: { readonly position: number; readonly index: number } | null
  readonly fee: bigint
  /** Estimated; the fee divided by it is the rate. */
  readonly vsize: number
  readonly lockTime: number
}

/** EVM: one transaction of type 2 (EIP-1559), or of type 4 (EIP-7702) where accounts are let act by a delegate. */
export interface AccountPlan {
  readonly kind: 'account'
  readonly chainId: string
  /** Index of the paying address. */
  readonly index: number
  readonly nonce: number
  /** The recipient of the native asset, or the token's contract. */
  readonly to: string
  readonly value: bigint
  /** Hexadecimal with 0x; `0x` for a plain payment. */
  readonly data: string
  readonly gasLimit: bigint
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
  /** gasLimit * maxFeePerGas, and the `dataFee` of the facts: what it can cost at most. */
  readonly fee: bigint
  /** Type 4: which of the account's own addresses delegate with it, and to what. Their holder signs each, beside the transaction. */
  readonly authorizations?: readonly PlannedAuthorization[]
  /** Where one of the account's own addresses is paid, as when a deposit address is emptied: its index. */
  readonly payeeIndex?: number
}

export interface PlannedAuthorization {
  /** Of the address that delegates. */
  readonly index: number
  /** Number that the address has when the authorization is carried out: of the payer itself, one more than the transaction's. */
  readonly nonce: number
  /** The code it delegates to, lower case with 0x. */
  readonly address: string
}

export type PlanRefusal =
  | { readonly reason: 'insufficient_funds'; readonly asset: string; readonly missing: bigint | null }
  | { readonly reason: 'fee_over_limit'; readonly fee: bigint }
  /** An output under the dust limit, an address that is none of this chain, too many outputs, … */
  | { readonly reason: 'bad_output'; readonly position: number; readonly detail: string }
  | { readonly reason: 'not_bumpable'; readonly detail: string }
  /** What waits need not be hurried, or cannot be. */
  | { readonly reason: 'no_child'; readonly detail: string }

export type PlanFault = { readonly reason: 'bad_plan'; readonly detail: string }

export type SignedRefusal =
  | { readonly reason: 'unreadable'; readonly detail: string }
  /** Another transaction than the one that was prepared. */
  | { readonly reason: 'differs'; readonly detail: string }
  | { readonly reason: 'not_signed'; readonly detail: string }

export interface UnsignedTransaction {
  /** Coins: base64. */
  readonly psbt?: { readonly v0: string; readonly v2: string }
  /** Account: fields as wallets take them (`eth_sendTransaction`), numbers as 0x quantities, and the bytes to sign. */
  readonly evm?: { readonly fields: Readonly<Record<string, string>>; readonly serialized: string }
}

export interface SignedTransaction {
  /** As explorers show it. */
  readonly txid: string
  /** Hexadecimal; EVM with 0x. */
  readonly raw: string
}

/** The half that holds keys: for the signer Worker alone. */
export interface KeySigner {
  /** The account key of a seed (BIP 39 seed bytes, 16 to 64), by the path of the script: BIP 84, 86 or 44. */
  account(chain: ChainConfig, seed: Uint8Array, script: AccountKey['script']): AccountKey
  /** Signs a plan that was checked. Throws on a plan that it cannot sign: a defect. */
  sign(chain: ChainConfig, seed: Uint8Array, script: AccountKey['script'], plan: SpendPlan): SignedTransaction
}
