import type { BroadcastAnswer, Sighting, SpendFacts } from '../../gateways/send.ts'
import type { SignedTransaction } from '../../gateways/spend.ts'
import { spenderOf } from '../../gateways/spenders.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import type { Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { SignRefusal } from '../../signer/rpc.ts'
import { balanceOn } from '../balances.ts'
import type { Errands } from './errands.ts'
import * as follow from './follow.ts'
import { withGap } from './gaps.ts'
import { questionBefore } from './instead.ts'
import { WAIT_MS } from './limits.ts'
import { moved } from './move.ts'
import { type Decided, type Planning, planTransfer, questionOf, waitingToBeRead, waitsForTurn, withPayer } from './planner.ts'
import { isOver, isSigned, type TransferRecord, type Wait } from './record.ts'
import type { Step } from './rpc.ts'
import type { Shelf } from './shelf.ts'
import * as signing from './signing.ts'
import { broadcast, nextOf } from './step.ts'
import { begunSweep, type Sweep } from './sweeping.ts'
import type { Waking } from './waking.ts'

type Answered<T> = Result<T, { readonly detail: string }>

const NOTHING: Step = { do: 'nothing' }
const FOR_SWEEPS: ReadonlySet<Wait | null> = new Set(['deposits', 'delegate'])

/** The half of transfers that the gateways Worker talks to: each answer is kept, then the next step is said. */
export class Steps {
  readonly #shelf: Shelf
  readonly #errands: Errands
  readonly #waking: Waking

  constructor(shelf: Shelf, errands: Errands, waking: Waking) {
    this.#shelf = shelf
    this.#errands = errands
    this.#waking = waking
  }

  async next(id: string): Promise<Step> {
    this.#waking.looks(id)
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
    const { kept: planned, left } = this.#decide(record, () => planTransfer(planning, record, facts.value, nowMs))
    this.#errands.note(planned)
    this.#waking.looked(record, planned, left)
    this.#sayGap(record, planned)
    const needsGas = planned.waitsFor === 'gas' && !planning.others.some(({ waitsFor }) => waitsFor === 'gas')
    this.#sayWhySweepWaits(record, planned, needsGas)
    if (needsGas && record.waitsFor !== 'gas') this.#sayGas(planned)
    if (planned.attempt === null) this.#errands.follow(planned)
    if (planned.waitsFor === 'reading' || (planned.waitsFor === 'balance' && this.#isReadLongAgo(planned)))
      this.#shelf.ports.beside(this.#refresh(planned))
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
    const after = this.#withAnswer(record, version, answer, nowMs, askedAtMs)
    const isKnown = (txid: string) => after.transfer.signed.some((attempt) => attempt.txid === txid)
    if (answer.ok && !isKnown(answer.value.txid))
      logEvent('error', 'signature_of_no_plan', { transferId: id, txid: answer.value.txid })
    this.#keep(record, after)
    this.#waking.nextTurn()
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
    const told = this.#withoutOwn(record, sighting.value)
    const after = follow.takeSighting(record, told, feeAsset, this.#shelf.nowMs)
    this.#keep(record, after)
    this.#sayGap(record, after)
    // Of what is made instead of another, that other was looked for: now it is planned.
    if (after.lookedBefore !== record.lookedBefore) return this.next(id)
    if (after.transfer.included !== included || after.transfer.status !== status) {
      // What was given gas is all that a top-up brings on.
      const { own } = after
      const isTopUp = own !== undefined && own.units !== null
      if (isTopUp) this.#waking.wakeEmptying(chainId, own.index)
      // What was in the block that is final now has brought nothing since.
      else if (!(after.transfer.status === 'confirmed' && included?.txid === after.transfer.included?.txid))
        this.#waking.wake(chainId)
      this.#waking.sendNext(after)
      if (after.transfer.kind === 'sweep' && isOver(after) && !isTopUp) this.#shelf.ports.beside(this.#refresh(after))
    }
    return follow.isToBeSentAgain(record, sighting.value) ? broadcast(after) : NOTHING
  }

  #withAnswer(
    record: TransferRecord,
    version: number,
    answer: Result<SignedTransaction, SignRefusal>,
    nowMs: number,
    askedAtMs?: number,
  ): TransferRecord {
    if (!answer.ok) return signing.takeSignRefusal(record, version, answer.error, nowMs, askedAtMs)
    const { transfer, attempt } = record
    const { chain, account } = this.#shelf.on(transfer.chainId)
    const planned = attempt && spenderOf(chain).txidOf(chain, account, attempt.plan)
    const isAnother = planned !== null && planned !== answer.value.txid
    const take = isAnother ? signing.takeAnother : signing.takeSigned
    return take(record, version, answer.value, nowMs, askedAtMs)
  }

  /** A number below that a transfer of ours has is not missing: that one is on its way. */
  #withoutOwn({ transfer, payer }: TransferRecord, sighting: Sighting): Sighting {
    if (!('behind' in sighting)) return sighting
    const { behind, ...rest } = sighting
    const isOurs = this.#shelf.claims
      .on(transfer.chainId)
      .some(({ nonce }) => nonce?.index === payer?.index && nonce?.nonce === behind)
    return isOurs ? rest : sighting
  }

  /** A merchant's own transfer has taken a number, or given it back unsigned: those above it say so. */
  #sayGap(before: TransferRecord, after: TransferRecord): void {
    const [had, has] = [before.attempt?.plan, after.attempt?.plan]
    const plan = has ?? had
    if (after.transfer.custody !== 'self' || isSigned(after) || plan?.kind !== 'account' || (had && has)) return
    for (const { id, nonce } of this.#shelf.claims.on(after.transfer.chainId)) {
      const record = nonce?.index === plan.index && nonce.nonce > plan.nonce ? this.#shelf.load(id) : null
      if (record) this.#keep(record, withGap(record, plan.nonce, has === undefined, this.#shelf.nowMs))
    }
  }

