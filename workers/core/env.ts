import type { AuditRpc } from '../../src/audit/rpc.ts'
import type { BankRpc } from '../../src/bank/rpc.ts'
import type { ChainRpc, LookMessage, WatchRpc } from '../../src/chain/rpc.ts'
import type { DeliverMessage, DeliveryRpc } from '../../src/delivery/rpc.ts'
import type { RatesMessage, RatesRpc } from '../../src/exchange/rpc.ts'
import type { InvoiceRpc } from '../../src/invoice/rpc.ts'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import type { ObjectNamespace, QueuePort } from '../../src/lib/objects.ts'
import type { LightningMessage, LightningRpc } from '../../src/lightning/rpc.ts'
import type { ProjectionMessage } from '../../src/storage/rpc.ts'
import type { BalanceMessage, WalletRpc } from '../../src/wallet/rpc.ts'
import type { TransferMessage } from '../../src/wallet/transfers/rpc.ts'

/** Bindings of the core Worker (wrangler.toml beside this file). Shards are `SHARD_0`, `SHARD_1`, … */
export interface CoreEnv {
  /** JSON of `ChainConfig[]`. */
  CHAINS: string
  /** `production` or `development`: development lets webhooks go to loopback and takes fixed rates. */
  ENVIRONMENT: string
  /** JSON of fixed rates for development without Internet (`{"BTC/EUR":"60000"}`), else empty. */
  FIXED_RATES?: string
  /** Secret from which every webhook endpoint's signing key is derived. */
  WEBHOOK_SECRET: string
  /** Public origin, for example `https://pay.example`; links in webhooks are made from it, never from a Host header. */
  ORIGIN: string
  INVOICES: ObjectNamespace<InvoiceRpc>
  WALLETS: ObjectNamespace<WalletRpc>
  CHAINS_FOLLOWED: ObjectNamespace<ChainRpc>
  WATCH: ObjectNamespace<WatchRpc>
  RATES: ObjectNamespace<RatesRpc>
  DELIVERIES: ObjectNamespace<DeliveryRpc>
  LEDGERS: ObjectNamespace<LedgerRpc>
  AUDITS: ObjectNamespace<AuditRpc>
  BANKS: ObjectNamespace<BankRpc>
  LIGHTNINGS: ObjectNamespace<LightningRpc>
  PROJECTIONS: QueuePort<ProjectionMessage>
  GATEWAY_BITCOIN: QueuePort<LookMessage>
  GATEWAY_EVM: QueuePort<LookMessage>
  GATEWAY_LIGHTNING: QueuePort<LightningMessage>
  GATEWAY_RATES: QueuePort<RatesMessage>
  WALLET_BALANCES: QueuePort<BalanceMessage>
  TRANSFERS: QueuePort<TransferMessage>
  DELIVER: QueuePort<DeliverMessage>
  DIRECTORY: D1Database
  SHARD_0: D1Database
}
