import type { NodeError } from '../../gateways/gateway.ts'
import type { SendingPolicy } from '../../gateways/lightning/node.ts'
import type { PaymentOrder, PaymentSight } from '../../gateways/lightning/payer.ts'
import type { Result } from '../../lib/result.ts'
import type { Word } from '../../wallet/transfers/record.ts'
import type { CreateTransfer, TransferRefusal, TransferStepRefusal } from '../../wallet/transfers/rpc.ts'
import type { LightningLeg, Transfer } from '../../wallet/transfers/types.ts'

/**
 * Money out of one Lightning node. Part of what its object answers (`LightningRpc`). What is asked of the node is recorded
 * first, by the payment hash of the invoice that is paid, and a hash is of one transfer for ever.
 */
export interface LightningTransfersRpc {
  /**
   * Records a transfer under its id: `outputs` is one, its address a BOLT 11 invoice. The same again answers it as it is now,
   * another under the same id is refused, and so is another for the same payment hash.
   */
  createTransfer(request: CreateTransfer): Promise<Result<LightningTransfer, TransferRefusal>>
  /** Null when there is no such transfer. Reading an unknown one writes nothing. */
  transfer(id: string): Promise<LightningTransfer | null>
  /** Ends a transfer that the node was not told of. */
  cancelTransfer(id: string, by: string): Promise<Result<LightningTransfer, TransferStepRefusal>>
  /** An operator ends what is `unknown` and what the node itself will not make certain. `word`: who, and why. */
  settleTransfer(id: string, word: Word): Promise<Result<LightningTransfer, TransferStepRefusal>>
  /** D1 has this version of it, or a newer one. Of an unknown transfer nothing is kept. */
  projectedTransfer(id: string, version: number): Promise<void>
  /** What the node may be used to pay, as the gateways Worker said last; null: nothing. */
  sending(): Promise<SendingPolicy | null>
  /** What transfers that are not over take out of it at most. */
  outgoing(): Promise<Outgoing>

  /** For the gateways Worker: what is next to be done for a transfer. */
  nextPayment(id: string, payer: Payer | null): Promise<PaymentStep>
  /** What the node answered when it was told for the `telling`th time. */
  takeAnswer(id: string, telling: number, answer: Result<PaymentSight, NodeError>, payer: Payer | null): Promise<PaymentStep>
  /** What the node's books say of it. */
  takeSight(id: string, tellings: number, sight: Result<PaymentSight, NodeError>, payer: Payer | null): Promise<PaymentStep>
}

/** Whole satoshi, fees included. */
export interface Outgoing {
  /** Of those that the node was told to pay. */
  readonly leaving: bigint
  /** Of these, and of those that wait. */
  readonly reserved: bigint
}

/** What the gateways Worker knows of the node that pays. */
export interface Payer {
  readonly policy: SendingPolicy
  /** What the node takes for this transfer, where it cannot be told a limit. */
  readonly ownFee: bigint | null
}

export type PaymentStep =
  | { readonly do: 'nothing' }
  /** `tellings`: how often it was told by then; part of the answer. */
  | { readonly do: 'find'; readonly tellings: number; readonly paymentHash: string }
  | { readonly do: 'pay'; readonly telling: number; readonly order: PaymentOrder }

/** A transfer as every wallet has it, and what only Lightning knows of it. */
export interface LightningTransfer extends Transfer {
  readonly lightning: LightningLeg
}
