/** What the projection consumer is asked for: copies in D1. */
export type ProjectionMessage = InvoiceProjection | LedgerProjection

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
