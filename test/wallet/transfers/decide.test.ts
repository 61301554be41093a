import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Sighting } from '../../../src/gateways/send.ts'
import type { CoinPlan, SpendPlan } from '../../../src/gateways/spend.ts'
import { balanceOf } from '../../../src/ledger/balances.ts'
import { Ledger } from '../../../src/ledger/ledger.ts'
import type { SignRefusal } from '../../../src/signer/rpc.ts'
import { acknowledged, nextCall, withoutHold } from '../../../src/wallet/transfers/books.ts'
import * as decide from '../../../src/wallet/transfers/decide.ts'
import { EDGES } from '../../../src/wallet/transfers/edges.ts'
import * as follow from '../../../src/wallet/transfers/follow.ts'
import { claimOf } from '../../../src/wallet/transfers/funds.ts'
import { APPROVALS_MAX, FUNDS_WAIT_MS, HANDED_MS, SIGNATURE_WAIT_MS, signedMax } from '../../../src/wallet/transfers/limits.ts'
import { isBooked, isEmpty, isOver, isSigned, type TransferRecord } from '../../../src/wallet/transfers/record.ts'
import type { CreateTransfer } from '../../../src/wallet/transfers/rpc.ts'
import * as signing from '../../../src/wallet/transfers/signing.ts'
import { nextOf } from '../../../src/wallet/transfers/step.ts'
import type { TransferStatus } from '../../../src/wallet/transfers/types.ts'
import * as wishes from '../../../src/wallet/transfers/wishes.ts'
import { openRows } from '../../ledger/sqlite.ts'

const AVAILABLE = 1_000n

const REQUEST: CreateTransfer = {
  id: 'tr_1',
  kind: 'payout',
  merchantId: 'mer_1',
  shard: 0,
  storeId: 'st_1',
  custody: 'platform',
  chainId: 'chain',
  asset: 'BTC',
  outputs: [{ address: 'a', units: 100n }],
  invoiceId: null,
  reference: null,
  targetBlocks: 2,
  feeMax: null,
}

type Word =
  | { readonly say: 'plan'; readonly fee: number; readonly lacking: boolean }
  | { readonly say: 'clear'; readonly frozen: boolean }
  | { readonly say: 'hand' }
  /** All that goes well, up to a signature. */
  | { readonly say: 'carry'; readonly fee: number }
  /** Called back, and all goes well with that. */
  | { readonly say: 'takeBack'; readonly fee: number }
  /** The signer takes one of the questions that were ever handed out and not lost. */
  | { readonly say: 'sign'; readonly which: number; readonly refusal: (typeof REFUSALS)[number] | null; readonly lost: boolean }
  | { readonly say: 'replay'; readonly which: number }
  | { readonly say: 'broadcast'; readonly taken: boolean }
  | {
      readonly say: 'look'
      readonly status: Sighting['status']
      readonly which: number
      readonly final: boolean
      readonly reverted: boolean
    }
  | { readonly say: 'approve' | 'cancel' | 'callBack' | 'bump' | 'ledger' }
  | { readonly say: 'wait'; readonly ms: number }

const REFUSALS = ['needs_approval', 'limit_reached', 'stopped', 'not_covered', 'unavailable', 'no_policy'] as const

const word: fc.Arbitrary<Word> = fc.oneof(
  fc.record({ say: fc.constant('plan' as const), fee: fc.integer({ min: 1, max: 400 }), lacking: fc.boolean() }),
  fc.record({ say: fc.constant('clear' as const), frozen: fc.boolean() }),
  fc.record({ say: fc.constant('hand' as const) }),
  fc.record({ say: fc.constantFrom('carry' as const, 'takeBack' as const), fee: fc.integer({ min: 1, max: 400 }) }),
  fc.record({
    say: fc.constant('sign' as const),
    which: fc.nat(9),
    refusal: fc.oneof(fc.constant(null), fc.constantFrom(...REFUSALS)),
    lost: fc.boolean(),
  }),
  fc.record({ say: fc.constant('replay' as const), which: fc.nat(9) }),
  fc.record({ say: fc.constant('broadcast' as const), taken: fc.boolean() }),
  fc.record({
    say: fc.constant('look' as const),
    status: fc.constantFrom('waiting' as const, 'included' as const, 'absent' as const, 'conflict' as const),
    which: fc.nat(9),
    final: fc.boolean(),
    reverted: fc.boolean(),
  }),
  fc.record({
    say: fc.constantFrom('approve' as const, 'cancel' as const, 'callBack' as const, 'bump' as const, 'ledger' as const),
  }),
  fc.record({ say: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 70_000, HANDED_MS, SIGNATURE_WAIT_MS) }),
)

