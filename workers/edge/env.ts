import type { AuditRpc } from '../../src/audit/rpc.ts'
import type { BankRpc } from '../../src/bank/rpc.ts'
import type { ChainRpc } from '../../src/chain/rpc.ts'
import type { DeliveryRpc } from '../../src/delivery/rpc.ts'
import type { InvoiceRpc } from '../../src/invoice/rpc.ts'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import type { ObjectNamespace } from '../../src/lib/objects.ts'
import type { LightningRpc } from '../../src/lightning/rpc.ts'
import type { WalletRpc } from '../../src/wallet/rpc.ts'

/** Bindings of the edge Worker (wrangler.toml at the top). Shards are `SHARD_0`, `SHARD_1`, … */
export interface EdgeEnv {
  /** JSON of `ChainConfig[]`. */
  CHAINS: string
  ENVIRONMENT: string
  /** Secret that turns (store, idempotency key) into an id. */
  ID_SECRET: string
  /** Public origin, for example `https://pay.example`; never taken from a Host header. */
  ORIGIN: string
  /** Development only: the demo wallet's service, which the checkout's demo button asks to pay. */
  DEMO_WALLET_URL?: string
  INVOICES: ObjectNamespace<InvoiceRpc>
  WALLETS: ObjectNamespace<WalletRpc>
  CHAINS_FOLLOWED: ObjectNamespace<ChainRpc>
  DELIVERIES: ObjectNamespace<DeliveryRpc>
  LEDGERS: ObjectNamespace<LedgerRpc>
  AUDITS: ObjectNamespace<AuditRpc>
  BANKS: ObjectNamespace<BankRpc>
  LIGHTNINGS: ObjectNamespace<LightningRpc>
  ASSETS: Fetcher
  DIRECTORY: D1Database
  SHARD_0: D1Database
}
