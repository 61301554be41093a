import { spenderOf } from '../../gateways/spenders.ts'
import type { ReserveRefusal } from '../../ledger/rpc.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { Approval } from '../../signer/rpc.ts'
import { balanceOn } from '../balances.ts'
import { childOf, hurries, refusalToAccelerate } from './accelerating.ts'
import { checkRequest, isSameRequest } from './check-request.ts'
import * as decide from './decide.ts'
import { Errands } from './errands.ts'
import { sumOfTakes } from './funds.ts'
import { houseFeeMax, OPEN_MAX, stuckAfterMs, TARGET_BLOCKS_MAX } from './limits.ts'
import { isAccepted, isOver, type TransferRecord, type Word } from './record.ts'
import type { CreateTransfer, Frozen, TransferRefusal, TransferStepRefusal, WalletPayer } from './rpc.ts'
import { Shelf, type WalletPorts } from './shelf.ts'
import * as signing from './signing.ts'
import { nextOf } from './step.ts'
import { Steps } from './steps.ts'
import { batchOf, openSweep } from './sweeping.ts'
import * as tables from './tables.ts'
import { payerOn } from './treasury.ts'
import type { Transfer } from './types.ts'
import { Waking } from './waking.ts'
import * as wishes from './wishes.ts'

type Stepped = Result<Transfer, TransferStepRefusal>

/**
 * Money out of one wallet: the shell around what decide.ts, signing.ts and follow.ts decide. Here is what people and other objects
 * want of it, and the alarm; `steps` is what the gateways Worker does.
 */
export class TransferDesk {
  readonly steps: Steps
  readonly #ports: WalletPorts
  readonly #shelf: Shelf
  readonly #errands: Errands
  readonly #waking: Waking

