import { BITCOIN_REGTEST, EVM_LOCAL } from '../config/development.ts'
import { call, toQuantity } from '../scripts/stack/evm/call.ts'
import type { Stack } from '../scripts/stack/supervisor.ts'
import { createBitcoinRpc } from '../src/gateways/bitcoin/rpc.ts'
import type { Bench, Figure } from './lib/figure.ts'
import { startSystem } from './lib/system.ts'

const MISSED = 10_000
/** Blocks that the floor reads. */
const BARE = 1_000
/** Blocks that the node makes in one call: a call has seconds. */
const MINE_AT_ONCE = 500
const POLL_MS = 50
const WAIT_MS_MAX = 600_000

/** Workers that were away while their chains grew by 10,000 blocks: how fast they read on. */
export const recovery: Bench = {
  name: 'recovery',
  title: 'Catching up after an outage',
  async run() {
    const system = await startSystem()
    try {
      const { stack } = system
      const chains = chainsOf(stack)
      for (const { chainId, height } of chains) await untilAt(stack, chainId, await height())
      await stack.killWorkers()
      for (const { mine } of chains) for (let made = 0; made < MISSED; made += MINE_AT_ONCE) await mine(MINE_AT_ONCE)
      const floors: number[] = []
      for (const { read, height } of chains) floors.push(await readBare(read, await height()))
      await stack.restartWorkers()
      const startedAt = performance.now()
      const seconds = await Promise.all(
        chains.map(async ({ chainId, height }) => {
          await untilAt(stack, chainId, await height())
          return (performance.now() - startedAt) / 1000
        }),
      )
      const figures = chains.map(({ name }, at): Figure => {
        const rate = MISSED / (seconds[at] ?? Number.NaN)
        const floor = floors[at] ?? Number.NaN
        return {
          what: `${name}: blocks taken in after ${MISSED.toLocaleString('en')} missed ones`,
          measured: `${rate.toFixed(0)} /s`,
          floor: `${floor.toFixed(0)} /s`,
          ratio: (rate / floor).toFixed(2),
          goal: '-',
          met: null,
        }
      })
      return {
        figures,
        notes: `All Workers killed, ${MISSED.toLocaleString('en')} nearly empty blocks made on each chain, the Workers started again: from then until \`/health\` says that the chain is read to its head. Both chains catch up at once, and share the machine with their nodes. Floor: the node's blocks fetched whole one after the other, with nothing done to them, before the Workers are back.`,
      }
    } finally {
      await system.stop()
    }
  },
}

function chainsOf({ wallets, evm, bitcoin }: Stack) {
  const node = createBitcoinRpc([{ url: bitcoin.rpcUrl, user: bitcoin.user, password: bitcoin.password }], fetch)
  return [
    {
      name: 'Bitcoin',
      chainId: BITCOIN_REGTEST,
      height: () => wallets.bitcoin.height(),
      mine: async (count: number) => void (await wallets.bitcoin.mine(count)),
      async read(height: number) {
        const hash = await node.call('getblockhash', height)
        if (hash.ok && hash.value.ok) await node.block(String(hash.value.value))
      },
    },
    {
      name: 'EVM',
      chainId: EVM_LOCAL,
      height: () => wallets.evm.height(),
      mine: (count: number) => wallets.evm.mine(count),
      read: async (height: number) => void (await call(evm.rpcUrl, 'eth_getBlockByNumber', [toQuantity(height), true])),
    },
  ]
}

async function readBare(read: (height: number) => Promise<void>, head: number): Promise<number> {
  const startedAt = performance.now()
  for (let height = head - BARE + 1; height <= head; height++) await read(height)
  return (BARE * 1000) / (performance.now() - startedAt)
}

async function untilAt(stack: Stack, chainId: string, height: number): Promise<void> {
  const endsAt = performance.now() + WAIT_MS_MAX
  for (;;) {
    const health = (await (await fetch(`${stack.origin}/health`)).json()) as {
      chains: { chain: string; height: number | null }[]
    }
    if ((health.chains.find(({ chain }) => chain === chainId)?.height ?? -1) >= height) return
    if (performance.now() > endsAt) throw new Error(`${chainId} is not at ${height} after ${WAIT_MS_MAX} ms`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
