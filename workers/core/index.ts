/** The core Worker: every Durable Object class, the consumers of their queues, the cron sweep. */
export { ChainObject } from '../../src/chain/object.ts'
export { WatchObject } from '../../src/chain/watch-object.ts'
export { DeliveryObject } from '../../src/delivery/object.ts'
export { RatesObject } from '../../src/exchange/object.ts'
export { InvoiceObject } from '../../src/invoice/object.ts'
export { WalletObject } from '../../src/wallet/object.ts'

export default {
  fetch: () => new Response('not found', { status: 404 }),
}
