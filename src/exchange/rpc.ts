import type { Rate } from '../money/rate.ts'

/** The rate board: one object, named `board`. Gateways publish, invoices and pages read. */
export interface RatesRpc {
  /** Asks for rates to be kept fresh (starts the alarm) and answers the newest known ones, fresh or not. */
  current(): Promise<RateSnapshot>
  /** Takes one round of quotes from the gateways Worker; the board decides which are usable. */
  publish(round: QuoteRound): Promise<void>
}

/** What one source said of one pair at one time, as decimals. */
export interface Quote {
  readonly source: string
  readonly base: string
  readonly quote: string
  readonly value: bigint
  readonly scale: number
  readonly atMs: number
}

export interface QuoteRound {
  readonly quotes: readonly Quote[]
  readonly failures: readonly { source: string; detail: string }[]
}

export interface RateSnapshot {
  /** Only usable rates: median of enough fresh, agreeing sources (or fixed ones in development). */
  readonly rates: readonly Rate[]
  readonly atMs: number
  readonly failures: readonly { source: string; detail: string }[]
}

/** What the board's alarm asks the gateways Worker to do. */
export interface RatesMessage {
  readonly kind: 'rates'
  readonly pairs: readonly { base: string; quote: string }[]
}
