import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WIF } from '@scure/btc-signer'
import { describe, vi } from 'vitest'
import { createBitcoinBalances } from '../../../src/gateways/bitcoin/balance.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import { formatDecimal } from '../../../src/money/amount.ts'
import { litecoinRegtest as chain } from '../litecoin/chain.ts'
import { findLitecoind, type Litecoind, startLitecoind } from '../litecoin/litecoind.ts'
import { runAccelerations } from './acceleration.ts'
import { chainWorld } from './chain-world.ts'
import { coinsWorld } from './coins-world.ts'
import { type MoneyOutWorld, runMoneyOut } from './money-out.ts'
import { runContract } from './suite.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const program = findLitecoind()
/** The first block with MWEB, on regtest. */
const MWEB_HEIGHT = 432
const MINER = 'miner'
/** The merchant's own wallet, which signs. */
const MERCHANT = 'merchant'
const REGTEST_WIF = { bech32: 'rltc', pubKeyHash: 0x6f, scriptHash: 0x3a, wif: 0xef }

describe.skipIf(program === null)('Litecoin, on litecoind with MWEB active (skipped where there is none)', () => {
  let node: Litecoind
  let world: MoneyOutWorld
  const pay = (address: string, units: bigint) => node.call('sendtoaddress', [address, formatDecimal(units, 8)], MINER)

  runMoneyOut(['p2wpkh', 'p2tr'], async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paytomat-money-out-'))
    node = await startLitecoind(program as string, folder)
    await node.call('createwallet', [MINER])
    await node.call('createwallet', [MERCHANT])
    const mine = async (blocks: number) =>
      node.call<string[]>('generatetoaddress', [blocks, await node.call('getnewaddress', ['', 'bech32'], MINER)])
    await mine(MWEB_HEIGHT - 1)
    // The first such block is made of what goes in.
    await node.call('sendtoaddress', [await node.call('getnewaddress', ['', 'mweb'], MINER), '5'], MINER)
    await mine(1)
    world = coinsWorld({
      chain,
      endpoint: node.endpoint,
      pay,
      mine,
      async takeBack() {
        await node.call('invalidateblock', [await node.call('getbestblockhash')])
      },
      async signPsbt(psbt, master) {
        const { inputs } = await node.call<{ inputs: { bip32_derivs?: { path: string }[] }[] }>('decodepsbt', [psbt])
        for (const path of inputs.flatMap(({ bip32_derivs }) => (bip32_derivs ?? []).map((one) => one.path))) {
          const { privateKey } = master.derive(path.replaceAll('h', "'"))
          if (privateKey) await node.call('importprivkey', [WIF(REGTEST_WIF).encode(privateKey), '', false], MERCHANT)
        }
        return (await node.call<{ psbt: string }>('walletprocesspsbt', [psbt], MERCHANT)).psbt
      },
      async stop() {
        await node.stop()
        rmSync(folder, { recursive: true, force: true })
      },
    })
    return world
  })

  runAccelerations(() => ({
    world,
    async payCheaply(address, units, others = []) {
      // For 1,000 virtual bytes; 0 is the wallet's own again.
      await node.call('settxfee', ['0.00001'], MINER)
      const paid = Object.fromEntries(others.map((other) => [other, '0.0001']))
      // Signals BIP 125: litecoind replaces nothing else.
      const txid = await node.call('sendmany', ['', { ...paid, [address]: formatDecimal(units, 8) }, 1, '', [], true], MINER)
      await node.call('settxfee', ['0'], MINER)
      return txid
    },
    async replace(txid) {
      const { vin } = await node.call<{ vin: { txid: string; vout: number }[] }>('getrawtransaction', [txid, true])
      const inputs = vin.map(({ txid: from, vout }) => ({ txid: from, vout }))
      const coins = await Promise.all(inputs.map((one) => node.call<{ value: number }>('gettxout', [one.txid, one.vout, false])))
      const left = (coins.reduce((sum, { value }) => sum + value, 0) - 0.001).toFixed(8)
      const toSelf = { [await node.call('getnewaddress', ['', 'bech32'], MINER)]: left }
      const raw = await node.call('createrawtransaction', [inputs, toSelf])
      const { hex } = await node.call<{ hex: string }>('signrawtransactionwithwallet', [raw], MINER)
      return node.call('sendrawtransaction', [hex])
    },
  }))

  runContract('litecoin', async () =>
    chainWorld(world, {
      script: 'p2wpkh',
      reader: createBitcoinReader(chain, [world.endpoint], fetch),
      balancesOver: (endpoints) => createBitcoinBalances(chain, endpoints, fetch),
      pay: (address, _asset, units) => pay(address, units),
      unreachable: ['bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', 'rltc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'],
    }),
  )
})
