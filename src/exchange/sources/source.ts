import type { Result } from '../../lib/result.ts'
import { type Pair, pairName } from '../pairs.ts'
import type { Quote } from '../rpc.ts'

/** One exchange as a pure translation: which addresses to read for the wanted pairs, and what their bodies say. */
export interface RateSource {
  /** Lower case; it is written into every rate and so into every invoice. */
  readonly name: string
  /** Addresses to GET. Pairs that this exchange never has are in none of them. */
  requests(pairs: readonly Pair[]): SourceRequest[]
  /** Reads one body. A pair that is not in it is left out; `nowMs` is the quote's time where the body has none. */
  read(body: string, pairs: readonly Pair[], nowMs: number): Result<SourceAnswer, SourceError>
}

export interface SourceRequest {
  readonly url: string
  /** Those of the wanted pairs that this address answers. */
  readonly pairs: readonly Pair[]
  /** Statuses by which this exchange says that it does not know the asset: no quotes, and no failure. */
  readonly absentStatuses: readonly number[]
}

export interface SourceAnswer {
  readonly quotes: readonly Quote[]
  /** Pairs whose price was there and no positive decimal, with why. */
  readonly refused: readonly string[]
}

export type SourceError = {
  readonly reason: 'unreachable' | 'timeout' | 'http_status' | 'redirected' | 'too_large' | 'unexpected_body' | 'refused'
  readonly detail: string
}

/** Sorts what was read of each pair: null is an absent pair, a null price a refused one. */
export function answerOf(
  source: string,
  pairs: readonly Pair[],
  priceOf: (pair: Pair) => { price: { value: bigint; scale: number } | null; atMs: number } | null,
): SourceAnswer {
  const quotes: Quote[] = []
  const refused: string[] = []
  for (const pair of pairs) {
    const read = priceOf(pair)
    if (read === null) continue
    if (read.price === null) refused.push(`${pairName(pair)} is not a positive decimal`)
    else quotes.push({ source, base: pair.base, quote: pair.quote, ...read.price, atMs: read.atMs })
  }
  return { quotes, refused }
}

/** An object read from JSON, or null for anything else. */
export function asRecord(value: unknown): Record<string, unknown> | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : null
}

/** The JSON in a text, or null when it is none: an HTML error page, half a body. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
