import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HDKey } from '@scure/bip32'
import { describe, vi } from 'vitest'
import { createBitcoinBalances } from '../../../src/gateways/bitcoin/balance.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import { formatDecimal } from '../../../src/money/amount.ts'
import { litecoinRegtest as chain } from '../litecoin/chain.ts'
import { findLitecoind, startLitecoind } from '../litecoin/litecoind.ts'
import { runChain } from './chain.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const program = findLitecoind()
/** The first block with MWEB, on regtest. */
const MWEB_HEIGHT = 432
const MINER = 'miner'

describe.skipIf(program === null)('Litecoin, on litecoind with MWEB active (skipped where there is none)', () => {
  runChain(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paytomat-contract-'))
    const node = await startLitecoind(program as string, folder)
    await node.call('createwallet', [MINER])
    const mine = async (blocks: number) =>
      node.call<string[]>('generatetoaddress', [blocks, await node.call('getnewaddress', ['', 'bech32'], MINER)])
    await mine(MWEB_HEIGHT - 1)
    // The first such block is made of what goes in.
    await node.call('sendtoaddress', [await node.call('getnewaddress', ['', 'mweb'], MINER), '5'], MINER)
    await mine(1)
    const account = HDKey.fromMasterSeed(new Uint8Array(32).fill(7), { public: 0x043587cf, private: 0x04358394 })
    const { publicExtendedKey: xpub } = account.derive("m/84'/1'/0'")
    const { descriptor } = await node.call<{ descriptor: string }>('getdescriptorinfo', [`wpkh(${xpub}/0/*)`])
    const known = await node.call<string[]>('deriveaddresses', [descriptor, [0, 4]])
    return {
      chain,
      account: { xpub, script: 'p2wpkh' },
      known: known.map((address, index) => ({ index, address })),
      endpoint: node.endpoint,
      reader: createBitcoinReader(chain, [node.endpoint], fetch),
      balancesOver: (endpoints) => createBitcoinBalances(chain, endpoints, fetch),
      pay: (address, _asset, units) => node.call('sendtoaddress', [address, formatDecimal(units, 8)], MINER),
      mine,
      async takeBack() {
        await node.call('invalidateblock', [await node.call('getbestblockhash')])
      },
      async stop() {
        await node.stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  })
})
