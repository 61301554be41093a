import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RawTx, Transaction } from '@scure/btc-signer'
import { describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { createDemoWallet, type DemoWallet, findBitcoind, startBitcoinNode } from '../../../scripts/stack/bitcoin/index.ts'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { planChild } from '../../../src/gateways/bitcoin/plan-child.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import { equalBytes, fromHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { coinsWorld } from './coins-world.ts'
import { type MoneyOutWorld, runMoneyOut } from './money-out.ts'

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

  test('a child that spends what waits pays for its parent, and both are mined', async () => {
    const { chain, signer, seed, sender } = world
    const account = signer.account(chain, seed, 'p2wpkh')
    const own = must(bitcoinAddresses.derive(chain, account, 190))
    const parent = await wallet.send({ address: own.address, units: 80_000n, feeRate: 1n })
    const { outputs } = RawTx.decode(fromHex(parent.hex))
    const vout = outputs.findIndex(({ script }) => equalBytes(script, own.watchKey))
    const parentVsize = Transaction.fromRaw(fromHex(parent.hex)).vsize
    const height = await wallet.height()
    const waiting = {
      coin: { txid: parent.txid, vout, units: 80_000n, index: 190 },
      parentFee: BigInt(parentVsize),
      parentVsize,
    }
    const plan = must(planChild(chain, account, waiting, { satsPerKvb: 20_000n, toIndex: 191, height, feeMax: 100_000n }))
    const child = signer.sign(chain, seed, 'p2wpkh', plan)
    expect(must(await sender.broadcast(child.raw))).toEqual({ answer: 'taken' })
    await wallet.mine(1)
    const question = { txids: [child.txid], plan, payer: '', searchedHeight: height }
    expect(must(await sender.look(question))).toMatchObject({ status: 'included', txid: child.txid, fee: plan.fee })
  })
})

function must<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)))
  return result.value
}
