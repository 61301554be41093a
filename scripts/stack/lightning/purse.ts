import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'

/** Why nothing was paid, as nodes tell it: there is no way, the node has too little, the payee does not take it. */
export type Failure = 'no_route' | 'poor' | 'refused'

export interface HeldPayment {
  readonly paymentHash: string
  readonly bolt11: string
  readonly msat: bigint
  readonly feeMsat: bigint
  readonly createdAtMs: number
  state: 'in_flight' | 'paid' | 'failed'
  failure: Failure | null
  preimage: string | null
  endedAtMs: number | null
}

/** An order as a node is given it. */
export interface Order {
  readonly bolt11: string
  /** Where the invoice leaves the amount to who pays, and only there. */
  readonly msat?: bigint | undefined
  /** Null where the node takes no limit. */
  readonly feeMaxMsat: bigint | null
}

/** What a node pays, whatever it calls it. It pays a hash once, as all of them document. */
export abstract class Purse {
  /** All attempts, the oldest first. */
  readonly payments: HeldPayment[] = []
  /** Millisatoshi in its channels. */
  funds = 0n

  /** What the way of so much costs. */
  protected abstract feeOf(msat: bigint): bigint
  /** Brings a payment on its way that the node has enough for. */
  protected abstract carry(payment: HeldPayment): void

  /** `before`: why a new attempt is not made. Throws on what is no order. */
  pay({ bolt11, msat, feeMaxMsat }: Order): { readonly before: 'paid' | 'in_flight' | null; readonly payment: HeldPayment } {
    const read = decodeBolt11(bolt11)
    if (!read.ok) throw new Error(read.error.detail)
    const { paymentHash } = read.value
    const known = this.of(paymentHash)
    if (known && known.state !== 'failed') return { before: known.state, payment: known }
    const amount = read.value.msat ?? msat
    if (amount === undefined || (read.value.msat !== null && msat !== undefined)) throw new Error('the amount is given once')
    const payment: HeldPayment = {
      paymentHash,
      bolt11,
      msat: amount,
      feeMsat: this.feeOf(amount),
      createdAtMs: Date.now(),
      state: 'in_flight',
      failure: null,
      preimage: null,
      endedAtMs: null,
    }
    this.payments.push(payment)
    if (feeMaxMsat !== null && payment.feeMsat > feeMaxMsat) this.fail(payment, 'no_route')
    else if (this.funds < amount + payment.feeMsat) this.fail(payment, 'poor')
    else this.carry(payment)
    return { before: null, payment }
  }

  /** The newest attempt. */
  of(paymentHash: string): HeldPayment | undefined {
    return this.payments.findLast((payment) => payment.paymentHash === paymentHash)
  }

  /** Answers once the payment has ended, or is not waited for any longer. */
  async ended(payment: HeldPayment, _waitMs?: number): Promise<HeldPayment> {
    return payment
  }

  protected succeed(payment: HeldPayment, preimage: string | null): void {
    payment.endedAtMs = Date.now()
    payment.state = 'paid'
    payment.preimage = preimage
    this.funds -= payment.msat + payment.feeMsat
  }

  protected fail(payment: HeldPayment, failure: Failure): void {
    payment.endedAtMs = Date.now()
    payment.state = 'failed'
    payment.failure = failure
  }
}
