import { sha256 } from '@noble/hashes/sha2.js'
import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { writeBolt11 } from './encode.ts'

/** What somebody else wants to be paid by: their invoices, and the preimages that they alone know until they are paid. */
const preimages = new Map<string, string>()

/** An invoice of somebody else, for whole satoshi; null leaves the amount open. */
export function foreignInvoice(
  units: bigint | null,
  {
    expiryS = 3_600,
    createdAtS = Math.floor(Date.now() / 1_000),
    network = 'bcrt',
  }: { expiryS?: number; createdAtS?: number; network?: string } = {},
): { readonly bolt11: string; readonly paymentHash: string } {
  const preimage = randomHex()
  const paymentHash = toHex(sha256(fromHex(preimage)))
  preimages.set(paymentHash, preimage)
  const msat = units === null ? null : units * 1_000n
  return {
    bolt11: writeBolt11({ network, msat, paymentHash, description: 'for you', createdAtS, expiryS, key: randomHex() }),
    paymentHash,
  }
}

/**
 * How the network is. well: it pays. no_route, poor, refused, expired: it fails as nodes document it. held: the payment is
 * under way until it is let go. lying: it is called paid without a proof.
 */
export type Network = 'well' | 'no_route' | 'poor' | 'refused' | 'held' | 'lying'

export interface HeldPayment {
  readonly paymentHash: string
  readonly bolt11: string
  readonly msat: bigint
  readonly feeMsat: bigint
  readonly createdAtMs: number
  state: 'in_flight' | 'paid' | 'failed'
  failure: Exclude<Network, 'well' | 'held' | 'lying'> | null
  preimage: string | null
  endedAtMs: number | null
}

/** What a node has paid, whatever it calls it. It pays a hash once, as all of them document. */
export class Purse {
  readonly payments: HeldPayment[] = []
  /** Orders to pay that reached it. */
  orders = 0
  network: Network = 'well'
  /** It does what it is told, and nobody hears of it. */
  losesAnswers = false
  /** Millisatoshi in its channels. */
  funds = 250_000_999n
  /** An order whose payment is held is answered by a broken connection after so long. */
  patienceMs = 300
  /** What the way costs. Over the limit of an order: there is no way. */
  feeMsat = 1_500n
  readonly #heeding = new Set<() => void>()

  /** `before`: why a new attempt is not made. */
  pay({ bolt11, msat, feeMaxMsat }: { bolt11: string; msat?: bigint | undefined; feeMaxMsat: bigint | null }): {
    before: 'paid' | 'in_flight' | null
    payment: HeldPayment
  } {
    this.orders++
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
      feeMsat: this.feeMsat,
      createdAtMs: Date.now(),
      state: 'in_flight',
      failure: null,
      preimage: null,
      endedAtMs: null,
    }
    this.payments.push(payment)
    const isTooDear = feeMaxMsat !== null && this.feeMsat > feeMaxMsat
    if (this.network === 'held') return { before: null, payment }
    this.#end(payment, isTooDear ? 'no_route' : this.funds < amount + this.feeMsat ? 'poor' : this.network)
    return { before: null, payment }
  }

  /** What was held comes through, or does not. */
  letGo(paymentHash: string, as: Exclude<Network, 'held'> = 'well'): void {
    const payment = this.of(paymentHash)
    if (payment?.state !== 'in_flight') throw new Error(`nothing is under way for ${paymentHash}`)
    this.#end(payment, as)
  }

  /** The newest attempt. */
  of(paymentHash: string): HeldPayment | undefined {
    return this.payments.findLast((payment) => payment.paymentHash === paymentHash)
  }

  /** Answers once the payment has ended; what is held is not waited for longer than a moment. */
  async ended(payment: HeldPayment, waitMs = this.patienceMs): Promise<HeldPayment> {
    if (payment.state !== 'in_flight') return payment
    await new Promise<void>((resolve) => {
      const heed = () => payment.state !== 'in_flight' && finish()
      const timer = setTimeout(() => finish(), waitMs)
      const finish = () => {
        clearTimeout(timer)
        this.#heeding.delete(heed)
        resolve()
      }
      this.#heeding.add(heed)
    })
    return payment
  }

  #end(payment: HeldPayment, as: Exclude<Network, 'held'>): void {
    payment.endedAtMs = Date.now()
    if (as === 'well' || as === 'lying') {
      payment.state = 'paid'
      this.funds -= payment.msat + payment.feeMsat
      payment.preimage = as === 'well' ? (preimages.get(payment.paymentHash) ?? null) : randomHex()
    } else {
      payment.state = 'failed'
      payment.failure = as
    }
    for (const heed of [...this.#heeding]) heed()
  }
}

function randomHex(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)))
}