/** A world in which the signer answers late, twice, or never, and the ledger is asked at any time. */
class Model {
  record: TransferRecord
  nowMs = 1_000_000
  plans = 0
  /** Questions on their way to the signer: it may take any of them until they are dead. */
  readonly asked: { plan: SpendPlan; version: number; atMs: number }[] = []
  /** What the signer has signed: by plan, whoever hears of it. */
  readonly bytes: { plan: SpendPlan; version: number; txid: string; askedAtMs: number }[] = []
  readonly ledger: Ledger
  /** The money of the outputs is gone: the chain has said so, finally. */
  paid = false
  /** It never will be: something that pays nobody, or moved nothing, or is somebody else's is final. */
  unpaid = false

  constructor(request: Partial<CreateTransfer> = {}) {
    this.ledger = new Ledger(openRows().sql)
    const whose = { merchantId: 'mer_1', shard: 0, storeId: 'st_1', invoiceId: null, transferId: null, by: 'test', reason: 'test' }
    const postings = [{ from: 'wallet:wal_1', to: 'available', amount: AVAILABLE, asset: 'BTC' }]
    this.ledger.book({ ...whose, key: 'in', cause: 'adjustment', postings }, 1)
    this.record = decide.begun({ ...REQUEST, ...request }, 'wal_1', 1_000n, this.nowMs)
  }

  take(after: TransferRecord): void {
    const before = this.record
    this.record = after
    expectStep(before, after)
  }

  balance(account: string): bigint {
    return balanceOf(this.ledger.balances('st_1').balances, account, 'BTC')
  }

  /** The next thing that the books are to do. Answers whether there was one. */
  settle(frozen = false): boolean {
    const call = nextCall(this.record)
    if (!call) return false
    if (call.do === 'reserve') {
      const reserved = frozen ? null : this.ledger.reserve(call.request, this.nowMs)
      if (!reserved?.ok) {
        const hold = this.record.holds.find(({ key }) => key === call.request.key)
        const without = withoutHold(this.record, call.request.key)
        const isWanted = hold?.want === 'held'
        this.take(isWanted ? signing.notCleared(without, frozen ? 'frozen' : 'insufficient', 'no', this.nowMs) : without)
        return true
      }
    } else if (call.do === 'post') expect(this.ledger.post(call.request, this.nowMs).ok).toBe(true)
    else if (call.do === 'release') expect(this.ledger.release(call.request, this.nowMs).ok).toBe(true)
    else expect(this.ledger.book(call.request, this.nowMs).ok).toBe(true)
    this.take(acknowledged(this.record, call))
    return true
  }