  constructor(ports: WalletPorts) {
    this.#ports = ports
    this.#shelf = new Shelf(ports)
    this.#errands = new Errands(this.#shelf)
    this.#waking = new Waking(this.#shelf, this.#errands)
    this.steps = new Steps(this.#shelf, this.#errands, this.#waking)
  }

  /** Throws when the ledger does not answer: it may have been made, and whoever asked asks again. */
  async create(request: CreateTransfer): Promise<Result<Transfer, TransferRefusal>> {
    const checked = checkRequest(request, this.#shelf.registry, this.#ports.account())
    if (!checked.ok) return checked
    const known = this.#shelf.load(request.id)
    if (known && !isSameRequest(request, known.transfer)) return err({ reason: 'transfer_id_reused' })
    if (known && isAccepted(known)) return ok(known.transfer)
    if (!known) {
      const refusal = this.#roomFor(request)
      if (refusal) return err(refusal)
      const feeMax = request.feeMax ?? houseFeeMax(checked.value, request.outputs.length, batchOf(request, checked.value))
      const begun = decide.begun(request, this.#ports.walletId, feeMax, this.#shelf.wantedMs)
      this.#errands.note(this.#shelf.commit(null, begun))
    }
    const { refusal } = await this.#errands.settle(request.id)
    const made = this.#shelf.load(request.id)
    if (refusal && made === null) return err(refusalOf(refusal))
    if (made === null || !isAccepted(made)) throw new Error('the ledger did not answer')
    this.#goOn(made)
    return ok(made.transfer)
  }

  read(id: string): Transfer | null {
    return this.#shelf.load(id)?.transfer ?? null
  }

  approve(id: string, approval: Approval): Stepped {
    return this.#change(id, (record, nowMs) => wishes.approved(record, approval, nowMs))
  }

  cancel(id: string, by: string): Stepped {
    return this.#change(id, (record, nowMs) => wishes.cancelled(record, by, nowMs))
  }

  callBack(id: string, by: string): Stepped {
    return this.#change(id, (record, nowMs) => this.#hurried(record) ?? wishes.calledBack(record, by, nowMs))
  }

  settle(id: string, word: Word): Stepped {
    const settled = this.#change(id, (record, nowMs) => wishes.settled(record, word, nowMs))
    if (settled.ok) logEvent('warn', 'transfer_settled', { walletId: this.#ports.walletId, transferId: id, ...word })
    return settled
  }

  bump(id: string, targetBlocks: number): Stepped {
    const blocks = Math.min(Math.max(Math.trunc(targetBlocks), 1), TARGET_BLOCKS_MAX)
    return this.#change(id, (record) => this.#bumped(record, blocks))
  }

  submit(id: string, text: string): Stepped {
    return this.#change(id, (record, nowMs) => {
      const { attempt, transfer } = record
      const { chain, account } = this.#shelf.on(transfer.chainId)
      for (const plan of record.signedPlans) {
        const again = spenderOf(chain).readSigned(chain, account, plan, text)
        if (again.ok && transfer.signed.some(({ txid }) => txid === again.value.txid))
          return ok(signing.takeBytes(record, again.value, nowMs))
      }
      const nothing = { reason: 'wrong_status', status: transfer.status, detail: 'nothing of it waits for a signature' } as const
      if (transfer.custody !== 'self' || attempt === null) return err(nothing)
      const read = spenderOf(chain).readSigned(chain, account, attempt.plan, text)
      if (!read.ok) return err({ reason: 'signature_refused', detail: `${read.error.reason}: ${read.error.detail}` })
      return ok(signing.takeSigned(record, attempt.version, read.value, nowMs))
    })
  }

  payer(chainId: string): WalletPayer | null {
    const account = this.#ports.account()
    const chain = this.#shelf.registry.findChain(chainId)
    if (account?.script !== 'evm' || chain?.gateway !== 'evm') return null
    return this.#ports.atOnce(() => payerOn(this.#ports.sql, chain, account, this.#shelf.nowMs))
  }

  outgoing(chainId: string): Record<string, bigint> {
    return sumOfTakes(this.#shelf.claims.on(chainId).filter(({ isOut }) => isOut))
  }

  reserved(chainId: string): Record<string, bigint> {
    return sumOfTakes(this.#shelf.claims.on(chainId).filter(({ isOver, included }) => !isOver && included === null))
  }

  unread(chainId: string): Record<string, bigint> {
    const asset = this.#shelf.registry.findChain(chainId)?.native.code
    const addresses = balanceOn(this.#ports.sql, chainId, this.#shelf.nowMs).reading?.addresses ?? 0
    if (asset === undefined) return {}
    const signed = this.#shelf.claims.on(chainId).filter(({ isOut, included }) => isOut || included !== null)
    const units = signed.reduce((sum, { change }) => (change && change.index >= addresses ? sum + change.units : sum), 0n)
    return units > 0n ? { [asset]: units } : {}
  }

  frozen(): Frozen | null {
    return tables.loadFrozen(this.#ports.sql)
  }

  freeze(reason: string): void {
    tables.freeze(this.#ports.sql, { reason, sinceMs: this.#shelf.nowMs })
    logEvent('error', 'sending_frozen', { walletId: this.#ports.walletId })
  }

  /** What waited goes on. */
  allow(by: string): void {
    tables.unfreeze(this.#ports.sql)
    logEvent('info', 'sending_allowed', { walletId: this.#ports.walletId, by })
    for (const { id, isOver, waitsFor } of this.#shelf.claims.all()) {
      if (isOver) continue
      const record = waitsFor === 'sending' ? this.#shelf.load(id) : null
      if (record) this.#shelf.commit(record, { ...record, waitUntilMs: null })
      this.#errands.agenda.soon(id, this.#shelf.nowMs)
    }
    this.#errands.arm()
  }

  projected(id: string, version: number): void {
    const record = this.#shelf.load(id)
    if (record) this.#errands.projected(record, version)
  }

  /** A reading of the wallet was taken: what its blocks spent and brought is in it, and what waited for coins looks again. */
  wasRead(chainId: string, known: { readonly height: number; readonly addresses: number }): void {
    this.#shelf.claims.forgetKnown(chainId, known)
    this.#waking.wake(chainId)
  }

  /** After a start: everything that is under way is looked after at once. */
  begin(): void {
    for (const { id, isSettled } of this.#shelf.claims.all()) if (!isSettled) this.#errands.agenda.soon(id, this.#shelf.nowMs)
    this.#errands.arm()
  }

  /** The alarm. Never throws. */
  async ring(): Promise<void> {
    await Promise.all(this.#errands.agenda.takeDue(this.#shelf.nowMs).map((id) => this.#again(id)))
    this.#errands.arm()
  }

  async #again(id: string): Promise<void> {
    try {
      const record = this.#shelf.load(id)
      if (record === null) return this.#errands.agenda.note(id, null)
      const kept = this.#shelf.commit(record, this.#replacedWhenStuck(record))
      const after = await this.#errands.seeToAgain(kept)
      if (after === null) return
      const behindUntilMs = this.#waking.behindUntilMs(after)
      if (behindUntilMs !== null) return this.#errands.agenda.notBefore(id, behindUntilMs)
      if (nextOf(after, this.#shelf.isFrozen, this.#shelf.nowMs).do !== 'nothing') await this.#errands.send(after)
    } catch (thrown) {
      logEvent('error', 'transfer_alarm_failed', { transferId: id, reason: reasonOf(thrown) })
    }
  }

  /** Waiting for a block too long, it is replaced at the fee of now. On EVM chains only the first of a payer: the others wait for it. */
  #replacedWhenStuck(record: TransferRecord): TransferRecord {
    const { custody, chainId, targetBlocks, signed, status } = record.transfer
    const chain = this.#shelf.registry.findChain(chainId)
    const takenAtMs = signed.at(-1)?.takenAtMs ?? null
    if (custody !== 'platform' || status !== 'broadcast' || chain === null || takenAtMs === null) return record
    if (record.bumpBlocks !== null || (record.waitUntilMs ?? 0) > this.#shelf.nowMs) return record
    if (this.#shelf.nowMs - takenAtMs < stuckAfterMs(chain, targetBlocks)) return record
    const [plan] = record.signedPlans
    const isBehind = (index: number, nonce: number) =>
      this.#shelf.claims.on(chainId).some(({ nonce: other }) => other?.index === index && other.nonce < nonce)
    if (plan?.kind === 'account' && isBehind(plan.index, plan.nonce)) return record
    const bumped = this.#bumped(record, targetBlocks)
    return bumped.ok ? bumped.value : record
  }

  #bumped(record: TransferRecord, targetBlocks: number): Result<TransferRecord, TransferStepRefusal> {
    return this.#hurried(record) ?? wishes.bumped(record, targetBlocks, this.#shelf.nowMs)
  }

  /** What a child of it hurries is left as it is: what would take its place would take the child's coin away. */
  #hurried({ transfer }: TransferRecord): Result<never, TransferStepRefusal> | null {
    const child = childOf(transfer, this.#shelf.claims.on(transfer.chainId))
    if (!child) return null
    return err({ reason: 'wrong_status', status: transfer.status, detail: hurries(child) })
  }

  #roomFor(request: CreateTransfer): TransferRefusal | null {
    const { kind, chainId, asset } = request
    const frozen = this.frozen()
    if (frozen) return { reason: 'sending_frozen', detail: frozen.reason }
    const sweep = kind === 'sweep' ? openSweep(this.#shelf.claims.on(chainId), asset) : undefined
    if (sweep) return { reason: 'too_many_transfers', detail: `${sweep.id} brings in ${asset} already` }
    const { chain } = this.#shelf.on(chainId)
    const inVain = refusalToAccelerate({ sql: this.#ports.sql, chain, others: this.#shelf.claims.on(chainId) }, request)
    if (inVain) return inVain
    if (this.#shelf.claims.open < OPEN_MAX) return null
    return { reason: 'too_many_transfers', detail: `${OPEN_MAX} transfers of this wallet are under way` }
  }

  #change(id: string, decision: (record: TransferRecord, nowMs: number) => Result<TransferRecord, TransferStepRefusal>): Stepped {
    const record = this.#shelf.load(id)
    if (record === null) return err({ reason: 'transfer_not_found' })
    const decided = decision(record, this.#shelf.nowMs)
    if (!decided.ok) return decided
    const kept = this.#shelf.commit(record, decided.value)
    if (kept !== record) this.#goOn(kept)
    if (isOver(kept)) this.#waking.left(record)
    return ok(kept.transfer)
  }

  #goOn(record: TransferRecord): void {
    this.#errands.follow(record)
    if (nextOf(record, this.#shelf.isFrozen, this.#shelf.nowMs).do !== 'nothing') this.#ports.beside(this.#errands.send(record))
  }
}

function refusalOf(refusal: ReserveRefusal): TransferRefusal {
  if (refusal.reason === 'insufficient_funds')
    return { reason: 'insufficient_funds', asset: refusal.asset, available: refusal.available }
  if (refusal.reason === 'ledger_frozen')
    return { reason: 'sending_frozen', detail: `the books are looked at by a person: ${refusal.differences.join(', ')}` }
  return { reason: 'bad_transfer', detail: refusal.detail }
}
