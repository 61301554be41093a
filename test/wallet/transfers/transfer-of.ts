import { BITCOIN_REGTEST } from '../../../config/development.ts'
import { randomId } from '../../../src/lib/ids.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'

export const TRANSFER_AT_MS = Date.UTC(2026, 10, 22, 12)

/** A payout of 0.001 BTC from a watch-only wallet, just made, with what a test wants otherwise. */
export function transferOf(changes: Partial<Transfer> = {}): Transfer {
  const outputs = changes.outputs ?? [{ address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', units: 100_000n }]
  return {
    id: randomId('tr'),
    version: 1,
    kind: 'payout',
    merchantId: 'mer_1',
    shard: 0,
    storeId: 'st_1',
    walletId: 'wal_1',
    custody: 'self',
    chainId: BITCOIN_REGTEST,
    asset: 'BTC',
    outputs,
    units: outputs.reduce((sum, { units }) => sum + units, 0n),
    invoiceId: null,
    reference: null,
    targetBlocks: 6,
    feeMax: 10_000n,
    status: 'queued',
    reason: null,
    plan: null,
    unsigned: null,
    challenge: null,
    approvalsWanted: 0,
    approvals: [],
    signed: [],
    included: null,
    fee: null,
    createdAtMs: TRANSFER_AT_MS,
    updatedAtMs: TRANSFER_AT_MS,
    ...changes,
  }
}
