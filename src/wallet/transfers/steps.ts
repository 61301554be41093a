import type { BroadcastAnswer, Sighting, SignedTransaction, SpendFacts } from '../../gateways/spend.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import type { Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { SignRefusal } from '../../signer/rpc.ts'
import { addressAt } from '../addresses.ts'
import * as decide from './decide.ts'
import type { Errands } from './errands.ts'
import * as follow from './follow.ts'
import { houseFeeMax, RETRY_MS } from './limits.ts'
import { moved } from './move.ts'
import { type Planning, planTransfer, waitingToBeRead, waitsForTurn, withPayer } from './planner.ts'
import { isOver, type TransferRecord, type Wait } from './record.ts'
import type { Step } from './rpc.ts'
import type { Shelf } from './shelf.ts'
import { broadcast, nextOf } from './step.ts'
import { depositsOf, sweepRequest } from './sweeping.ts'

type Answered<T> = Result<T, { readonly detail: string }>

const NOTHING: Step = { do: 'nothing' }
/** What a reading, or another transfer in a block, may have brought. */
const FOR_COINS: ReadonlySet<Wait | null> = new Set(['funds', 'deposits', 'delegate', 'gas', 'reading'])
const FOR_SWEEPS: ReadonlySet<Wait | null> = new Set(['deposits', 'delegate'])

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
    // What is chosen and what is kept is one step: nobody else can choose the same.
    const { planned, sweep } = this.#shelf.ports.atOnce(() => {
      const planned = this.#shelf.commit(record, planTransfer(planning, record, facts.value, nowMs))
      return { planned, sweep: this.#sweepFor(planned) }
    })
    this.#errands.note(planned)
    if (sweep) this.#begin(sweep)
    // What waits for it tells why.
    if (planned.transfer.kind === 'sweep' && planned.waitsFor !== record.waitsFor) this.wake(planned.transfer.chainId, FOR_SWEEPS)
    if (planned.waitsFor === 'gas' && record.waitsFor !== 'gas') this.#sayGas(planned)
    if (planned.attempt === null) this.#errands.follow(planned)
    if (planned.waitsFor === 'reading') this.#shelf.ports.beside(this.#refresh(planned))
    return this.next(id)
  }

  async takeSignature(
    id: string,
    version: number,
    answer: Result<SignedTransaction, SignRefusal>,
    askedAtMs?: number,
  ): Promise<Step> {
    const record = this.#shelf.load(id)
    if (record === null) return NOTHING
    const { nowMs } = this.#shelf
    const after = answer.ok
      ? decide.takeSigned(record, version, answer.value, nowMs)
      : decide.takeSignRefusal(record, version, answer.error, nowMs, askedAtMs)
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

  async takeSighting(id: string, sighting: Answered<Sighting>, named: number): Promise<Step> {
    const record = this.#shelf.load(id)
    if (record === null || !sighting.ok || follow.isOutdated(record, sighting.value, named)) return NOTHING
    const { chainId, status, included } = record.transfer
    const feeAsset = this.#shelf.registry.chain(chainId).native.code
    const after = follow.takeSighting(record, sighting.value, feeAsset, this.#shelf.nowMs)
    this.#keep(record, after)
    if (after.transfer.included !== included || after.transfer.status !== status) {
      this.wake(chainId)
      this.#sendNext(after)
      if (after.transfer.kind === 'sweep' && isOver(after)) this.#shelf.ports.beside(this.#refresh(after))
    }
    return follow.isToBeSentAgain(record, sighting.value) ? broadcast(after) : NOTHING
  }

  /** What waits for coins on a chain looks again. */
  wake(chainId: string, waits: ReadonlySet<Wait | null> = FOR_COINS): void {
    for (const { id, waitsFor } of this.#shelf.claims.on(chainId)) {
      const record = waits.has(waitsFor) ? this.#shelf.load(id) : null
      if (record) this.#soon(this.#shelf.commit(record, { ...record, waitUntilMs: null }))
    }
  }

  /**
   * One of a payer's transactions is in a block: the next is sent at once. Of an account that has delegated (EIP-7702) nodes
   * keep one waiting transaction, and refuse the others until then.
   */
  #sendNext({ transfer: { id, chainId }, payer }: TransferRecord): void {
    if (payer === null) return
    for (const claim of this.#shelf.claims.on(chainId)) {
      if (claim.id === id || !claim.isOut || claim.included !== null || claim.nonce?.index !== payer.index) continue
      const record = this.#shelf.load(claim.id)
      if (record?.transfer.signed.at(-1)?.takenAtMs === null) this.#soon(record)
    }
  }

  /** The sweep that a transfer waits for, when there is none yet. */
  #sweepFor({ transfer, waitsFor, sweeps, payer }: TransferRecord): TransferRecord | null {
    const id = waitsFor === 'deposits' || waitsFor === 'delegate' ? sweeps?.at(-1) : undefined
    if (id === undefined || payer === null || this.#shelf.load(id) !== null) return null
    const { chain } = this.#shelf.on(transfer.chainId)
    const { ports, nowMs } = this.#shelf
    const sweep = decide.begun(sweepRequest(transfer, id), ports.walletId, houseFeeMax(chain, 0), nowMs)
    // Of no deposits: the one that makes the treasury ready.
    const deposits = waitsFor === 'delegate' ? [] : depositsOf(ports.sql, chain, transfer.asset, payer.index)
    return this.#shelf.commit(null, { ...sweep, deposits })
  }

  #begin(record: TransferRecord): void {
    this.#errands.follow(record)
    this.#shelf.ports.beside(this.#errands.send(record))
  }

  /** An operator has to send gas: nobody else can. */
  #sayGas({ transfer: { id: transferId, walletId, chainId, custody, reason }, payer }: TransferRecord): void {
    if (custody === 'platform')
      logEvent('warn', 'wallet_needs_gas', { walletId, chainId, transferId, address: payer?.address, reason })
  }

  async #askForFacts(record: TransferRecord): Promise<Step> {
    const { atOnce } = this.#shelf.ports
    const planning = this.#planning(record)
    const unread = waitingToBeRead(planning, record, this.#shelf.nowMs)
    if (unread) {
      this.#shelf.ports.beside(this.#refresh(unread))
      return this.#keep(record, unread)
    }
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
  #handOut(before: TransferRecord, cleared: TransferRecord, step: Extract<Step, { do: 'sign' }>): Step {
    this.#errands.note(this.#shelf.commit(before, decide.handedOut(cleared, step.askedAtMs)))
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

  #planning({ transfer: { id, chainId, custody } }: TransferRecord): Planning {
    const others = this.#shelf.claims.on(chainId).filter((claim) => claim.id !== id)
    const { chain, account } = this.#shelf.on(chainId)
    return { sql: this.#shelf.ports.sql, others, chain: custody === 'self' ? withoutDelegates(chain) : chain, account }
  }

  async #refresh({ transfer: { id: transferId, chainId } }: TransferRecord): Promise<void> {
    try {
      await this.#shelf.ports.refresh(chainId)
    } catch (thrown) {
      logEvent('warn', 'wallet_not_read', { transferId, chainId, reason: reasonOf(thrown) })
    }
  }
}

/** No wallet software signs the authorizations that paying many needs: who signs themselves pays one output at a time. */
function withoutDelegates({ delegateFactory: _, ...chain }: ChainConfig): ChainConfig {
  return chain
}
