/**
 * The Bitcoin regtest node of `npm start` and of the tests, and a demo wallet on it.
 * A real validating node: `bitcoind` where there is one, else bcoin from npm in a process of its own.
 *
 *   const node = await startBitcoinNode({ stateDir: '.paytomat/bitcoin' })
 *   const wallet = createDemoWallet(node, '.paytomat/bitcoin')
 *   await wallet.fund()
 *   const { txid } = await wallet.send({ address, units: 100_000n })
 *   await wallet.mine(1)
 *   await node.stop()
 */
export { type BitcoinNode, type BitcoinNodeOptions, findBitcoind, startBitcoinNode } from './node.ts'
export type { NodeAccess } from './rpc.ts'
export { createDemoWallet, type DemoWallet, type SendRequest, type SentTransaction } from './wallet.ts'
