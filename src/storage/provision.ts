import { and, eq, inArray, sql } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { createApiKey, hashApiKey, shownPart } from '../auth/api-keys.ts'
import type { BankRpc } from '../bank/rpc.ts'
import type { Custody } from '../ledger/types.ts'
import { randomId } from '../lib/ids.ts'
import { encodeJson } from '../lib/json.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { LightningRpc } from '../lightning/rpc.ts'
import { type FeePlan, NO_FEES } from '../money/fee.ts'
import { registryOf } from '../money/registry.ts'
import { type WalletChain, walletChains } from '../wallet/chains.ts'
import type { WalletRpc } from '../wallet/rpc.ts'
import { apiKeys, merchants, stores, walletStores, wallets } from './directory-schema.ts'
import { type PlannedBank, type PlannedNode, type PlannedWallet, planWallets } from './plan-wallets.ts'
import { type ProvisionRefusal, parseStoreRequest, type StoreRequest } from './provision-request.ts'
import { shardCount } from './shards.ts'
import type { StoredStore } from './stores.ts'

export interface ProvisionEnv {
  readonly CHAINS: string
  readonly ENVIRONMENT: string
  readonly DIRECTORY: D1Database
  readonly WALLETS: ObjectNamespace<WalletRpc>
  readonly BANKS: ObjectNamespace<BankRpc>
  readonly LIGHTNINGS: ObjectNamespace<LightningRpc>
}

export interface ProvisionedStore {
  readonly storeId: string
  readonly merchantId: string
  readonly shard: number
  /** Shown here and never again, unless the caller chose it. */
  readonly apiKey: string
  /** Those with an account key; whoever gave one compares the addresses with their own wallet's before anything is paid. */
  readonly wallets: readonly ProvisionedWallet[]
}

export interface ProvisionedWallet {
  readonly id: string
  readonly custody: Custody
  readonly chains: readonly WalletChain[]
}

/**
 * `POST /admin/stores` of the core Worker, which has no public address: makes a store with its wallets and a first API
 * key. With a `storeId` (and `apiKey`) of the caller's choice it may be sent again: the store takes the new name,
 * policies, origins and wallets, its merchant the new fee plan, if there is one; merchant and shard stay, and so does
 * the custody of every wallet. Answers 200 with `ProvisionedStore`, or a problem (RFC 9457).
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
  const registry = registryOf(env)
  const parsed = parseStoreRequest(input, shardCount(env), registry)
  if (!parsed.ok) return parsed
  const request = parsed.value
  const planned = await planWallets(request.wallets, registry)
  if (!planned.ok) return planned

  const directory = drizzle(env.DIRECTORY)
  const storeId = request.storeId ?? randomId('st')
  const place = await placeOf(directory, env, storeId, request)
  if (!place.ok) return place
  const { wallets, banks, nodes } = planned.value
  const claimed = await claimWallets(directory, [...wallets, ...banks, ...nodes])
  if (!claimed.ok) return claimed
  // Wallets first: no store may name a wallet that cannot hand out addresses. A refusal means that the wallet has this
  // very account already, spelled with another prefix, since its id is made from the account's first address.
  for (const { id, account } of wallets) await env.WALLETS.getByName(id).configure(account)
  for (const { id, account, param } of banks) {
    // Who brings its statements says what is paid: nobody but the merchant who had the account first.
    const configured = await env.BANKS.getByName(id).configure(account, place.value.merchantId)
    if (!configured.ok) return conflict(param.replace(/custody$/, 'account.iban'), 'another merchant has this bank account')
  }
  for (const { id, node, param } of nodes) {
    const configured = await env.LIGHTNINGS.getByName(id).configure(node, place.value.merchantId)
    if (!configured.ok) return conflict(param.replace(/custody$/, 'account.lightning'), 'another merchant has this node')
  }

  const config: StoredStore = {
    storeId,
    storeName: request.name,
    ...place.value,
    methods: planned.value.methods,
    wallets: wallets.map(({ id, account }) => ({ id, account })),
    bankAccounts: banks.map(({ id, account }) => ({ id, iban: account.iban })),
    lightningNodes: nodes.map(({ id, node }) => ({ id, ...node })),
    allowedOrigins: request.allowedOrigins,
    watchMs: request.watchMs,
    latePolicy: request.latePolicy,
    toleranceBps: request.toleranceBps,
  }
  const apiKey = request.apiKey ?? createApiKey(env.ENVIRONMENT === 'production' ? 'live' : 'test')
  const saved = await save(directory, config, request.plan, apiKey, nowMs)
  if (!saved.ok) return saved
  const shown = wallets.map(({ id, custody, account }): ProvisionedWallet => {
    const codes = config.methods.filter(({ walletId }) => walletId === id).map(({ asset }) => asset)
    return { id, custody, chains: walletChains(registry, account, codes) }
  })
  return ok({ ...saved.value, wallets: shown })
}

/** Where a store is: with its merchant, whose shard is the one asked for at first, else the one with the fewest stores. */
async function placeOf(
  directory: DrizzleD1Database,
  env: ProvisionEnv,
  storeId: string,
  request: StoreRequest,
): Promise<Result<{ merchantId: string; shard: number }, ProvisionRefusal>> {
  const store = await directory.select({ merchantId: stores.merchantId }).from(stores).where(eq(stores.id, storeId)).get()
  if (store && request.merchantId !== null && request.merchantId !== store.merchantId)
    return conflict('merchantId', 'a store stays with its merchant')
  const merchantId = store?.merchantId ?? request.merchantId ?? randomId('mer')
  const merchant = await directory.select({ shard: merchants.shard }).from(merchants).where(eq(merchants.id, merchantId)).get()
  if (merchant && request.shard !== null && request.shard !== merchant.shard)
    return conflict('shard', 'all stores of a merchant are in one shard, and stay there')
  return ok({ merchantId, shard: merchant?.shard ?? request.shard ?? (await emptiestShard(directory, env)) })
}

