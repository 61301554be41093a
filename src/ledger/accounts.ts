import type { Cause, Custody } from './types.ts'

/**
 * The chart of accounts, the same for every store; docs/ledger.md explains it with worked examples. A claim says whose
 * the money is and is never below zero; what backs it is never above. An account of a wallet or a partner ends in its id.
 */
export type Account =
  | 'available'
  | 'pending'
  | 'held'
  | 'reserved'
  | 'in_transit'
  | 'shortfall'
  | 'fees'
  | 'treasury'
  | 'exchange'
  | 'adjustments'
  | 'rounding'
  | 'fees_due'
  | 'self.available'
  | 'self.pending'
  | 'self.held'
  | `wallet:${string}`
  | `incoming:${string}`
  | `self.wallet:${string}`
  | `self.incoming:${string}`
  | `partner:${string}`

/** claim: never below zero. backing: never above. open: either. zero: never anything else. */
export type Sign = 'claim' | 'backing' | 'open' | 'zero'

const SIGNS: Readonly<Record<string, Sign>> = {
  available: 'claim',
  pending: 'claim',
  held: 'claim',
  reserved: 'claim',
  in_transit: 'claim',
  shortfall: 'backing',
  // Fees and shares that were taken out already can be asked back by a reorganisation.
  fees: 'open',
  partner: 'open',
  treasury: 'open',
  exchange: 'open',
  adjustments: 'open',
  rounding: 'zero',
  fees_due: 'backing',
  // Coins in a wallet stand against what is owed for them. A wallet that several stores share may be drawn by one for
  // what another brought in, so the sign holds for their sum only.
  wallet: 'open',
  incoming: 'backing',
  'self.available': 'claim',
  'self.pending': 'claim',
  'self.held': 'claim',
  'self.wallet': 'backing',
  'self.incoming': 'backing',
}

/** `wallet:wal_…` -> `wallet`. */
export function accountKind(account: string): string {
  const end = account.indexOf(':')
  return end < 0 ? account : account.slice(0, end)
}

/** Null when there is no such account in the chart. */
export function signOf(account: string): Sign | null {
  const kind = accountKind(account)
  const named = ['wallet', 'incoming', 'partner', 'self.wallet', 'self.incoming'].includes(kind)
  const fits = named ? /^[A-Za-z0-9_-]{1,64}$/.test(account.slice(kind.length + 1)) : account === kind
  return fits && Object.hasOwn(SIGNS, kind) ? (SIGNS[kind] as Sign) : null
}

/** Account kinds in the order people read them. */
export const ACCOUNT_KINDS: readonly string[] = Object.keys(SIGNS)

/** The four accounts a payment's money moves over. */
export interface PaymentAccounts {
  readonly wallet: Account
  readonly incoming: Account
  readonly pending: Account
  readonly available: Account
  readonly held: Account
}

export function paymentAccounts(custody: Custody, walletId: string): PaymentAccounts {
  return custody === 'platform'
    ? { wallet: `wallet:${walletId}`, incoming: `incoming:${walletId}`, pending: 'pending', available: 'available', held: 'held' }
    : {
        wallet: `self.wallet:${walletId}`,
        incoming: `self.incoming:${walletId}`,
        pending: 'self.pending',
        available: 'self.available',
        held: 'self.held',
      }
}

const PAYMENT = ['incoming', 'pending', 'self.incoming', 'self.pending']
const FINAL = ['wallet', 'available', 'held', 'shortfall', 'self.wallet', 'self.available', 'self.held']
const FEES = ['available', 'shortfall', 'fees', 'fees_due']
const MONEY_OUT = ['available', 'reserved', 'in_transit', 'wallet']

/** What a person may correct: not what follows the chain alone, nor what a reservation will give back. */
const CORRECTABLE = [
  'available',
  'held',
  'in_transit',
  'shortfall',
  'fees',
  'partner',
  'treasury',
  'exchange',
  'adjustments',
  'wallet',
  'fees_due',
]

/** Which account kinds a transaction of each cause may touch: what bookings are checked against, and searches by account use. */
export const CAUSES: Readonly<Record<Cause, readonly string[]>> = {
  payment_seen: PAYMENT,
  payment_lost: [...PAYMENT, ...FINAL, ...FEES, 'partner'],
  payment_settled: [...PAYMENT, ...FINAL],
  over_payment: [...PAYMENT, ...FINAL],
  late_payment: [...PAYMENT, ...FINAL],
  late_accepted: FINAL,
  reorg: [...PAYMENT, ...FINAL, ...FEES, 'partner'],
  shortfall: ['available', 'shortfall'],
  processing_fee: FEES,
  partner_share: ['fees', 'partner'],
  network_fee: [...MONEY_OUT, 'treasury', 'fees'],
  refund: MONEY_OUT,
  payout: MONEY_OUT,
  conversion: ['available', 'reserved', 'exchange'],
  bank_return: [...new Set([...MONEY_OUT, ...FINAL, ...FEES]), 'partner'],
  treasury: ['fees', 'treasury', 'wallet'],
  adjustment: CORRECTABLE,
}
