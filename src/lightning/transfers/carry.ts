import type { SendingPolicy } from '../../gateways/lightning/node.ts'
import type { LightningPayer } from '../../gateways/lightning/payer.ts'
import type { LightningTransfersRpc, Payer, PaymentStep } from './types.ts'

export interface CarryPorts {
  readonly object: Pick<LightningTransfersRpc, 'transfer' | 'nextPayment' | 'takeAnswer' | 'takeSight'>
  /** The node as one that pays; null when its configuration does not let it. */
  readonly paying: { readonly payer: LightningPayer; readonly policy: SendingPolicy } | null
}

/** Steps of one transfer in a row: look, pay, look, and once more. */
const STEPS_MAX = 6

/** Carries a transfer as far as it goes now. The object's alarm asks again until it is over. */
export async function carryPayment({ object, paying }: CarryPorts, transferId: string): Promise<void> {
  const transfer = await object.transfer(transferId)
  if (!transfer) return
  const payer: Payer | null = paying && { policy: paying.policy, ownFee: paying.payer.ownFee?.(transfer.units) ?? null }
  let step: PaymentStep = await object.nextPayment(transferId, payer)
  for (let count = 0; count < STEPS_MAX && paying && step.do !== 'nothing'; count++) {
    step =
      step.do === 'find'
        ? await object.takeSight(transferId, step.tellings, await paying.payer.find(step.paymentHash), payer)
        : await object.takeAnswer(transferId, step.telling, await paying.payer.pay(step.order), payer)
  }
}
