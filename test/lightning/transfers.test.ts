import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeBolt11 } from '../../scripts/stack/lightning/encode.ts'
import type { PaymentOrder, PaymentSight } from '../../src/gateways/lightning/payer.ts'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { base32 } from '../../src/lib/ids.ts'
import { err, ok } from '../../src/lib/result.ts'
import { migrate, type NodeRow, writeNode } from '../../src/lightning/tables.ts'
import { DAY_MS, dueAtMs, LEASE_MS, NO_FACTS, statusOf } from '../../src/lightning/transfers/state.ts'
import {
  cancelTransfer,
  createTransfer,
  nextPayment,
  settleTransfer,
  takeAnswer,
  takeSight,
} from '../../src/lightning/transfers/steps.ts'
import { transferAt, writeSending } from '../../src/lightning/transfers/tables.ts'
import type { PaymentStep } from '../../src/lightning/transfers/types.ts'
import { lightningFeeMax, testLightning } from '../../src/money/lightning.ts'
import type { TransferStatus } from '../../src/wallet/transfers/types.ts'
import { openRows, PowerCut } from '../ledger/sqlite.ts'

const RAIL = testLightning('regtest')
const START_MS = 1_800_000_000_000
const EXPIRY_S = 1_800
const NODE: NodeRow = {
  chainId: RAIL.id,
  name: 'till',
  merchantId: 'mer_1',
  sinceMs: 0,
  cursor: null,
  answeredAtMs: null,
  error: null,
}
const POLICY = { paymentMaxSats: 60_000, dayMaxSats: 41_000 }
const KEY = '22'.repeat(32)

/** What may follow what. What was called failed is failed for good: a refund would be paid again. */
const EDGES: Readonly<Record<TransferStatus, readonly TransferStatus[]>> = {
  queued: ['broadcast', 'failed'],
  broadcast: ['unknown', 'confirmed', 'failed'],
  unknown: ['broadcast', 'confirmed', 'failed'],
  confirmed: [],
  failed: [],
  needs_approval: [],
  signing: [],
}

const idOf = (number: number) => `tr_${base32(new Uint8Array(20).fill(number + 1))}`
const preimageOf = (number: number) => toHex(new Uint8Array(32).fill(number + 1))
const hashOf = (number: number) => toHex(sha256(fromHex(preimageOf(number))))
const unitsOf = (number: number) => 20_000n + BigInt(number)
/** The same each time: writing one signs it. */
const invoices = Array.from({ length: 5 }, (_, number) =>
  writeBolt11({
    msat: unitsOf(number) * 1_000n,
    paymentHash: hashOf(number),
    createdAtS: START_MS / 1_000,
    // Most can be paid for days.
    expiryS: number > 1 ? 8 * 86_400 : EXPIRY_S,
    key: KEY,
  }),
)

const requestOf = (number: number, changes: object = {}) =>
  ({
    id: idOf(number),
    kind: 'payout',
    merchantId: 'mer_1',
    shard: 0,
    storeId: 'st_1',
    custody: 'self',
    chainId: RAIL.id,
    asset: 'BTC-LN',
    outputs: [{ address: invoices[number] as string, units: unitsOf(number) }],
    invoiceId: null,
    reference: null,
    targetBlocks: 1,
    feeMax: null,
    ...changes,
  }) as const

/** So long Core Lightning goes on with an order, whatever it was told. */
const TRIES_MS = 14 * 60_000

/** A node as all three document it: it pays a hash once, never one that has expired, and tries again what has failed. */
class Node {
  readonly attempts = new Map<string, 'in_flight' | 'paid' | 'failed'>()
  /** Until when it tries again by itself what nobody was answered about. */
  readonly triesUntilMs = new Map<string, number>()
  readonly outflows: { readonly atMs: number; readonly sats: bigint }[] = []

  order({ paymentHash }: PaymentOrder, nowMs: number, number: number): PaymentSight {
    const known = this.attempts.get(paymentHash)
    if (known === 'in_flight' || known === 'paid') return { status: 'in_flight' }
    if (nowMs > START_MS + (number > 1 ? 8 * 86_400 : EXPIRY_S) * 1_000) return { status: 'failed', detail: 'invoice expired' }
    this.attempts.set(paymentHash, 'in_flight')
    return { status: 'in_flight' }
  }

