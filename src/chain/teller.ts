import type { ObserveAnswer } from '../invoice/rpc.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { acknowledge, OUTBOX_RETRY_MS, putOutbox, type Sql, takeDue, waitingUnder } from '../lib/outbox.ts'
import type { PaymentObservation } from './rpc.ts'

/** Invoices told at one time. */
const TELLERS = 20
/** Observations held in memory, and outbox rows taken by one alarm. What is more waits in the outbox. */
export const HELD_MAX = 1_000
/** Observations in one call to an invoice, and calls in a row. */
const OBSERVATIONS_MAX = 100
const CALLS_MAX = 100
/** An invoice that has not answered by then is told again, and its teller goes on to others. */
const ANSWER_MAX_MS = 10_000

/** What an invoice is told of one payment. */
export interface Told {
  readonly invoiceId: string
  readonly observation: PaymentObservation
}

/** What is held for one invoice, all of it of commits since this revision. Nothing: it is told what the outbox has. */
interface Held {
  since: number
  readonly observations: Map<string, PaymentObservation>
}

export interface TellerPorts {
  readonly sql: Sql
  readonly transaction: (run: () => void) => void
  readonly observe: (invoiceId: string, observations: readonly PaymentObservation[]) => Promise<ObserveAnswer>
  /** In the transaction that takes note of an answer. */
  readonly heed: (told: PaymentObservation, confirmationsWanted: number) => void
  /** All that was held is told, or in the outbox. */
  readonly done: () => void
}

/**
 * Tells invoices of their payments: from memory, right after the commit that decided. The outbox holds only what could
 * not be told so, and is told by alarms. All that waits for one invoice goes in one call.
 */
export class Teller {
  readonly #ports: TellerPorts
  readonly #held = new Map<string, Held>()
  #heldCount = 0
  readonly #telling = new Set<Held>()
  #tellers = 0

  constructor(ports: TellerPorts) {
    this.#ports = ports
  }

  get busy(): boolean {
    return this.#tellers > 0
  }

  /** What commits before this revision decided, invoices have heard or the outbox holds. Infinite when that is all. */
  get since(): number {
    let since = Number.POSITIVE_INFINITY
    for (const held of [...this.#held.values(), ...this.#telling]) since = Math.min(since, held.since)
    return since
  }

  /** Observations that may be held now; put the others into the outbox with `keep`. */
  get room(): number {
    return Math.max(0, HELD_MAX - this.#heldCount)
  }

  /** Starts to tell. Call it after the commit; nothing is waited for. */
  tell(told: readonly Told[]): void {
    for (const { invoiceId, observation } of told) {
      const held = this.#of(invoiceId)
      held.since = Math.min(held.since, observation.revision)
      if (!held.observations.has(observation.key)) this.#heldCount++
      held.observations.set(observation.key, observation)
    }
    this.#start()
  }

  /** Starts to tell what the outbox has due: one pass, bounded. */
  tellDue(nowMs: number): void {
    for (const { key } of takeDue(this.#ports.sql, nowMs, HELD_MAX)) this.#of(key.slice(0, key.indexOf('/')))
    this.#start()
  }

  /** Into the outbox, under a key that begins with the invoice. Call it in a transaction. */
  keep(invoiceId: string, observation: PaymentObservation, dueAtMs: number): void {
    const key = `${invoiceId}/${observation.txid}/${observation.index}`
    putOutbox(this.#ports.sql, key, observation.revision, encodeJson(observation), dueAtMs)
  }

  #of(invoiceId: string): Held {
    const held = this.#held.get(invoiceId) ?? { since: Number.POSITIVE_INFINITY, observations: new Map() }
    this.#held.set(invoiceId, held)
    return held
  }

  #start(): void {
    // Each takes its first invoice before it waits for anything.
    while (this.#tellers < TELLERS && this.#held.size > 0) void this.#run()
  }

  async #run(): Promise<void> {
    this.#tellers++
    try {
      // Goes on to what is added meanwhile; what others took is gone.
      for (const [invoiceId, held] of this.#held) {
        this.#held.delete(invoiceId)
        this.#heldCount -= held.observations.size
        this.#telling.add(held)
        await this.#tell(invoiceId, [...held.observations.values()])
        this.#telling.delete(held)
      }
    } catch (thrown) {
      logEvent('error', 'teller_failed', { reason: reasonOf(thrown) })
    } finally {
      if (--this.#tellers === 0) this.#ports.done()
    }
  }

  async #tell(invoiceId: string, held: readonly PaymentObservation[]): Promise<void> {
    const { sql, transaction, observe, heed } = this.#ports
    let fresh = held
    try {
      for (let call = 0; call < CALLS_MAX; call++) {
        const rows = waitingUnder(sql, `${invoiceId}/`, OBSERVATIONS_MAX)
        if (fresh.length + rows.length === 0) return
        if (fresh.length > 0 && fresh.length + rows.length > OBSERVATIONS_MAX) {
          this.#keepAll(invoiceId, fresh)
          fresh = []
          continue
        }
        const told = newest([...rows.map(({ body }) => decodeJson<PaymentObservation>(body)), ...fresh])
        const answer = await within(ANSWER_MAX_MS, observe(invoiceId, told))
        fresh = []
        if (!answer.known) logEvent('error', 'payment_of_unknown_invoice', { invoiceId, payments: told.length })
        transaction(() => {
          for (const { key, revision } of rows) acknowledge(sql, key, revision)
          if (answer.known) for (const observation of told) heed(observation, answer.confirmationsWanted)
        })
      }
    } catch (thrown) {
      logEvent('warn', 'invoice_not_told', { invoiceId, reason: reasonOf(thrown) })
      this.#keepAll(invoiceId, fresh)
    }
  }

  #keepAll(invoiceId: string, observations: readonly PaymentObservation[]): void {
    const dueAtMs = Date.now() + OUTBOX_RETRY_MS
    this.#ports.transaction(() => {
      for (const observation of observations) this.keep(invoiceId, observation, dueAtMs)
    })
  }
}

/** The newest of each payment. */
function newest(observations: readonly PaymentObservation[]): PaymentObservation[] {
  const byKey = new Map<string, PaymentObservation>()
  for (const observation of observations)
    if (observation.revision >= (byKey.get(observation.key)?.revision ?? 0)) byKey.set(observation.key, observation)
  return [...byKey.values()]
}

/** Rejects when the answer takes longer. The call may go on: what it is told again does no harm. */
async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
