/** Asks the projection consumer to write one invoice, whole, to its shard; older versions lose. */
export interface ProjectionMessage {
  readonly kind: 'invoice'
  readonly shard: number
  /** `encodeJson` of the `Invoice`. */
  readonly invoice: string
  readonly invoiceId: string
  readonly version: number
}
