import { DEVELOPMENT_LIGHTNING } from '../../config/development.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { createDemoWallet, type DemoWallet, type NodeAccess } from './bitcoin/index.ts'
import { createEvmDemoWallet, type EvmDemoWallet } from './evm/index.ts'
import { createLightningWallet, type LightningWallet, type PayerAccess } from './lightning/index.ts'

export interface DemoWallets {
  readonly bitcoin: DemoWallet
  readonly evm: EvmDemoWallet
  /** Null when nothing is paid by Lightning. */
  readonly lightning: LightningWallet | null
  /**
   * Sends base units of an asset to an address, or pays a Lightning invoice; the node has the transaction when the id is
   * there.
   */
  pay(payment: { asset: string; address: string; units: bigint }): Promise<string>
}

export interface DemoWalletsAccess {
  readonly chains: readonly ChainConfig[]
  readonly bitcoin: NodeAccess
  /** The Bitcoin node's state folder: the lock that keeps two processes from spending one coin is there. */
  readonly bitcoinStateDir: string
  readonly evm: { readonly rpcUrl: string; readonly chainId: number; readonly usdc: string }
  readonly lightning: PayerAccess | null
}

/** The payers of development, funded on the local chains. Throws on an asset that they do not have. */
export function openDemoWallets(access: DemoWalletsAccess): DemoWallets {
  const registry = createRegistry(access.chains)
  const bitcoin = createDemoWallet(access.bitcoin, access.bitcoinStateDir)
  const evm = createEvmDemoWallet(access.evm)
  const lightning = access.lightning && createLightningWallet(access.lightning)
  return {
    bitcoin,
    evm,
    lightning,
    async pay({ asset: code, address, units }) {
      if (lightning && code === DEVELOPMENT_LIGHTNING.assetCode) return lightning.pay({ bolt11: address, units })
      const asset = registry.findAsset(code)
      const chain = asset?.chainId ? registry.findChain(asset.chainId) : null
      if (!asset || !chain) throw new Error(`the demo wallet has no ${code}`)
      if (chain.gateway === 'bitcoin') return (await bitcoin.send({ address, units })).txid
      if (asset.kind === 'native') return evm.sendNative({ to: address, units })
      if (asset.contract === access.evm.usdc.toLowerCase()) return evm.sendToken({ to: address, units })
      throw new Error(`the demo wallet has no ${code}`)
    },
  }
}
