import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import type { Invoice } from '../invoice/types.ts'
import { methodDue } from '../invoice/view.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { registryOf } from '../money/registry.ts'
import { createAnswers } from '../page/answers.ts'
import { messagePage } from '../page/document.tsx'
import { formFields } from '../page/form.ts'
import { askedLanguage, type Language, languageOf } from '../page/language.ts'
import { Card, checkoutPage, HEAD } from './document.tsx'
import { checkoutHeaders, frameAncestors } from './headers.ts'
import { MESSAGES } from './language.ts'
import { streamPage } from './stream.ts'
import { type CheckoutQuery, createView, linkTo, type View } from './view.ts'

type CheckoutContext = Context<{ Bindings: EdgeEnv }, '/i/:id'>

/** A form of this page is a field of some bytes. */
const FORM_BYTES_MAX = 4096
const DEMO_TIMEOUT_MS = 15_000
const HTML = 'text/html; charset=UTF-8'
const { notFound, failure } = createAnswers(HEAD, checkoutHeaders([]), MESSAGES)

/**
 * The shopper's pages, mounted at `/`. Only a POST allocates an address; every GET can be repeated, shared and
 * crawled without effect. An unknown invoice and an ill-formed id look the same.
 */
export function createCheckout(clock: Clock = systemClock): Hono<{ Bindings: EdgeEnv }> {
  const checkout = new Hono<{ Bindings: EdgeEnv }>()
  const viewOf = (c: CheckoutContext, invoice: Invoice, problem: string | null = null): View =>
    createView({
      invoice,
      registry: registryOf(c.env),
      language: languageOf(c.req),
      nowMs: clock(),
      query: queryOf(c, invoice),
      demoWallet: hasDemoWallet(c.env),
      problem,
    })
  const form = bodyLimit({ maxSize: FORM_BYTES_MAX, onError: (c) => failure(c, 413) })

  checkout.get('/i/:id', async (c) => {
    const invoice = await invoiceOf(c)
    return invoice ? page(c, viewOf(c, invoice)) : notFound(c)
  })

  checkout.get('/i/:id/fragment', async (c) => {
    const invoice = await invoiceOf(c)
    if (!invoice) return notFound(c)
    const view = viewOf(c, invoice)
    const etag = `"${invoice.version}-${view.stage.kind}-${view.language}"`
    const headers = { ...checkoutHeaders([]), etag }
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers)
    return c.html(<Card view={view} />, 200, headers)
  })

  checkout.get('/i/:id/state', async (c) => {
    const invoice = await invoiceOf(c)
    if (!invoice) return c.json({ error: 'not_found' }, 404, checkoutHeaders([]))
    return c.json({ version: invoice.version, status: invoice.status, now: clock() }, 200, checkoutHeaders([]))
  })

  checkout.get('/i/:id/live', async (c) => {
    const id = c.req.param('id')
    if (!isId('inv', id)) return c.json({ error: 'not_found' }, 404, checkoutHeaders([]))
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return c.json({ error: 'websocket_only' }, 426, checkoutHeaders([]))
    if (c.req.header('origin') !== new URL(c.env.ORIGIN).origin) return c.json({ error: 'other_origin' }, 403, checkoutHeaders([]))
    const since = /^\d{1,9}$/.exec(c.req.query('since') ?? '')?.[0] ?? '0'
    return c.env.INVOICES.getByName(id).fetch(new Request(`https://invoice/live?since=${since}`, { headers: c.req.raw.headers }))
  })

  checkout.post('/i/:id/method', form, async (c) => {
    const invoice = await invoiceOf(c)
    if (!invoice) return notFound(c)
    const asset = await assetField(c, invoice)
    const here = viewOf(c, invoice)
    if (asset === null) return c.redirect(linkTo(here, '', { method: null }), 303)
    const activated = await c.env.INVOICES.getByName(invoice.terms.id).activate(asset)
    // Over in the meantime: the page says so itself.
    if (activated.ok || activated.error.reason === 'invoice_closed') return c.redirect(linkTo(here, '', { method: asset }), 303)
    logEvent('warn', 'checkout_method_unavailable', { invoiceId: invoice.terms.id, asset, reason: activated.error.reason })
    const problem = here.t.unavailable({ asset: here.registry.asset(asset).name })
    return page(c, viewOf(c, invoice, problem), 503)
  })

  checkout.post('/i/:id/demo-pay', form, async (c) => {
    const invoice = await invoiceOf(c)
    if (!invoice || !hasDemoWallet(c.env)) return notFound(c)
    const here = viewOf(c, invoice)
    const asset = await assetField(c, invoice)
    const problem = asset === null ? null : await payFromDemoWallet(c.env, invoice, asset)
    if (problem === null) return c.redirect(linkTo(here, '', { method: asset }), 303)
    return page(c, viewOf(c, invoice, `${here.t.demoFailed} ${problem}`), 502)
  })

  checkout.onError((error, c) => {
    logEvent('error', 'checkout_failed', { path: c.req.path, reason: reasonOf(error) })
    return failure(c, 500)
  })

  return checkout
}

