import type { ChainConfig } from '../money/chain.ts'
import { createBitcoinSender } from './bitcoin/sender.ts'
import { createEvmSender } from './evm/sender.ts'
import { type NodesEnv, nodesOf } from './nodes.ts'
import type { Sender, SenderFactory } from './send.ts'

/** What sends and looks for transactions in each gateway: for the gateways Worker alone. */
const FACTORIES: Record<ChainConfig['gateway'], SenderFactory> = { bitcoin: createBitcoinSender, evm: createEvmSender }

/** Over the nodes that `NODES` names for the chain; null when it names none. Throws on text that is not JSON. */
export function senderOf(env: NodesEnv, chain: ChainConfig): Sender | null {
  const nodes = nodesOf(env, chain)
  return nodes.length === 0 ? null : FACTORIES[chain.gateway](chain, nodes, (input, init) => fetch(input, init))
}