async function emptiestShard(directory: DrizzleD1Database, env: ProvisionEnv): Promise<number> {
  const counted = await directory.select({ shard: stores.shard, count: sql<number>`count(*)` }).from(stores).groupBy(stores.shard)
  const load = Array.from({ length: shardCount(env) }, (_, shard) => counted.find((row) => row.shard === shard)?.count ?? 0)
  return load.indexOf(Math.min(...load))
}

/**
 * Notes who holds the key of each wallet. The first word holds for ever and for every store, since the books of all of
 * them believe it; who gives another is refused. A wallet of a request that is refused later keeps its word too.
 */
async function claimWallets(
  directory: DrizzleD1Database,
  planned: readonly (PlannedWallet | PlannedBank | PlannedNode)[],
): Promise<Result<null, ProvisionRefusal>> {
  const claims = planned.map(({ id, custody }) => directory.insert(wallets).values({ id, custody }).onConflictDoNothing())
  const [first, ...others] = claims
  if (first) await directory.batch([first, ...others])
  const ids = planned.map(({ id }) => id)
  const held = await directory.select().from(wallets).where(inArray(wallets.id, ids))
  const other = planned.find(({ id, custody }) => held.find((wallet) => wallet.id === id)?.custody !== custody)
  return other ? conflict(other.param, `this account is a wallet already, of another custody than ${other.custody}`) : ok(null)
}

/**
 * Merchant, store, its wallets and key in one batch. Two callers at once with one id: the first one's merchant and shard
 * stay, the other is told, and has made neither store nor key.
 */
async function save(
  directory: DrizzleD1Database,
  config: StoredStore,
  plan: FeePlan | null,
  apiKey: string,
  nowMs: number,
): Promise<Result<Omit<ProvisionedStore, 'wallets'>, ProvisionRefusal>> {
  const { storeId, merchantId, shard, storeName: name } = config
  const text = encodeJson(config)
  const hash = await hashApiKey(apiKey)
  const merchant = directory
    .insert(merchants)
    .values({ id: merchantId, shard, plan: encodeJson(plan ?? NO_FEES), createdAtMs: nowMs })
  const ours = and(eq(stores.id, storeId), eq(stores.merchantId, merchantId), eq(stores.shard, shard))
  await directory.batch([
    plan === null
      ? merchant.onConflictDoNothing()
      : merchant.onConflictDoUpdate({
          target: merchants.id,
          set: { plan: encodeJson(plan) },
          setWhere: sql`${merchants.shard} = excluded.shard`,
        }),
    directory
      .insert(stores)
      .select(
        sql`SELECT ${storeId}, id, ${name}, shard, ${text}, ${nowMs} FROM ${merchants} WHERE id = ${merchantId} AND shard = ${shard}`,
      )
      .onConflictDoUpdate({
        target: stores.id,
        set: { name, config: text },
        setWhere: sql`${stores.shard} = excluded.shard AND ${stores.merchantId} = excluded.merchant_id`,
      }),
    ...config.wallets.map(({ id }) => directory.insert(walletStores).values({ walletId: id, storeId }).onConflictDoNothing()),
    directory
      .insert(apiKeys)
      .select(
        sql`SELECT ${randomId('key')}, ${hash}, id, 'first key', ${shownPart(apiKey)}, ${nowMs}, NULL FROM ${stores} WHERE ${ours}`,
      )
      .onConflictDoNothing({ target: apiKeys.hash }),
  ])
  const [saved] = await directory
    .select({ keyStoreId: apiKeys.storeId, revokedAtMs: apiKeys.revokedAtMs })
    .from(stores)
    .leftJoin(apiKeys, eq(apiKeys.hash, hash))
    .where(ours)
  if (!saved) return conflict('storeId', 'another request made this store or its merchant at the same time')
  if (saved.keyStoreId !== storeId || saved.revokedAtMs !== null)
    return conflict('apiKey', 'this key is another store’s or was revoked')
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
