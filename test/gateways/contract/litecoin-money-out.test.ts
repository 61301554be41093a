import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WIF } from '@scure/btc-signer'
import { describe, vi } from 'vitest'
import { formatDecimal } from '../../../src/money/amount.ts'
import { litecoinRegtest as chain } from '../litecoin/chain.ts'
import { findLitecoind, startLitecoind } from '../litecoin/litecoind.ts'
import { coinsWorld } from './coins-world.ts'
import { runMoneyOut } from './money-out.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const program = findLitecoind()
/** The first block with MWEB, on regtest. */
const MWEB_HEIGHT = 432
const MINER = 'miner'
/** The merchant's own wallet, which signs. */
const MERCHANT = 'merchant'
const REGTEST_WIF = { bech32: 'rltc', pubKeyHash: 0x6f, scriptHash: 0x3a, wif: 0xef }

describe.skipIf(program === null)('Litecoin, on litecoind with MWEB active (skipped where there is none)', () => {
  runMoneyOut(['p2wpkh', 'p2tr'], async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paytomat-money-out-'))
    const node = await startLitecoind(program as string, folder)
    await node.call('createwallet', [MINER])
    await node.call('createwallet', [MERCHANT])
    const mine = async (blocks: number) =>
      node.call<string[]>('generatetoaddress', [blocks, await node.call('getnewaddress', ['', 'bech32'], MINER)])
    await mine(MWEB_HEIGHT - 1)
    // The first such block is made of what goes in.
    await node.call('sendtoaddress', [await node.call('getnewaddress', ['', 'mweb'], MINER), '5'], MINER)
    await mine(1)
    return coinsWorld({
      chain,
      endpoint: node.endpoint,
      pay: (address, units) => node.call('sendtoaddress', [address, formatDecimal(units, 8)], MINER),
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
  })
})
