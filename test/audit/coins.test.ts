import fc from 'fast-check'
import { expect, test } from 'vitest'
import { faultOfWallet, goneBy, leastIn } from '../../src/audit/coins.ts'
import type { LedgerEntry } from '../../src/ledger/types.ts'

const WALLET = 'wal_1'

/** One transfer: what it takes of the wallet, and what comes back to an address. */
interface Sent {
  readonly takes: bigint
  readonly change: bigint
  /** Its change went to an address given out after the reading had begun. */
  readonly isLate: boolean
  mined: boolean
  ended: boolean
}

/** A hot wallet, its chain and its books, all honest. */
class Wallet {
  inBooks: bigint
  onChain: bigint
  readonly sent: Sent[] = []
  readonly entries: LedgerEntry[] = []

  constructor(units: bigint) {
    this.inBooks = units
    this.onChain = units
  }

  book(to: string, from: string, amount: bigint) {
    const postings = [{ from, to, amount, asset: 'BTC' }]
    this.entries.push({ transaction: { no: this.entries.length + 1, postings }, balances: {} } as unknown as LedgerEntry)
    this.inBooks += from === `wallet:${WALLET}` ? amount : -amount
  }

  get outgoing() {
    return this.sent.filter(({ ended }) => !ended).reduce((sum, { takes }) => sum + takes, 0n)
  }
}

interface Step {
  readonly does: 'pay' | 'settle' | 'sign' | 'mine' | 'end'
  readonly at: number
  readonly units: number
}

const step: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom('pay' as const, 'settle' as const, 'sign' as const, 'mine' as const, 'end' as const),
  at: fc.nat(5),
  units: fc.integer({ min: 1, max: 500 }),
})

/** Carries the steps out; a step that makes no sense does nothing. `isLate`: the reading has begun. */
function walk(wallet: Wallet, steps: readonly Step[], unsettled: bigint[], isLate: boolean) {
  for (const { does, at, units } of steps) {
    const amount = BigInt(units)
    if (does === 'pay') {
      wallet.onChain += amount
      unsettled.push(amount)
    } else if (does === 'settle') {
      const [paid] = unsettled.splice(0, 1)
      if (paid !== undefined) wallet.book('available', `wallet:${WALLET}`, paid)
    } else if (does === 'sign') {
      const free = wallet.inBooks - wallet.outgoing
      if (amount <= free) wallet.sent.push({ takes: amount, change: BigInt(at), isLate, mined: false, ended: false })
    } else {
      const open = wallet.sent.filter(({ ended }) => !ended)
      const one = open[at % Math.max(open.length, 1)]
      if (does === 'mine' && one && !one.mined) {
        one.mined = true
        wallet.onChain -= one.takes
      } else if (does === 'end' && one) {
        // Booked when it is in a block; what never was has failed, and took nothing.
        if (one.mined) wallet.book(`wallet:${WALLET}`, 'in_transit', one.takes)
        one.ended = true
      }
    }
  }
}

const some = fc.array(step, { maxLength: 25 })
const histories = fc.tuple(fc.integer({ min: 0, max: 2_000 }), some, some, some, some)

/** A look: the books noted, the reading begun, the chain read at one moment, and what there is by the end. */
function lookAt([units, before, begun, scanned, after]: [number, Step[], Step[], Step[], Step[]]) {
  const wallet = new Wallet(BigInt(units))
  const unsettled: bigint[] = []
  walk(wallet, before, unsettled, false)
  const inWallet = { BTC: wallet.inBooks }
  const upTo = wallet.entries.length
  walk(wallet, begun, unsettled, false)
  walk(wallet, scanned, unsettled, true)
  // At addresses that it did not know, the reading sees nothing.
  const hidden = wallet.sent.filter(({ mined, isLate }) => mined && isLate).reduce((sum, { change }) => sum + change, 0n)
  const seen = wallet.onChain - hidden
  walk(wallet, after, unsettled, true)
  const unread = wallet.sent
    .filter(({ isLate, mined, ended }) => isLate && (mined || !ended))
    .reduce((sum, { change }) => sum + change, 0n)
  const gone = goneBy(wallet.entries.slice(upTo), WALLET)
  const leaving = { inTransit: {}, outgoing: { BTC: wallet.outgoing }, gone, unread: { BTC: unread } }
  return { wallet, inWallet, leaving, seen }
}

test('an honest wallet is never accused, whatever comes in, leaves, fails and is booked while it is looked at', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const { inWallet, leaving, seen } = lookAt(history)
      expect(faultOfWallet(WALLET, 'BTC', inWallet, leaving, { units: seen, height: 1 })).toBeNull()
    }),
    { numRuns: 2_000 },
  )
})

test('a theft of more than what is on its way, or came in since, is found at once', () => {
  fc.assert(
    fc.property(histories, fc.bigInt(1n, 5_000n), (history, more) => {
      const { inWallet, leaving, seen } = lookAt(history)
      const slack = seen - leastIn(inWallet, leaving, 'BTC')
      const fault = faultOfWallet(WALLET, 'BTC', inWallet, leaving, { units: seen - slack - more, height: 1 })
      expect(fault).toContain(`holds ${seen - slack - more} at block 1`)
    }),
  )
  // Nothing unsettled, and all that is on its way in a block: to the last unit.
  const pay: Step = { does: 'sign', at: 0, units: 300 }
  const mine: Step = { does: 'mine', at: 0, units: 1 }
  const { inWallet, leaving, seen } = lookAt([
    1_000,
    [pay, mine],
    [{ ...mine, does: 'end' }, pay],
    [mine],
    [pay, { ...mine, at: 1 }],
  ])
  expect(seen).toBe(400n)
  expect(leaving).toMatchObject({ outgoing: { BTC: 600n }, gone: { BTC: 300n } })
  expect(leastIn({ BTC: 1_000n }, { ...leaving, outgoing: { BTC: 300n } }, 'BTC')).toBe(400n)
  expect(inWallet).toEqual({ BTC: 1_000n })
})
