import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { createDemoWallet, type DemoWallet, findBitcoind, startBitcoinNode } from '../../../scripts/stack/bitcoin/index.ts'
import { createBitcoinBalances } from '../../../src/gateways/bitcoin/balance.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { runAccelerations } from './acceleration.ts'
import { chainWorld } from './chain-world.ts'
import { coinsWorld } from './coins-world.ts'
import { type MoneyOutWorld, runMoneyOut } from './money-out.ts'
import { runContract } from './suite.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** bcoin 1.0.2 knows no taproot and takes no spending of it; litecoind does, by the same code of ours. */
const scripts = findBitcoind() ? (['p2wpkh', 'p2tr'] as const) : (['p2wpkh'] as const)

describe('Bitcoin, on the node that is there: bitcoind, else bcoin', () => {
  let world: MoneyOutWorld
  let wallet: DemoWallet

  runMoneyOut(scripts, async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-money-out-'))
    const node = await startBitcoinNode({ stateDir })
    wallet = createDemoWallet(node, stateDir)
    await wallet.fund()
    const chain = createRegistry(DEVELOPMENT_CHAINS).chain(BITCOIN_REGTEST)
    const endpoint = { url: node.rpcUrl, user: node.user, password: node.password }
    world = coinsWorld({
      chain,
      endpoint,
      pay: (address, units) => wallet.send({ address, units }),
      mine: (blocks) => wallet.mine(blocks),
      async takeBack() {
        const head = await createBitcoinReader(chain, [endpoint], fetch).head()
        if (head.ok) await wallet.invalidate(head.value.hash)
      },
      async stop() {
        await node.stop()
        rmSync(stateDir, { recursive: true, force: true })
      },
    })
    return world
  })

  runContract('bitcoin', async () => {
    const { chain, endpoint } = world
    return chainWorld(world, {
      script: 'p2wpkh',
      reader: createBitcoinReader(chain, [endpoint], fetch),
      balancesOver: (endpoints) => createBitcoinBalances(chain, endpoints, fetch),
      pay: (address, _asset, units) => wallet.send({ address, units }),
      unreachable: [
        'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu',
        'bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu',
        '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
      ],
    })
  })

  runAccelerations(() => ({
    world,
    payCheaply: async (address, units, others = []) => {
      const payments = [{ address, units }, ...others.map((other) => ({ address: other, units: 10_000n }))]
      return (await wallet.sendMany(payments, 1n)).txid
    },
    replace: async (txid) => (await wallet.doubleSpend(txid)).txid,
  }))
})
