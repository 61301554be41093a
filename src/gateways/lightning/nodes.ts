import type { LightningRail } from '../../money/lightning.ts'
import type { NodesEnv } from '../nodes.ts'
import { withFetcher } from '../nodes.ts'
import { createCln } from './cln.ts'
import { createLnd } from './lnd.ts'
import type { LightningEndpoint, LightningNode, NodeFactory, SendingPolicy } from './node.ts'
import { createClnPayer } from './pay/cln.ts'
import { createLndPayer } from './pay/lnd.ts'
import { createPhoenixdPayer } from './pay/phoenixd.ts'
import type { LightningPayer, PayerFactory } from './payer.ts'
import { createPhoenixd } from './phoenixd.ts'

const FACTORIES: Record<LightningEndpoint['kind'], NodeFactory> = { phoenixd: createPhoenixd, lnd: createLnd, cln: createCln }
const PAYERS: Record<LightningEndpoint['kind'], PayerFactory> = {
  phoenixd: createPhoenixdPayer,
  lnd: createLndPayer,
  cln: createClnPayer,
}

/** The node that `NODES` has under a name for a rail, and its key where it is known; null when there is none. */
export function lightningNodeOf(
  env: NodesEnv,
  rail: LightningRail,
  name: string,
): { readonly node: LightningNode; readonly nodeId: string | null } | null {
  const endpoint = endpointOf(env, rail, name)
  if (!endpoint) return null
  const { sending: _sending, ...receiving } = endpoint
  const node = FACTORIES[endpoint.kind](withFetcher(env, receiving), plainFetch)
  return { node, nodeId: endpoint.nodeId?.toLowerCase() ?? null }
}

/** The same node as one that pays, and how much; null unless its configuration says so, with both limits. */
export function lightningPayerOf(
  env: NodesEnv,
  rail: LightningRail,
  name: string,
): { readonly payer: LightningPayer; readonly policy: SendingPolicy } | null {
  const endpoint = endpointOf(env, rail, name)
  if (!endpoint?.sending) return null
  const { paymentMaxSats, dayMaxSats, ...credential } = endpoint.sending
  if (![paymentMaxSats, dayMaxSats].every((sats) => Number.isSafeInteger(sats) && sats > 0)) return null
  const { sending: _sending, user: _user, password: _password, headers: _headers, ...place } = endpoint
  const payer = PAYERS[endpoint.kind](withFetcher(env, { ...place, ...credential }), plainFetch)
  return { payer, policy: { paymentMaxSats, dayMaxSats } }
}

function endpointOf(env: NodesEnv, rail: LightningRail, name: string): LightningEndpoint | null {
  const all = JSON.parse(env.NODES) as Readonly<Record<string, readonly LightningEndpoint[]>>
  const endpoint = all[rail.id]?.find((one) => one.name === name)
  return endpoint && Object.hasOwn(FACTORIES, endpoint.kind) ? endpoint : null
}

const plainFetch: typeof fetch = (input, init) => fetch(input, init)