  goOn(number: number, nowMs: number): void {
    if (this.attempts.get(hashOf(number)) !== 'failed' || nowMs > (this.triesUntilMs.get(hashOf(number)) ?? 0)) return
    this.attempts.set(hashOf(number), 'in_flight')
  }

  end(number: number, as: 'paid' | 'failed', fee: bigint, nowMs: number): void {
    if (this.attempts.get(hashOf(number)) !== 'in_flight') return
    this.attempts.set(hashOf(number), as)
    if (as === 'paid') this.outflows.push({ atMs: nowMs, sats: unitsOf(number) + fee })
  }

  find(number: number, fee: bigint): PaymentSight {
    const known = this.attempts.get(hashOf(number))
    if (known === undefined) return { status: 'unknown' }
    if (known === 'in_flight') return { status: 'in_flight' }
    return known === 'paid' ? { status: 'succeeded', preimage: preimageOf(number), fee } : { status: 'failed', detail: 'no route' }
  }
}

const FEES = [0n, 3n, 150n, 200n, 200n]

/** One object, its node, and orders of the gateways Worker that are on their way. */
class World {
  readonly rows = openRows()
  readonly node = new Node()
  nowMs = START_MS
  readonly onTheirWay: { readonly number: number; readonly telling: number; readonly order: PaymentOrder }[] = []
  /** What the node's books said, on its way to the object. */
  readonly glances: { readonly number: number; readonly tellings: number; readonly sight: PaymentSight }[] = []
  payer: { policy: typeof POLICY; ownFee: null } | null = { policy: POLICY, ownFee: null }

  constructor() {
    migrate(this.rows.sql)
    writeNode(this.rows.sql, NODE)
    writeSending(this.rows.sql, POLICY)
  }

  status(number: number): TransferStatus | null {
    const kept = transferAt(this.rows.sql, idOf(number))
    return kept && statusOf(kept.facts)
  }

  step(run: () => PaymentStep, cutAfter?: number): PaymentStep {
    try {
      return this.rows.step(run, cutAfter)
    } catch (thrown) {
      if (thrown instanceof PowerCut) return { do: 'nothing' }
      throw thrown
    }
  }

  /** The gateways Worker carries one transfer. `fault`: what goes wrong with the node, `cutAfter`: with the object. */
  carry(number: number, fault: 'none' | 'away' | 'lost' | 'late' | 'slow', cutAfter?: number): void {
    const { sql } = this.rows
    const id = idOf(number)
    let step = this.step(() => nextPayment(sql, id, this.payer, this.nowMs), cutAfter)
    for (let count = 0; count < 6 && step.do !== 'nothing'; count++) {
      const away = err({ reason: 'node_unreachable', detail: 'away' } as const)
      if (step.do === 'find') {
        const { tellings } = step
        if (fault === 'slow') {
          this.glances.push({ number, tellings, sight: this.node.find(number, FEES[number] as bigint) })
          return
        }
        const sight = fault === 'away' ? away : ok(this.node.find(number, FEES[number] as bigint))
        step = this.step(() => takeSight(sql, id, tellings, sight, this.payer, this.nowMs))
        continue
      }
      const { telling, order } = step
      // It is told, and whoever asks dies or waits no longer; the order comes at once, or much later, or never.
      if (fault === 'late') {
        this.onTheirWay.push({ number, telling, order })
        return
      }
      const said = fault === 'away' ? away : ok(this.node.order(order, this.nowMs, number))
      if (fault === 'lost') {
        this.node.triesUntilMs.set(order.paymentHash, this.nowMs + TRIES_MS)
        return
      }
      step = this.step(() => takeAnswer(sql, id, telling, said, this.payer, this.nowMs))
    }
  }

