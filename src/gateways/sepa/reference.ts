import { sha256 } from '@noble/hashes/sha2.js'
import { checkDigits, isChecked } from './iban.ts'

/**
 * Creditor references (ISO 11649): `RF`, two check digits, up to 21 characters. Ours have 16 digits and no letters: they
 * can be typed on any keyboard of a bank, and every mistyped or swapped digit is found.
 */
const DIGITS = 16
const SMALLEST = 10n ** BigInt(DIGITS - 1)

/**
 * The reference of an invoice: a hash of its id, so that the reference, which many people see, says nothing of the id.
 * `attempt` makes another one, should two invoices ever have the same. The first digit is never 0: some programs drop it.
 */
export function referenceOf(invoiceId: string, attempt: number): string {
  const hash = sha256(new TextEncoder().encode(`${invoiceId} ${attempt}`))
  const number = SMALLEST + (new DataView(hash.buffer, hash.byteOffset).getBigUint64(0) % (9n * SMALLEST))
  return `RF${checkDigits('RF', String(number))}${number}`
}

/** Reads any creditor reference as people write it. Answers its electronic form, or null when it is none. */
export function readReference(text: string): string | null {
  if (text.length > 60) return null
  const reference = text.replace(/\s/g, '').toUpperCase()
  return /^RF\d{2}[A-Z0-9]{1,21}$/.test(reference) && isChecked(reference) ? reference : null
}

/** Groups of four, as on paper. */
export function printReference(reference: string): string {
  return reference.replace(/(.{4})(?=.)/g, '$1 ')
}

/**
 * The one reference of ours in what a payer wrote, however it is spaced or cut into lines. Null when there is none, or
 * more than one: then nobody knows which was meant.
 */
export function findReference(text: string): string | null {
  const bare = text.toUpperCase().replace(/[^A-Z0-9]/g, '')
  const found = new Set<string>()
  for (let at = bare.indexOf('RF'); at >= 0; at = bare.indexOf('RF', at + 1)) {
    const reference = bare.slice(at, at + 4 + DIGITS)
    if (/^RF\d+$/.test(reference) && reference.length === 4 + DIGITS && isChecked(reference)) found.add(reference)
  }
  return found.size === 1 ? ([...found][0] ?? null) : null
}
