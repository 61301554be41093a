import type { BroadcastAnswer, Sighting, SignedTransaction, SpendFacts } from '../../gateways/spend.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import type { Result } from '../../lib/result.ts'
import type { SignRefusal } from '../../signer/rpc.ts'
import { addressAt } from '../addresses.ts'
import * as decide from './decide.ts'
import type { Errands } from './errands.ts'
import * as follow from './follow.ts'
import { RETRY_MS } from './limits.ts'
import { moved } from './move.ts'
import { isUnready, type Planning, planTransfer, waitsForTurn, withPayer } from './planner.ts'
import { isSigned, type TransferRecord } from './record.ts'
import type { Step } from './rpc.ts'
import type { Shelf } from './shelf.ts'
import { broadcast, nextOf } from './step.ts'

type Answered<T> = Result<T, { readonly detail: string }>

const NOTHING: Step = { do: 'nothing' }

/** The half of transfers that the gateways Worker talks to: each answer is kept, then the next step is said. */
export class Steps {
  readonly #shelf: Shelf
  readonly #errands: Errands
  /** Those that wait until another transaction of their payer is signed. */
  readonly #turns = new Set<string>()

  constructor(shelf: Shelf, errands: Errands) {
    this.#shelf = shelf
    this.#errands = errands
  }