  /** What is decided of a transfer, and the sweeps that are made for it, in one commit. */
  #decide(before: TransferRecord, decision: () => Decided): { readonly kept: TransferRecord; readonly left: bigint | null } {
    const { kept, made, left } = this.#shelf.ports.atOnce(() => {
      const { record, sweeps, left = null } = decision()
      const kept = this.#shelf.commit(before, record)
      return { kept, left, made: sweeps.map((sweep) => this.#made(kept, sweep)) }
    })
    for (const sweep of made) {
      this.#errands.follow(sweep)
      this.#shelf.ports.beside(this.#errands.send(sweep))
    }
    return { kept, left }
  }

  /** What waits for a sweep tells why. Of many that empty one address each, once for all of them. */
  #sayWhySweepWaits(before: TransferRecord, { transfer, waitsFor, own }: TransferRecord, needsGas: boolean): void {
    if (transfer.kind !== 'sweep' || waitsFor === before.waitsFor || (own !== undefined && !needsGas)) return
    this.#waking.wake(transfer.chainId, FOR_SWEEPS)
    if (own !== undefined && own.units !== null) this.#waking.wakeEmptying(transfer.chainId, own.index)
  }

  #made({ transfer }: TransferRecord, sweep: Sweep): TransferRecord {
    const { chain } = this.#shelf.on(transfer.chainId)
    return this.#shelf.load(sweep.id) ?? this.#shelf.commit(null, begunSweep(chain, transfer, sweep, this.#shelf.nowMs))
  }

  /** An operator has to send gas: nobody else can. */
  #sayGas({ transfer: { id: transferId, walletId, chainId, custody, reason }, payer }: TransferRecord): void {
    if (custody === 'platform')
      logEvent('warn', 'wallet_needs_gas', { walletId, chainId, transferId, address: payer?.address, reason })
  }

  async #askForFacts(record: TransferRecord): Promise<Step> {
    const planning = this.#planning(record)
    const before = questionBefore(planning, record)
    if (before) return { do: 'look', question: before }
    const unread = waitingToBeRead(planning, record, this.#shelf.nowMs)
    if (unread) {
      this.#shelf.ports.beside(this.#refresh(unread))
      return this.#keep(record, unread)
    }
    const { kept: asked } = this.#decide(record, () => withPayer(planning, record, this.#shelf.nowMs))
    if (waitsForTurn(asked, planning.others)) return this.#waitForTurn(asked.transfer.id)
    return { do: 'facts', question: questionOf(planning, asked) }
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
      return this.#givenUp(this.#shelf.commit(record, signing.notCleared(record, 'frozen', words, nowMs)))
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
    this.#waking.nextTurn()
    return NOTHING
  }

  /** Written down before anybody is asked: from here on it may be signed. */
  #handOut(before: TransferRecord, cleared: TransferRecord, step: Extract<Step, { do: 'sign' }>): Step {
    this.#errands.note(this.#shelf.commit(before, signing.handedOut(cleared, step.askedAtMs)))
    return step
  }

  #waitForTurn(id: string): Step {
    this.#waking.waitForTurn(id)
    return NOTHING
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

  /** Whether money that has come since the last try may not be in the newest reading. */
  #isReadLongAgo({ transfer: { chainId } }: TransferRecord): boolean {
    const { reading } = balanceOn(this.#shelf.ports.sql, chainId, this.#shelf.nowMs)
    return reading === null || this.#shelf.nowMs - reading.startedAtMs >= WAIT_MS / 2
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
