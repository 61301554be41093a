import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../../workers/core/env.ts'
import type { NodeError } from '../../gateways/gateway.ts'
import type { SendingPolicy } from '../../gateways/lightning/node.ts'
import type { PaymentSight } from '../../gateways/lightning/payer.ts'
import type { Result } from '../../lib/result.ts'
import type { Word } from '../../wallet/transfers/record.ts'
import type { CreateTransfer, TransferRefusal, TransferStepRefusal } from '../../wallet/transfers/rpc.ts'
import type { TransfersRoom } from './room.ts'
import type { LightningTransfer, LightningTransfersRpc, Outgoing, Payer, PaymentStep } from './types.ts'

/** The half of a node's object that sends: what is asked of it, its room answers. */
export abstract class SendingObject extends DurableObject<CoreEnv> implements LightningTransfersRpc {
  protected abstract readonly transfers: TransfersRoom

  async createTransfer(request: CreateTransfer): Promise<Result<LightningTransfer, TransferRefusal>> {
    return this.transfers.createTransfer(request)
  }

  async transfer(id: string): Promise<LightningTransfer | null> {
    return this.transfers.transfer(id)
  }

  async cancelTransfer(id: string, by: string): Promise<Result<LightningTransfer, TransferStepRefusal>> {
    return this.transfers.cancelTransfer(id, by)
  }

  async settleTransfer(id: string, word: Word): Promise<Result<LightningTransfer, TransferStepRefusal>> {
    return this.transfers.settleTransfer(id, word)
  }

  async projectedTransfer(id: string, version: number): Promise<void> {
    await this.transfers.projectedTransfer(id, version)
  }

  async sending(): Promise<SendingPolicy | null> {
    return this.transfers.sending()
  }

  async outgoing(): Promise<Outgoing> {
    return this.transfers.outgoing()
  }

  async nextPayment(id: string, payer: Payer | null): Promise<PaymentStep> {
    return this.transfers.nextPayment(id, payer)
  }

  async takeAnswer(
    id: string,
    telling: number,
    answer: Result<PaymentSight, NodeError>,
    payer: Payer | null,
  ): Promise<PaymentStep> {
    return this.transfers.takeAnswer(id, telling, answer, payer)
  }

  async takeSight(id: string, tellings: number, sight: Result<PaymentSight, NodeError>, payer: Payer | null): Promise<PaymentStep> {
    return this.transfers.takeSight(id, tellings, sight, payer)
  }
}