  async next(id: string): Promise<Step> {
    const record = this.#shelf.load(id)
    if (record === null) return NOTHING
    const next = nextOf(record, this.#shelf.isFrozen, this.#shelf.nowMs)
    if (next.do === 'clear') return this.#clear(record)
    if (next.do === 'plan') return this.#askForFacts(record)
    return next.do === 'sign' ? this.#handOut(record, record, next) : next
  }

  async takeFacts(id: string, facts: Answered<SpendFacts>): Promise<Step> {
    const { nowMs, isFrozen } = this.#shelf
    const record = this.#shelf.load(id)
    if (record === null) return NOTHING
    if (nextOf(record, isFrozen, nowMs).do !== 'plan') return this.next(id)
    if (!facts.ok) return this.#keep(record, moved(record, { reason: `no node could be asked: ${facts.error.detail}` }, {}, nowMs))
    const planning = this.#planning(record)
    if (waitsForTurn(record, planning.others)) return this.#waitForTurn(id)
    if (isUnready(record, facts.value)) {
      this.#shelf.commit(record, { ...record, deposits: [] })
      return this.next(id)
    }
    // What is chosen and what is kept is one step: nobody else can choose the same.
    const planned = this.#shelf.ports.atOnce(() => {
      return this.#shelf.commit(record, planTransfer(planning, record, facts.value, nowMs))
    })
    this.#errands.note(planned)
    if (planned.attempt === null) this.#errands.follow(planned)
    if (planned.waitsFor === 'reading') this.#shelf.ports.beside(this.#refresh(planned))
    return this.next(id)
  }

  async takeSignature(id: string, version: number, answer: Result<SignedTransaction, SignRefusal>): Promise<Step> {
    const record = this.#shelf.load(id)
    if (record === null) return NOTHING
    const { nowMs } = this.#shelf
    const after = answer.ok
      ? decide.takeSigned(record, version, answer.value, nowMs)
      : decide.takeSignRefusal(record, version, answer.error, nowMs)
    const isKnown = (txid: string) => after.transfer.signed.some((attempt) => attempt.txid === txid)
    if (answer.ok && !isKnown(answer.value.txid))
      logEvent('error', 'signature_of_no_plan', { transferId: id, txid: answer.value.txid })
    this.#keep(record, after)
    this.#nextTurn()
    return this.next(id)
  }

  async takeBroadcast(id: string, txid: string, answer: Answered<BroadcastAnswer>): Promise<Step> {
    const record = this.#shelf.load(id)
    if (record === null) return NOTHING
    const { nowMs } = this.#shelf
    if (!answer.ok) return this.#keep(record, moved(record, { reason: `no node took it: ${answer.error.detail}` }, {}, nowMs))
    this.#keep(record, follow.takeBroadcast(record, txid, answer.value, nowMs))
    // Refused: where it is, or what is in its place, only a look tells.
    return answer.value.answer === 'taken' ? NOTHING : this.next(id)
  }

  async takeSighting(id: string, sighting: Answered<Sighting>): Promise<Step> {
    const record = this.#shelf.load(id)
    if (record === null || !sighting.ok) return NOTHING
    const { chainId, status, included } = record.transfer
    const feeAsset = this.#shelf.registry.chain(chainId).native.code
    const seen = follow.takeSighting(record, sighting.value, feeAsset, this.#shelf.nowMs)
    // In no block and in no mempool: it is sent again, now; what was just refused, with the next look.
    const isLost = sighting.value.status === 'absent' && isSigned(seen)
    const after = isLost && record.refusals > 0 ? { ...seen, refusals: 0 } : seen
    this.#keep(record, after)
    if (after.transfer.included !== included || after.transfer.status !== status) this.wake(chainId)
    return isLost && record.refusals === 0 ? broadcast(after) : NOTHING
  }

  /** What waits for coins on a chain looks again. */
  wake(chainId: string): void {
    for (const { id, waitsFor } of this.#shelf.claims.on(chainId)) {
      const record = waitsFor === 'funds' || waitsFor === 'reading' ? this.#shelf.load(id) : null
      if (record) this.#soon(this.#shelf.commit(record, { ...record, waitUntilMs: null }))
    }
  }

  async #askForFacts(record: TransferRecord): Promise<Step> {
    const { atOnce } = this.#shelf.ports
    const planning = this.#planning(record)
    const asked = atOnce(() => this.#shelf.commit(record, withPayer(planning, record)))
    if (waitsForTurn(asked, planning.others)) return this.#waitForTurn(asked.transfer.id)
    const { targetBlocks, asset, outputs } = asked.transfer
    const { payer, deposits } = asked
    const addresses = deposits?.map((index) => addressAt(planning.chain, planning.account, index).address)
    const from = payer && { address: payer.address, asset, outputs, ...(addresses && { deposits: addresses }) }
    return { do: 'facts', question: { targetBlocks, payer: from } }
  }

  /** Asks the books whether the plan may be signed: its fee is set aside, and nothing is frozen. */
  async #clear({ transfer: { id, merchantId, storeId } }: TransferRecord): Promise<Step> {
    const { failed, reserved } = await this.#errands.settle(id)
    if (failed) return NOTHING
    const isFrozen = !reserved && (await this.#isLedgerFrozen(merchantId, storeId))
    const record = this.#shelf.load(id)
    const { nowMs } = this.#shelf
    if (record === null) return NOTHING
    // What it needs was refused: its plan is gone.
    if (record.attempt === null) return this.#givenUp(record)
    if (isFrozen !== false) {
      const words = isFrozen === null ? 'the books did not answer' : 'money out is stopped: a person must look at the books'
      return this.#givenUp(this.#shelf.commit(record, decide.notCleared(record, 'frozen', words, nowMs)))
    }
    const cleared = { ...record, attempt: { ...record.attempt, clearedAtMs: nowMs } }
    const next = nextOf(cleared, this.#shelf.isFrozen, nowMs)
    return next.do === 'sign' ? this.#handOut(record, cleared, next) : NOTHING
  }

  /** Null when the ledger does not answer. */
  async #isLedgerFrozen(merchantId: string, storeId: string): Promise<boolean | null> {
    try {
      return (await this.#shelf.ports.env().LEDGERS.getByName(merchantId).balances(storeId)).frozen
    } catch (thrown) {
      logEvent('warn', 'ledger_unreachable', { merchantId, reason: reasonOf(thrown) })
      return null
    }
  }

  #givenUp(record: TransferRecord): Step {
    this.#errands.follow(record)
    this.#nextTurn()
    return NOTHING
  }

  /** Written down before anybody is asked: from here on it may be signed. */
  #handOut(before: TransferRecord, cleared: TransferRecord, step: Step): Step {
    this.#errands.note(this.#shelf.commit(before, decide.handedOut(cleared, this.#shelf.nowMs)))
    return step
  }

  #waitForTurn(id: string): Step {
    this.#turns.add(id)
    return NOTHING
  }

  /** One, the one that has waited longest: it wakes the next. */
  #nextTurn(): void {
    const [id] = this.#turns
    if (id === undefined) return
    this.#turns.delete(id)
    const record = this.#shelf.load(id)
    if (record) this.#soon(record)
    else this.#nextTurn()
  }

  #soon(record: TransferRecord): void {
    this.#errands.note(record)
    this.#errands.agenda.soon(record.transfer.id, this.#shelf.nowMs + RETRY_MS)
    this.#shelf.ports.beside(this.#errands.send(record))
  }

  #keep(before: TransferRecord, after: TransferRecord): Step {
    const kept = this.#shelf.commit(before, after)
    if (kept !== before) this.#errands.follow(kept)
    return NOTHING
  }

  #planning({ transfer: { id, chainId } }: TransferRecord): Planning {
    const others = this.#shelf.claims.on(chainId).filter((claim) => claim.id !== id)
    return { sql: this.#shelf.ports.sql, others, ...this.#shelf.on(chainId) }
  }

  async #refresh({ transfer: { id: transferId, chainId } }: TransferRecord): Promise<void> {
    try {
      await this.#shelf.ports.refresh(chainId)
    } catch (thrown) {
      logEvent('warn', 'wallet_not_read', { transferId, chainId, reason: reasonOf(thrown) })
    }
  }
}
