import type { Errands } from './errands.ts'
import { FUNDS_WAIT_MS, RETRY_MAX_MS, RETRY_MS } from './limits.ts'
import { firstWithin, IN_FRONT, inFront, lineOf, longestUnlooked, nextInFront, standing } from './line.ts'
import { isBooked, type TransferRecord, type Wait } from './record.ts'
import type { Shelf } from './shelf.ts'

/**
 * Who of those that wait is told to look again. Each look asks nodes, so never all are: what comes in wakes those in front of
 * each line; who goes wakes the next, who looks in vain one more: of those that what there is would be enough for, else of all,
 * one that has not looked for long. What it remembers is in memory alone: after a start everything under way is looked after.
 */
export class Waking {
  readonly #shelf: Shelf
  readonly #errands: Errands
  /** Those that wait until another transaction of their payer is signed. */
  readonly #turns = new Set<string>()
  /** When each was told to look that has not begun to. */
  readonly #woken = new Map<string, number>()
  /** When each of those in line last looked in vain. */
  readonly #lookedAtMs = new Map<string, number>()

  constructor(shelf: Shelf, errands: Errands) {
    this.#shelf = shelf
    this.#errands = errands
  }

  /** Something has come that those in line may be waiting for. */
  wake(chainId: string, waits?: ReadonlySet<Wait | null>): void {
    for (const { id } of inFront(this.#shelf.claims.on(chainId), waits)) this.#look(id)
  }

  /** The one that empties an address has its gas there. */
  wakeEmptying(chainId: string, index: number): void {
    for (const { id, empties, waitsFor } of this.#shelf.claims.on(chainId))
      if (waitsFor === 'topup' && empties === index) this.#look(id)
  }

  /** It looks now: what comes from here on is news to it. */
  looks(id: string): void {
    this.#woken.delete(id)
  }

  /** What came of a look. `left`: of its asset, when it wants more than there is. */
  looked(before: TransferRecord, after: TransferRecord, left: bigint | null): void {
    const line = lineOf(before)
    const { id, chainId, asset } = after.transfer
    const now = lineOf(after)
    if (now === null) this.#lookedAtMs.delete(id)
    if (line === null) return
    const claims = this.#shelf.claims.on(chainId)
    // Until the wallet is read others of the line would find what it has found.
    if (now === null || (now !== line && after.waitsFor !== 'reading')) {
      this.#look(nextInFront(claims, line)?.id)
      return
    }
    this.#lookedAtMs.set(id, this.#shelf.nowMs)
    const isInFront = standing(claims, now)
      .slice(0, IN_FRONT)
      .some((claim) => claim.id === id)
    if (!isInFront) return
    const within = left === null ? undefined : firstWithin(claims, asset, left, this.#lookedAtMs)
    this.#look((within ?? longestUnlooked(claims, now, this.#lookedAtMs))?.id)
  }

  /**
   * Somebody ended it: the next of its line is in front. What waits for a reading has gone ahead of a line that sleeps until
   * then, and that reading may have been lost: those in front of its asset's lines are told.
   */
  left(before: TransferRecord): void {
    const { id, chainId, asset } = before.transfer
    const line = lineOf(before)
    this.#lookedAtMs.delete(id)
    this.#woken.delete(id)
    if (line === null) return
    const claims = this.#shelf.claims.on(chainId)
    this.#look(nextInFront(claims, line)?.id)
    if (before.waitsFor !== 'reading') return
    for (const ahead of inFront(claims.filter((claim) => claim.asset === asset))) this.#look(ahead.id)
  }

  /** Until when nothing needs to be done for it, since others of its line look; null when it looks by itself. */
  behindUntilMs(record: TransferRecord): number | null {
    const { transfer, waitingSinceMs, waitsFor, toldVersion } = record
    const line = lineOf(record)
    // What waits for the merchant's own balance waits for nobody else.
    if (line === null || waitsFor === 'balance' || !isBooked(record) || toldVersion !== transfer.version) return null
    // When it has waited too long it ends.
    const untilMs = (waitingSinceMs ?? 0) + FUNDS_WAIT_MS
    if (untilMs <= this.#shelf.nowMs || this.#woken.has(transfer.id)) return null
    const ahead = standing(this.#shelf.claims.on(transfer.chainId), line).findIndex(({ id }) => id === transfer.id)
    return ahead < IN_FRONT ? null : untilMs
  }

  /** It looks when it is its turn. */
  waitForTurn(id: string): void {
    this.#turns.add(id)
  }

  /** One, the one that has waited longest: it wakes the next. */
  nextTurn(): void {
    const [id] = this.#turns
    if (id === undefined) return
    this.#turns.delete(id)
    const record = this.#shelf.load(id)
    if (record) this.#soon(record)
    else this.nextTurn()
  }

  /**
   * One of a payer's transactions is in a block: the next is sent at once. Of an account that has delegated (EIP-7702) nodes
   * keep one waiting transaction, and refuse the others until then.
   */
  sendNext({ transfer: { id, chainId }, payer }: TransferRecord): void {
    if (payer === null) return
    let next: { readonly id: string; readonly nonce: number } | null = null
    for (const claim of this.#shelf.claims.on(chainId)) {
      if (claim.id === id || !claim.isOut || claim.included !== null || claim.nonce?.index !== payer.index) continue
      if (next === null || claim.nonce.nonce < next.nonce) next = { id: claim.id, nonce: claim.nonce.nonce }
    }
    const record = next && this.#shelf.load(next.id)
    if (record?.transfer.signed.at(-1)?.takenAtMs === null) this.#soon(record)
  }

  /** Who is told already, and has not begun to look, will see it. What was told is lost with its message after a while. */
  #look(id: string | undefined): void {
    if (id === undefined) return
    const { nowMs } = this.#shelf
    if (nowMs - (this.#woken.get(id) ?? 0) < RETRY_MAX_MS) return
    const record = this.#shelf.load(id)
    if (record === null) return
    this.#woken.set(id, nowMs)
    this.#soon(this.#shelf.commit(record, { ...record, waitUntilMs: null }))
  }

  #soon(record: TransferRecord): void {
    this.#errands.note(record)
    this.#errands.agenda.soon(record.transfer.id, this.#shelf.nowMs + RETRY_MS)
    this.#shelf.ports.beside(this.#errands.send(record))
  }
}
