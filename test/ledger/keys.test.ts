import { expect, it } from 'vitest'
import { claimKey } from '../../src/ledger/keys.ts'
import { openRows } from './sqlite.ts'

it('a key is for what it was claimed for first, for ever, and in its own store alone', () => {
  const { sql } = openRows()
  const claim = (storeId: string, key: string, purpose: string) => claimKey(sql, { storeId, key, purpose })
  expect(claim('st_1', 'k1', 'wal_1')).toBe('wal_1')
  expect(claim('st_1', 'k1', 'wal_2')).toBe('wal_1')
  expect(claim('st_1', 'k1', 'wal_1')).toBe('wal_1')
  expect(claim('st_1', 'k2', 'po_1')).toBe('po_1')
  expect(claim('st_2', 'k1', 'wal_2')).toBe('wal_2')
  expect(claim('st_1', 'k1', 'po_1')).toBe('wal_1')
})

it('a claim that the power cut in the middle is made whole when it is made again', () => {
  const rows = openRows()
  const claim = { storeId: 'st_1', key: 'k1', purpose: 'wal_1' }
  for (const cutAfter of [0, 1, 2]) expect(() => rows.step(() => claimKey(rows.sql, claim), cutAfter)).toThrow()
  expect(rows.step(() => claimKey(rows.sql, { ...claim, purpose: 'wal_2' }))).toBe('wal_2')
})
