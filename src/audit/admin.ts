import { type Context, Hono } from 'hono'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { BookRefusal } from '../ledger/rpc.ts'
import type { Difference } from '../ledger/types.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { shardOf } from '../storage/shards.ts'
import { parseAdjustment, parsePlace, parseWord } from './admin-requests.ts'
import { faultOfBalances } from './compare.ts'
import { statusOf } from './memory.ts'
import { type MerchantPlace, merchantsAfter, merchantsOf, storesOf } from './merchants.ts'
import { differencesOfWallet, walletOfDifference } from './round-wallets.ts'
import { AUDIT_NAME } from './rpc.ts'
import { AT_ONCE, runAudit } from './run.ts'
import { comparePage, rebuildAfter, type WholeLedger } from './whole.ts'

type Bindings = { Bindings: CoreEnv }
type Call = Context<Bindings>

const MERCHANTS_PAGE = 20
const BODY_CHARS_MAX = 65_536

/**
 * What people do with ledgers, on the core Worker, which has no public address: `npm run ledger` calls it. Amounts are
 * texts of base units. Problems are RFC 9457.
 *
 *     GET  /admin/audit                              what the audit remembers
 *     POST /admin/audit                              a run of it, now
 *     GET  /admin/ledgers?after=<merchant>           merchants with heads, balances, open differences
 *     POST /admin/ledgers/:merchant/verify?segment=  a segment of the book derived anew
 *     POST /admin/ledgers/:merchant/compare          { after }: a page of D1's rows against the ledger
 *     POST /admin/ledgers/:merchant/rebuild          { after }: a page of D1's rows made anew
 *     POST /admin/ledgers/:merchant/differences/:id/clear  { by, reason }
 *     POST /admin/ledgers/:merchant/adjustments      { storeId, key, by, reason, postings }
 *     POST /admin/wallets/:wallet/transfers/:id/settle  { by, reason }: ends a transfer that is unknown, of a Lightning node too
 */
export function createAdmin(clock: Clock = systemClock): Hono<Bindings> {
  const app = new Hono<Bindings>()
  app.get('/admin/audit', async (c) => {
    const memory = await c.env.AUDITS.getByName(AUDIT_NAME).read()
    const suspects = memory && Object.values(memory.suspects)
    return answer(memory && { status: statusOf(memory), passed: memory.passed, suspects })
  })
  app.post('/admin/audit', async (c) => {
    const report = await runAudit(c.env, clock(), AT_ONCE)
    return report ? answer(report) : problem(409, 'audit_running', 'another run is under way; try again in a minute')
  })
  app.get('/admin/ledgers', async (c) => {
    const page = await merchantsAfter(c.env.DIRECTORY, c.req.query('after') ?? '', MERCHANTS_PAGE)
    const data = await Promise.all(page.map((merchant) => ledgerOf(c.env, merchant)))
    return answer({ data, next: page.length < MERCHANTS_PAGE ? null : page.at(-1)?.id })
  })
  app.post('/admin/ledgers/:merchant/verify', (c) =>
    withMerchant(c, async ({ id }) => {
      const segment = c.req.query('segment') ?? '0'
      if (!/^\d{1,9}$/.test(segment)) return problem(400, 'invalid_field', 'segment must be a whole number', 'segment')
      return answer(await c.env.LEDGERS.getByName(id).verify(Number(segment)))
    }),
  )
  app.post('/admin/ledgers/:merchant/compare', (c) =>
    withMerchant(c, (merchant) =>
      withBody(c, parsePlace, async (after) => answer(await comparePage(await whole(c.env, merchant), after, clock()))),
    ),
  )
  app.post('/admin/ledgers/:merchant/rebuild', (c) =>
    withMerchant(c, (merchant) =>
      withBody(c, parsePlace, async (after) => answer(await rebuildAfter(await whole(c.env, merchant), after))),
    ),
  )
  app.post('/admin/ledgers/:merchant/differences/:id/clear', (c) =>
    withMerchant(c, (merchant) => withBody(c, parseWord, (word) => clear(c, merchant.id, c.req.param('id') ?? '', word))),
  )
  app.post('/admin/ledgers/:merchant/adjustments', (c) =>
    withMerchant(c, (merchant) =>
      withBody(
        c,
        (input) => parseAdjustment(input, registryOf(c.env)),
        async (adjustment) => {
          if (!(await storesOf(c.env.DIRECTORY, merchant.id)).includes(adjustment.storeId))
            return problem(404, 'store_not_found', 'the merchant has no such store', 'storeId')
          const order = { ...adjustment, merchantId: merchant.id, shard: merchant.shard, invoiceId: null, transferId: null }
          const booked = await c.env.LEDGERS.getByName(merchant.id).book({ ...order, cause: 'adjustment' })
          return booked.ok ? answer(booked.value) : notBooked(booked.error)
        },
      ),
    ),
  )
  app.post('/admin/wallets/:wallet/transfers/:id/settle', (c) => withBody(c, parseWord, (word) => settle(c, word)))
  app.onError((thrown) => {
    logEvent('error', 'admin_failed', { reason: reasonOf(thrown) })
    return problem(500, 'defect', reasonOf(thrown))
  })
  return app
}

