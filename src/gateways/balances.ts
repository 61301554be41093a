import type { ChainConfig } from '../money/chain.ts'
import { createBitcoinBalances } from './bitcoin/balance.ts'
import { createEvmBalances } from './evm/balance.ts'
import type { BalanceReader, BalanceReaderFactory } from './gateway.ts'
import { type NodesEnv, nodesOf } from './nodes.ts'

/** What tells balances in each gateway: for the gateways Worker alone. */
const FACTORIES: Record<ChainConfig['gateway'], BalanceReaderFactory> = { bitcoin: createBitcoinBalances, evm: createEvmBalances }

/** Over the nodes that `NODES` names for the chain; null when it names none. Throws on text that is not JSON. */
export function balanceReaderOf(env: NodesEnv, chain: ChainConfig): BalanceReader | null {
  const nodes = nodesOf(env, chain)
  return nodes.length === 0 ? null : FACTORIES[chain.gateway](chain, nodes, (input, init) => fetch(input, init))
}
