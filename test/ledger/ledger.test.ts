import { describe, expect, it } from 'vitest'
import { GENESIS, hashOf } from '../../src/ledger/hash.ts'
import { Ledger, SNAPSHOT_EVERY } from '../../src/ledger/ledger.ts'
import { audit, booking, figures, log, MERCHANT, payment, positions, STORE, WALLET } from './builders.ts'
import { openRows } from './sqlite.ts'

const NOW = 1_000

function book(ledger: Ledger, count: number, from = 0, storeId = STORE): void {
  const postings = [{ from: `wallet:${WALLET}`, to: 'treasury', amount: 1n, asset: 'BTC' }]
  for (let n = from; n < from + count; n++) ledger.book(booking(`t${n}`, { storeId, postings }), NOW + n)
}

describe('a ledger', () => {
  it('that nobody has written to says so and writes nothing', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    expect(ledger.balances(STORE)).toEqual({ no: 0, balances: {}, differences: [], frozen: false })
    expect(ledger.standing()).toEqual({ no: 0, hash: GENESIS, segments: 1, shard: null, stores: [], differences: [] })
    expect(ledger.page(0, 10)).toEqual([])
    expect(ledger.unprojected()).toEqual([])
    expect(ledger.ofInvoice(STORE, 'inv_1', 0)).toEqual([])
    expect(ledger.verify(0)).toEqual({ transactions: 0, lastNo: 0, isLast: true, fault: null })
    expect(ledger.owner()).toBeNull()
    expect(ledger.nextExpiryMs()).toBeNull()
    expect(ledger.expire(NOW)).toBe(false)
    ledger.projected(5)
    expect(ledger.isProjected).toBe(true)
    expect(sql.exec('SELECT name FROM sqlite_master').toArray()).toEqual([])
  })

  it('chains its transactions by their hashes', () => {
    const ledger = new Ledger(openRows().sql)
    book(ledger, 3)
    const [first, second, third] = log(ledger)
    expect(first?.previous).toBe(GENESIS)
    expect(second?.previous).toBe(first?.hash)
    expect(third?.previous).toBe(second?.hash)
    expect(ledger.standing().hash).toBe(third?.hash)
    for (const transaction of log(ledger)) expect(hashOf(transaction)).toBe(transaction.hash)
  })

  it('hashes everything a transaction says', () => {
    const ledger = new Ledger(openRows().sql)
    book(ledger, 1)
    const [made] = log(ledger)
    if (!made) throw new Error('nothing was made')
    const [posting] = made.postings
    if (!posting) throw new Error('it has no posting')
    const changed = [
      { no: 2 },
      { atMs: 2 },
      { previous: 'f'.repeat(64) },
      { key: 'other' },
      { storeId: 'st_2' },
      { cause: 'payout' as const },
      { phase: 'void' as const },
      { of: 'x' },
      { invoiceId: 'inv_2' },
      { payment: 'p' },
      { transferId: 't' },
      { by: 'Eve' },
      { reason: 'r' },
      { postings: [] },
      { postings: [posting, posting] },
      { postings: [{ ...posting, from: 'fees' }] },
      { postings: [{ ...posting, to: 'fees' }] },
      { postings: [{ ...posting, amount: 2n }] },
      { postings: [{ ...posting, asset: 'ETH' }] },
    ]
    const hashes = changed.map((change) => hashOf({ ...made, ...change }))
    expect(new Set([made.hash, ...hashes]).size).toBe(changed.length + 1)
    expect(made.hash).toMatch(/^[0-9a-f]{64}$/)
  })

  it('never dates a transaction before the one before it', () => {
    const ledger = new Ledger(openRows().sql)
    const postings = [{ from: `wallet:${WALLET}`, to: 'treasury', amount: 1n, asset: 'BTC' }]
    for (const [key, atMs] of [
      ['a', 500],
      ['b', 400],
      ['c', 600],
    ] as const)
      ledger.book(booking(key, { postings }), atMs)
    expect(log(ledger).map(({ atMs }) => atMs)).toEqual([500, 500, 600])
    audit(ledger)
  })

  it('is the same after a restart, wherever its last snapshot was', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    for (const count of [1, SNAPSHOT_EVERY - 2, 1, 1, SNAPSHOT_EVERY + 7]) {
      book(ledger, count, ledger.standing().no)
      const again = new Ledger(sql)
      expect(again.standing()).toEqual(ledger.standing())
      audit(again)
    }
    expect(sql.exec('SELECT no FROM snapshots ORDER BY no').toArray()).toEqual([{ no: SNAPSHOT_EVERY }, { no: 2 * SNAPSHOT_EVERY }])
    const again = new Ledger(sql)
    book(again, SNAPSHOT_EVERY, again.standing().no)
    expect(sql.exec('SELECT COUNT(*) AS n FROM snapshots').toArray()).toEqual([{ n: 3 }])
    audit(again)
  })

  it('keeps the books of its stores apart', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    book(ledger, 3, 0, 'st_1')
    book(ledger, 2, 3, 'st_2')
    book(ledger, 1, 5, 'st_1')
    for (const one of [ledger, new Ledger(sql)]) {
      expect(figures(one, 'BTC', 'st_1').treasury).toBe(4n)
      expect(figures(one, 'BTC', 'st_2').treasury).toBe(2n)
      expect(one.standing().stores.map(({ storeId, lastNo }) => [storeId, lastNo])).toEqual([
        ['st_1', 6],
        ['st_2', 5],
      ])
    }
    expect(ledger.owner()).toEqual(MERCHANT)
    expect(ledger.standing().shard).toBe(MERCHANT.shard)
  })

  it('answers in pages', () => {
    const ledger = new Ledger(openRows().sql)
    ledger.record(positions(2, [payment({ over: 1n })]), NOW)
    book(ledger, 119)
    const numbers = (afterNo: number, limit: number) => ledger.page(afterNo, limit).map(({ transaction }) => transaction.no)
    expect(numbers(0, 3)).toEqual([1, 2, 3])
    expect(numbers(1, 2)).toEqual([2, 3])
    expect(numbers(0, 1)).toEqual([1])
    expect(numbers(0, 0)).toEqual([1])
    expect(numbers(0, 1_000)).toHaveLength(100)
    expect(numbers(100, 100)).toEqual(Array.from({ length: 21 }, (_, n) => n + 101))
    expect(numbers(121, 100)).toEqual([])
  })

  it('knows what D1 has, and after a restart at least what it had at the last commit', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    book(ledger, 150)
    const numbers = (one: Ledger) => one.unprojected().map(({ transaction }) => transaction.no)
    expect(numbers(ledger)[0]).toBe(1)
    expect(numbers(ledger)).toHaveLength(100)
    ledger.projected(100)
    expect(numbers(ledger)[0]).toBe(101)
    ledger.projected(50)
    expect(numbers(ledger)[0]).toBe(101)
    expect(ledger.isProjected).toBe(false)
    ledger.projected(9_999)
    expect(ledger.isProjected).toBe(true)
    book(ledger, 1, 150)
    expect(numbers(ledger)).toEqual([151])
    ledger.projected(151)
    expect(numbers(new Ledger(sql))).toEqual([151])
  })

  it('keeps with each transaction the balances after it', () => {
    const ledger = new Ledger(openRows().sql)
    ledger.record(positions(2, [payment({ place: 'pending' })]), NOW)
    ledger.record(positions(3, [payment()]), NOW)
    expect(ledger.page(0, 10).map(({ balances }) => balances)).toEqual([
      { pending: { BTC: 100_000n }, [`incoming:${WALLET}`]: { BTC: -100_000n } },
      { available: { BTC: 100_000n }, [`wallet:${WALLET}`]: { BTC: -100_000n } },
    ])
  })
})

