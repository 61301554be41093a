import { describe, expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/ledger.ts'
import { figures, log, payment, positions, reserve, STORE } from './builders.ts'
import { openRows } from './sqlite.ts'

const NOW = 1_000

function funded(): Ledger {
  const ledger = new Ledger(openRows().sql)
  ledger.record(positions(2, [payment()]), NOW)
  return ledger
}

describe('a reservation', () => {
  it.each([
    [0n, 'in_transit', '0 of 60000 reserved BTC cannot be posted'],
    [-1n, 'in_transit', '-1 of 60000 reserved BTC cannot be posted'],
    [1n, 'available', 'what is posted leaves the merchant’s balance, it does not go to available'],
    [1n, 'reserved', 'what is posted leaves the merchant’s balance, it does not go to reserved'],
  ])('of which %d is posted to %s is refused with the reason', (amount, to, detail) => {
    const ledger = funded()
    ledger.reserve(reserve('p1', 60_000n), NOW)
    expect(ledger.post({ key: 'x', of: 'p1', amount, to }, NOW)).toEqual({ ok: false, error: { reason: 'bad_posting', detail } })
  })

  it('whose time is over before it is made is not made; one that was made in time is the same when asked for again', () => {
    const ledger = funded()
    const refused = { ok: false, error: { reason: 'bad_posting', detail: 'the time of this reservation is over already' } }
    expect(ledger.reserve(reserve('p1', 1n, { expiresAtMs: NOW }), NOW)).toEqual(refused)
    expect(ledger.reserve(reserve('p1', 1n, { expiresAtMs: NOW - 1 }), NOW)).toEqual(refused)
    expect(log(ledger)).toHaveLength(1)
    const made = ledger.reserve(reserve('p1', 1n, { expiresAtMs: NOW + 1 }), NOW)
    expect(made.ok).toBe(true)
    expect(ledger.reserve(reserve('p1', 1n, { expiresAtMs: NOW + 1 }), NOW + 1)).toEqual(made)
  })

  it('whose time is over is given back by the very call that would post or release it', () => {
    for (const end of [
      (ledger: Ledger) => ledger.post({ key: 'x', of: 'p1', amount: 1n, to: 'in_transit' }, NOW + 500),
      (ledger: Ledger) => ledger.release({ key: 'x', of: 'p1' }, NOW + 500),
    ]) {
      const ledger = funded()
      ledger.reserve(reserve('p1', 60_000n, { expiresAtMs: NOW + 500 }), NOW)
      expect(end(ledger)).toEqual({ ok: false, error: { reason: 'reservation_closed', state: 'released' } })
      expect(log(ledger).at(-1)?.key).toBe('p1/expired')
      expect(figures(ledger).available).toBe(100_000n)
    }
  })
})

describe('a question that was refused', () => {
  const tooMuch = reserve('p1', 150_000n)

  it('is refused the same when it comes again, whatever has changed: the one on its way from who died reserves nothing', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    const refused = ledger.reserve(tooMuch, NOW)
    expect(refused).toMatchObject({ error: { reason: 'insufficient_funds', available: 0n } })
    ledger.record(positions(2, [payment({ units: 200_000n })]), NOW + 1)
    expect(ledger.reserve(tooMuch, NOW + 2)).toEqual(refused)
    // Nor does an instance that begins anew know it otherwise.
    expect(new Ledger(sql).reserve(tooMuch, NOW + 3)).toEqual(refused)
    expect(ledger.reservation('p1')).toBeNull()
    expect(figures(ledger).available).toBe(200_000n)

    const anew = { ...tooMuch, wantedAtMs: 2 }
    const made = ledger.reserve(anew, NOW + 4)
    expect(made.ok).toBe(true)
    // Both wanted the same, and that is set aside, once.
    expect([ledger.reserve(tooMuch, NOW + 5), ledger.reserve(anew, NOW + 5)]).toEqual([made, made])
    expect(figures(ledger)).toMatchObject({ available: 50_000n, reserved: 150_000n })
  })

  it('is so too when it was refused by a frozen ledger that is frozen no more', () => {
    const ledger = funded()
    ledger.raise([{ id: 'chain/x', kind: 'chain', storeId: null, detail: 'the chain has 1, the books 2', sinceMs: 5 }])
    const refused = ledger.reserve(reserve('p1', 1n), NOW)
    ledger.clear({ id: 'chain/x', by: 'Ada', reason: 'looked' }, NOW)
    expect(ledger.reserve(reserve('p1', 1n), NOW)).toEqual(refused)
    expect(refused).toEqual({ ok: false, error: { reason: 'ledger_frozen', differences: ['chain/x'] } })
    expect(ledger.reserve(reserve('p1', 1n, { wantedAtMs: 2 }), NOW).ok).toBe(true)
  })

  it('is forgotten a day later, by one of the next hundred refusals, and not before', () => {
    const { sql } = openRows()
    const ledger = new Ledger(sql)
    const dayMs = 24 * 3_600_000
    const fill = (from: number, count: number, atMs: number) => {
      for (let n = 0; n < count; n++) ledger.reserve(reserve(`r${from + n}`, 1n), atMs)
    }
    const isKept = () => sql.exec("SELECT key FROM refusals WHERE key = 'p1'").toArray().length === 1
    ledger.reserve(tooMuch, NOW)
    fill(0, 199, NOW + dayMs - 1)
    expect(isKept()).toBe(true)
    fill(200, 1, NOW + dayMs)
    expect(isKept()).toBe(false)
    expect(sql.exec('SELECT COUNT(*) AS rows FROM refusals').toArray()).toEqual([{ rows: 200 }])
    // Not with every refusal: those before stay, however old, until the next hundred are full.
    fill(201, 1, NOW + 3 * dayMs)
    expect(sql.exec('SELECT COUNT(*) AS rows FROM refusals').toArray()).toEqual([{ rows: 201 }])
    // Also of one that starts anew before there are so many.
    new Ledger(sql).reserve(reserve('r300', 1n), NOW + 5 * dayMs)
    expect(sql.exec('SELECT key FROM refusals').toArray()).toEqual([{ key: 'r300' }])
  })
})

describe('a difference', () => {
  const difference = { id: 'chain/x', kind: 'chain' as const, storeId: 'st_9', detail: 'the chain has 1, the books 2', sinceMs: 5 }

  it('freezes every store of the merchant, also those that are not shown it', () => {
    const ledger = funded()
    expect(ledger.balances(STORE).frozen).toBe(false)
    ledger.raise([difference])
    expect(ledger.balances(STORE)).toMatchObject({ differences: [], frozen: true })
  })

  it('is cleared by its own id only', () => {
    const ledger = funded()
    ledger.raise([difference])
    expect(ledger.clear({ id: 'chain/y', by: 'Ada', reason: 'looked' }, NOW)).toEqual({
      ok: false,
      error: { reason: 'difference_not_found' },
    })
    expect(ledger.standing().differences).toEqual([difference])
  })
})
