import type { Booking } from '../../src/ledger/rpc.ts'
import type { InvoicePositions, Place } from '../../src/ledger/types.ts'

export interface Owner {
  readonly merchantId: string
  readonly shard: number
  readonly storeId: string
}

export function benchOwner(merchant: number): Owner {
  return { merchantId: `mer_bench_${merchant}`, shard: 0, storeId: `st_bench_${merchant}` }
}

/** The simplest movement there is: one posting. */
export function bookingOf(owner: Owner, n: number): Booking {
  return {
    ...owner,
    key: `bench/${n}`,
    cause: 'treasury',
    postings: [{ from: 'wallet:wal_bench', to: 'treasury', amount: 1_000n, asset: 'BTC' }],
    invoiceId: null,
    transferId: null,
    by: null,
    reason: null,
  }
}

/**
 * What an invoice says twice in its life: its payment is seen, and is settled, with the fee and the partner's share of it.
 * Two messages, four transactions.
 */
export function positionsOf(owner: Owner, n: number): InvoicePositions[] {
  const at = (version: number, place: Place): InvoicePositions => ({
    ...owner,
    invoiceId: `inv_bench_${n}`,
    version,
    payments: [
      {
        key: `bip122:000000000019d6689c085ae165831e93/${n.toString(16).padStart(64, '0')}/0`,
        asset: 'BTC',
        walletId: 'wal_bench',
        custody: 'platform',
        units: 20_834n,
        place,
        late: false,
        over: 0n,
        zeroConfirmation: false,
      },
    ],
    fees:
      place === 'available' ? [{ asset: 'BTC', custody: 'platform', units: 208n, partner: { id: 'par_bench', units: 41n } }] : [],
  })
  return [at(2, 'pending'), at(4, 'available')]
}
