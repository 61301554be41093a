import { claimUrl } from '../auth/claim-token.ts'
import { isBankRail } from '../bank/receive.ts'
import { isOpen, type Refund } from '../invoice/refund.ts'
import { refundResource } from '../invoice/refund-resource.ts'
import type { CancelRefusal, RefundWish, RequestRefund, RequestRefusal } from '../invoice/refund-rpc.ts'
import { refundableAssets, refundableUnits } from '../invoice/refundable.ts'
import type { Invoice } from '../invoice/types.ts'
import type { Fields } from '../lib/fields.ts'
import { keyedId, sha256Hex } from '../lib/ids.ts'
import { canonicalJson } from '../lib/json.ts'
import { err, ok, type Result, unreachable } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { readAmount } from '../money/read-amount.ts'
import { type Registry, registryOf } from '../money/registry.ts'
import { readBody, readNoBody } from './body.ts'
import { type Answer, type Call, steadily } from './call.ts'
import { madeHeaders, requiredKey } from './idempotency.ts'
import { invoiceNotFound, ownInvoice } from './invoice-access.ts'
import type { Problem } from './problems.ts'

const FIELDS = ['type', 'asset', 'amount', 'currency', 'rate', 'reason']
const REASON_MAX = 200

type Wish = Pick<RequestRefund, 'asset' | 'rule' | 'reason'>

/** `POST /v1/invoices/:id/refunds`: promised once for each key. A replay tells the refund as it was made. */
export async function createRefund(call: Call): Promise<Result<Answer, Problem>> {
  const key = requiredKey(call)
  if (!key.ok) return key
  const registry = registryOf(call.env)
  const body = await readBody(call.request, FIELDS, (fields) => readWish(fields, registry))
  if (!body.ok) return body
  const invoice = await ownInvoice(call)
  if (!invoice.ok) return invoice
  const { id: invoiceId, storeId } = invoice.value.terms

  const id = await keyedId('tr', call.env.ID_SECRET, [storeId, 'refund', invoiceId, key.value])
  const fingerprint = await sha256Hex(canonicalJson(body.value.json))
  const request: RequestRefund = { ...body.value.value, id, fingerprint, by: `api_key:${call.identity.keyId}` }
  const asked = await steadily(() => call.env.INVOICES.getByName(invoiceId).requestRefund(request))
  if (!asked.ok) return describeRequest(asked.error, request, registry)
  const { refund, replayed } = asked.value
  const headers = madeHeaders(`/v1/invoices/${invoiceId}/refunds/${id}`, replayed)
  return ok({ status: 201, body: await showRefund(call, asked.value.invoice, refund), headers })
}

/** All refunds of an invoice, oldest first, and what can still be refunded. */
export async function listRefunds(call: Call): Promise<Result<Answer, Problem>> {
  const found = await ownInvoice(call)
  if (!found.ok) return found
  const invoice = found.value
  const registry = registryOf(call.env)
  const data = await Promise.all((invoice.refunds ?? []).map((refund) => showRefund(call, invoice, refund)))
  const refundable = refundableAssets(invoice).map((asset) => ({
    asset,
    amount: amountText(registry, asset, refundableUnits(invoice, asset)),
  }))
  return ok({ status: 200, body: { data, refundable } })
}

export async function readRefund(call: Call): Promise<Result<Answer, Problem>> {
  const invoice = await ownInvoice(call)
  return invoice.ok ? answerRefund(call, invoice.value) : invoice
}

/** Ends a refund that is not signed. Ended already, it stays so. */
export async function cancelRefund(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readNoBody(call.request)
  if (!body.ok) return body
  const invoice = await ownInvoice(call)
  if (!invoice.ok) return invoice
  const by = `api_key:${call.identity.keyId}`
  const object = () => call.env.INVOICES.getByName(invoice.value.terms.id)
  const cancelled = await steadily(() => object().cancelRefund(call.param('refundId'), by))
  return cancelled.ok ? answerRefund(call, cancelled.value) : describeCancel(cancelled.error)
}

async function answerRefund(call: Call, invoice: Invoice): Promise<Result<Answer, Problem>> {
  const refund = (invoice.refunds ?? []).find(({ id }) => id === call.param('refundId'))
  return refund ? ok({ status: 200, body: await showRefund(call, invoice, refund) }) : refundNotFound()
}

/** With the link for the payer, while it can be used to say where the money goes. */
async function showRefund({ env }: Call, invoice: Invoice, refund: Refund) {
  const isClaimed = isOpen(refund) && !isBankRail(refund.chainId)
  const url = isClaimed ? await claimUrl(env.ORIGIN, env.ID_SECRET, invoice.terms.id, refund.id) : null
  return { ...refundResource(invoice, refund, registryOf(env)), claimUrl: url }
}

