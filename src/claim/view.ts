import { isLightning } from '../bank/receive.ts'
import { ADDRESSES_MAX, isOpen, type Refund } from '../invoice/refund.ts'
import type { AddressFault } from '../invoice/refund-rpc.ts'
import type { Invoice } from '../invoice/types.ts'
import type { Asset } from '../money/asset.ts'
import type { Rail, Registry } from '../money/registry.ts'
import { money } from '../page/format.ts'
import type { Language } from '../page/language.ts'
import { MESSAGES, type Messages } from './language.ts'
import { LIGHTNING_WORDS } from './messages/lightning.ts'

/** What the payer is to see, decided from the refund and from what they just sent. */
export type Stage =
  /** The form, with what was typed and what is wrong with it. `again`: an address was given before. */
  | { readonly kind: 'ask'; readonly typed: string; readonly fault: AskFault | null; readonly again: boolean }
  /** The address is shown back before it is taken. */
  | { readonly kind: 'confirm'; readonly address: string }
  | { readonly kind: 'waiting'; readonly approval: boolean; readonly changeable: boolean }
  | { readonly kind: 'sending' | 'sent' | 'done' | 'failed' | 'cancelled' }

export type AskFault = 'missing' | AddressFault['reason']

/** Everything one rendering of the page depends on. */
export interface ClaimView {
  readonly invoice: Invoice
  readonly refund: Refund
  readonly stage: Stage
  readonly asset: Asset
  readonly chain: Rail
  readonly language: Language
  readonly t: Messages
  readonly amountText: string
  /** What an invoice of the payer has to ask for; where they give an address, the same as `amountText`. */
  readonly askedText: string
  /** The language that was asked for by name; links hand it on. */
  readonly asked: Language | null
  /** The page's own path, which is a secret. */
  readonly path: string
  /** What went wrong with the last click, in the payer's language. */
  readonly problem: string | null
}

export type ClaimRequest = Pick<ClaimView, 'invoice' | 'refund' | 'language' | 'asked' | 'path'> & { readonly registry: Registry }

/** `sent`: what the form just said; null when the refund itself says what is shown. */
export function createView(request: ClaimRequest, sent: Stage | null, problem: 'tooMany' | null = null): ClaimView {
  const { invoice, refund, registry, language } = request
  const asset = registry.asset(refund.asset)
  const byLightning = isLightning(refund.chainId)
  const t = byLightning ? { ...MESSAGES[language], ...LIGHTNING_WORDS[language] } : MESSAGES[language]
  const amountText = money(asset, refund.units, language)
  return {
    ...request,
    stage: sent ?? stageOf(refund),
    asset,
    chain: registry.rail(refund.chainId),
    t,
    amountText,
    askedText: byLightning ? `${amountText} (${satsText(refund.units)})` : amountText,
    problem: problem && t[problem]({ store: invoice.terms.storeName }),
  }
}

/** As wallets count: in groups of three, with a space that is the same in every language. */
function satsText(units: bigint): string {
  return `${String(units).replace(/\B(?=(\d{3})+$)/g, '\u202f')}\u00a0sat`
}

export function stageOf(refund: Refund): Stage {
  switch (refund.status) {
    case 'awaiting_address':
      return { kind: 'ask', typed: '', fault: null, again: false }
    case 'queued':
    case 'needs_approval':
      return { kind: 'waiting', approval: refund.status === 'needs_approval', changeable: isChangeable(refund) }
    case 'signing':
      return { kind: 'sending' }
    case 'broadcast':
    case 'unknown':
      return { kind: 'sent' }
    case 'confirmed':
      return { kind: 'done' }
    case 'failed':
    case 'cancelled':
      return { kind: refund.status }
  }
}

/** Whether the payer may give an address, or another one. */
export function isChangeable(refund: Refund): boolean {
  return isOpen(refund) && refund.cancelledBy === null && refund.claims < ADDRESSES_MAX
}

/** This page with the language handed on; `change` asks for the form again. */
export function linkTo({ path, asked }: Pick<ClaimView, 'path' | 'asked'>, changes: { lang?: string; change?: true } = {}): string {
  const query = new URLSearchParams()
  const lang = changes.lang ?? asked
  if (lang) query.set('lang', lang)
  if (changes.change) query.set('change', '1')
  const text = query.toString()
  return text ? `${path}?${text}` : path
}

/** The page's one h1 and its title. */
export function headline({ stage, t, amountText, invoice }: ClaimView): string {
  switch (stage.kind) {
    case 'ask':
      return t.askTitle({ amount: amountText, store: invoice.terms.storeName })
    case 'confirm':
      return t.confirmTitle
    case 'waiting':
      return stage.approval ? t.approvalTitle : t.waitingTitle
    case 'sending':
      return t.sendingTitle
    case 'sent':
      return t.sentTitle
    case 'done':
      return t.doneTitle
    case 'failed':
      return t.failedTitle
    case 'cancelled':
      return t.cancelledTitle
  }
}
