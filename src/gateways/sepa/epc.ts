import { formatDecimal } from '../../money/amount.ts'
import { isBic, readIban } from './iban.ts'
import { readReference } from './reference.ts'

/** A transfer as a bank's app is to fill it in. Exactly one of `reference` and `text`, or neither. */
export interface EpcTransfer {
  readonly name: string
  readonly iban: string
  /** Not needed within the European Economic Area. */
  readonly bic?: string | null
  readonly cents: bigint
  /** Creditor reference (ISO 11649). */
  readonly reference?: string
  readonly text?: string
}

/** EPC069-12, version 2.1: 0.01 to 999999999.99 euro. */
export const CENTS_MAX = 99_999_999_999n
const NAME_MAX = 70
const TEXT_MAX = 140
/** Bytes of the whole; they fit into a QR code of version 13 at level M. */
const BYTES_MAX = 331

/**
 * What a bank's app reads from a QR code of level M (EPC069-12, version 002, UTF-8). The last element that says
 * something ends the text. Null when the transfer does not fit the form.
 */
export function epcPayload({ name, iban, bic, cents, reference, text }: EpcTransfer): string | null {
  const lines = ['BCD', '002', '1', 'SCT', bic ?? '', name, iban, `EUR${formatDecimal(cents, 2)}`, '', reference ?? '', text ?? '']
  const isWhole =
    isLine(name, 1, NAME_MAX) &&
    readIban(iban) === iban &&
    (!bic || isBic(bic)) &&
    cents >= 1n &&
    cents <= CENTS_MAX &&
    (reference === undefined || (text === undefined && readReference(reference) === reference)) &&
    (text === undefined || isLine(text, 1, TEXT_MAX))
  if (!isWhole) return null
  while (lines.at(-1) === '') lines.pop()
  const payload = lines.join('\n')
  return new TextEncoder().encode(payload).length <= BYTES_MAX ? payload : null
}

function isLine(text: string, min: number, max: number): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an element ends where a line does.
  return text.length >= min && text.length <= max && !/[\x00-\x1f\x7f]/.test(text)
}