function readWish(fields: Fields, registry: Registry): Wish {
  const asset = fields.optional('asset', (name) => readCode(fields, name, registry))
  const type = fields.choice('type', ['full', 'part', 'over'])
  if (type !== 'part')
    for (const name of ['amount', 'currency', 'rate'])
      if (fields.optional(name, () => true)) fields.refuse(name, `is for refunds of the type part`, null)
  return {
    asset,
    rule: type === 'part' ? readPart(fields, asset, registry) : { type },
    reason: fields.optional('reason', (name) => fields.text(name, { max: REASON_MAX })),
  }
}

function readPart(fields: Fields, asset: string | null, registry: Registry): RefundWish {
  const code = fields.optional('currency', (name) => readCode(fields, name, registry)) ?? asset
  if (code === null) fields.refuse('currency', 'must say what the amount is counted in', null)
  const decimals = registry.findAsset(code ?? '')?.decimals ?? 0
  const at = fields.optional('rate', (name) => fields.choice(name, ['then', 'now'])) ?? 'then'
  return { type: 'part', amount: { asset: code ?? '', units: readAmount(fields, 'amount', decimals, 1n) }, at }
}

function readCode(fields: Fields, name: string, registry: Registry): string {
  const code = fields.text(name, { max: 20 })
  return registry.findAsset(code) ? code : fields.refuse(name, 'must be the code of a currency or asset of GET /v1/assets', '')
}

function describeRequest(refusal: RequestRefusal, { rule }: Wish, registry: Registry): Result<never, Problem> {
  const { reason } = refusal
  switch (reason) {
    case 'invoice_not_found':
      return invoiceNotFound()
    case 'idempotency_key_reused':
      return err({
        reason,
        detail: 'this key came before with another body; use a new key for a new refund',
        param: 'Idempotency-Key',
      })
    case 'nothing_to_refund': {
      const what = refusal.asset === null ? 'nothing' : `no ${refusal.asset}`
      const held = refusal.held ? '; late money is held: accept or refuse it first' : ''
      const over = rule.type === 'over' ? ', beyond its price' : ''
      return err({ reason, detail: `${what} of this invoice is final${over} and not refunded yet${held}` })
    }
    case 'refund_asset_needed':
      return err({ reason, detail: `say which: ${refusal.assets.join(' and ')} can be refunded`, param: 'asset' })
    case 'refund_over_limit': {
      const { asset, wanted, refundable } = refusal
      const texts = [wanted, refundable].map((units) => `${amountText(registry, asset, units)} ${asset}`)
      return err({ reason, detail: `this would be ${texts[0]}; at most ${texts[1]} can be refunded`, param: 'amount' })
    }
    case 'refund_too_small': {
      const least = amountText(registry, refusal.asset, refusal.least)
      return err({ reason, detail: `on its chain at least ${least} ${refusal.asset} must be sent`, param: 'amount' })
    }
    case 'refund_currency_unknown':
      return err({ reason, detail: `${refusal.currency} is neither the asset nor the currency of the invoice`, param: 'currency' })
    case 'refund_rate_unknown':
      return err({ reason, detail: `${refusal.asset} was not offered, so it had no rate: ask for an amount of it`, param: 'rate' })
    case 'rates_unavailable':
      return err({ reason, detail: `no trusted rate for ${refusal.pairs.join(', ')}` })
    case 'rail_cannot_refund':
      return err({
        reason,
        detail: refusal.detail ?? `${refusal.rail} does not say who paid so much: agree with the payer on an account, and pay them`,
      })
    case 'too_many_refunds':
      return err({ reason, detail: 'the invoice has as many refunds as it may' })
    default:
      return unreachable(reason)
  }
}

function describeCancel(refusal: CancelRefusal): Result<never, Problem> {
  const { reason } = refusal
  switch (reason) {
    case 'invoice_not_found':
      return invoiceNotFound()
    case 'refund_not_found':
      return refundNotFound()
    case 'refund_closed':
      return err({
        reason,
        detail: `the refund is ${refusal.status}: only one that is not signed, and in no payment file, can be ended`,
      })
    default:
      return unreachable(reason)
  }
}

function refundNotFound(): Result<never, Problem> {
  return err({ reason: 'refund_not_found', detail: 'this invoice has no refund with this id' })
}

function amountText(registry: Registry, asset: string, units: bigint): string {
  return formatDecimal(units, registry.asset(asset).decimals)
}
