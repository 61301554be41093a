import { rfc3339 } from '../lib/clock.ts'
import { ok, type Result } from '../lib/result.ts'
import type { LightningRpc, NodeName } from '../lightning/rpc.ts'
import { formatDecimal } from '../money/amount.ts'
import { lightningRailOf, registryOf } from '../money/registry.ts'
import { type Answer, type Call, steadily } from './call.ts'
import type { Problem } from './problems.ts'

type StoreNode = { readonly id: string } & NodeName

/** The store's Lightning nodes among its wallets, as `GET /v1/wallets` lists them. */
export function lightningWallets(call: Call): Promise<object[]> {
  return Promise.all(
    nodesOf(call).map(async (node) => {
      const { id, chainId, name } = node
      const health = await askNode(call, node, (object) => object.health())
      const rail = lightningRailOf(registryOf(call.env), chainId)
      return {
        id,
        object: 'wallet',
        custody: 'self',
        script: 'lightning',
        addressesUsed: health?.used ?? 0,
        chains: [{ chain: chainId, name: rail.name, assets: [rail.assetCode], firstAddresses: [], payer: null }],
        node: {
          name,
          status: health?.status ?? 'unknown',
          answeredAt: health?.answeredAtMs ? rfc3339(health.answeredAtMs) : null,
          error: health?.error ?? null,
        },
      }
    }),
  )
}

/** The Lightning node that the path names, when it is one of the caller's store. */
export function ownNode(call: Call): StoreNode | null {
  return nodesOf(call).find(({ id }) => id === call.param('id')) ?? null
}

/** What the node has in its channels, asked now: there is no older reading to be shown. */
export async function readNodeBalance(call: Call, node: StoreNode): Promise<Result<Answer, Problem>> {
  const { assetCode, name } = lightningRailOf(registryOf(call.env), node.chainId)
  const answer = await askNode(call, node, (object) => object.balance())
  const { decimals } = registryOf(call.env).asset(assetCode)
  const confirmed = answer.ok ? formatDecimal(answer.value, decimals) : null
  const nothing = answer.ok ? formatDecimal(0n, decimals) : null
  const chain = {
    chain: node.chainId,
    name,
    asOf: null,
    readAt: answer.ok ? rfc3339(call.nowMs) : null,
    addresses: 0,
    stale: !answer.ok,
    refreshing: false,
    error: answer.ok ? null : { ...answer.error, at: rfc3339(call.nowMs) },
    payer: null,
    assets: [{ asset: assetCode, confirmed, pending: nothing, leaving: nothing, reserved: formatDecimal(0n, decimals) }],
  }
  return ok({ status: 200, body: { object: 'wallet_balance', walletId: node.id, custody: 'self', chains: [chain] } })
}

/** A network that is not configured any more has no node to be asked. */
function nodesOf({ env, identity }: Call): readonly StoreNode[] {
  const { lightning } = registryOf(env)
  return (identity.store.lightningNodes ?? []).filter(({ chainId }) => lightning.some(({ id }) => id === chainId))
}

function askNode<T>({ env }: Call, { id }: StoreNode, ask: (node: LightningRpc) => Promise<T>): Promise<T> {
  return steadily(() => ask(env.LIGHTNINGS.getByName(id)))
}
