import type { Booking, PostReservation, Reserve } from '../../ledger/rpc.ts'
import type { Posting } from '../../ledger/types.ts'
import { assert } from '../../lib/result.ts'
import { lesser } from '../../money/amount.ts'
import { type Hold, isAcceleration, type PendingBooking, type TransferRecord } from './record.ts'
import type { Transfer } from './types.ts'

/**
 * What a transfer does in the books of a wallet of the platform (docs/ledger.md): its money is set aside before it is
 * planned, the fee before it is signed; all of it is on its way when it is signed; when it is final it has left the wallet,
 * and what the fee did not need is the merchant's again. The gas of tokens and of sweeps is the platform's; what hurries a
 * transaction costs the merchant who asked for it.
 */

/** What is set aside from the beginning. A sweep stays in the wallet. */
export function firstHolds({ id, kind, custody, asset, units }: Transfer): Hold[] {
  if (custody === 'self' || kind === 'sweep') return []
  return [{ key: id, kind: 'units', asset, units, want: 'held', is: 'asked' }]
}

/** Sets aside what a plan's fee needs beyond what is set aside for it already. `feeAsset`: the chain's own. */
export function withFee(record: TransferRecord, fee: bigint, feeAsset: string): TransferRecord {
  const { transfer, holds, feeHolds } = record
  const isHouses = transfer.kind === 'sweep' && !isAcceleration(transfer)
  const isMerchants = transfer.custody === 'platform' && !isHouses && transfer.asset === feeAsset
  const units = fee - sumOf(holds.filter(({ kind, is }) => kind === 'fee' && is !== 'released'))
  if (!isMerchants || units <= 0n) return record
  const key = feeHolds === 0 ? `${transfer.id}/fee` : `${transfer.id}/fee/${feeHolds + 1}`
  return {
    ...record,
    feeHolds: feeHolds + 1,
    holds: [...holds, { key, kind: 'fee', asset: feeAsset, units, want: 'held', is: 'asked' }],
  }
}

/** Signed: from now on the money may leave at any moment. */
export function onItsWay(holds: readonly Hold[]): Hold[] {
  return holds.map((hold) => (hold.want === 'held' ? { ...hold, want: 'posted' } : hold))
}

export interface Outcome {
  /** Whether the outputs were paid. */
  readonly paid: boolean
  /** What the chain took, 0 when no transaction was included. */
  readonly fee: bigint
  /** The chain's own asset. */
  readonly feeAsset: string
  /** The payment came back: where it was of the chain's own asset, the fee of that may come out of it. */
  readonly calledBack?: boolean
}

/** What is booked when a signed transfer is over. Reservations that were never sent are given back. */
export function closing(
  record: TransferRecord,
  { paid, fee, feeAsset, calledBack = false }: Outcome,
): Pick<TransferRecord, 'holds' | 'bookings'> {
  const { id, kind, custody, walletId, asset } = record.transfer
  const holds = record.holds.map((hold): Hold => (hold.want === 'held' ? { ...hold, want: 'released' } : hold))
  if (custody === 'self') return { holds, bookings: [] }
  const sent = (of: Hold['kind']) => sumOf(holds.filter((hold) => hold.kind === of && hold.want === 'posted'))
  const wallet = `wallet:${walletId}`
  const reserved = sent('fee')
  const units = sent('units')
  const ofFee = lesser(fee, reserved)
  const ofUnits = calledBack && asset === feeAsset ? lesser(fee - ofFee, units) : 0n
  const cause = kind === 'sweep' ? 'network_fee' : kind
  const bookings: PendingBooking[] = [
    {
      key: `${id}/${paid ? 'confirmed' : 'failed'}`,
      cause,
      postings: [move('in_transit', paid ? wallet : 'available', units - ofUnits, asset)],
    },
    {
      key: `${id}/fee/${paid ? 'confirmed' : 'failed'}`,
      cause: 'network_fee',
      postings: [
        move('in_transit', wallet, ofFee + ofUnits, feeAsset),
        move('treasury', wallet, fee - ofFee - ofUnits, feeAsset),
        move('in_transit', 'available', reserved - ofFee, feeAsset),
      ],
    },
  ]
  const told = bookings.map((booking) => ({ ...booking, postings: booking.postings.filter(({ amount }) => amount > 0n) }))
  return { holds, bookings: told.filter(({ postings }) => postings.length > 0) }
}

export type LedgerCall =
  | { readonly do: 'reserve'; readonly request: Reserve }
  | { readonly do: 'post'; readonly request: PostReservation }
  | { readonly do: 'release'; readonly request: { readonly key: string; readonly of: string } }
  | { readonly do: 'book'; readonly request: Booking }

/**
 * What the ledger is asked next; null when the books have all. One after another, each until it is acknowledged. What may
 * or may not have been reserved is reserved, then released: no question that was lost on the way leaves anything behind.
 */
export function nextCall({ transfer, holds, bookings, settling }: TransferRecord): LedgerCall | null {
  const { id, kind, merchantId, shard, storeId, invoiceId, createdAtMs: wantedAtMs } = transfer
  const hold = holds.find(({ want, is }) => want !== is)
  if (hold) {
    const { key, asset, units } = hold
    if (hold.is === 'held') {
      if (hold.want === 'posted') return { do: 'post', request: { key: `${key}/sent`, of: key, amount: units, to: 'in_transit' } }
      return { do: 'release', request: { key: `${key}/released`, of: key } }
    }
    assert(hold.is === 'asked' && hold.want !== 'posted', 'money is reserved before it is sent')
    const cause = kind === 'sweep' ? 'network_fee' : kind
    const whose = { merchantId, shard, storeId, invoiceId, transferId: id }
    return { do: 'reserve', request: { ...whose, key, cause, asset, amount: units, wantedAtMs, expiresAtMs: null } }
  }
  const [booking] = bookings
  const whose = {
    merchantId,
    shard,
    storeId,
    invoiceId,
    transferId: id,
    by: settling?.by ?? null,
    reason: settling?.reason ?? null,
  }
  return booking ? { do: 'book', request: { ...whose, ...booking } } : null
}

/** The ledger has done it. */
export function acknowledged(record: TransferRecord, call: LedgerCall): TransferRecord {
  if (call.do === 'book') return { ...record, bookings: record.bookings.filter(({ key }) => key !== call.request.key) }
  if (call.do === 'reserve') return withHold(record, call.request.key, 'held')
  return withHold(record, call.request.of, call.do === 'post' ? 'posted' : 'released')
}

/** The ledger has refused to reserve it: there is nothing of it to give back. */
export function withoutHold(record: TransferRecord, key: string): TransferRecord {
  return { ...record, holds: record.holds.filter((hold) => hold.key !== key) }
}

function withHold(record: TransferRecord, key: string, is: Hold['is']): TransferRecord {
  return { ...record, holds: record.holds.map((hold) => (hold.key === key ? { ...hold, is } : hold)) }
}

function sumOf(holds: readonly Hold[]): bigint {
  return holds.reduce((sum, { units }) => sum + units, 0n)
}

function move(from: string, to: string, amount: bigint, asset: string): Posting {
  return { from, to, amount, asset }
}
