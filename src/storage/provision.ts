import { sql } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { createApiKey, hashApiKey, shownPart } from '../auth/api-keys.ts'
import type { StoreConfig } from '../invoice/types.ts'
import { randomId } from '../lib/ids.ts'
import { encodeJson } from '../lib/json.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import type { WalletRpc } from '../wallet/rpc.ts'
import { apiKeys, stores } from './directory-schema.ts'
import { planWallets } from './plan-wallets.ts'
import { type ProvisionRefusal, parseStoreRequest, type StoreRequest } from './provision-request.ts'
import { shardCount } from './shards.ts'

export interface ProvisionEnv {
  readonly CHAINS: string
  readonly ENVIRONMENT: string
  readonly DIRECTORY: D1Database
  readonly WALLETS: ObjectNamespace<WalletRpc>
}

export interface ProvisionedStore {
  readonly storeId: string
  readonly merchantId: string
  readonly shard: number
  /** Shown here and never again, unless the caller chose it. */
  readonly apiKey: string
}

/**
 * `POST /admin/stores` of the core Worker, which has no public address: makes a store with its wallets and a first API
 * key. With a `storeId` (and `apiKey`) of the caller's choice it may be sent again: the store takes the new name,
 * policies, origins and wallets; merchant and shard stay. Answers 200 with `ProvisionedStore`, or a problem (RFC 9457).
 */
export async function handleProvision(request: Request, env: ProvisionEnv): Promise<Response> {
  let input: unknown
  try {
    input = await request.json()
  } catch {
    return problem(400, { reason: 'malformed_json', param: null, detail: 'the body must be JSON' })
  }
  const provisioned = await provisionStore(env, input, Date.now())
  if (provisioned.ok) return Response.json(provisioned.value, { headers: { 'cache-control': 'no-store' } })
  return problem(provisioned.error.reason === 'conflict' ? 409 : 400, provisioned.error)
}

export async function provisionStore(
  env: ProvisionEnv,
  input: unknown,
  nowMs: number,
): Promise<Result<ProvisionedStore, ProvisionRefusal>> {
  const parsed = parseStoreRequest(input, shardCount(env))
  if (!parsed.ok) return parsed
  const request = parsed.value
  const planned = await planWallets(request.wallets, registryOf(env))
  if (!planned.ok) return planned

  const directory = drizzle(env.DIRECTORY)
  const storeId = request.storeId ?? randomId('st')
  const place = await placeOf(directory, env, storeId, request)
  if (!place.ok) return place
  // Wallets first: no store may name a wallet that cannot hand out addresses. A refusal means that the wallet has this
  // very account already, spelled with another prefix, since its id is made from the account's first address.
  for (const { id, account } of planned.value.wallets) await env.WALLETS.getByName(id).configure(account)

  const config: StoreConfig = {
    storeId,
    storeName: request.name,
    ...place.value,
    methods: planned.value.methods,
    wallets: planned.value.wallets,
    allowedOrigins: request.allowedOrigins,
    watchMs: request.watchMs,
    latePolicy: request.latePolicy,
    toleranceBps: request.toleranceBps,
  }
  const apiKey = request.apiKey ?? createApiKey(env.ENVIRONMENT === 'production' ? 'live' : 'test')
  return save(directory, config, apiKey, nowMs)
}

/** Where a store is: where it already was, else where it is asked to be, else the shard with the fewest stores. */
async function placeOf(
  directory: DrizzleD1Database,
  env: ProvisionEnv,
  storeId: string,
  request: StoreRequest,
): Promise<Result<{ merchantId: string; shard: number }, ProvisionRefusal>> {
  const known = await directory
    .select({ merchantId: stores.merchantId, shard: stores.shard })
    .from(stores)
    .where(sql`${stores.id} = ${storeId}`)
    .get()
  if (known) {
    if (request.shard !== null && request.shard !== known.shard) return conflict('shard', 'a store stays in its shard')
    if (request.merchantId !== null && request.merchantId !== known.merchantId)
      return conflict('merchantId', 'a store stays with its merchant')
    return ok(known)
  }
  const merchantId = request.merchantId ?? randomId('mer')
  if (request.shard !== null) return ok({ merchantId, shard: request.shard })
  const counted = await directory.select({ shard: stores.shard, count: sql<number>`count(*)` }).from(stores).groupBy(stores.shard)
  const load = Array.from({ length: shardCount(env) }, (_, shard) => counted.find((row) => row.shard === shard)?.count ?? 0)
  return ok({ merchantId, shard: load.indexOf(Math.min(...load)) })
}

/** Store and key in one batch. Two callers at once with one id: the first one's merchant and shard stay, the other is told. */
async function save(
  directory: DrizzleD1Database,
  config: StoreConfig,
  apiKey: string,
  nowMs: number,
): Promise<Result<ProvisionedStore, ProvisionRefusal>> {
  const { storeId, merchantId, shard, storeName: name } = config
  const text = encodeJson(config)
  const hash = await hashApiKey(apiKey)
  const key = { id: randomId('key'), hash, storeId, label: 'first key', prefix: shownPart(apiKey), createdAtMs: nowMs }
  await directory.batch([
    directory
      .insert(stores)
      .values({ id: storeId, merchantId, name, shard, config: text, createdAtMs: nowMs })
      .onConflictDoUpdate({
        target: stores.id,
        set: { name, config: text },
        setWhere: sql`${stores.shard} = excluded.shard AND ${stores.merchantId} = excluded.merchant_id`,
      }),
    directory.insert(apiKeys).values(key).onConflictDoNothing({ target: apiKeys.hash }),
  ])
  const [saved] = await directory
    .select({ merchantId: stores.merchantId, shard: stores.shard, keyStoreId: apiKeys.storeId, revokedAtMs: apiKeys.revokedAtMs })
    .from(apiKeys)
    .innerJoin(stores, sql`${stores.id} = ${storeId}`)
    .where(sql`${apiKeys.hash} = ${hash}`)
  if (saved?.keyStoreId !== storeId || saved.revokedAtMs !== null)
    return conflict('apiKey', 'this key is another store’s or was revoked')
  if (saved.shard !== shard || saved.merchantId !== merchantId)
    return conflict('storeId', 'another request made this store at the same time')
  return ok({ storeId, merchantId, shard, apiKey })
}

function conflict(param: string, detail: string): Result<never, ProvisionRefusal> {
  return err({ reason: 'conflict', param, detail: `${param}: ${detail}` })
}

function problem(status: number, refusal: ProvisionRefusal): Response {
  const { reason, param, detail } = refusal
  const body = { type: `/docs/errors#${reason}`, title: 'The store was not provisioned', status, detail, code: reason, param }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
