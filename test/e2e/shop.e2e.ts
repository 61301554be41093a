import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../chromium.ts'
import { type Stack, startStack } from './harness.ts'

/** A shopper in a real browser, at the demo shop that `npm start` brings up, with blocks coming as they do there. */

let stack: Stack
let browser: Browser

beforeAll(async () => {
  stack = await startStack({ shop: true, miner: true, lightning: true, evmBlockSeconds: 2 })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

const METHODS = [
  { asset: 'BTC', name: /^Bitcoin (?!Lightning)/, width: 1280, isHurried: true },
  { asset: 'BTC-LN', name: /^Bitcoin Lightning/, width: 390, isHurried: true },
  { asset: 'ETH', name: /^Ether/, width: 390, isHurried: false },
  { asset: 'USDC', name: /^USD Coin/, width: 1280, isHurried: false },
]

describe('the demo shop', () => {
  it.each(METHODS)(
    'is paid by $asset without a reload, and the order turns paid by webhook',
    async ({ name, width, isHurried }) => {
      const { page, complaints } = await openPage(width)
      await page.goto(stack.shopOrigin ?? '')
      await page.getByRole('button', { name: 'Buy Harbour mug' }).click()

      const checkout = page.frameLocator('iframe')
      await checkout.getByRole('button', { name }).click()
      await checkout.getByRole('button', { name: /demo wallet/i }).click()
      let loads = 0
      page.on('framenavigated', (frame) => {
        if (frame === page.mainFrame()) loads++
      })
      await page.locator('#order[data-status=seen], #order[data-status=paid]').waitFor({ state: 'attached', timeout: 30_000 })

      await checkout.getByRole('heading', { name: 'Payment complete' }).waitFor({ timeout: 60_000 })
      if (isHurried) await checkout.getByText('Return to The Corner Kiosk').click()
      else await checkout.getByText(/^Returning to the shop in \d s$/).waitFor()
      await page.locator('dialog').waitFor({ state: 'detached', timeout: 10_000 })
      await page.getByRole('heading', { name: 'Paid. Thank you!' }).waitFor()
      expect(await page.locator('#order').getAttribute('data-status')).toBe('paid')
      expect(loads).toBe(0)
      expect(complaints).toEqual([])

      await page.goto(stack.shopOrigin ?? '')
      expect(await page.locator('.recent .pill').first().textContent()).toBe('Paid. Thank you!')
      await page.context().close()
    },
  )

  it('makes one order of a form that is sent twice', async () => {
    const { page } = await openPage(1280)
    await page.goto(stack.shopOrigin ?? '')
    const order = await page.locator('input[name=order]').first().inputValue()
    const send = () =>
      fetch(`${stack.shopOrigin}/buy`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ order, product: 'beans' }),
      })
    const answers = await Promise.all([send(), send()])
    expect(answers.map((answer) => answer.headers.get('location'))).toEqual([`/orders/${order}#pay`, `/orders/${order}#pay`])
    await Promise.all([fetch(`${stack.shopOrigin}/orders/${order}`), fetch(`${stack.shopOrigin}/orders/${order}`)])
    await page.goto(stack.shopOrigin ?? '')
    expect(await page.locator(`.recent a[href="/orders/${order}"]`).count()).toBe(1)
    const ids = await invoicesOf(order)
    expect(ids).toHaveLength(1)
    await page.context().close()
  })

  it('refuses a webhook that is not signed by Paytomat', async () => {
    const answer = await fetch(`${stack.shopOrigin}/webhooks`, {
      method: 'POST',
      headers: {
        'webhook-id': 'evt_1',
        'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
        'webhook-signature': 'v1,AAAA',
      },
      body: '{"type":"invoice.settled","data":{}}',
    })
    expect(answer.status).toBe(401)
  })
})

/** A page that notes every word of complaint: script errors, refused resources, broken policies. */
async function openPage(width: number): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width, height: 844 } })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  return { page, complaints }
}

/** The invoices of an order: two requests at once may not have made two. */
async function invoicesOf(orderId: string): Promise<string[]> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const { body } = await stack.api<{ data: { id: string }[] }>('GET', `/v1/invoices?orderId=${orderId}`)
    if (body.data.length > 0) return body.data.map(({ id }) => id)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return []
}
