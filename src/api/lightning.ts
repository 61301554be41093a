import { decodeBolt11 } from '../gateways/lightning/bolt11.ts'
import { isHash } from '../gateways/lightning/call.ts'
import { rfc3339 } from '../lib/clock.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { GIVEN_MAX, type LightningRpc, type NodeName } from '../lightning/rpc.ts'
import { formatDecimal } from '../money/amount.ts'
import { lightningRailOf, registryOf } from '../money/registry.ts'
import { type Answer, type Call, steadily } from './call.ts'
import type { Problem } from './problems.ts'
import { isOwnInvoice, ownAmong } from './wallet-access.ts'

export type StoreNode = { readonly id: string } & NodeName

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
  const [answer, outgoing] = await Promise.all([
    askNode(call, node, (object) => object.balance()),
    askNode(call, node, (object) => object.outgoing()),
  ])
  const { decimals } = registryOf(call.env).asset(assetCode)
  const confirmed = answer.ok ? formatDecimal(answer.value, decimals) : null
  const pending = answer.ok ? formatDecimal(0n, decimals) : null
  const [leaving, reserved] = [outgoing.leaving, outgoing.reserved].map((units) => formatDecimal(units, decimals))
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
    assets: [{ asset: assetCode, confirmed, pending, leaving, reserved }],
  }
  return ok({ status: 200, body: { object: 'wallet_balance', walletId: node.id, custody: 'self', chains: [chain] } })
}

/** A page of the node's invoices that were made for invoices of this store, the oldest first. */
export async function listNodeInvoices(
  call: Call,
  node: StoreNode,
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<Result<Answer, Problem>> {
  const most = Math.min(limit, GIVEN_MAX - 1)
  const given = await askNode(call, node, (object) => object.given(from, most + 1))
  const data = (await ownAmong(call, given.slice(0, most))).map(({ index, invoiceId, bolt11, paidUnits }) => {
    const assets = paidUnits === null ? [] : [sumsOf(call, node, paidUnits)]
    return { object: 'wallet_address', index, invoiceId, chains: [{ chain: node.chainId, address: bolt11, assets }] }
  })
  return ok({ status: 200, body: { data, nextCursor: given.length > most ? String(given[most]?.index) : null } })
}

/** What one invoice of the node was paid: named by itself, or by its payment hash. */
export async function readNodeInvoice(call: Call, node: StoreNode): Promise<Result<Answer, Problem>> {
  const text = call.param('address')
  const read = isHash(text) ? null : decodeBolt11(text)
  const hash = isHash(text) ? text : read?.ok ? read.value.paymentHash : null
  const found = hash === null ? null : await askNode(call, node, (object) => object.find(hash))
  if (!found || !(await isOwnInvoice(call, found.invoiceId)))
    return err({ reason: 'address_not_found', detail: 'no invoice of this store has this address of the wallet' })
  const { bolt11: address, index, invoiceId, paidUnits } = found
  const { name } = lightningRailOf(registryOf(call.env), node.chainId)
  const chain = {
    chain: node.chainId,
    name,
    asOf: null,
    readAt: rfc3339(call.nowMs),
    addresses: 1,
    stale: false,
    refreshing: false,
    error: null,
    assets: [sumsOf(call, node, paidUnits ?? 0n)],
  }
  return ok({ status: 200, body: { object: 'address_balance', walletId: node.id, address, index, invoiceId, chains: [chain] } })
}

/** What was paid is final: nothing waits. */
function sumsOf(call: Call, { chainId }: StoreNode, paidUnits: bigint) {
  const registry = registryOf(call.env)
  const { assetCode } = lightningRailOf(registry, chainId)
  const decimal = (units: bigint) => formatDecimal(units, registry.asset(assetCode).decimals)
  return { asset: assetCode, confirmed: decimal(paidUnits), pending: decimal(0n), leaving: decimal(0n) }
}

/** A network that is not configured any more has no node to be asked. */
export function nodesOf({ env, identity }: Call): readonly StoreNode[] {
  const { lightning } = registryOf(env)
  return (identity.store.lightningNodes ?? []).filter(({ chainId }) => lightning.some(({ id }) => id === chainId))
}

export function askNode<T>({ env }: Call, { id }: StoreNode, ask: (node: LightningRpc) => Promise<T>): Promise<T> {
  return steadily(() => ask(env.LIGHTNINGS.getByName(id)))
}
