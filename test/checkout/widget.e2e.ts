import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCheckout } from '../../src/checkout/routes.tsx'
import { launchChromium } from '../chromium.ts'
import { INVOICE_ID, NOW_MS, STATES, type State } from './fixtures.ts'
import { fakeEnv, type Site, serve } from './serve.ts'

/** A shop and the checkout on two origins, and a shop that the checkout does not know. */

let browser: Browser
let shop: Site
let stranger: Site
let checkout: Site
let held: ReturnType<typeof fakeEnv>

const seen = (STATES.seen as State).invoice
const withOrigins = (name: string) => {
  const { invoice } = STATES[name] as State
  return { ...invoice, terms: { ...invoice.terms, allowedOrigins: [shop.origin] } }
}

beforeAll(async () => {
  browser = await launchChromium()
  checkout = await serve((request) => createCheckout(() => NOW_MS).fetch(request, { ...held.env, ORIGIN: checkout.origin }))
  // A shop with a strict policy of its own: no inline style, no inline script.
  const answer = (request: Request) => {
    const policy = `default-src 'none'; style-src 'self'; script-src ${checkout.origin}; frame-src ${checkout.origin}`
    const html =
      `<!doctype html><html lang="en"><title>Shop</title><meta name="viewport" content="width=device-width"><h1>Shop</h1>` +
      `<script src="${checkout.origin}/widget.js"></script><paytomat-pay invoice="${INVOICE_ID}">Pay now</paytomat-pay></html>`
    return request.url.endsWith('/favicon.ico')
      ? new Response(null, { status: 204 })
      : new Response(html, { headers: { 'content-type': 'text/html', 'content-security-policy': policy } })
  }
  shop = await serve(answer)
  stranger = await serve(answer)
  held = fakeEnv(STATES['pay-btc'] as State)
})

afterAll(async () => {
  await browser?.close()
  await Promise.all([shop, stranger, checkout].map((site) => site?.close()))
})

/** The shop's page, with every event of the element written down. */
async function visit(site: Site, run: (page: Page, events: () => Promise<unknown[]>) => Promise<void>): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  const problems: string[] = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  try {
    await page.goto(site.origin)
    await page.evaluate(`
      window.heard = []
      for (const name of ['paytomat-status', 'paytomat-close'])
        document.querySelector('paytomat-pay').addEventListener(name, (event) => heard.push([name, event.detail.type, event.detail.status, event.detail.version]))
    `)
    await run(page, () => page.evaluate('window.heard'))
    if (site === shop) expect(problems.filter((text) => /Content.Security.Policy|style/i.test(text))).toEqual([])
  } finally {
    await page.close()
  }
}