  say(word: Word): unknown {
    const { record, nowMs } = this
    switch (word.say) {
      case 'plan':
        return this.#plan(word)
      case 'clear':
        if (record.attempt === null || record.transfer.custody !== 'platform') return
        while (this.settle(word.frozen));
        if (this.record.attempt === null) return
        return this.take(
          word.frozen
            ? signing.notCleared(this.record, 'frozen', 'no', nowMs)
            : { ...this.record, attempt: { ...this.record.attempt, clearedAtMs: nowMs } },
        )
      case 'carry': {
        const words = [{ say: 'plan', fee: word.fee, lacking: false }, { say: 'clear', frozen: false }, { say: 'hand' }] as const
        for (const one of words) this.say(one)
        return this.say({ say: 'sign', which: this.asked.length - 1, refusal: null, lost: false })
      }
      case 'takeBack':
        this.say({ say: 'callBack' })
        return this.say({ say: 'carry', fee: word.fee })
      case 'hand':
        if (!record.attempt?.clearedAtMs) return
        this.take(signing.handedOut(record, nowMs))
        return void this.asked.push({ plan: record.attempt.plan, version: record.attempt.version, atMs: nowMs })
      case 'sign': {
        const [question] = this.asked.splice(word.which % Math.max(this.asked.length, 1), 1)
        if (!question || nowMs - question.atMs >= HANDED_MS) return
        const known = this.bytes.find(({ version }) => version === question.version)
        if (known || word.refusal === null) return this.#sign(question, word.lost)
        if (!word.lost) this.take(signing.takeSignRefusal(record, question.version, refusalOf(word.refusal, nowMs), nowMs))
        return
      }
      case 'replay': {
        const made = this.bytes[word.which % Math.max(this.bytes.length, 1)]
        if (made) this.take(signing.takeSigned(record, made.version, { txid: made.txid, raw: made.txid }, nowMs))
        return
      }
      case 'broadcast':
        if (!isSigned(record)) return
        return this.take(
          follow.takeBroadcast(
            record,
            follow.toBroadcast(record).txid,
            word.taken ? { answer: 'taken' } : { answer: 'refused', why: 'fee_too_low', detail: 'no' },
            nowMs,
          ),
        )
      case 'look':
        return this.#look(word)
      case 'approve': {
        const approval = { credentialId: 'c', authenticatorData: '', clientDataJson: '', signature: String(nowMs) }
        const approved = wishes.approved(record, approval, nowMs)
        return approved.ok ? this.take(approved.value) : undefined
      }
      case 'cancel': {
        const cancelled = wishes.cancelled(record, 'somebody', nowMs)
        return cancelled.ok ? this.take(cancelled.value) : undefined
      }
      case 'callBack': {
        const called = wishes.calledBack(record, 'somebody', nowMs)
        return called.ok ? this.take(called.value) : undefined
      }
      case 'bump': {
        const bumped = wishes.bumped(record, 1, nowMs)
        return bumped.ok ? this.take(bumped.value) : undefined
      }
      case 'ledger':
        return void this.settle()
      case 'wait':
        this.nowMs += word.ms
        return
    }
  }

