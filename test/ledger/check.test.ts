import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkEntries, EMPTY } from '../../src/ledger/check.ts'
import { GENESIS, hashOf } from '../../src/ledger/hash.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { Snapshot } from '../../src/ledger/tables.ts'
import { booking, payment, positions, reserve, STORE, WALLET } from './builders.ts'
import { openRows } from './sqlite.ts'

const NOW = 1_000

/** A log of three transactions, and what it ends with. */
function log(): { entries: ReturnType<Ledger['page']>; end: Snapshot } {
  const ledger = new Ledger(openRows().sql)
  ledger.record(positions(2, [payment()]), NOW)
  ledger.reserve(reserve('p1', 60_000n), NOW)
  ledger.book(
    booking('t', { storeId: 'st_2', postings: [{ from: `wallet:${WALLET}`, to: 'treasury', amount: 1n, asset: 'BTC' }] }),
    NOW,
  )
  const { no, hash, stores } = ledger.standing()
  return {
    entries: ledger.page(0, 100),
    end: {
      no,
      hash,
      atMs: NOW,
      stores: Object.fromEntries(stores.map(({ storeId, balances, lastNo }) => [storeId, { no: lastNo, balances }])),
    },
  }
}

describe('a stretch of the log', () => {
  const { entries, end } = log()

  it('that leads from what was before to what is claimed after has no fault', () => {
    expect(checkEntries(EMPTY, entries, end)).toBeNull()
    expect(checkEntries(end, [], end)).toBeNull()
    expect(checkEntries(EMPTY, [], EMPTY)).toBeNull()
  })

  it('ends with the number and the hash that are claimed, both', () => {
    expect(checkEntries(EMPTY, entries, { ...end, no: 4 })).toBe('the log ends at transaction 3, and is said to end at 4')
    expect(checkEntries(EMPTY, entries, { ...end, hash: GENESIS })).toBe('the log ends at transaction 3, and is said to end at 3')
  })

  it('makes the balances of every store, and of no other', () => {
    const wrong = (storeId: string) => `the balances of store ${storeId} are not what its log makes`
    const { [STORE]: own, ...others } = end.stores
    if (!own) throw new Error('the store has a state')
    const with_ = (state: typeof own) => ({ ...end, stores: { ...end.stores, [STORE]: state } })
    expect(checkEntries(EMPTY, entries, { ...end, stores: others })).toBe(wrong(STORE))
    expect(checkEntries(EMPTY, entries, { ...end, stores: { ...end.stores, st_3: own } })).toBe(wrong('st_3'))
    expect(checkEntries(EMPTY, entries, with_({ ...own, no: 1 }))).toBe(wrong(STORE))
    expect(checkEntries(EMPTY, entries, with_({ ...own, balances: {} }))).toBe(wrong(STORE))
  })

  it('that begins with accounts which do not add up to zero does not end well', () => {
    const stores = { [STORE]: { no: 1, balances: { treasury: { BTC: 5n } } } }
    expect(checkEntries({ ...EMPTY, stores }, [], { ...EMPTY, stores })).toBe(`the accounts of store ${STORE} add up to 5 BTC`)
  })

  it('in which more was taken than was there says from where', () => {
    const [first, second] = entries.map(({ transaction }) => transaction)
    if (!first || !second) throw new Error('the log has two')
    const postings = [{ from: 'available', to: 'reserved', amount: 100_001n, asset: 'BTC' }]
    const forged = { ...second, postings }
    const entry = { transaction: { ...forged, hash: hashOf(forged) }, balances: {} }
    expect(checkEntries(EMPTY, [...entries.slice(0, 1), entry], end)).toBe(
      'transaction 2 should not have been posted: it takes more BTC from available than is there',
    )
  })
})

describe('the hash of a transaction', () => {
  // What is in the logs already must be found right by every later version of this code.
  it('is the SHA-256 of its fields as JSON, the first one of a ledger after 64 zeros', () => {
    const [first] = log().entries
    if (!first) throw new Error('the log has one')
    const { hash, ...said } = first.transaction
    const zeros = '0000000000000000000000000000000000000000000000000000000000000000'
    const fields = `"${zeros}",1,1000,"inv_1/2/1","st_1","payment_settled","single",null,"inv_1","bip122:0/tx1/0",null,null,null`
    const text = String.raw`[${fields},[["wallet:wal_hot","available","BTC","\u0001n100000"]]]`
    expect(hashOf(said)).toBe(createHash('sha256').update(text).digest('hex'))
    expect(hash).toBe(hashOf(said))
  })
})
