import type { Posting } from '../ledger/types.ts'
import { type FieldRefusal, type Fields, readFields } from '../lib/fields.ts'
import { isId } from '../lib/ids.ts'
import type { Result } from '../lib/result.ts'
import { MAX_UNITS } from '../money/amount.ts'
import type { Registry } from '../money/registry.ts'
import type { LedgerPosition } from '../storage/ledger-rows.ts'

const POSTINGS_MAX = 20
const WHO = { max: 100 }
const WHY = { max: 500 }

export interface Word {
  readonly by: string
  readonly reason: string
}

export interface Adjustment extends Word {
  readonly storeId: string
  readonly key: string
  readonly postings: readonly Posting[]
}

export function parseWord(input: unknown): Result<Word, FieldRefusal> {
  return readFields(input, ['by', 'reason'], readWord)
}

/** `after`: where the page before ended, null or absent at the beginning. */
export function parsePlace(input: unknown): Result<LedgerPosition | null, FieldRefusal> {
  return readFields(input, ['after'], (fields) =>
    fields.optional('after', (name) => {
      const place = fields.object(name, ['atMs', 'no'])
      return { atMs: place.integer('atMs', 0, Number.MAX_SAFE_INTEGER), no: place.integer('no', 1, Number.MAX_SAFE_INTEGER) }
    }),
  )
}

/** Amounts are texts of base units. Accounts are checked by the ledger itself. */
export function parseAdjustment(input: unknown, registry: Registry): Result<Adjustment, FieldRefusal> {
  return readFields(input, ['storeId', 'key', 'by', 'reason', 'postings'], (fields) => ({
    storeId: readStoreId(fields),
    key: fields.text('key', { max: 100, pattern: /^[A-Za-z0-9_.:-]+$/, form: 'of letters, digits and _ . : -' }),
    ...readWord(fields),
    postings: fields.list('postings', 1, POSTINGS_MAX, (items, name) => readPosting(items, name, registry)),
  }))
}

function readWord(fields: Fields): Word {
  return { by: fields.text('by', WHO), reason: fields.text('reason', WHY) }
}

function readStoreId(fields: Fields): string {
  const text = fields.text('storeId', { max: 60 })
  return isId('st', text) ? text : fields.refuse('storeId', 'must be an id: st_ and 32 characters', '')
}

function readPosting(items: Fields, name: string, registry: Registry): Posting {
  const posting = items.object(name, ['from', 'to', 'asset', 'amount'])
  const asset = posting.text('asset', { max: 20 })
  if (registry.findAsset(asset) === null) posting.refuse('asset', 'must be an asset that is configured here', '')
  const units = posting.text('amount', { max: 39, pattern: /^[1-9]\d*$/, form: 'a whole number of base units over 0' })
  const amount = /^\d+$/.test(units) ? BigInt(units) : 1n
  if (amount > MAX_UNITS) posting.refuse('amount', 'must be at most 2^127 - 1', '')
  return { from: posting.text('from', { max: 100 }), to: posting.text('to', { max: 100 }), amount, asset }
}