describe('a check of the log', () => {
  function tampered(change: (text: string) => string, where = 'no = 2'): string | null {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    book(ledger, 4)
    const body = sql.exec(`SELECT body FROM commits WHERE ${where}`).toArray()[0]?.body as string
    const after = change(body)
    expect(after).not.toBe(body)
    sql.exec(`UPDATE commits SET body = ? WHERE ${where}`, after)
    expect(new Ledger(sql).verify(0).isLast).toBe(true)
    return ledger.verify(0).fault
  }

  it('finds a changed amount, cause, time, link, number or balance', () => {
    const amount = String.raw`"amount":"\u0001n1"`
    expect(tampered((text) => text.replace(amount, String.raw`"amount":"\u0001n2"`))).toBe(
      'transaction 2 is not what its hash was made of',
    )
    expect(tampered((text) => text.replace('"treasury","phase"', '"payout","phase"'))).toMatch(
      /^transaction 2 is not what its hash/,
    )
    expect(tampered((text) => text.replace('"atMs":1001', '"atMs":1'))).toBe('transaction 2 is dated before the one before it')
    expect(tampered((text) => text.replace(/"previous":"[0-9a-f]/, '"previous":"x'))).toBe(
      'transaction 2 does not follow the hash of the one before it',
    )
    expect(tampered((text) => text.replace('"no":2', '"no":7'))).toBe('transaction 2 is missing: 7 comes in its place')
    expect(
      tampered((text) => text.replace(String.raw`"treasury":{"BTC":"\u0001n2"}`, String.raw`"treasury":{"BTC":"\u0001n3"}`)),
    ).toBe('the balances kept with transaction 2 are not what its postings make')
  })

  it('finds a row that is gone, in the middle and at the end', () => {
    for (const [no, fault] of [
      [2, 'transaction 2 is missing: 3 comes in its place'],
      [4, 'the log ends at transaction 3, and is said to end at 4'],
    ] as const) {
      const { sql } = openRows()
      const ledger = new Ledger(sql)
      book(ledger, 4)
      sql.exec('DELETE FROM commits WHERE no = ?', no)
      expect(ledger.verify(0).fault).toBe(fault)
    }
  })

  it('finds a transaction that was made up, hash and all, when the chart does not allow it', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    book(ledger, 2)
    const [, second] = log(ledger)
    if (!second) throw new Error('two were made')
    const forged = { ...second, cause: 'payout' as const }
    const text = JSON.stringify({ ...forged, hash: hashOf(forged) }, (_key, value) =>
      typeof value === 'bigint' ? `\u0001n${value}` : value,
    )
    const balances = { treasury: { BTC: '\u0001n2' }, [`wallet:${WALLET}`]: { BTC: '\u0001n-2' } }
    sql.exec(
      'UPDATE commits SET body = ? WHERE no = 2',
      `{"entries":[{"transaction":${text},"balances":${JSON.stringify(balances)}}],"invoice":null}`,
    )
    expect(new Ledger(sql).verify(0).fault).toBe('transaction 2 should not have been posted: payout does not touch treasury')
  })

  it('goes segment by segment, and finds a changed snapshot from both its sides', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    book(ledger, 2 * SNAPSHOT_EVERY + 5)
    const checks = [0, 1, 2, 3].map((segment) => ledger.verify(segment))
    expect(checks).toEqual([
      { transactions: SNAPSHOT_EVERY, lastNo: SNAPSHOT_EVERY, isLast: false, fault: null },
      { transactions: SNAPSHOT_EVERY, lastNo: 2 * SNAPSHOT_EVERY, isLast: false, fault: null },
      { transactions: 5, lastNo: 2 * SNAPSHOT_EVERY + 5, isLast: true, fault: null },
      { transactions: 0, lastNo: 2 * SNAPSHOT_EVERY + 5, isLast: true, fault: null },
    ])
    sql.exec("UPDATE snapshots SET stores = replace(stores, 'n256', 'n257') WHERE no = ?", SNAPSHOT_EVERY)
    expect(ledger.verify(0).fault).toBe(`the balances of store ${STORE} are not what its log makes`)
    expect(ledger.verify(1).fault).toBe('the balances kept with transaction 257 are not what its postings make')
    expect(ledger.verify(2).fault).toBeNull()
  })
})
