import type { BroadcastAnswer, FactsQuestion, LookQuestion, Sighting, SpendFacts } from '../../gateways/send.ts'
import type { Output, SignedTransaction } from '../../gateways/spend.ts'
import type { Custody } from '../../ledger/types.ts'
import type { Result } from '../../lib/result.ts'
import type { Approval, SignRefusal, SignRequest } from '../../signer/rpc.ts'
import type { Word } from './record.ts'
import type { Transfer, TransferBatch } from './types.ts'

/** Money out of one wallet. Part of what the wallet object answers (`WalletRpc`), which is named by the wallet id. */
export interface TransfersRpc {
  /**
   * Records a transfer under its id and, of a wallet of the platform, reserves its money in the ledger. The same again
   * answers it as it is now; another under the same id is refused.
   */
  createTransfer(request: CreateTransfer): Promise<Result<Transfer, TransferRefusal>>
  /** Null when there is no such transfer. Reading an unknown one writes nothing. */
  transfer(id: string): Promise<Transfer | null>
  /** A passkey's word. Whether it counts, only the signer decides. */
  approveTransfer(id: string, approval: Approval): Promise<Result<Transfer, TransferStepRefusal>>
  /**
   * Ends a transfer that is not signed. What a merchant was given to sign is looked for in the chain first: until that is
   * known it is answered as it is, and its `reason` says so.
   */
  cancelTransfer(id: string, by: string): Promise<Result<Transfer, TransferStepRefusal>>
  /** As that; and what is signed and waits for a block is replaced by a transaction that pays nobody. */
  callBackTransfer(id: string, by: string): Promise<Result<Transfer, TransferStepRefusal>>
  /** An operator ends what is unknown, or hurries what is gone, if every node says that nothing of it is there. `word`: who, and why. */
  settleTransfer(id: string, word: Word): Promise<Result<Transfer, TransferStepRefusal>>
  /** Watch-only: what the merchant's wallet has signed. */
  submitSigned(id: string, text: string): Promise<Result<Transfer, TransferStepRefusal>>
  /** The same payment at a higher fee: wanted in a block sooner. */
  bumpTransfer(id: string, targetBlocks: number): Promise<Result<Transfer, TransferStepRefusal>>
  /** What transfers that are signed and not final yet take out of the wallet at most, by asset, fees included. */
  outgoing(chainId: string): Promise<Readonly<Record<string, bigint>>>
  /** What transfers that have a plan and are in no block yet take out of the wallet at most, by asset, fees included. */
  reserved(chainId: string): Promise<Readonly<Record<string, bigint>>>
  /** What signed ones bring back, at most and by asset, to addresses given out since the newest reading began: it cannot have seen it. */
  unread(chainId: string): Promise<Readonly<Record<string, bigint>>>
  /**
   * EVM hot wallets: the address that they pay from, which needs gas, and has its index from the first question on. Null on
   * other chains, and of a wallet without an account key.
   */
  payer(chainId: string): Promise<WalletPayer | null>
  /** D1 has this version of it, or a newer one. Of an unknown transfer nothing is kept. */
  projectedTransfer(id: string, version: number): Promise<void>
  /** Stops and allows sending from this wallet: a person's word, or the reconciler's. */
  freezeSending(reason: string): Promise<void>
  allowSending(by: string): Promise<void>
  /** Why and since when nothing more is signed; null while sending is allowed. */
  sendingFrozen(): Promise<Frozen | null>

  /** For the gateways Worker: what is next to be done for a transfer. `nothing` when it waits for somebody, or for time. */
  nextStep(id: string): Promise<Step>
  takeFacts(id: string, facts: Result<SpendFacts, { readonly detail: string }>): Promise<Step>
  /** `askedAtMs`: of the step that it answers, so that what is known to be lost is told from what may still come. */
  takeSignature(id: string, version: number, answer: Result<SignedTransaction, SignRefusal>, askedAtMs?: number): Promise<Step>
  takeBroadcast(id: string, txid: string, answer: Result<BroadcastAnswer, { readonly detail: string }>): Promise<Step>
  /** `named`: how many of its transactions the question named. What was signed since is not known to the answer. */
  takeSighting(id: string, sighting: Result<Sighting, { readonly detail: string }>, named: number): Promise<Step>
}

export interface WalletPayer {
  readonly address: string
  /** What it has of the chain's own asset, as far as was last seen; null before anybody looked. */
  readonly native: bigint | null
  /** It has too little for the next transfers (`GAS_TRANSFERS`), or nothing is known of it. */
  readonly low: boolean
}

export interface Frozen {
  readonly reason: string
  readonly sinceMs: number
}

export type Step =
  | { readonly do: 'nothing' }
  | { readonly do: 'facts'; readonly question: FactsQuestion }
  | { readonly do: 'sign'; readonly version: number; readonly request: SignRequest; readonly askedAtMs: number }
  | { readonly do: 'broadcast'; readonly txid: string; readonly raw: string }
  | { readonly do: 'look'; readonly question: LookQuestion }

/** Carries a transfer as far as it goes now. Sent by the wallet object at once, and again by its alarm. */
export interface TransferMessage {
  readonly kind: 'transfer'
  readonly walletId: string
  readonly chainId: string
  readonly transferId: string
}

export interface CreateTransfer {
  /** `tr_…`, made by who asks. */
  readonly id: string
  readonly kind: 'refund' | 'payout' | 'sweep'
  readonly merchantId: string
  readonly shard: number
  readonly storeId: string
  readonly custody: Custody
  readonly chainId: string
  readonly asset: string
  readonly outputs: readonly Output[]
  readonly invoiceId: string | null
  /** Of an acceleration: the waiting transaction that it hurries. Absent or null: it hurries none. */
  readonly parentTxid?: string | null
  readonly reference: string | null
  /** Of a batch of payouts: kept and shown, and of no meaning to the transfer itself. Absent: none. */
  readonly batch?: TransferBatch | null
  /** Transfers of the same refund that were ended: see `TransferRecord`. Absent: none. */
  readonly insteadOf?: readonly string[]
  /** How soon it should be in a block; 1 to 144. */
  readonly targetBlocks: number
  /** Null: the house's own cap (docs/wallets.md). */
  readonly feeMax: bigint | null
}

export type TransferRefusal =
  | { readonly reason: 'transfer_id_reused' }
  | { readonly reason: 'wallet_not_configured' | 'bad_transfer'; readonly detail: string }
  | { readonly reason: 'too_many_transfers'; readonly detail: string }
  /** Another transfer hurries it, or no child can help it any more. */
  | { readonly reason: 'already_accelerated' | 'already_in_block'; readonly detail: string }
  /** By the books. Of a watch-only wallet coins are looked for later, in a reading of that time. */
  | { readonly reason: 'insufficient_funds'; readonly asset: string; readonly available: bigint }
  | { readonly reason: 'sending_frozen'; readonly detail: string }

export type TransferStepRefusal =
  | { readonly reason: 'transfer_not_found' }
  /** It is too late, or too early, for that. */
  | { readonly reason: 'wrong_status'; readonly status: string; readonly detail: string }
  | { readonly reason: 'signature_refused'; readonly detail: string }
  | { readonly reason: 'too_many_approvals' }