  #plan({ fee, lacking }: Extract<Word, { say: 'plan' }>): unknown {
    const { record, nowMs } = this
    if (!decide.wantsPlan(record) || (!isSigned(record) && (record.waitUntilMs ?? 0) > nowMs)) return
    if (lacking) {
      const waits = { waitsFor: 'funds' as const, reason: 'waiting' }
      return this.take(decide.takePlanRefusal(record, { reason: 'insufficient_funds', asset: 'BTC', missing: 1n }, waits, nowMs))
    }
    const before = record.signedPlans.at(-1)
    const inputs = [...(before?.kind === 'coins' ? before.inputs : []), coin(`c${this.plans}`)]
    const isVoid = before !== undefined && record.calledBack !== undefined
    const plan: CoinPlan = {
      kind: 'coins',
      chainId: 'chain',
      inputs,
      outputs: isVoid ? [{ address: 'own', units: 900n }] : record.transfer.outputs,
      change: isVoid ? { position: 0, index: 0 } : null,
      fee: BigInt(fee),
      vsize: 100 + this.plans++,
      lockTime: 0,
    }
    return this.take(decide.takePlan(record, { plan, unsigned: null, feeAsset: 'BTC', height: 1 }, nowMs))
  }

  #sign({ plan, version, atMs }: { plan: SpendPlan; version: number; atMs: number }, lost: boolean): void {
    const txid = `tx${version}`
    const known = this.bytes.find((made) => made.version === version)
    if (known) known.askedAtMs = Math.max(known.askedAtMs, atMs)
    else this.bytes.push({ plan, version, txid, askedAtMs: atMs })
    if (!lost) this.take(signing.takeSigned(this.record, version, { txid, raw: txid }, this.nowMs))
  }

  /**
   * What may be sent, now or later. Bytes whose every answer was lost are in the signer alone, which gives them to nobody
   * but who asks with their plan: decision 011 puts that plan aside once no question about it can be under way.
   */
  get sendable() {
    const { signed } = this.record.transfer
    return this.bytes.filter(
      ({ txid, askedAtMs }) => signed.some((attempt) => attempt.txid === txid) || this.nowMs - askedAtMs < HANDED_MS,
    )
  }

  #look({ status, which, final, reverted }: Extract<Word, { say: 'look' }>): void {
    const { signed } = this.record.transfer
    const txid = signed[which % Math.max(signed.length, 1)]?.txid
    if (txid === undefined || isOver(this.record)) return
    const sightings: Record<Sighting['status'], Sighting> = {
      waiting: { status: 'waiting', txid },
      included: { status: 'included', txid, height: which, blockHash: `b${which}`, confirmations: 1, final, reverted, fee: 3n },
      absent: { status: 'absent', searchedHeight: which },
      conflict: { status: 'conflict', byTxid: null, final, searchedHeight: which },
    }
    this.take(follow.takeSighting(this.record, sightings[status], 'BTC', this.nowMs))
    const plan = this.record.signedPlans[signed.findIndex((attempt) => attempt.txid === txid)]
    const isVoid = plan !== undefined && isEmpty(this.record, plan)
    this.paid ||= status === 'included' && final && !reverted && !isVoid
    this.unpaid ||= final && (status === 'conflict' || (status === 'included' && (reverted || isVoid)))
  }
}

function expectStep(before: TransferRecord, after: TransferRecord): void {
  const [from, to] = [before.transfer, after.transfer]
  expect(from.status === to.status || EDGES[from.status].includes(to.status)).toBe(true)
  // Everything that was ever signed is kept, and stays what it was.
  expect(to.signed.slice(0, from.signed.length).map(({ txid }) => txid)).toEqual(from.signed.map(({ txid }) => txid))
  expect(after.signedPlans.length).toBe(to.signed.length)
  const isSeenSame = JSON.stringify(from, text) === JSON.stringify(to, text)
  expect(to.version > from.version).toBe(!isSeenSame)
  if (isOver(before)) expect({ ...to, version: 0, updatedAtMs: 0 }).toEqual({ ...from, version: 0, updatedAtMs: 0 })
}

