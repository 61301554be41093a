import { join } from 'node:path'
import { EVM_LOCAL } from '../../config/development.ts'
import type { NodeEndpoint } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { type BitcoinNode, startBitcoinNode } from './bitcoin/index.ts'
import { type EvmNode, startEvmNode } from './evm/index.ts'
import { openLog } from './log.ts'
import type { ProcessBook } from './processes.ts'

export interface NodesOptions {
  readonly stateDir: string
  /** Seconds between blocks of the EVM node; 0: only when a test mines. */
  readonly evmBlockSeconds: number
  /** Told when a node ends by itself. */
  readonly onTrouble: (line: string) => void
}

type Say = (note: string) => void

export interface NodeKeeper {
  readonly bitcoinStateDir: string
  readonly bitcoin: BitcoinNode
  readonly evm: EvmNode
  /** `say` is told which kind of node it is. */
  startBitcoin(say: Say): Promise<void>
  startEvm(say: Say): Promise<void>
  /** Harmless when it does not run. */
  stopBitcoin(): Promise<void>
  stopEvm(): Promise<void>
}

/** The two nodes, which tests take away and bring back on the ports and chains they had. */
export function nodeKeeper(options: NodesOptions, book: ProcessBook): NodeKeeper {
  const bitcoinStateDir = join(options.stateDir, 'bitcoin')
  let bitcoin: BitcoinNode | undefined
  let evm: EvmNode | undefined
  let evmPort: number | undefined
  /** Nodes that were asked to end. */
  const asked = new Set<BitcoinNode | EvmNode>()
  const watch = (node: BitcoinNode | EvmNode, ended: Promise<void>, name: string, log: string) =>
    ended.then(() => {
      if (!asked.has(node)) options.onTrouble(`The ${name} has ended by itself (see ${log}.log): Ctrl-C, and start again.`)
    })

  return {
    bitcoinStateDir,
    get bitcoin() {
      if (!bitcoin) throw new Error('the Bitcoin node has not been started')
      return bitcoin
    },
    get evm() {
      if (!evm) throw new Error('the EVM node has not been started')
      return evm
    },
    async startBitcoin(say) {
      bitcoin = await startBitcoinNode({ stateDir: bitcoinStateDir, log: openLog(options.stateDir, 'bitcoin') })
      book.add(bitcoin.pid, 'Bitcoin node')
      void watch(bitcoin, bitcoin.exited, 'Bitcoin node', 'bitcoin')
      say(bitcoin.kind)
    },
    async startEvm(say) {
      evm = await startEvmNode({
        stateDir: join(options.stateDir, 'evm'),
        port: evmPort,
        chainId: Number(EVM_LOCAL.split(':')[1]),
        blockTimeSeconds: options.evmBlockSeconds,
        log: openLog(options.stateDir, 'evm'),
      })
      evmPort = Number(new URL(evm.rpcUrl).port)
      book.add(evm.pid, 'EVM node')
      void watch(evm, evm.ended, 'EVM node', 'evm')
      say('anvil')
    },
    async stopBitcoin() {
      if (bitcoin) asked.add(bitcoin)
      await bitcoin?.stop()
    },
    async stopEvm() {
      if (evm) asked.add(evm)
      await evm?.stop()
    },
  }
}

/** What the gateways Worker is told of the nodes (`NODES`), by CAIP-2 id. */
export function nodeEndpoints(
  chains: readonly ChainConfig[],
  bitcoin: BitcoinNode,
  evm: EvmNode,
): Record<string, readonly NodeEndpoint[]> {
  const byGateway: Record<ChainConfig['gateway'], NodeEndpoint> = {
    bitcoin: { url: bitcoin.rpcUrl, user: bitcoin.user, password: bitcoin.password, rest: bitcoin.kind === 'bitcoind' },
    evm: { url: evm.rpcUrl, pending: true },
  }
  return Object.fromEntries(chains.map((chain) => [chain.id, [byGateway[chain.gateway]]]))
}
