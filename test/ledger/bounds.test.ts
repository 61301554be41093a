import { describe, expect, it } from 'vitest'
import { Ledger, SNAPSHOT_EVERY } from '../../src/ledger/ledger.ts'
import { booking, payment, positions, reserve, STORE, WALLET } from './builders.ts'
import { openRows } from './sqlite.ts'

const KEYS = ['a/1/0', 'b/1/0', 'c/1/0']

describe('what an answer or a start takes', () => {
  it('is at most 500 transactions of one invoice, the oldest first', () => {
    const ledger = new Ledger(openRows().sql)
    for (let version = 1; version <= 200; version++) {
      const place = version % 2 === 1 ? 'pending' : 'none'
      ledger.record(
        positions(
          version,
          KEYS.map((key) => payment({ key, place })),
        ),
        1,
      )
    }
    expect(ledger.standing().no).toBe(600)
    expect(ledger.ofInvoice(STORE, 'inv_1', 0).map(({ transaction }) => transaction.no)).toEqual(
      Array.from({ length: 500 }, (_, n) => n + 1),
    )
    expect(ledger.ofInvoice(STORE, 'inv_1', 500).map(({ transaction }) => transaction.no)).toEqual(
      Array.from({ length: 100 }, (_, n) => n + 501),
    )
  })

  it('is at most 250 commits of one invoice, the oldest first, after any transaction, and nothing of others', () => {
    const ledger = new Ledger(openRows().sql)
    for (let n = 1; n <= 300; n++) {
      ledger.record(positions(n, [payment({ place: n % 2 === 1 ? 'pending' : 'none' })]), 1)
      if (n % 100 === 0) ledger.record(positions(n, [payment()], { invoiceId: 'inv_10' }), 1)
    }
    const pages: number[] = []
    const numbers: number[] = []
    for (let page = 0; page < 3; page++) {
      const after = ledger.ofInvoice(STORE, 'inv_1', numbers.at(-1) ?? 0).map(({ transaction }) => transaction.no)
      pages.push(after.length)
      numbers.push(...after)
    }
    expect(pages).toEqual([250, 50, 0])
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other))
    expect(new Set(numbers).size).toBe(300)
  })

  it('is only what was written since the last snapshot, which holds every store', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    const postings = [{ from: `wallet:${WALLET}`, to: 'treasury', amount: 1n, asset: 'BTC' }]
    ledger.book(booking('first', { storeId: 'st_2', postings }), 1)
    for (let n = 1; n < SNAPSHOT_EVERY + 3; n++) ledger.book(booking(`t${n}`, { postings }), n)
    expect(ledger.standing()).toMatchObject({ no: SNAPSHOT_EVERY + 3, segments: 2 })
    sql.exec('DELETE FROM commits WHERE no <= ?', SNAPSHOT_EVERY)
    expect(new Ledger(sql).standing()).toEqual(ledger.standing())
  })

  it('is every reservation whose time is over, a hundred at a time', () => {
    const ledger = new Ledger(openRows().sql)
    ledger.record(positions(2, [payment()]), 1)
    for (let n = 0; n < 101; n++) ledger.reserve(reserve(`r${n}`, 1n, { expiresAtMs: 100 + n }), 1)
    expect(ledger.expire(1_000)).toBe(true)
    expect(ledger.nextExpiryMs()).toBe(200)
    expect(ledger.expire(1_000)).toBe(true)
    expect(ledger.nextExpiryMs()).toBeNull()
    expect(ledger.expire(1_000)).toBe(false)
  })
})
