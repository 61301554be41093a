/**
 * A rail between banks: nothing on it is followed, statements are brought in (docs/decisions/009-sepa.md). Every
 * installation has it; a store offers it by having a bank account.
 */
export interface BankRail {
  /** In the form of a CAIP-2 id, and the name that payments carry. */
  readonly id: string
  readonly gateway: 'sepa'
  readonly name: string
  readonly network: 'mainnet'
  /** Code of the asset that is paid on it: the currency itself. */
  readonly assetCode: string
  /** How long a transfer that was made in time may be on its way before it is booked. */
  readonly transitMs: number
  /** Nobody can look a transfer up but its two banks. */
  readonly explorer: null
}

const DAY_MS = 86_400_000

/** Three banking days, as the slowest payers' banks take, over a weekend. */
export const SEPA: BankRail = {
  id: 'sepa:eur',
  gateway: 'sepa',
  name: 'SEPA',
  network: 'mainnet',
  assetCode: 'EUR',
  transitMs: 5 * DAY_MS,
  explorer: null,
}

export const BANK_RAILS: readonly BankRail[] = [SEPA]
