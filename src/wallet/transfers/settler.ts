import type { LedgerRpc, Reserve, ReserveRefusal } from '../../ledger/rpc.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import { acknowledged, type LedgerCall, nextCall, withoutHold } from './books.ts'
import type { TransferRecord } from './record.ts'
import type { Shelf } from './shelf.ts'
import { notCleared } from './signing.ts'
import { amountWords } from './words.ts'

/** Calls to the ledger for one transfer in one go: more than any change of it wants. */
const CALLS_MAX = 20

export interface Settled {
  /** The ledger let money be reserved just now: it is not frozen. */
  readonly reserved: boolean
  /** Nothing was reserved for the transfer, and it is gone. */
  readonly refusal: ReserveRefusal | null
  /** The ledger did not answer: the alarm asks again. */
  readonly failed: boolean
}

/**
 * Brings a transfer's reservations and bookings to where they are wanted, one call after another. One of these at a time
 * for each transfer, so that an answer is never about something else than what was asked last.
 */
export class Settler {
  readonly #shelf: Shelf
  readonly #running = new Map<string, Promise<Settled>>()

  constructor(shelf: Shelf) {
    this.#shelf = shelf
  }

  /** Never throws. Who comes while it runs waits for it, and goes on with what is wanted since. */
  async settle(id: string): Promise<Settled> {
    for (let running = this.#running.get(id); running !== undefined; running = this.#running.get(id)) {
      const settled = await running
      if (settled.refusal || settled.failed) return settled
      const record = this.#shelf.load(id)
      if (record === null || nextCall(record) === null) return settled
    }
    const work = this.#settle(id).finally(() => this.#running.delete(id))
    this.#running.set(id, work)
    return work
  }

  async #settle(id: string): Promise<Settled> {
    let reserved = false
    for (let calls = 0; calls < CALLS_MAX; calls++) {
      const record = this.#shelf.load(id)
      const call = record && nextCall(record)
      if (!record || !call) return { reserved, refusal: null, failed: false }
      let refusal: ReserveRefusal | null
      try {
        refusal = await ask(this.#shelf.ports.env().LEDGERS.getByName(record.transfer.merchantId), call)
      } catch (thrown) {
        logEvent('warn', 'transfer_not_booked', { transferId: id, call: call.do, reason: reasonOf(thrown) })
        return { reserved, refusal: null, failed: true }
      }
      const now = this.#shelf.load(id)
      if (now === null) return { reserved, refusal: null, failed: false }
      if (refusal === null) {
        reserved ||= call.do === 'reserve'
        this.#shelf.commit(now, acknowledged(now, call))
      } else if (call.do === 'reserve') {
        const isWhole = this.#takeRefusal(now, call.request, refusal)
        if (isWhole) return { reserved, refusal, failed: false }
      }
    }
    return { reserved, refusal: null, failed: true }
  }

  /** Answers whether the transfer itself was refused, and is gone. */
  #takeRefusal(record: TransferRecord, request: Reserve, refusal: ReserveRefusal): boolean {
    const { key } = request
    const hold = record.holds.find((one) => one.key === key)
    const without = withoutHold(record, key)
    const isWanted = hold?.want === 'held'
    if (isWanted && hold.kind === 'units') {
      this.#shelf.remove(record)
      return true
    }
    const why = refusal.reason === 'ledger_frozen' ? 'frozen' : 'insufficient'
    this.#shelf.commit(record, isWanted ? notCleared(without, why, this.#wordsOf(refusal, request), this.#shelf.nowMs) : without)
    return false
  }

  /** Why the fee of a plan is not set aside. */
  #wordsOf(refusal: ReserveRefusal, { amount }: Reserve): string {
    if (refusal.reason === 'ledger_frozen') return 'money out is stopped: books and chain do not agree, and a person must look'
    if (refusal.reason !== 'insufficient_funds') return refusal.detail
    const asset = this.#shelf.registry.asset(refusal.asset)
    const [has, needed] = [refusal.available, amount].map((units) => amountWords(units, asset))
    return `the balance is too small: ${has} is available, ${needed} is needed for the network fee`
  }
}

/** The ledger's refusal to reserve, or null when it has done what it was asked, now or before. Throws on anything else. */
async function ask(ledger: LedgerRpc, call: LedgerCall): Promise<ReserveRefusal | null> {
  switch (call.do) {
    case 'reserve': {
      const reserved = await ledger.reserve(call.request)
      if (reserved.ok) return null
      const { reason } = reserved.error
      if (reason === 'insufficient_funds' || reason === 'ledger_frozen') return reserved.error
      throw new Error(`reserve ${call.request.key}: ${reason}`)
    }
    case 'post': {
      const posted = await ledger.post(call.request)
      if (!posted.ok) throw new Error(`post ${call.request.of}: ${posted.error.reason}`)
      return null
    }
    case 'release': {
      const released = await ledger.release(call.request)
      const isGone = !released.ok && (released.error.reason === 'reservation_not_found' || isReleased(released.error))
      if (!released.ok && !isGone) throw new Error(`release ${call.request.of}: ${released.error.reason}`)
      return null
    }
    case 'book': {
      const booked = await ledger.book(call.request)
      if (!booked.ok) throw new Error(`book ${call.request.key}: ${booked.error.reason}`)
      return null
    }
  }
}

function isReleased(refusal: { readonly reason: string; readonly state?: 'posted' | 'released' }): boolean {
  return refusal.reason === 'reservation_closed' && refusal.state === 'released'
}
