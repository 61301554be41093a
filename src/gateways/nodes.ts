import type { ChainConfig } from '../money/chain.ts'
import type { NodeEndpoint } from './gateway.ts'

/** Bindings of the gateways Worker: the secret `NODES`, and those that `via` of its endpoints name. */
export interface NodesEnv {
  /** JSON from CAIP-2 id to a list of `NodeEndpoint`. */
  readonly NODES: string
}

/** More than anybody runs; each is asked in every look. */
const NODES_MAX = 16

/**
 * The nodes that `NODES` names for a chain, each with what reaches it; none when it names none. A `via` that is no binding
 * of this Worker stays without, and every request to that node says so. Throws on text that is not JSON, and
 * on more nodes than `NODES_MAX`.
 */
export function nodesOf(env: NodesEnv, chain: ChainConfig): readonly NodeEndpoint[] {
  const nodes = (JSON.parse(env.NODES) as Record<string, readonly NodeEndpoint[]>)[chain.id] ?? []
  if (nodes.length > NODES_MAX) throw new Error(`NODES names ${nodes.length} nodes for ${chain.id}, and ${NODES_MAX} is the most`)
  return nodes.map((node) => withFetcher(env, node))
}

/** The same endpoint with what its `via` leads to. */
export function withFetcher<E extends NodeEndpoint>(env: NodesEnv, node: E): E {
  return node.via === undefined ? node : { ...node, fetcher: fetcherOf(env, node.via) }
}

/** Never the whole address, in what people read: it may hold a key. */
export function hostOf(node: NodeEndpoint): string {
  return URL.canParse(node.url) ? new URL(node.url).host : 'node'
}

/** Of an mTLS certificate binding or a Workers VPC service: both have a `fetch` like the global one. */
function fetcherOf(env: NodesEnv, name: string): typeof fetch | undefined {
  const binding = (env as unknown as Readonly<Record<string, unknown>>)[name]
  if (typeof binding !== 'object' || binding === null || !('fetch' in binding)) return undefined
  const bound = binding as { fetch: typeof fetch }
  return (input, init) => bound.fetch(input, init)
}