  /** An order arrives that nobody waits for any more, or somebody does. */
  arrive(at: number, isHeard: boolean): void {
    const [glance] = this.glances.splice(at, 1)
    if (glance)
      this.step(() => {
        return takeSight(this.rows.sql, idOf(glance.number), glance.tellings, ok(glance.sight), null, this.nowMs)
      })
    const [late] = this.onTheirWay.splice(at, 1)
    if (!late) return
    const said = this.node.order(late.order, this.nowMs, late.number)
    if (!isHeard) this.node.triesUntilMs.set(late.order.paymentHash, this.nowMs + TRIES_MS)
    if (!isHeard) return
    this.step(() => takeAnswer(this.rows.sql, idOf(late.number), late.telling, ok(said), this.payer, this.nowMs))
  }

  check(): void {
    for (const [number] of invoices.entries()) {
      const [status, made] = [this.status(number), this.node.attempts.get(hashOf(number))]
      if (status === 'confirmed') expect(made).toBe('paid')
      if (status === 'failed') expect(made === undefined || made === 'failed', `${number} is ${made}`).toBe(true)
    }
    // Any window that begins with an outflow; every other one has no more in it.
    for (const { atMs } of this.node.outflows) {
      const within = this.node.outflows.filter((one) => one.atMs >= atMs && one.atMs <= atMs + DAY_MS)
      expect(within.reduce((sum, { sats }) => sum + sats, 0n)).toBeLessThanOrEqual(BigInt(POLICY.dayMaxSats))
    }
  }
}

