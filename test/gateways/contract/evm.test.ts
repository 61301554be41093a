import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import { createEvmDemoWallet, startEvmNode } from '../../../scripts/stack/evm/index.ts'
import { createEvmBalances } from '../../../src/gateways/evm/balance.ts'
import { createEvmReader } from '../../../src/gateways/evm/reader.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { runChain } from './chain.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** m/44'/60'/0' of "test test … junk", the mnemonic of development nodes, and the accounts they start with. */
const XPUB = 'xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP'
const ACCOUNTS = [
  '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
  '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',
]

describe('an EVM chain, on anvil', () => {
  runChain(async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-contract-'))
    const node = await startEvmNode({ stateDir, chainId: 31337, blockTimeSeconds: 0, log: () => {} })
    const wallet = createEvmDemoWallet(node)
    const chain = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
    const endpoint = { url: node.rpcUrl, pending: true }
    return {
      chain,
      account: { xpub: XPUB, script: 'evm' },
      known: ACCOUNTS.map((address, index) => ({ index, address })),
      endpoint,
      reader: createEvmReader(chain, [endpoint], fetch),
      balancesOver: (endpoints) => createEvmBalances(chain, endpoints, fetch),
      pay: (to, asset, units) => (asset === 'ETH' ? wallet.sendNative({ to, units }) : wallet.sendToken({ to, units })),
      mine: (blocks) => wallet.mine(blocks),
      takeBack: () => wallet.reorg(1),
      async stop() {
        await node.stop()
        rmSync(stateDir, { recursive: true, force: true })
      },
    }
  })
})
