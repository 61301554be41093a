import { sha256 } from '@noble/hashes/sha2.js'
import { randomHex } from '../../../scripts/stack/lightning/book.ts'
import { writeBolt11 } from '../../../scripts/stack/lightning/encode.ts'
import { type Failure, type HeldPayment, Purse as NodePurse, type Order } from '../../../scripts/stack/lightning/purse.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'

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
 * How the network is. well: it pays. A failure: it fails so. held: the payment is under way until it is let go. lying: it is
 * called paid without a proof.
 */
export type Network = 'well' | Failure | 'held' | 'lying'

/** A purse whose network does what a test wants. */
export class Purse extends NodePurse {
  /** Orders to pay that reached it. */
  orders = 0
  network: Network = 'well'
  /** It does what it is told, and nobody hears of it. */
  losesAnswers = false
  override funds = 250_000_999n
  /** An order whose payment is held is answered by a broken connection after so long. */
  patienceMs = 300
  /** What the way costs. Over the limit of an order: there is no way. */
  feeMsat = 1_500n
  readonly #heeding = new Set<() => void>()

  override pay(order: Order): ReturnType<NodePurse['pay']> {
    this.orders++
    return super.pay(order)
  }

  protected override feeOf(): bigint {
    return this.feeMsat
  }

  protected override carry(payment: HeldPayment): void {
    if (this.network !== 'held') this.#end(payment, this.network)
  }

  /** What was held comes through, or does not. */
  letGo(paymentHash: string, as: Exclude<Network, 'held'> = 'well'): void {
    const payment = this.of(paymentHash)
    if (payment?.state !== 'in_flight') throw new Error(`nothing is under way for ${paymentHash}`)
    this.#end(payment, as)
  }

  /** What is held is not waited for longer than a moment. */
  override async ended(payment: HeldPayment, waitMs = this.patienceMs): Promise<HeldPayment> {
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
    if (as === 'well') this.succeed(payment, preimages.get(payment.paymentHash) ?? null)
    else if (as === 'lying') this.succeed(payment, randomHex())
    else this.fail(payment, as)
    for (const heed of [...this.#heeding]) heed()
  }
}
