import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { isClaimToken } from '../auth/claim-token.ts'
import { isLightning } from '../bank/receive.ts'
import type { RefundStatus } from '../invoice/refund.ts'
import { addressFault } from '../invoice/refund-address.ts'
import { isId } from '../lib/ids.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { unreachable } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { createAnswers } from '../page/answers.ts'
import { textOf } from '../page/document.tsx'
import { formFields } from '../page/form.ts'
import { pageHeaders } from '../page/headers.ts'
import { askedLanguage, languageOf } from '../page/language.ts'
import { cssHash } from './built/assets.ts'
import { TYPED_MAX } from './forms.tsx'
import { MESSAGES } from './language.ts'
import { claimPage, HEAD } from './page.tsx'
import { type ClaimRequest, createView, isChangeable, linkTo, type Stage } from './view.ts'

const PATH = '/claim/:invoice/:refund/:token'
type ClaimContext = Context<{ Bindings: EdgeEnv }, typeof PATH>

/** The form is a field of some bytes. */
const FORM_BYTES_MAX = 4096

/** By Lightning money arrives within a second or two: the answer waits for it, and need not say that it is on its way. */
const ARRIVES_WITHIN_MS = 4_000
const LOOK_MS = 400
const UNDER_WAY: readonly RefundStatus[] = ['queued', 'signing', 'broadcast']

/** The page has a form and no script. */
const HEADERS = pageHeaders(cssHash, { forms: true })
const { notFound, failure } = createAnswers(HEAD, HEADERS, MESSAGES)

/**
 * Where a payer says where a refund goes, mounted at `/`. Only the POST that confirms an address changes anything. A token
 * that is wrong and a refund that does not exist look the same, and wake no object.
 */
export function createClaim(): Hono<{ Bindings: EdgeEnv }> {
  const claim = new Hono<{ Bindings: EdgeEnv }>()

  claim.get(PATH, async (c) => {
    const request = await requestOf(c)
    if (!request) return notFound(c)
    const again = c.req.query('change') === '1' && isChangeable(request.refund)
    const ask: Stage = { kind: 'ask', typed: '', fault: null, again: request.refund.address !== null }
    return page(c, request, again ? ask : null)
  })

  claim.post(PATH, bodyLimit({ maxSize: FORM_BYTES_MAX, onError: (c) => failure(c, 413) }), async (c) => {
    const request = await requestOf(c)
    if (!request) return notFound(c)
    const { invoice, refund, registry } = request
    // Sent meanwhile, ended, or changed too often: the page says so itself.
    if (!isChangeable(refund)) return c.redirect(linkTo(request), 303)
    const byLightning = isLightning(refund.chainId)
    const { typed, step } = await formOf(c)
    // It is shown in groups of four, and may be copied like that; programs add signs that nobody sees (Unicode's Cf).
    const address = typed.replace(/[\s\p{Cf}]/gu, '')
    const ask: Stage = { kind: 'ask', typed, fault: null, again: refund.address !== null }
    if (step === 'edit') return page(c, request, ask)
    if (address === '') return page(c, request, { ...ask, fault: 'missing' }, 422)
    const fault = addressFault(invoice, refund, address, registry, Date.now())
    if (fault) return page(c, request, { ...ask, fault: fault.reason }, 422)
    // An invoice has a checksum, a signature and its amount: there is nothing in it that a person could compare.
    if (step !== 'confirm' && !byLightning) return page(c, request, { kind: 'confirm', address })

    const claimed = await c.env.INVOICES.getByName(invoice.terms.id).claimRefund(refund.id, address)
    if (claimed.ok) {
      // It is taken, whatever a look at it says; the page reads anew.
      if (byLightning) await untilArrived(c.env, invoice.terms.id, refund.id).catch(() => {})
      return c.redirect(linkTo(request), 303)
    }
    const { reason } = claimed.error
    switch (reason) {
      case 'refund_closed':
        return c.redirect(linkTo(request), 303)
      case 'invoice_not_found':
      case 'refund_not_found':
        return notFound(c)
      case 'too_many_addresses':
        return c.html(textOf(claimPage(createView(request, null, 'tooMany'))), 409, HEADERS)
      case 'not_an_address':
      case 'own_address':
      case 'not_payable':
      case 'wrong_amount':
      case 'expired':
        return page(c, request, { ...ask, fault: reason }, 422)
      default:
        return unreachable(reason)
    }
  })

  claim.all('/claim/*', (c) => notFound(c))
  claim.onError((error, c) => {
    logEvent('error', 'claim_failed', { reason: reasonOf(error) })
    return failure(c, 500)
  })
  return claim
}

/** The refund that the link names; null when there is none, or the token is not its own. */
async function requestOf(c: ClaimContext): Promise<ClaimRequest | null> {
  const { invoice: invoiceId, refund: refundId, token } = c.req.param()
  if (!isId('inv', invoiceId) || !isId('tr', refundId) || !isId('clm', token)) return null
  if (!(await isClaimToken(c.env.ID_SECRET, invoiceId, refundId, token))) return null
  const invoice = await c.env.INVOICES.getByName(invoiceId).read()
  const refund = invoice?.refunds?.find(({ id }) => id === refundId)
  const registry = registryOf(c.env)
  // Where a bank's transfer goes back to is not asked.
  if (!invoice || !refund || (!registry.findChain(refund.chainId) && !isLightning(refund.chainId))) return null
  const path = `/claim/${invoiceId}/${refundId}/${token}`
  return { invoice, refund, registry, language: languageOf(c.req), asked: askedLanguage(c.req), path }
}

async function untilArrived({ INVOICES }: EdgeEnv, invoiceId: string, refundId: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < ARRIVES_WITHIN_MS; waitedMs += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const refund = (await INVOICES.getByName(invoiceId).read())?.refunds?.find(({ id }) => id === refundId)
    if (!refund || !UNDER_WAY.includes(refund.status)) return
  }
}

/** What is longer is cut off, and what is left is none. */
async function formOf(c: ClaimContext): Promise<{ typed: string; step: unknown }> {
  const { address, step } = await formFields(c.req)
  return { typed: typeof address === 'string' ? address.trim().slice(0, TYPED_MAX) : '', step }
}

function page(c: ClaimContext, request: ClaimRequest, sent: Stage | null, status: 200 | 422 = 200) {
  return c.html(textOf(claimPage(createView(request, sent))), status, HEADERS)
}
