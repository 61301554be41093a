import type { Fields } from '../lib/fields.ts'
import { FEE_BPS_MAX, type FeePartner, type FeePlan, type FeeRule } from '../money/fee.ts'
import { readAmount } from '../money/read-amount.ts'
import type { Registry } from '../money/registry.ts'

/**
 * Reads a merchant's fee plan, with amounts as decimals of its currency: `{"currency":"EUR","default":{"percentBps":100,
 * "fixed":"0.10","min":"0.05","max":"5.00"},"methods":{"BTC":{"marginBps":50}},"partner":{"id":"acme","shareBps":2000}}`.
 * A rule has either `percentBps`, with or without amounts, or `marginBps` alone.
 */
export function readPlan(fields: Fields, name: string, registry: Registry): FeePlan {
  const plan = fields.object(name, ['currency', 'default', 'methods', 'partner'])
  const currency = registry.findAsset(plan.text('currency', { max: 20 }))
  if (!currency) plan.refuse('currency', 'must be the code of a currency or asset configured here', null)
  const decimals = currency?.decimals ?? 0
  return {
    currency: currency?.code ?? '',
    default: readRule(plan, 'default', decimals),
    methods: plan.optional('methods', (methods) => readMethods(plan, methods, decimals, registry)) ?? {},
    partner: plan.optional('partner', (partner) => readPartner(plan, partner)),
  }
}

function readMethods(plan: Fields, name: string, decimals: number, registry: Registry): Record<string, FeeRule> {
  const codes = registry.payable.map(({ code }) => code)
  const methods = plan.object(name, codes)
  const rules: Record<string, FeeRule> = {}
  for (const code of codes) {
    const rule = methods.optional(code, (method) => readRule(methods, method, decimals))
    if (rule) rules[code] = rule
  }
  return rules
}

function readRule(fields: Fields, name: string, decimals: number): FeeRule {
  const rule = fields.object(name, ['percentBps', 'fixed', 'min', 'max', 'marginBps'])
  const amount = (field: string) => rule.optional(field, () => readAmount(rule, field, decimals, 0n))
  const margin = rule.optional('marginBps', (field) => rule.integer(field, 0, FEE_BPS_MAX))
  if (margin !== null) {
    const beside = ['percentBps', 'fixed', 'min', 'max'].find((field) => (rule.value(field) ?? null) !== null)
    return beside === undefined ? { model: 'margin', bps: margin } : rule.refuse(beside, 'cannot stand beside marginBps', NOTHING)
  }
  const bps = rule.integer('percentBps', 0, FEE_BPS_MAX)
  const [fixed, min, max] = [amount('fixed') ?? 0n, amount('min'), amount('max')]
  if (min !== null && max !== null && min > max) return rule.refuse('max', 'must not be less than min', NOTHING)
  return { model: 'fee', bps, fixed, min, max }
}

/** What a refused rule is read as; the refusal drops it. */
const NOTHING: FeeRule = { model: 'margin', bps: 0 }

function readPartner(plan: Fields, name: string): FeePartner {
  const partner = plan.object(name, ['id', 'shareBps'])
  const form = { max: 64, pattern: /^[A-Za-z0-9_-]+$/, form: 'of letters, digits, _ and -' }
  return { id: partner.text('id', form), shareBps: partner.integer('shareBps', 0, 10_000) }
}