/** The invoice of the path, or null when there is none. An ill-formed id reaches no object. */
async function invoiceOf(c: CheckoutContext): Promise<Invoice | null> {
  const id = c.req.param('id')
  return isId('inv', id) ? c.env.INVOICES.getByName(id).read() : null
}

/** Of what the address says only known values are handed on. */
function queryOf(c: CheckoutContext, invoice: Invoice): CheckoutQuery {
  const method = c.req.query('method')
  const embed = c.req.query('embed')
  return {
    method: invoice.terms.methods.find((offered) => offered.asset === method)?.asset ?? null,
    lang: askedLanguage(c.req),
    embed: invoice.terms.allowedOrigins.find((origin) => origin === embed) ?? null,
  }
}

/** Head and style go out before the card is drawn: the first byte waits for the invoice alone. */
function page(c: CheckoutContext, view: View, status: 200 | 502 | 503 = 200) {
  const { head, body } = checkoutPage(view)
  const headers = checkoutHeaders(frameAncestors(view.invoice.terms.allowedOrigins))
  return c.body(
    streamPage(head, () => drawn(c, view.language, body)),
    status,
    { ...headers, 'content-type': HTML },
  )
}

/** The status is out by now: a card that cannot be drawn leaves the words of a failure in its place. */
function drawn(c: CheckoutContext, language: Language, body: () => string): string {
  try {
    return body()
  } catch (error) {
    logEvent('error', 'checkout_failed', { path: c.req.path, reason: reasonOf(error) })
    const { failureTitle, failureText } = MESSAGES[language]
    return messagePage(HEAD, language, failureTitle, failureText).body()
  }
}

/** The form's `asset` when the invoice offers it. */
async function assetField(c: CheckoutContext, invoice: Invoice): Promise<string | null> {
  const { asset } = await formFields(c.req)
  return invoice.terms.methods.find((method) => method.asset === asset)?.asset ?? null
}

function hasDemoWallet(env: EdgeEnv): boolean {
  return env.ENVIRONMENT === 'development' && Boolean(env.DEMO_WALLET_URL)
}

/** Asks the development stack's wallet to pay what is due. Answers what went wrong, or null. */
async function payFromDemoWallet(env: EdgeEnv, invoice: Invoice, asset: string): Promise<string | null> {
  const method = invoice.terms.methods.find((offered) => offered.asset === asset)
  const activation = invoice.activations.find((shown) => shown.asset === asset)
  if (!method || !activation || !env.DEMO_WALLET_URL) return null
  const units = methodDue(invoice, method)
  if (units === 0n) return null
  const body = { invoiceId: invoice.terms.id, asset, address: activation.address, units: units.toString() }
  try {
    const answer = await fetch(`${env.DEMO_WALLET_URL}/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(DEMO_TIMEOUT_MS),
    })
    return answer.ok ? null : `HTTP ${answer.status}`
  } catch (error) {
    return reasonOf(error)
  }
}
