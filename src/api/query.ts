import type { Fields } from '../lib/fields.ts'
import type { IdPrefix } from '../lib/ids.ts'
import type { Registry } from '../money/registry.ts'
import { decodePosition, type ListPosition } from '../storage/cursor.ts'
import { LIST_LIMIT_MAX } from '../storage/invoices.ts'
import { type AccountFilter, accountFilter } from '../storage/ledger-filter.ts'

const LIST_LIMIT_DEFAULT = 20

/** How many a page has, by `limit`. */
export function readLimit(fields: Fields): number {
  const limit = fields.optional('limit', (name) => {
    const wanted = /^\d{1,3}$/.test(fields.text(name, { max: 3 })) ? Number(fields.value(name)) : 0
    return wanted >= 1 && wanted <= LIST_LIMIT_MAX
      ? wanted
      : fields.refuse(name, `must be a whole number from 1 to ${LIST_LIMIT_MAX}`, 1)
  })
  return limit ?? LIST_LIMIT_DEFAULT
}

/** Where the page before ended, by `cursor`. */
export function readPosition(fields: Fields, prefix: IdPrefix): ListPosition | null {
  return fields.optional('cursor', (name): ListPosition | null => {
    const position = decodePosition(prefix, fields.text(name, { max: 100 }))
    return position ?? fields.refuse(name, 'must be the nextCursor of a page before', null)
  })
}

/** RFC 3339, 5.6: date, time, zone. */
const TIME = /^(\d{4}-\d\d-\d\d)[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** A moment in milliseconds; what is finer is cut off. */
export function readTime(fields: Fields, name: string): number {
  const text = fields.text(name, { max: 40 })
  const day = TIME.exec(text)?.[1]
  const atMs = Date.parse(text.toUpperCase())
  // Date.parse takes 30 February for 2 March.
  const isDay = day !== undefined && !Number.isNaN(atMs) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
  if (isDay) return atMs
  return fields.refuse(name, 'must be a time such as 2026-11-22T10:31:00Z (in an address, + is written %2B)', 0)
}

/** A code of this installation. */
export function readAsset(fields: Fields, name: string, registry: Registry): string {
  const code = fields.text(name, { max: 20 })
  return registry.findAsset(code) ? code : fields.refuse(name, 'must be a code of GET /v1/assets', '')
}

/** An account, or a kind of accounts, of the ledger's chart. */
export function readAccount(fields: Fields, name: string): AccountFilter {
  const account = accountFilter(fields.text(name, { max: 100 }))
  return account ?? fields.refuse(name, 'must be an account of the ledger, such as available or wallet:wal_…', [])
}
