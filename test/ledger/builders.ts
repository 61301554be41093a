import { balanceOf, trialBalance } from '../../src/ledger/balances.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { Booking, Reserve } from '../../src/ledger/rpc.ts'
import type { InvoicePositions, PaymentPosition, Transaction } from '../../src/ledger/types.ts'

export const MERCHANT = { merchantId: 'mer_1', shard: 0 }
export const STORE = 'st_1'
export const WALLET = 'wal_hot'

export function payment(changes: Partial<PaymentPosition> = {}): PaymentPosition {
  return {
    key: 'bip122:0/tx1/0',
    asset: 'BTC',
    walletId: WALLET,
    custody: 'platform',
    units: 100_000n,
    place: 'available',
    late: false,
    over: 0n,
    zeroConfirmation: false,
    ...changes,
  }
}

/** One invoice's word, by its version. */
export function positions(
  version: number,
  payments: readonly PaymentPosition[],
  changes: Partial<InvoicePositions> = {},
): InvoicePositions {
  return { ...MERCHANT, storeId: STORE, invoiceId: 'inv_1', version, payments, fees: [], ...changes }
}

export function reserve(key: string, amount: bigint, changes: Partial<Reserve> = {}): Reserve {
  return {
    ...MERCHANT,
    key,
    storeId: STORE,
    cause: 'payout',
    asset: 'BTC',
    amount,
    transferId: `tr_${key}`,
    invoiceId: null,
    wantedAtMs: 1,
    expiresAtMs: null,
    ...changes,
  }
}

export function booking(key: string, changes: Partial<Booking>): Booking {
  return {
    ...MERCHANT,
    key,
    storeId: STORE,
    cause: 'treasury',
    postings: [],
    invoiceId: null,
    transferId: null,
    by: null,
    reason: null,
    ...changes,
  }
}

/** `account: units` of one asset, for reading in tests. */
export function figures(ledger: Ledger, asset = 'BTC', storeId = STORE): Record<string, bigint> {
  const { balances } = ledger.balances(storeId)
  return Object.fromEntries(
    Object.keys(balances)
      .map((account) => [account, balanceOf(balances, account, asset)] as const)
      .filter(([, units]) => units !== 0n),
  )
}

/** Every transaction of the ledger. */
export function log(ledger: Ledger): Transaction[] {
  const all: Transaction[] = []
  for (;;) {
    const page = ledger.page(all.length, 100)
    if (page.length === 0) return all
    all.push(...page.map(({ transaction }) => transaction))
  }
}

/** `cause from>to amount`, one a posting. */
export function lines(transactions: readonly Transaction[]): string[] {
  return transactions.flatMap(({ cause, postings }) => postings.map(({ from, to, amount }) => `${cause} ${from}>${to} ${amount}`))
}

/** What must hold of any ledger at any time: throws with the reason when it does not. */
export function audit(ledger: Ledger): void {
  for (let segment = 0; ; segment++) {
    const { fault, isLast } = ledger.verify(segment)
    if (fault) throw new Error(fault)
    if (isLast) break
  }
  for (const { storeId, balances } of ledger.standing().stores) {
    for (const [asset, units] of Object.entries(trialBalance(balances)))
      if (units !== 0n) throw new Error(`${storeId} adds up to ${units} ${asset}`)
    const below = Object.entries(balances.available ?? {}).find(([, units]) => units < 0n)
    if (below) throw new Error(`${storeId} has ${below[1]} ${below[0]} available`)
  }
}