describe('the widget', () => {
  test('opens the checkout in a dialog, tells the shop what happens, and closes by Escape from inside', async () => {
    held.set(withOrigins('pay-btc'))
    await visit(shop, async (page, events) => {
      await page.getByRole('button', { name: 'Pay now' }).click()
      const frame = page.frameLocator('iframe')
      await frame.getByText('Waiting for your payment').waitFor()
      await expect.poll(events).toEqual([['paytomat-status', 'ready', 'new', 2]])
      if (process.env.GALLERY) await page.screenshot({ path: `${process.env.GALLERY}/widget-1280-light.png` })
      // Read in whatever encoding the shop has: this one declares none.
      expect(await page.getByRole('button', { name: 'Close' }).textContent()).toBe('✕')

      held.set({ ...withOrigins('seen'), version: 3 })
      await frame.getByRole('heading', { name: 'Payment seen' }).waitFor({ timeout: 15_000 })
      await expect.poll(events).toContainEqual(['paytomat-status', 'status', 'processing', 3])

      await frame.locator('.copy').first().focus()
      await page.keyboard.press('Escape')
      await expect.poll(events).toContainEqual(['paytomat-close', 'close', 'processing', undefined])
      expect(await page.locator('dialog').count()).toBe(0)
      expect(await page.evaluate('document.activeElement.tagName')).toBe('PAYTOMAT-PAY')
    })
  })

  test('opens by a call, whose handle closes it and tells the last status', async () => {
    held.set(withOrigins('paid'))
    await visit(shop, async (page) => {
      await page.evaluate(`window.checkout = Paytomat.open({ invoice: '${INVOICE_ID}' })`)
      await page.frameLocator('iframe').getByRole('heading', { name: 'Payment complete' }).waitFor()
      expect(await page.evaluate('(checkout.close(), checkout.closed)')).toBe('settled')
    })
  })

  test('the way back to the shop closes the dialog, and the shop’s page stays where it is', async () => {
    for (const redirectUrl of [`${shop.origin}/orders/1042`, null]) {
      held.set({ ...withOrigins('paid'), terms: { ...withOrigins('paid').terms, redirectUrl } })
      await visit(shop, async (page, events) => {
        await page.getByRole('button', { name: 'Pay now' }).click()
        await page.frameLocator('iframe').getByText('Return to Northwind Coffee').click()
        await expect.poll(events).toContainEqual(['paytomat-close', 'close', 'settled', undefined])
        expect(await page.locator('dialog').count()).toBe(0)
        await page.waitForTimeout(1500)
        expect(page.url()).toBe(`${shop.origin}/`)
      })
    }
  })

  test('a payment that completes while the shopper looks on closes the dialog after some seconds', async () => {
    held.set(withOrigins('seen'))
    await visit(shop, async (page, events) => {
      await page.getByRole('button', { name: 'Pay now' }).click()
      const frame = page.frameLocator('iframe')
      await frame.getByRole('heading', { name: 'Payment seen' }).waitFor()
      held.set({ ...withOrigins('paid'), version: 9 })
      await frame.getByText('Returning to the shop in 5 s').waitFor({ timeout: 15_000 })
      if (process.env.GALLERY) await page.screenshot({ path: `${process.env.GALLERY}/widget-paid-1280-light.png` })
      await expect.poll(events, { timeout: 10_000 }).toContainEqual(['paytomat-close', 'close', 'settled', undefined])
      expect(await page.locator('dialog').count()).toBe(0)
      expect(page.url()).toBe(`${shop.origin}/`)
    })
  })

  test('unless the shopper stays; a receipt that is opened later stays too', async () => {
    held.set(withOrigins('seen'))
    await visit(shop, async (page, events) => {
      await page.getByRole('button', { name: 'Pay now' }).click()
      const frame = page.frameLocator('iframe')
      await frame.getByRole('heading', { name: 'Payment seen' }).waitFor()
      held.set({ ...withOrigins('paid'), version: 9 })
      await frame.getByRole('button', { name: 'Stay here' }).click({ timeout: 15_000 })
      await page.waitForTimeout(6000)
      expect(await events()).not.toContainEqual(['paytomat-close', 'close', 'settled', undefined])
      await page.getByRole('button', { name: 'Close' }).click()
      await page.getByRole('button', { name: 'Pay now' }).click()
      await frame.getByRole('heading', { name: 'Payment complete' }).waitFor()
      expect(await frame.getByText('Returning to the shop').isVisible()).toBe(false)
    })
  })

  test('in a frame of the shop’s own making, which nobody closes, the way back goes by the shop’s page', async () => {
    held.set({ ...withOrigins('paid'), terms: { ...withOrigins('paid').terms, redirectUrl: `${shop.origin}/orders/1042` } })
    await visit(shop, async (page) => {
      const src = `${checkout.origin}/i/${INVOICE_ID}?embed=${encodeURIComponent(shop.origin)}`
      await page.evaluate(`document.body.append(Object.assign(document.createElement('iframe'), { src: '${src}', id: 'own' }))`)
      await page.frameLocator('#own').getByText('Return to Northwind Coffee').click()
      await page.waitForURL(`${shop.origin}/orders/1042`)
    })
  })

  test('believes nobody but the frame it opened', async () => {
    held.set(withOrigins('pay-btc'))
    await visit(shop, async (page, events) => {
      await page.getByRole('button', { name: 'Pay now' }).click()
      await expect.poll(async () => (await events()).length).toBe(1)
      const forged = { source: 'paytomat', invoice: INVOICE_ID, type: 'status', status: 'settled', version: 99 }
      await page.evaluate(`window.postMessage(${JSON.stringify(forged)}, '*')`)
      await page.evaluate(`window.postMessage({ ...${JSON.stringify(forged)}, type: 'close' }, '*')`)
      // The same checkout in a frame of somebody else's making has the origin, and is not the one that was opened.
      const other = `${checkout.origin}/i/${INVOICE_ID}?embed=${encodeURIComponent(shop.origin)}`
      await page.evaluate(`document.body.append(Object.assign(document.createElement('iframe'), { src: '${other}', id: 'other' }))`)
      await page.frameLocator('#other').getByText('Waiting for your payment').waitFor()
      await page.waitForTimeout(300)
      expect(await events()).toHaveLength(1)
      expect(await page.locator('dialog').count()).toBe(1)
    })
  })

  test('an origin that is not the store’s gets no checkout in a frame, and a link in its place', async () => {
    held.set(withOrigins('pay-btc'))
    await visit(stranger, async (page, events) => {
      await page.getByRole('button', { name: 'Pay now' }).click()
      await page.getByRole('link', { name: 'Open the payment page' }).waitFor({ timeout: 10_000 })
      expect(await page.frameLocator('iframe').getByText('Waiting for your payment').count()).toBe(0)
      expect(await events()).toEqual([])
    })
  })

  test('leaves nothing behind', async () => {
    held.set({ ...seen, terms: withOrigins('seen').terms })
    await visit(shop, async (page) => {
      for (let i = 0; i < 3; i++) {
        await page.getByRole('button', { name: 'Pay now' }).click()
        await page.frameLocator('iframe').getByRole('heading', { name: 'Payment seen' }).waitFor()
        await page.getByRole('button', { name: 'Close' }).click()
        await expect.poll(() => page.locator('iframe').count()).toBe(0)
      }
      expect(await page.evaluate('document.body.lastElementChild.tagName')).toBe('PAYTOMAT-PAY')
    })
  })
})
