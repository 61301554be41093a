import { randomUUID } from 'node:crypto'
import { parseDecimal } from '../../src/money/amount.ts'
import type { ReadPaymentFile } from './payment-file.ts'
import { writeCamt } from './statement.ts'
import { writePain002 } from './status-report.ts'

/** What the development system's bank does with a payment file. */
export type Deed = 'book' | 'accept' | 'reject' | 'return'

/** The account's closing balance, as statements have it so far; null before the first. */
export interface Standing {
  readonly amount: string
  readonly date: string
}

/**
 * The word of the bank on these transfers of a file: a pain.002 when it accepts or rejects them, else the next camt.053,
 * in which they are booked or come back.
 */
export function wordOfBank(
  deed: Deed,
  file: ReadPaymentFile,
  transfers: ReadPaymentFile['transfers'],
  balance: Standing | null,
): string {
  if (deed === 'accept' || deed === 'reject') {
    const word = deed === 'accept' ? { code: 'ACTC' } : { code: 'RJCT', reason: 'MS03' }
    return writePain002({ fileId: file.id, transfers: transfers.map(({ endToEndId }) => ({ endToEndId, ...word })) })
  }
  const today = new Date().toISOString().slice(0, 10)
  const date = balance && balance.date > today ? balance.date : today
  const opening = centsOf(balance?.amount ?? '0.00')
  const sum = transfers.reduce((all, { cents }) => all + cents, 0n)
  const entries = transfers.map(({ cents, endToEndId, name, iban, text }) => ({
    cents,
    date,
    endToEndId,
    name,
    iban,
    text,
    bankReference: randomUUID().slice(0, 18),
    ...(deed === 'book' ? ({ direction: 'DBIT' } as const) : { returnReason: 'AC04' }),
  }))
  return writeCamt({
    id: randomUUID().slice(0, 18),
    iban: file.iban,
    opening: { cents: opening, date },
    closing: { cents: deed === 'book' ? opening - sum : opening + sum, date },
    entries,
  })
}

function centsOf(amount: string): bigint {
  const cents = parseDecimal(amount.replace('-', ''), 2)
  if (!cents.ok) throw new Error(`${amount} is no balance`)
  return amount.startsWith('-') ? -cents.value : cents.value
}