/** Everything of one ledger that fits into a list. */
async function ledgerOf(env: CoreEnv, { id, shard }: MerchantPlace) {
  const { stores, ...standing } = await env.LEDGERS.getByName(id).standing()
  const audited = stores.map((store) => ({ ...store, fault: faultOfBalances(store.balances) }))
  return { ...standing, merchantId: id, shard, stores: audited }
}

async function whole(env: CoreEnv, { id, shard }: MerchantPlace): Promise<WholeLedger> {
  const ledger = env.LEDGERS.getByName(id)
  const [known, booked] = await Promise.all([storesOf(env.DIRECTORY, id), ledger.standing()])
  const storeIds = new Set([...known, ...booked.stores.map(({ storeId }) => storeId)])
  return { ledger, shard: shardOf(env, shard), storeIds: [...storeIds] }
}

async function clear(c: Call, merchantId: string, id: string, word: { by: string; reason: string }): Promise<Response> {
  const ledger = c.env.LEDGERS.getByName(merchantId)
  const cleared = await ledger.clear({ id, ...word })
  if (!cleared.ok) return problem(404, cleared.error.reason, 'the merchant has no open difference with this id', 'id')
  const { differences } = await ledger.standing()
  const open = differences.length
  await allowSending(c.env, id, differences, word.by)
  await c.env.AUDITS.getByName(AUDIT_NAME).looked(merchantId, open)
  logEvent('info', 'ledger_difference_cleared', { merchantId, id })
  return answer({ open })
}

/** The wallet looks for it once more; the answer is the transfer as it is before that. */
async function settle(c: Call, word: { by: string; reason: string }): Promise<Response> {
  const [walletId, id] = [c.req.param('wallet') ?? '', c.req.param('id') ?? '']
  const ofWallet = await c.env.WALLETS.getByName(walletId).settleTransfer(id, word)
  const isElsewhere = !ofWallet.ok && ofWallet.error.reason === 'transfer_not_found'
  const settled = isElsewhere ? await c.env.LIGHTNINGS.getByName(walletId).settleTransfer(id, word) : ofWallet
  if (settled.ok) return answer({ id, status: settled.value.status, reason: settled.value.reason })
  if (settled.error.reason === 'transfer_not_found')
    return problem(404, 'transfer_not_found', 'the wallet has no transfer with this id', 'id')
  return problem(409, settled.error.reason, 'detail' in settled.error ? settled.error.detail : '', 'id')
}

/** A wallet that the audit stopped sends again once a person has looked at all that was found of it. */
async function allowSending(env: CoreEnv, id: string, open: readonly Difference[], by: string): Promise<void> {
  const walletId = walletOfDifference(id)
  if (walletId === null) return
  const ofWallet = differencesOfWallet(walletId)
  if (open.some((difference) => difference.id.startsWith(ofWallet))) return
  const wallet = env.WALLETS.getByName(walletId)
  // What a person stopped is a person's to allow.
  if ((await wallet.sendingFrozen())?.reason.startsWith(ofWallet)) await wallet.allowSending(by)
}

async function withMerchant(c: Call, then: (merchant: MerchantPlace) => Promise<Response>): Promise<Response> {
  const id = c.req.param('merchant') ?? ''
  const [merchant] = isId('mer', id) ? await merchantsOf(c.env.DIRECTORY, [id]) : []
  return merchant ? then(merchant) : problem(404, 'merchant_not_found', 'there is no such merchant', 'merchant')
}

/** A body that is not there is an empty object. */
async function withBody<T, E extends { reason: string; param: string; detail: string }>(
  c: Call,
  parse: (input: unknown) => Result<T, E>,
  then: (body: T) => Promise<Response>,
): Promise<Response> {
  const text = await c.req.text()
  if (text.length > BODY_CHARS_MAX) return problem(413, 'body_too_large', `a body has at most ${BODY_CHARS_MAX} characters`)
  let input: unknown
  try {
    input = JSON.parse(text || '{}')
  } catch {
    return problem(400, 'malformed_json', 'the body must be JSON')
  }
  const parsed = parse(input)
  return parsed.ok ? then(parsed.value) : problem(400, parsed.error.reason, parsed.error.detail, parsed.error.param)
}

function notBooked(refusal: BookRefusal): Response {
  if (refusal.reason === 'bad_posting') return problem(400, refusal.reason, refusal.detail, 'postings')
  if (refusal.reason === 'ledger_key_reused') return problem(409, refusal.reason, refusal.detail, 'key')
  const { account, asset, available } = refusal
  return problem(409, refusal.reason, `${account} has ${available} base units of ${asset}`, 'postings')
}

function answer(body: unknown): Response {
  const text = JSON.stringify(body, (_key, value) => (typeof value === 'bigint' ? String(value) : value))
  return new Response(text, { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}

function problem(status: number, code: string, detail: string, param: string | null = null): Response {
  const body = { type: `/docs/errors#${code}`, title: 'The ledger was left as it was', status, detail, code, param }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
