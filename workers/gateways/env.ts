import type { ChainRpc, WatchRpc } from '../../src/chain/rpc.ts'
import type { RatesRpc } from '../../src/exchange/rpc.ts'
import type { ObjectNamespace } from '../../src/lib/objects.ts'
import type { LightningRpc } from '../../src/lightning/rpc.ts'
import type { SignerRpc } from '../../src/signer/rpc.ts'
import type { WalletRpc } from '../../src/wallet/rpc.ts'

/** Bindings of the gateways Worker (wrangler.toml beside this file). */
export interface GatewaysEnv {
  /** JSON of `ChainConfig[]`. */
  CHAINS: string
  ENVIRONMENT: string
  /** Secret: JSON from CAIP-2 id to a list of `NodeEndpoint`; from a Lightning rail's id to one of `LightningEndpoint`. */
  NODES: string
  CHAINS_FOLLOWED: ObjectNamespace<ChainRpc>
  WATCH: ObjectNamespace<WatchRpc>
  RATES: ObjectNamespace<RatesRpc>
  WALLETS: ObjectNamespace<WalletRpc>
  LIGHTNINGS: ObjectNamespace<LightningRpc>
  /** The signer Worker's entrypoint: one call, and nothing else of that Worker. */
  SIGNER: SignerRpc
}
