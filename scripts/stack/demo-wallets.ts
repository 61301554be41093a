import type { ChainConfig } from '../../src/money/chain.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { createDemoWallet, type DemoWallet, type NodeAccess } from './bitcoin/index.ts'
import { createEvmDemoWallet, type EvmDemoWallet } from './evm/index.ts'

export interface DemoWallets {
  readonly bitcoin: DemoWallet
  readonly evm: EvmDemoWallet
  /** Sends base units of an asset to an address; the node has the transaction when the id is there. */
  pay(payment: { asset: string; address: string; units: bigint }): Promise<string>
}

export interface DemoWalletsAccess {
  readonly chains: readonly ChainConfig[]
  readonly bitcoin: NodeAccess
  /** The Bitcoin node's state folder: the lock that keeps two processes from spending one coin is there. */
  readonly bitcoinStateDir: string
  readonly evm: { readonly rpcUrl: string; readonly chainId: number; readonly usdc: string }
}

/** The payers of development, funded on the local chains. Throws on an asset that they do not have. */
export function openDemoWallets(access: DemoWalletsAccess): DemoWallets {
  const registry = createRegistry(access.chains)
  const bitcoin = createDemoWallet(access.bitcoin, access.bitcoinStateDir)
  const evm = createEvmDemoWallet(access.evm)
  return {
    bitcoin,
    evm,
    async pay({ asset: code, address, units }) {
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
