import type { ChainConfig } from '../money/chain.ts'
import { createBitcoinReader } from './bitcoin/reader.ts'
import { createEvmReader } from './evm/reader.ts'
import type { ChainReader, ReaderFactory } from './gateway.ts'
import { type NodesEnv, nodesOf } from './nodes.ts'

/** The reading half of each gateway: for the gateways Worker alone. */
const FACTORIES: Record<ChainConfig['gateway'], ReaderFactory> = { bitcoin: createBitcoinReader, evm: createEvmReader }

/** Readers live as long as the isolate: they remember what they have seen of the mempool. */
const readers = new Map<string, ChainReader>()
let nodesText: string | null = null

/** The reader of a chain over the nodes that `NODES` names for it; null when it names none. Throws on text that is not JSON. */
export function readerOf(env: NodesEnv, chain: ChainConfig): ChainReader | null {
  if (env.NODES !== nodesText) {
    readers.clear()
    nodesText = env.NODES
  }
  const known = readers.get(chain.id)
  if (known) return known
  const nodes = nodesOf(env, chain)
  if (nodes.length === 0) return null
  const reader = FACTORIES[chain.gateway](chain, nodes, (input, init) => fetch(input, init))
  readers.set(chain.id, reader)
  return reader
}
