import type { LightningRail } from '../../money/lightning.ts'
import type { NodesEnv } from '../nodes.ts'
import { withFetcher } from '../nodes.ts'
import { createCln } from './cln.ts'
import { createLnd } from './lnd.ts'
import type { LightningEndpoint, LightningNode, NodeFactory } from './node.ts'
import { createPhoenixd } from './phoenixd.ts'

const FACTORIES: Record<LightningEndpoint['kind'], NodeFactory> = { phoenixd: createPhoenixd, lnd: createLnd, cln: createCln }

/** The node that `NODES` has under a name for a rail, and its key where it is known; null when there is none. */
export function lightningNodeOf(
  env: NodesEnv,
  rail: LightningRail,
  name: string,
): { readonly node: LightningNode; readonly nodeId: string | null } | null {
  const all = JSON.parse(env.NODES) as Readonly<Record<string, readonly LightningEndpoint[]>>
  const endpoint = all[rail.id]?.find((one) => one.name === name)
  if (!endpoint || !Object.hasOwn(FACTORIES, endpoint.kind)) return null
  const node = FACTORIES[endpoint.kind](withFetcher(env, endpoint), (input, init) => fetch(input, init))
  return { node, nodeId: endpoint.nodeId?.toLowerCase() ?? null }
}
