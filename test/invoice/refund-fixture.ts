import { BITCOIN_REGTEST } from '../../config/development.ts'
import type { Refund, RefundStatus } from '../../src/invoice/refund.ts'

export const REFUND_ID = `tr_${'9'.repeat(32)}`
export const ADDRESS = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'
export const TXID = '7f3c9e0a5b1d48f2a6c47e9b0d3f51c82e6a94b7d0158f3c6e2a7b94d1c05e8f'
const AT_MS = Date.UTC(2026, 10, 22, 10, 42)

/** Given an address, a refund has a transfer in the status that it has itself. */
export function refund(status: RefundStatus, changes: Partial<Refund> = {}): Refund {
  const address = status === 'awaiting_address' ? null : (changes.address ?? ADDRESS)
  const transfer = { id: REFUND_ID, wantedAtMs: AT_MS, replaced: false, version: 1, status: 'queued' } as const
  return {
    id: REFUND_ID,
    asset: 'BTC',
    chainId: BITCOIN_REGTEST,
    walletId: 'wal',
    custody: 'platform',
    units: 82_967n,
    rule: { type: 'full' },
    reason: null,
    by: 'api_key:key_1',
    status,
    detail: null,
    address,
    claims: address === null ? 0 : 1,
    cancelledBy: null,
    transfers: address === null ? [] : [{ ...transfer, address }],
    txid: ['broadcast', 'confirmed', 'unknown'].includes(status) ? TXID : null,
    challenge: null,
    createdAtMs: AT_MS,
    updatedAtMs: AT_MS,
    ...changes,
  }
}
