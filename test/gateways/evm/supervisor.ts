/** Starts a node and waits to be killed: `node supervisor.ts <state folder>`. Prints one line of JSON when it runs. */
import { startEvmNode } from '../../../scripts/stack/evm/index.ts'

const node = await startEvmNode({ stateDir: process.argv[2] ?? '', chainId: 31337, blockTimeSeconds: 0, log: console.error })
console.log(JSON.stringify({ rpcUrl: node.rpcUrl, chainId: node.chainId, usdc: node.usdc, pid: node.pid }))
setInterval(() => {}, 60_000)