describe('whatever is answered, twice, late, or not at all', () => {
  test('at most one payment can ever be in the chain, and money is given back only when none can', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 5, maxLength: 60 }), fc.nat(9), (words, which) => {
        const model = new Model()
        model.settle()
        // In the end the chain takes one of what was signed.
        for (const word of [...words, { say: 'look', status: 'included', which, final: true, reverted: false } as const]) {
          model.say(word)
          const { record } = model
          // Of all bytes that may be sent, heard of yet or not, no two can be in the chain together.
          for (const one of model.sendable)
            for (const other of model.sendable) expect(decide.excludes(one.plan, other.plan)).toBe(true)
          // As long as one of them may be sent, its coins are nobody else's, unless the chain has decided.
          const claim = claimOf(record, 'BTC')
          const isDecided = isOver(record) && isSigned(record)
          for (const { plan } of model.sendable) {
            if (!isDecided && plan.kind === 'coins')
              expect(claim.coins).toEqual(expect.arrayContaining([`${plan.inputs[0]?.txid}:0`]))
          }
          // Nothing that was signed is failed but by the chain's word.
          if (record.transfer.status === 'failed' && !isSigned(record)) expect(model.sendable).toEqual([])
          // Nor is its money anybody's again before.
          if (isSigned(record) && !model.paid && !model.unpaid) expect(isOver(record)).toBe(false)
          if (record.transfer.status === 'failed' && isSigned(record)) expect([model.paid, model.unpaid]).toEqual([false, true])
        }
        // In the end the books are where the chain is.
        for (let calls = 0; calls < 50 && model.settle(); calls++);
        if (!isOver(model.record)) return
        expect(isBooked(model.record)).toBe(true)
        for (const account of ['reserved', 'in_transit']) expect(model.balance(account)).toBe(0n)
        const left = -model.balance('wallet:wal_1')
        expect(model.record.transfer.status === 'confirmed').toBe(model.paid)
        // Of coins it is what the plan in the block says, whatever a node says.
        const { included, signed } = model.record.transfer
        const fee = included ? (model.record.signedPlans[signed.findIndex(({ txid }) => txid === included.txid)]?.fee ?? -1n) : 0n
        expect(left).toBe(AVAILABLE - (model.paid ? 100n : 0n) - fee)
        // Of the chain's own asset the merchant pays all of the fee, and nothing but.
        expect([model.balance('available'), model.balance('treasury')]).toEqual([left, 0n])
        expect(model.balance('available') - (model.balance('treasury') < 0n ? -model.balance('treasury') : 0n)).toBeLessThanOrEqual(
          left,
        )
      }),
      { numRuns: 1_000 },
    )
  }, 30_000)

  // The second is over all that comes back.
  test.each([150, 300])('what is called back for %d pays nobody, and that is all it costs', (fee) => {
    const model = new Model()
    model.settle()
    model.say({ say: 'carry', fee: 50 })
    model.say({ say: 'callBack' })
    model.say({ say: 'carry', fee })
    expect(model.record.transfer).toMatchObject({
      status: 'broadcast',
      reason: 'being called back by somebody',
      signed: { length: 2 },
    })
    // A reorganisation puts the payment in its place, and another takes it out again.
    for (const which of [1, 0, 1]) {
      model.say({ say: 'look', status: 'included', which, final: false, reverted: false })
      expect(model.record.transfer.status).toBe('broadcast')
    }
    expect(model.record.transfer.reason).toBe('called back by somebody')
    model.say({ say: 'look', status: 'waiting', which: 1, final: false, reverted: false })
    expect(model.record.transfer).toMatchObject({ included: null, reason: 'being called back by somebody' })
    model.say({ say: 'look', status: 'included', which: 1, final: true, reverted: false })
    while (model.settle());
    expect(model.record.transfer).toMatchObject({ status: 'failed', reason: 'called back by somebody', fee: BigInt(fee) })
    expect([model.balance('available'), model.balance('treasury')]).toEqual([AVAILABLE - BigInt(fee), 0n])
    // Its coins are spent, and what came back is there.
    expect(claimOf(model.record, 'BTC')).toMatchObject({ coins: ['c0:0', 'c1:0'], included: { change: { vout: 0, units: 900n } } })
    expect(wishes.calledBack(model.record, 'somebody', model.nowMs)).toMatchObject({ error: { reason: 'wrong_status' } })
  })

  test('what was all of the balance can be called back: the fee comes out of what returns', () => {
    const model = new Model({ outputs: [{ address: 'a', units: AVAILABLE - 50n }] })
    model.settle()
    model.say({ say: 'carry', fee: 50 })
    model.say({ say: 'takeBack', fee: 200 })
    expect(model.record.transfer.signed).toHaveLength(2)
    model.say({ say: 'look', status: 'included', which: 1, final: true, reverted: false })
    while (model.settle());
    expect(model.record.transfer.status).toBe('failed')
    expect([model.balance('available'), model.balance('treasury')]).toEqual([AVAILABLE - 200n, 0n])
  })

  test('what comes into a block before it can be called back is paid', () => {
    const model = new Model()
    model.settle()
    model.say({ say: 'carry', fee: 150 })
    model.say({ say: 'callBack' })
    model.say({ say: 'carry', fee: 170 })
    model.say({ say: 'look', status: 'included', which: 0, final: false, reverted: false })
    expect(model.record.transfer.reason).toBe('it came into a block before it could be called back')
    model.say({ say: 'look', status: 'included', which: 0, final: true, reverted: false })
    while (model.settle());
    expect(model.record.transfer).toMatchObject({ status: 'confirmed', fee: 150n })
    expect(model.balance('available')).toBe(AVAILABLE - 250n)
  })

  test('the next look begins where the one before says, also when a reorganisation put it lower', () => {
    const model = new Model()
    model.settle()
    model.say({ say: 'plan', fee: 5, lacking: false })
    model.say({ say: 'clear', frozen: false })
    model.say({ say: 'hand' })
    model.say({ say: 'sign', which: 0, refusal: null, lost: false })
    model.say({ say: 'broadcast', taken: true })
    for (const [status, searchedHeight] of [
      ['conflict', 40],
      ['conflict', 60],
      ['conflict', 30],
      ['absent', 20],
    ] as const) {
      const rest = status === 'conflict' ? { status, byTxid: null, final: false } : { status }
      model.take(follow.takeSighting(model.record, { ...rest, searchedHeight }, 'BTC', model.nowMs))
      expect(nextOf(model.record, false, model.nowMs)).toMatchObject({ do: 'look', question: { searchedHeight } })
    }
  })

  const REFUND = { kind: 'refund', invoiceId: 'inv_1', outputs: [{ address: 'a', units: AVAILABLE }] } as const

  test('a refund whose fee the balance does not cover is asked for ever less often, a day at most; then its money is back', () => {
    const model = new Model(REFUND)
    model.settle()
    const waits: number[] = []
    const fromMs = model.nowMs
    while (!isOver(model.record)) {
      model.say({ say: 'plan', fee: 5, lacking: false })
      model.say({ say: 'clear', frozen: false })
      if (isOver(model.record)) break
      expect(model.record).toMatchObject({
        attempt: null,
        waitsFor: 'balance',
        transfer: { status: 'queued', reason: 'no', plan: null },
      })
      waits.push((model.record.waitUntilMs ?? 0) - model.nowMs)
      model.nowMs = model.record.waitUntilMs ?? 0
    }
    expect(model.nowMs - fromMs).toBeGreaterThanOrEqual(FUNDS_WAIT_MS)
    expect(model.nowMs - fromMs).toBeLessThan(FUNDS_WAIT_MS + 3_600_000)
    expect(waits[0]).toBe(60_000)
    expect(waits).toEqual(waits.toSorted((one, other) => one - other))
    expect(waits.length).toBeLessThan(100)
    while (model.settle());
    expect(model.balance('available')).toBe(AVAILABLE)
  })

  test('a refund whose fee is there after a while is signed; a payout waits for no balance', () => {
    const model = new Model(REFUND)
    model.settle()
    model.say({ say: 'plan', fee: 5, lacking: false })
    model.say({ say: 'clear', frozen: false })
    expect(model.record.transfer.status).toBe('queued')
    const whose = { merchantId: 'mer_1', shard: 0, storeId: 'st_1', invoiceId: null, transferId: null, by: 'test', reason: 'test' }
    const postings = [{ from: 'wallet:wal_1', to: 'available', amount: 5n, asset: 'BTC' }]
    model.ledger.book({ ...whose, key: 'more', cause: 'adjustment', postings }, 1)
    model.say({ say: 'wait', ms: 70_000 })
    for (const word of [{ say: 'plan', fee: 5, lacking: false }, { say: 'clear', frozen: false }, { say: 'hand' }] as const)
      model.say(word)
    model.say({ say: 'sign', which: 0, refusal: null, lost: false })
    expect(model.record).toMatchObject({ waitingSinceMs: null, transfer: { status: 'broadcast' } })

    const payout = new Model({ outputs: [{ address: 'a', units: AVAILABLE }] })
    payout.settle()
    payout.say({ say: 'plan', fee: 5, lacking: false })
    payout.say({ say: 'clear', frozen: false })
    expect(payout.record.transfer.status).toBe('failed')
  })

  test.each([
    ['refund', 'queued', 'balance'],
    ['payout', 'failed', null],
  ] as const)('a %s that no coins pay for, with the fee, is then %s', (kind, status, waitsFor) => {
    const model = new Model({ ...REFUND, kind })
    model.settle()
    const words = { waitsFor: null, reason: 'the wallet has too little BTC: 0.00000005 BTC more is needed' }
    model.take(
      decide.takePlanRefusal(model.record, { reason: 'insufficient_funds', asset: 'BTC', missing: 5n }, words, model.nowMs),
    )
    expect(model.record).toMatchObject({ waitsFor, transfer: { status, reason: words.reason } })
    // What does not come with time is not waited for.
    const never = new Model({ ...REFUND, kind })
    never.settle()
    const refusal = { reason: 'bad_output', position: 0, detail: 'dust' } as const
    never.take(decide.takePlanRefusal(never.record, refusal, words, never.nowMs))
    expect(never.record.transfer.status).toBe('failed')
  })

  test.each(['stopped', 'limit_reached', 'no_policy'] as const)('a signer that says %s is asked for a day', (refusal) => {
    const model = new Model()
    model.settle()
    const fromMs = model.nowMs
    for (let asked = 0; asked < 10_000 && !isOver(model.record); asked++) {
      for (const word of [{ say: 'plan', fee: 5, lacking: false }, { say: 'clear', frozen: false }, { say: 'hand' }] as const)
        model.say(word)
      model.say({ say: 'sign', which: 0, refusal, lost: false })
      model.nowMs = model.record.waitUntilMs ?? model.nowMs
    }
    expect(model.record.transfer.status).toBe('failed')
    expect(model.nowMs - fromMs).toBeGreaterThanOrEqual(FUNDS_WAIT_MS)
    expect(model.nowMs - fromMs).toBeLessThan(FUNDS_WAIT_MS + 120_000)
  })

  test('the days that a new destination waits by the policy are not among those that a transfer waits at most', () => {
    const model = new Model()
    model.settle()
    const ask = (refusal: SignRefusal) => {
      for (const word of [{ say: 'plan', fee: 5, lacking: false }, { say: 'clear', frozen: false }, { say: 'hand' }] as const)
        model.say(word)
      model.take(signing.takeSignRefusal(model.record, model.record.attempt?.version ?? 0, refusal, model.nowMs))
    }
    const retryAtMs = model.nowMs + 3 * FUNDS_WAIT_MS
    ask({ reason: 'limit_reached', limit: 'new_destination', retryAtMs, detail: '' })
    model.nowMs = retryAtMs
    ask(refusalOf('limit_reached', model.nowMs))
    expect(model.record.transfer.status).toBe('queued')
  })

  test('a plan whose signature was lost is asked for again, whoever says no meanwhile, until the signer has looked for it', () => {
    const begin = () => {
      const model = new Model()
      model.settle()
      for (const word of [{ say: 'plan', fee: 5, lacking: false }, { say: 'clear', frozen: false }, { say: 'hand' }] as const)
        model.say(word)
      model.say({ say: 'sign', which: 0, refusal: null, lost: true })
      model.say({ say: 'wait', ms: HANDED_MS })
      return { model, plan: model.record.attempt?.plan }
    }
    const { model, plan } = begin()
    const refused = (reason: (typeof REFUSALS)[number]) => {
      const { attempt } = model.record
      model.take(signing.handedOut({ ...model.record, attempt: attempt && { ...attempt, clearedAtMs: model.nowMs } }, model.nowMs))
      const refusal = refusalOf(reason, model.nowMs)
      model.take(signing.takeSignRefusal(model.record, attempt?.version ?? 0, refusal, model.nowMs, model.nowMs))
      model.nowMs += 70_000
    }
    // The switch is looked at before the bytes are.
    refused('stopped')
    refused('unavailable')
    model.take(signing.notCleared(model.record, 'frozen', 'no', model.nowMs))
    expect(model.record.attempt?.plan).toBe(plan)
    model.take(signing.handedOut(model.record, model.nowMs))
    const [made] = model.bytes
    model.take(signing.takeSigned(model.record, made?.version ?? 0, { txid: made?.txid ?? '', raw: '' }, model.nowMs))
    expect(model.record).toMatchObject({ transfer: { status: 'broadcast' }, signedPlans: [plan] })

    // Where it never came to the signer, the signer says so.
    const { model: other } = begin()
    other.take(signing.handedOut(other.record, other.nowMs))
    const refusal = refusalOf('limit_reached', other.nowMs)
    other.take(signing.takeSignRefusal(other.record, other.record.attempt?.version ?? 0, refusal, other.nowMs, other.nowMs))
    expect(other.record).toMatchObject({ attempt: null, transfer: { status: 'queued' } })
  })

  test('passkeys that count for nothing keep nobody from approving', () => {
    const approvalOf = (name: string) => ({ credentialId: name, authenticatorData: '', clientDataJson: '', signature: name })
    const model = new Model()
    model.settle()
    for (let n = 0; n < APPROVALS_MAX; n++) {
      const approved = wishes.approved(model.record, approvalOf(`stranger ${n}`), model.nowMs)
      if (approved.ok) model.take(approved.value)
    }
    expect(wishes.approved(model.record, approvalOf('Ada'), model.nowMs)).toMatchObject({ error: { reason: 'too_many_approvals' } })
    model.say({ say: 'plan', fee: 5, lacking: false })
    model.say({ say: 'clear', frozen: false })
    model.say({ say: 'hand' })
    const members = model.record.transfer.approvals.map(() => null)
    const refusal = { reason: 'needs_approval', challenge: 'c', wanted: 1, given: 0, members } as const
    model.take(signing.takeSignRefusal(model.record, model.record.attempt?.version ?? 0, refusal, model.nowMs))
    expect(model.record.transfer.status).toBe('needs_approval')
    const approved = wishes.approved(model.record, approvalOf('Ada'), model.nowMs)
    expect(approved).toMatchObject({ value: { transfer: { status: 'queued', approvals: [{ credentialId: 'Ada' }] } } })
  })

  test('no more is signed for one transfer than its row can hold', () => {
    const planOf = (inputs: number, outputs: number): CoinPlan => ({
      kind: 'coins',
      chainId: 'chain',
      inputs: Array.from({ length: inputs }, (_, at) => coin(`${at}`)),
      outputs: Array.from({ length: outputs }, () => ({ address: 'a', units: 1n })),
      change: null,
      fee: 1n,
      vsize: 1,
      lockTime: 0,
    })
    expect([planOf(1, 2), planOf(10, 1_000), planOf(1_400, 1)].map(signedMax)).toEqual([20, 7, 1])
  })

  test('every status can be reached, and what is over has nowhere to go', () => {
    const reached = new Set<TransferStatus>(['queued'])
    for (let rounds = 0; rounds < 7; rounds++) for (const from of [...reached]) for (const to of EDGES[from]) reached.add(to)
    expect([...reached].sort()).toEqual(Object.keys(EDGES).sort())
    expect([...EDGES.confirmed, ...EDGES.failed]).toEqual([])
  })
})

function coin(name: string) {
  return { txid: name, vout: 0, units: 1_000n, index: 0 }
}

function refusalOf(reason: (typeof REFUSALS)[number], nowMs: number): SignRefusal {
  if (reason === 'needs_approval') return { reason, challenge: 'x', wanted: 1, given: 0 }
  if (reason === 'limit_reached') return { reason, limit: 'hour', retryAtMs: nowMs + 10_000, detail: '' }
  return { reason, detail: '' }
}

function text(name: string, value: unknown): unknown {
  if (name === 'version' || name === 'updatedAtMs') return 0
  return typeof value === 'bigint' ? String(value) : value
}