const number = fc.constantFrom(0, 1, 2, 2, 2, 3, 4)
const act = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('create' as const), number }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('carry' as const),
      number,
      fault: fc.constantFrom('none', 'none', 'away', 'lost', 'late', 'late', 'slow'),
      cutAfter: fc.option(fc.nat(8), { freq: 3, nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), number, as: fc.constantFrom('paid', 'failed') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('arrive' as const), at: fc.nat(3), isHeard: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('goOn' as const), number }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(3_000, 60_000, LEASE_MS, LEASE_MS, 900_000, DAY_MS / 2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('byHand' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forbid' as const), isForbidden: fc.boolean() }) },
)
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

function run(world: World, one: Act): void {
  switch (one.do) {
    case 'create':
      world.rows.step(() => createTransfer(world.rows.sql, NODE, RAIL, requestOf(one.number), null, world.nowMs))
      return
    case 'carry':
      world.carry(one.number, one.fault as 'none', one.cutAfter)
      return
    case 'end':
      world.node.end(one.number, one.as as 'paid', FEES[one.number] as bigint, world.nowMs)
      return
    case 'arrive':
      world.arrive(one.at, one.isHeard)
      return
    case 'goOn':
      // A look at the books takes seconds, and comes before the last try.
      if (world.glances.length === 0) world.node.goOn(one.number, world.nowMs)
      return
    case 'wait':
      world.nowMs += one.ms
      return
    case 'byHand':
      // Somebody tried the same invoice at the node before, and it failed.
      if ((transferAt(world.rows.sql, idOf(one.number))?.facts.toldAtMs.length ?? 0) === 0)
        world.node.attempts.set(hashOf(one.number), 'failed')
      return
    case 'cancel':
      world.rows.step(() => cancelTransfer(world.rows.sql, idOf(one.number), 'me', world.nowMs))
      return
    case 'forbid':
      world.payer = one.isForbidden ? null : { policy: POLICY, ownFee: null }
  }
}

describe('whatever happens, in any order, with orders that come late and the power going at any moment', () => {
  test('what has failed is never paid, nothing is paid that was not told, and no 24 hours take more than their limit', () => {
    fc.assert(
      fc.property(fc.array(act, { minLength: 20, maxLength: 100 }), (acts) => {
        const world = new World()
        for (const [at] of invoices.entries()) if (at !== 1) run(world, { do: 'create', number: at as 0 })
        for (const one of acts) {
          const before = invoices.map((_one, at) => world.status(at))
          run(world, one)
          for (const [at, from] of before.entries()) {
            const to = world.status(at)
            if (from !== null && to !== null && to !== from) expect(EDGES[from], `${from} to ${to} by ${one.do}`).toContain(to)
          }
          world.check()
        }
        // All is well again, and what is on its way arrives: everything comes to an end that is the node's.
        world.payer = { policy: POLICY, ownFee: null }
        while (world.onTheirWay.length > 0) world.arrive(0, false)
        for (let round = 0; round < 12; round++) {
          for (const [at] of invoices.entries()) {
            world.carry(at, 'none')
            world.node.end(at, at % 2 === 0 ? 'paid' : 'failed', FEES[at] as bigint, world.nowMs)
            world.check()
          }
          world.nowMs += DAY_MS
        }
        for (const [at] of invoices.entries()) expect([null, 'confirmed', 'failed']).toContain(world.status(at))
        world.check()
      }),
      { numRuns: 80 },
    )
  }, 60_000)
})

describe('a transfer by Lightning', () => {
  const make = (world: World, changes: object = {}, at = 0) =>
    createTransfer(world.rows.sql, NODE, RAIL, requestOf(at, changes), null, world.nowMs)

  test('is recorded once, and no other is made for the same invoice', () => {
    const world = new World()
    expect(make(world)).toMatchObject({ ok: true, value: { version: 1, wish: { feeMax: 200n } } })
    expect(make(world)).toMatchObject({ ok: true })
    expect(make(world, { reference: 'another' })).toEqual({ ok: false, error: { reason: 'transfer_id_reused' } })
    expect(make(world, { id: idOf(9) })).toMatchObject({
      ok: false,
      error: { reason: 'bad_transfer', detail: /another transfer has this invoice/ },
    })
  })

  test.each([
    ['another amount', { outputs: [{ address: invoices[0], units: 1n }] }, /asks for 20000000 millisatoshi/],
    ['no invoice', { outputs: [{ address: 'bcrt1qnothing', units: 1n }] }, /no Lightning invoice/],
    [
      'another network',
      {
        outputs: [
          {
            address: writeBolt11({ network: 'bc', msat: null, paymentHash: hashOf(7), createdAtS: START_MS / 1_000, key: KEY }),
            units: 1n,
          },
        ],
      },
      /of mainnet/,
    ],
    [
      'several recipients',
      {
        outputs: [
          { address: invoices[0], units: 1n },
          { address: invoices[1], units: 1n },
        ],
      },
      /one recipient/,
    ],
    ['a sweep', { kind: 'sweep' }, /not swept/],
    ['a refund of nothing', { kind: 'refund' }, /refund/],
    [
      'too much',
      {
        outputs: [
          {
            address: writeBolt11({ network: 'bcrt', msat: null, paymentHash: hashOf(7), createdAtS: START_MS / 1_000, key: KEY }),
            units: 60_000n,
          },
        ],
      },
      /limit of one payment/,
    ],
  ])('of %s is refused', (_name, changes, detail) => {
    expect(make(new World(), changes)).toMatchObject({
      ok: false,
      error: { reason: 'bad_transfer', detail: expect.stringMatching(detail) },
    })
  })

  test('of an expired invoice is refused, and one that expires while it waits fails', () => {
    const late = new World()
    late.nowMs += EXPIRY_S * 1_000
    expect(make(late)).toMatchObject({ ok: false, error: { detail: /expired/ } })
    const world = new World()
    make(world)
    world.payer = null
    world.carry(0, 'none')
    expect(world.status(0)).toBe('queued')
    world.nowMs += EXPIRY_S * 1_000 + 1
    world.payer = { policy: POLICY, ownFee: null }
    world.carry(0, 'none')
    expect(world.status(0)).toBe('failed')
    expect(world.node.attempts.size).toBe(0)
  })

  test('of more than the node has, less what others take, is refused', () => {
    const world = new World()
    const of = (at: number, has: bigint) => createTransfer(world.rows.sql, NODE, RAIL, requestOf(at), has, world.nowMs)
    expect(of(0, 20_199n)).toEqual({ ok: false, error: { reason: 'insufficient_funds', asset: 'BTC-LN', available: 20_199n } })
    expect(of(0, 20_200n)).toMatchObject({ ok: true })
    expect(of(1, 20_300n)).toMatchObject({ ok: false, error: { available: 100n } })
  })

  test('over the limit is refused in words of the limit that it is over', () => {
    const world = new World()
    writeSending(world.rows.sql, { paymentMaxSats: 60_000, dayMaxSats: 15_000 })
    expect(make(world)).toMatchObject({ ok: false, error: { reason: 'bad_transfer', detail: /more than 15000 satoshi/ } })
  })

  test('that waits for hours is tried ever less often, ten minutes at most: rows cost', () => {
    const { facts, ...rest } = { facts: { ...NO_FACTS, waits: 'the node is away' }, createdAtMs: START_MS }
    const waitOf = (ageMs: number) => (dueAtMs({ facts, ...rest }, START_MS + ageMs) ?? 0) - START_MS - ageMs
    expect([0, 60_000, 600_000, DAY_MS].map(waitOf)).toEqual([20_000, 20_000, 120_000, 600_000])
  })

  test('is not made where the node may not send', () => {
    const world = new World()
    writeSending(world.rows.sql, null)
    expect(make(world)).toMatchObject({ ok: false, error: { reason: 'sending_frozen' } })
  })

  test('that was lost on the way is told again, once the node says that it knows nothing of it', () => {
    const world = new World()
    make(world)
    world.carry(0, 'late')
    world.carry(0, 'none')
    expect([world.status(0), world.node.attempts.size]).toEqual(['broadcast', 0])
    world.nowMs += LEASE_MS
    world.carry(0, 'none')
    world.node.end(0, 'paid', 0n, world.nowMs)
    world.nowMs += 60_000
    world.carry(0, 'none')
    expect(world.status(0)).toBe('confirmed')
    world.arrive(0, true)
    expect(world.node.outflows).toHaveLength(1)
  })

  test('that failed is not certain while another order may come: until its invoice has expired', () => {
    const world = new World()
    make(world)
    world.carry(0, 'late')
    world.nowMs += LEASE_MS
    world.carry(0, 'none')
    world.node.end(0, 'failed', 0n, world.nowMs)
    world.nowMs += 60_000
    world.carry(0, 'none')
    expect(world.status(0)).toBe('unknown')
    world.nowMs += EXPIRY_S * 1_000 + 11 * 60_000
    world.carry(0, 'none')
    expect(world.status(0)).toBe('failed')
  })

  test('that its node may try again by itself, since nobody heard its answer, is not certain for a while', () => {
    const world = new World()
    make(world)
    world.carry(0, 'lost')
    world.node.end(0, 'failed', 0n, world.nowMs)
    for (const ms of [LEASE_MS, 60_000, 60_000]) {
      world.nowMs += ms
      world.carry(0, 'none')
      expect(world.status(0)).toBe('unknown')
    }
    world.node.goOn(0, world.nowMs)
    world.nowMs += 60_000
    world.carry(0, 'none')
    expect(world.status(0)).toBe('broadcast')
    world.node.end(0, 'failed', 0n, world.nowMs)
    world.nowMs += TRIES_MS + 60_000
    world.carry(0, 'none')
    expect(world.status(0)).toBe('failed')
  })

  test('that its node calls under way for weeks is for a person, and for the node by another word', () => {
    const world = new World()
    make(world)
    world.carry(0, 'none')
    world.nowMs += 20 * DAY_MS
    world.carry(0, 'none')
    expect(world.status(0)).toBe('broadcast')
    world.nowMs += 2 * DAY_MS
    world.carry(0, 'none')
    expect(world.status(0)).toBe('unknown')
    world.node.end(0, 'paid', 0n, world.nowMs)
    world.nowMs += DAY_MS
    world.carry(0, 'none')
    expect(world.status(0)).toBe('confirmed')
  })

  test('that waits for its node is told to nobody again and again', () => {
    const world = new World()
    make(world)
    const versions = Array.from({ length: 5 }, () => {
      world.nowMs += 30_000
      world.carry(0, 'away')
      return transferAt(world.rows.sql, idOf(0))?.version
    })
    expect([world.status(0), new Set(versions).size]).toEqual(['queued', 1])
    world.carry(0, 'none')
    const told = Array.from({ length: 5 }, () => {
      world.nowMs += 30_000
      world.carry(0, 'none')
      return transferAt(world.rows.sql, idOf(0))?.version
    })
    expect([world.status(0), new Set(told).size]).toEqual(['broadcast', 1])
  })

  test('for an invoice that the node was paying before is not ours', () => {
    const world = new World()
    make(world)
    world.node.attempts.set(hashOf(0), 'paid')
    world.carry(0, 'none')
    expect(world.status(0)).toBe('failed')
    expect(transferAt(world.rows.sql, idOf(0))?.facts).toMatchObject({
      toldAtMs: [],
      failed: expect.stringContaining('not for this transfer'),
    })
  })

  test('that the node calls paid without a proof is looked at for ever, and told no more', () => {
    const world = new World()
    make(world)
    const { sql } = world.rows
    nextPayment(sql, idOf(0), world.payer, world.nowMs)
    expect(takeSight(sql, idOf(0), 0, ok({ status: 'unknown' }), world.payer, world.nowMs)).toMatchObject({ do: 'pay' })
    const lie = ok({ status: 'succeeded', preimage: '00'.repeat(32), fee: 0n } as const)
    takeAnswer(sql, idOf(0), 0, lie, world.payer, world.nowMs)
    expect(world.status(0)).toBe('unknown')
    world.nowMs += 2 * EXPIRY_S * 1_000
    expect(takeSight(sql, idOf(0), 1, ok({ status: 'unknown' }), world.payer, world.nowMs)).toEqual({ do: 'nothing' })
    expect(world.status(0)).toBe('unknown')
  })

  test.each(['answer', 'books'] as const)(
    'that the node had under way by its %s, and has forgotten, is told no more and ends by a person alone',
    (by) => {
      const world = new World()
      make(world)
      const { sql } = world.rows
      const word = { by: 'Ada', reason: 'the payee says that nothing came' }
      const see = (status: 'in_flight' | 'unknown', tellings = 1) =>
        takeSight(sql, idOf(0), tellings, ok({ status }), world.payer, world.nowMs)
      nextPayment(sql, idOf(0), world.payer, world.nowMs)
      expect(see('unknown', 0)).toMatchObject({ do: 'pay' })
      expect(settleTransfer(sql, idOf(0), word, world.nowMs)).toMatchObject({ error: { reason: 'wrong_status' } })
      const answer = by === 'answer' ? 'in_flight' : 'failed'
      takeAnswer(sql, idOf(0), 0, ok({ status: answer, detail: 'no route' } as const), world.payer, world.nowMs)
      if (by === 'books') see('in_flight')
      for (const laterMs of [10_000, 10_000, 2 * EXPIRY_S * 1_000]) {
        world.nowMs += laterMs
        expect(see('unknown')).toEqual({ do: 'nothing' })
        expect(world.status(0)).toBe('unknown')
      }
      see('in_flight')
      expect(world.status(0)).toBe('broadcast')
      world.nowMs += 10_000
      see('unknown')
      expect(settleTransfer(sql, idOf(1), word, world.nowMs)).toMatchObject({ error: { reason: 'transfer_not_found' } })
      expect(settleTransfer(sql, idOf(0), word, world.nowMs).ok).toBe(true)
      expect(world.status(0)).toBe('failed')
      expect(transferAt(sql, idOf(0))?.facts.failed).toBe('ended by Ada: the payee says that nothing came')
    },
  )
})

test('the way costs 1 % at most, of small payments 10 satoshi, and never more than was asked for', () => {
  expect([lightningFeeMax(100_000n), lightningFeeMax(100n)]).toEqual([1_000n, 10n])
  const world = new World()
  const made = (at: number, feeMax: bigint) =>
    createTransfer(world.rows.sql, NODE, RAIL, requestOf(at, { feeMax }), null, world.nowMs)
  expect(made(0, 7n)).toMatchObject({ ok: true, value: { wish: { feeMax: 7n } } })
  expect(made(1, 10_000n)).toMatchObject({ ok: true, value: { wish: { feeMax: 200n } } })
})
