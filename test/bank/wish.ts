import type { CreateBankTransfer } from '../../src/bank/transfers/types.ts'
import { randomId } from '../../src/lib/ids.ts'

/** A payout by bank as tests ask for it. */
export function bankWish(changes: Partial<CreateBankTransfer> = {}): CreateBankTransfer {
  return {
    id: randomId('tr'),
    kind: 'payout',
    merchantId: 'mer_1',
    shard: 0,
    storeId: 'st_1',
    custody: 'self',
    chainId: 'sepa:eur',
    asset: 'EUR',
    outputs: [{ address: 'NL91ABNA0417164300', units: 12_34n }],
    invoiceId: null,
    reference: null,
    targetBlocks: 1,
    feeMax: null,
    recipientName: 'Ana Müller',
    ...changes,
  }
}
