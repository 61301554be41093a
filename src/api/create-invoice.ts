import type { CreateInvoice, CreateRefusal } from '../invoice/rpc.ts'
import type { ConfirmationTier, StoreTerms } from '../invoice/types.ts'
import type { Fields } from '../lib/fields.ts'
import { ok, type Result, unreachable } from '../lib/result.ts'
import { readAmount } from '../money/read-amount.ts'
import { type Registry, registryOf } from '../money/registry.ts'
import { readBody } from './body.ts'
import { type Answer, type Call, steadily } from './call.ts'
import { madeHeaders, nameRequest } from './idempotency.ts'
import { showInvoice } from './invoice-access.ts'
import type { Problem } from './problems.ts'
import { readUrl } from './urls.ts'

const METADATA_MAX = 20
const TIERS_MAX = 10
const METHODS_MAX = 50
const EXPIRY_SECONDS_DEFAULT = 900

const FIELDS = [
  'amount',
  'currency',
  'orderId',
  'description',
  'metadata',
  'redirectUrl',
  'expiresInSeconds',
  'confirmations',
  'toleranceBps',
  'latePolicy',
  'paymentMethods',
]

type Wish = Omit<CreateInvoice, 'id' | 'store' | 'fingerprint'>

/**
 * `POST /v1/invoices`. The answer is made from the invoice as it was created, so a replay under the same
 * `Idempotency-Key` gives the same bytes whatever has happened to the invoice since.
 */
export async function createInvoice(call: Call): Promise<Result<Answer, Problem>> {
  const { env, request, identity } = call
  const registry = registryOf(env)
  const body = await readBody(request, FIELDS, (fields) => readWish(fields, registry, env.ENVIRONMENT))
  if (!body.ok) return body
  const name = await nameRequest(call, 'inv', body.value.json)
  if (!name.ok) return name
  const { id, fingerprint, keyed } = name.value

  const wish: CreateInvoice = { ...body.value.value, id, fingerprint, store: termsOf(identity.store) }
  const created = await steadily(() => env.INVOICES.getByName(id).create(wish))
  if (!created.ok) return { ok: false, error: describe(created.error, wish) }
  const { invoice, replayed } = created.value
  return ok({ status: 201, body: showInvoice(call, invoice), headers: madeHeaders(`/v1/invoices/${id}`, keyed && replayed) })
}

function readWish(fields: Fields, registry: Registry, environment: string): Wish {
  const currency = fields.text('currency', { max: 20 })
  const asset = registry.findAsset(currency)
  if (!asset) fields.refuse('currency', 'must be the code of a currency or asset of GET /v1/assets', null)
  const decimals = asset?.decimals ?? 0
  return {
    currency,
    price: readAmount(fields, 'amount', decimals, 1n),
    orderId: fields.optional('orderId', (name) => fields.text(name, { max: 100 })),
    description: fields.optional('description', (name) => fields.text(name, { max: 500 })),
    metadata:
      fields.optional('metadata', (name) =>
        fields.pairs(name, METADATA_MAX, /^[A-Za-z0-9_.-]{1,40}$/, '1 to 40 letters, digits, _, . or -', { min: 0, max: 500 }),
      ) ?? {},
    redirectUrl: fields.optional('redirectUrl', (name) => readUrl(fields, name, environment)),
    expiresInMs:
      1_000 * (fields.optional('expiresInSeconds', (name) => fields.integer(name, 60, 86_400)) ?? EXPIRY_SECONDS_DEFAULT),
    confirmationTiers: fields.optional('confirmations', (name) => readConfirmations(fields, name, decimals)),
    toleranceBps: fields.optional('toleranceBps', (name) => fields.integer(name, 0, 1_000)),
    latePolicy: fields.optional('latePolicy', (name) => fields.choice(name, ['accept_locked_rate', 'accept_current_rate', 'hold'])),
    assets: fields.optional('paymentMethods', (name) => fields.texts(name, 1, METHODS_MAX, { max: 20 })),
  }
}

/** One number for any price, or tiers in rising order of price. */
function readConfirmations(fields: Fields, name: string, decimals: number): ConfirmationTier[] {
  if (typeof fields.value(name) === 'number') return [{ upTo: null, confirmations: fields.integer(name, 0, 100) }]
  const tiers = fields.list(name, 1, TIERS_MAX, (items, item): ConfirmationTier => {
    const tier = items.object(item, ['upTo', 'confirmations'])
    return {
      upTo: tier.optional('upTo', (upTo) => readAmount(tier, upTo, decimals, 1n)),
      confirmations: tier.integer('confirmations', 0, 100),
    }
  })
  const rising = tiers.every(({ upTo }, at) => {
    const before = tiers[at - 1]
    return before === undefined || (before.upTo !== null && (upTo === null || upTo > before.upTo))
  })
  return rising ? tiers : fields.refuse(name, 'must be tiers of rising upTo, the one without upTo last', [])
}

/** What an invoice takes from its store: not the wallets' keys. */
function termsOf(store: StoreTerms): StoreTerms {
  const { storeId, storeName, merchantId, shard, methods, plan, allowedOrigins, watchMs, latePolicy, toleranceBps } = store
  return { storeId, storeName, merchantId, shard, methods, plan, allowedOrigins, watchMs, latePolicy, toleranceBps }
}

function describe(refusal: CreateRefusal, wish: CreateInvoice): Problem {
  const { reason } = refusal
  switch (reason) {
    case 'idempotency_key_reused':
      return { reason, detail: 'this key came before with another body; use a new key for a new request', param: 'Idempotency-Key' }
    case 'rates_unavailable':
      return { reason, detail: `no trusted rate for ${refusal.pairs.join(', ')}` }
    case 'asset_not_accepted':
      return { reason, detail: `the store does not accept ${refusal.asset}`, param: 'paymentMethods' }
    case 'amount_too_small':
    case 'amount_too_large':
      return { reason, detail: `this amount of ${wish.currency} cannot be paid in any of the assets offered`, param: 'amount' }
    default:
      return unreachable(reason)
  }
}
