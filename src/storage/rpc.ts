/** What the projection consumer is asked for: copies in D1. */
export type ProjectionMessage = InvoiceProjection | LedgerProjection | TransferProjection

/** Write one invoice, whole, to its shard; older versions lose. */
export interface InvoiceProjection {
  readonly kind: 'invoice'
  readonly shard: number
  /** `encodeJson` of the `Invoice`. */
  readonly invoice: string
  readonly invoiceId: string
  readonly version: number
}

/** Take over what this merchant's ledger has that D1 has not; the consumer asks the ledger itself. */
export interface LedgerProjection {
  readonly kind: 'ledger'
  readonly shard: number
  readonly merchantId: string
}

/** Copy a transfer, as it is by now; the consumer asks the wallet object itself and tells it which version D1 has then. */
export interface TransferProjection {
  readonly kind: 'transfer'
  readonly shard: number
  readonly walletId: string
  readonly transferId: string
  /** The wallet is a bank account. */
  readonly bank?: true
  /** The wallet is a Lightning node. */
  readonly lightning?: true
}
