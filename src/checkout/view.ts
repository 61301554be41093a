import type { Invoice, MethodTerms } from '../invoice/types.ts'
import { figuresOf, type InvoiceFigures } from '../invoice/view.ts'
import type { Asset } from '../money/asset.ts'
import type { Rail, Registry } from '../money/registry.ts'
import { money } from '../page/format.ts'
import type { Language } from '../page/language.ts'
import { MESSAGES, type Messages } from './language.ts'
import { type Stage, stageOf } from './stage.ts'

/** Everything one rendering of a checkout page depends on. */
export interface View {
  readonly invoice: Invoice
  readonly figures: InvoiceFigures
  readonly stage: Stage
  readonly registry: Registry
  readonly language: Language
  readonly t: Messages
  readonly nowMs: number
  readonly query: CheckoutQuery
  /** The store's page around this one, when it is one of the allowed origins. */
  readonly parentOrigin: string | null
  /** Where the shopper came from: http(s) only. */
  readonly returnUrl: string | null
  /** What is asked, as the language writes it: title, headline and receipt all say it. */
  readonly priceText: string
  /** Development: offer to pay from the demo wallet. */
  readonly demoWallet: boolean
  /** What went wrong with the last click, in the shopper's language. */
  readonly problem: string | null
}

/** The query that every link and form of the page hands on. */
export interface CheckoutQuery {
  readonly method: string | null
  readonly lang: string | null
  readonly embed: string | null
}

export interface ViewRequest {
  readonly invoice: Invoice
  readonly registry: Registry
  readonly language: Language
  readonly nowMs: number
  readonly query: CheckoutQuery
  readonly demoWallet: boolean
  readonly problem?: string | null
}

export function createView(request: ViewRequest): View {
  const { invoice, query, language } = request
  return {
    ...request,
    figures: figuresOf(invoice),
    stage: stageOf(invoice, query.method, request.nowMs),
    t: MESSAGES[language],
    parentOrigin: query.embed !== null && invoice.terms.allowedOrigins.includes(query.embed) ? query.embed : null,
    returnUrl: webUrl(invoice.terms.redirectUrl),
    priceText: money(request.registry.asset(invoice.terms.currency), invoice.terms.price, language),
    problem: request.problem ?? null,
  }
}

/** A path under this invoice with the query handed on; `changes` replaces parts of it. */
export function linkTo(view: View, path: '' | '/method' | '/demo-pay', changes: Partial<CheckoutQuery> = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...view.query, ...changes })) if (value !== null) query.set(name, value)
  const text = query.toString()
  return `/i/${view.invoice.terms.id}${path}${text ? `?${text}` : ''}`
}

export function assetOf(view: View, code: string): Asset {
  return view.registry.asset(code)
}

export function railOf(view: View, chainId: string): Rail {
  return view.registry.rail(chainId)
}

/** Whose sign stands for a method: the coin's, or Lightning's. */
export function signOf(view: View, { asset, chainId }: Pick<MethodTerms, 'asset' | 'chainId'>): string {
  return railOf(view, chainId).gateway === 'lightning' ? 'LN' : (view.registry.findAsset(asset)?.ticker ?? asset)
}

/** What a shopper chooses: a coin, or a way to move money. */
export function methodName(view: View, { asset, chainId }: Pick<MethodTerms, 'asset' | 'chainId'>): string {
  return railOf(view, chainId).gateway === 'sepa' ? view.t.bankTransfer : assetOf(view, asset).name
}

export function networkName(view: View, rail: Rail): string {
  if (rail.gateway === 'lightning') return view.t.lightningNetwork
  return rail.gateway === 'sepa' ? view.t.bankNetwork : view.t.onNetwork({ network: rail.name })
}

export function showMoney(view: View, asset: string, units: bigint): string {
  return money(assetOf(view, asset), units, view.language)
}

export function paidText(view: View): string {
  return showMoney(view, view.invoice.terms.currency, view.figures.paid)
}

/** When what is shown ends: counted down by the minute, or for a bank transfer named as a day. Null for other stages. */
export function clockOf({ stage, invoice }: View): { readonly endsAtMs: number; readonly isCounted: boolean } | null {
  if (stage.kind !== 'choose' && stage.kind !== 'pay') return null
  const isBank = stage.kind === 'pay' && stage.activation.units === undefined
  const transitMs = isBank ? (stage.method.transitMs ?? 0) : 0
  return { endsAtMs: invoice.terms.expiresAtMs + transitMs, isCounted: transitMs === 0 }
}

/** The headline of the stage: the page's one h1, its title, and what a screen reader is told when it changes. */
export function headline(view: View): string {
  const { stage, t, invoice } = view
  switch (stage.kind) {
    case 'choose':
    case 'pay':
      return t.payTitle({ amount: view.priceText, store: invoice.terms.storeName })
    case 'closing':
      return t.closingTitle
    case 'confirming':
      return stage.have === 0 ? t.seenTitle : t.confirmingTitle
    case 'paid':
      return t.paidTitle
    case 'expired':
      return { unpaid: t.expiredTitle, part: t.expiredPartTitle, held: t.heldTitle, refused: t.refusedTitle }[stage.because]
    case 'invalid':
      return {
        replaced: t.replacedTitle,
        double_spent: t.doubleSpentTitle,
        returned: t.returnedTitle,
        missing: t.missingTitle,
        marked: t.markedTitle,
      }[stage.because]
  }
}

function webUrl(text: string | null): string | null {
  if (text === null || !URL.canParse(text)) return null
  return ['https:', 'http:'].includes(new URL(text).protocol) ? text : null
}
