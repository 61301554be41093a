import type { Browser, BrowserContextOptions, Page, WebSocketRoute } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCheckout } from '../../src/checkout/routes.tsx'
import type { Invoice } from '../../src/invoice/types.ts'
import { launchChromium } from '../chromium.ts'
import { activation, BTC_ADDRESS, INVOICE_ID, NOW_MS, STATES, type State } from './fixtures.ts'
import { fakeEnv, type Site, serve } from './serve.ts'

/** What the page's script does, in a real browser, with the invoice's object played by the test. */

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
})

const invoiceOf = (name: string) => (STATES[name] as State).invoice
const at = (version: number, invoice: Invoice, terms: Partial<Invoice['terms']> = {}): Invoice => ({
  ...invoice,
  version,
  terms: { ...invoice.terms, ...terms },
})

interface Stage {
  page: Page
  site: Site
  set(invoice: Invoice): void
  /** Sockets that the page has opened, newest last, with the version they resume from. */
  sockets: { route: WebSocketRoute; since: string | null }[]
  push(version: number, status: string): void
}

/** A page of this invoice. `sockets: false` lets every WebSocket fail, as behind a proxy that knows none. */
async function open(
  invoice: Invoice,
  run: (stage: Stage) => Promise<void>,
  options: { sockets?: boolean; query?: string; context?: BrowserContextOptions; init?: string } = {},
): Promise<void> {
  const held = fakeEnv({ invoice })
  const activate = async (asset: string) => {
    const changed = { ...invoice, version: invoice.version + 1, activations: [activation(asset)] }
    held.set(changed)
    return { ok: true as const, value: changed }
  }
  const site = await serve((request) => {
    if (new URL(request.url).pathname === '/shop')
      return new Response('<title>The shop</title>', { headers: { 'content-type': 'text/html' } })
    const objects = held.env.INVOICES
    const env = {
      ...held.env,
      ORIGIN: site.origin,
      INVOICES: { getByName: (id: string) => ({ ...objects.getByName(id), activate }) },
    }
    return createCheckout(() => NOW_MS).fetch(request, env)
  })
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, ...options.context })
  const page = await context.newPage()
  const sockets: Stage['sockets'] = []
  if (options.sockets !== false) {
    await page.routeWebSocket(/\/live/, (route) => {
      sockets.push({ route, since: new URL(route.url()).searchParams.get('since') })
      route.onMessage((message) => message === 'ping' && route.send('pong'))
    })
  }
  if (options.init) await page.addInitScript(options.init)
  const push = (version: number, status: string) => sockets.at(-1)?.route.send(JSON.stringify({ version, status }))
  try {
    await page.goto(`${site.origin}/i/${INVOICE_ID}?${options.query ?? ''}`)
    if (options.sockets !== false && options.context?.javaScriptEnabled !== false) await expect.poll(() => sockets.length).toBe(1)
    await run({ page, site, set: held.set, sockets, push })
  } finally {
    await context.close()
    await site.close()
  }
}

describe('news', () => {
  test('of a payment come by the socket, without a reload, and are told to a screen reader', async () => {
    await open(invoiceOf('pay-btc'), async ({ page, set, push, sockets }) => {
      await page.evaluate('window.mark = 1')
      expect(sockets[0]?.since).toBe('2')
      set(at(3, invoiceOf('seen')))
      push(3, 'processing')
      await page.getByRole('heading', { level: 1, name: 'Payment seen' }).waitFor()
      expect(await page.title()).toBe('Payment seen · Northwind Coffee')
      await expect.poll(() => page.locator('[data-live]').textContent()).toBe('Payment seen')
      set(at(5, invoiceOf('paid'), { redirectUrl: null }))
      push(5, 'settled')
      await page.getByRole('heading', { level: 1, name: 'Payment complete' }).waitFor()
      expect(await page.evaluate('window.mark')).toBe(1)
    })
  })

  test('older than the page change nothing', async () => {
    await open(at(9, invoiceOf('seen')), async ({ page, set, push }) => {
      set(at(3, invoiceOf('pay-btc')))
      push(3, 'new')
      await page.waitForTimeout(300)
      expect(await page.title()).toContain('Payment seen')
    })
  })

  test('after a lost connection come by a new one that resumes from the page', async () => {
    await open(invoiceOf('pay-btc'), async ({ page, set, push, sockets }) => {
      set(at(3, invoiceOf('seen')))
      push(3, 'processing')
      await page.getByText('Payment seen').first().waitFor()
      await sockets[0]?.route.close()
      await expect.poll(() => sockets.length, { timeout: 5000 }).toBe(2)
      expect(sockets[1]?.since).toBe('3')
    })
  })

  test('come by polling where no socket gets through', async () => {
    await open(
      invoiceOf('pay-btc'),
      async ({ page, set }) => {
        set(at(3, invoiceOf('seen')))
        await page.getByRole('heading', { level: 1, name: 'Payment seen' }).waitFor({ timeout: 10_000 })
      },
      { sockets: false },
    )
  })

  test('that stay away because the network does are missed aloud, until it is back', async () => {
    await open(
      invoiceOf('pay-btc'),
      async ({ page, set }) => {
        const alert = page.locator('[data-lost]')
        await page.route('**/state', (route) => route.abort())
        await expect.poll(() => alert.textContent(), { timeout: 20_000 }).toBe('Connection lost. Trying again…')
        if (process.env.GALLERY) await page.screenshot({ path: `${process.env.GALLERY}/lost-390-light.png` })
        set(at(3, invoiceOf('seen')))
        await page.unroute('**/state')
        await page.getByRole('heading', { level: 1, name: 'Payment seen' }).waitFor({ timeout: 10_000 })
        expect(await alert.textContent()).toBe('')
      },
      { sockets: false },
    )
  })

  test('are not asked for by a page whose card could not be drawn', async () => {
    const { terms } = invoiceOf('pay-btc')
    const methods = terms.methods.map((method) => ({ ...method, chainId: 'eip155:404' }))
    await open(
      at(2, invoiceOf('pay-btc'), { methods }),
      async ({ page }) => {
        const asked: string[] = []
        page.on('request', (request) => asked.push(new URL(request.url()).pathname))
        page.on('websocket', (socket) => asked.push(socket.url()))
        page.on('pageerror', (error) => asked.push(error.message))
        await page.reload({ waitUntil: 'load' })
        await page.getByRole('heading', { level: 1, name: 'That didn’t work' }).waitFor()
        await page.waitForTimeout(500)
        expect(asked).toEqual([`/i/${INVOICE_ID}`, expect.stringMatching(/^\/build\/checkout\./)])
      },
      { sockets: false },
    )
  })

  test('keep the focus and the open list of methods', async () => {
    await open(invoiceOf('pay-btc'), async ({ page, set, push }) => {
      await page.locator('summary').click()
      await page.getByRole('button', { name: 'Copy address' }).focus()
      set(at(4, invoiceOf('pay-part')))
      push(4, 'new')
      await page.getByText('Part of your payment has arrived').waitFor()
      expect(await page.evaluate('document.activeElement.dataset.copy')).toBe(BTC_ADDRESS)
      expect(await page.evaluate('document.querySelector("details").open')).toBe(true)
    })
  })

  test('that take the focused control away move the focus to the headline', async () => {
    await open(invoiceOf('pay-btc'), async ({ page, set, push }) => {
      await page.getByRole('button', { name: 'Copy address' }).focus()
      set(at(3, invoiceOf('seen')))
      push(3, 'processing')
      await page.getByText('Payment seen').first().waitFor()
      expect(await page.evaluate('document.activeElement.tagName')).toBe('H1')
    })
  })
})

describe('time', () => {
  test('runs by the server, whatever the clock of the machine says', async () => {
    const wrongClock = 'const real = Date.now; Date.now = () => real() + 86_400_000 * 3'
    await open(
      invoiceOf('pay-btc'),
      async ({ page }) => {
        await expect.poll(() => page.locator('[data-left]').textContent(), { timeout: 4000 }).toMatch(/^12:5\d$/)
      },
      { init: wrongClock },
    )
  })

  test('that runs low is shown, and when it is over the page asks what has come of it', async () => {
    await open(at(2, invoiceOf('pay-btc'), { expiresAtMs: NOW_MS + 2000 }), async ({ page, set }) => {
      await page.getByText('Little time is left').waitFor()
      set(at(3, invoiceOf('closing')))
      await page.getByRole('heading', { level: 1, name: 'Time is up' }).waitFor({ timeout: 6000 })
      expect(await page.locator('.qr').count()).toBe(0)
    })
  })
})

describe('taking values along', () => {
  test('amount, address and link are copied plain, and it is said', async () => {
    const context = { permissions: ['clipboard-read', 'clipboard-write'] }
    await open(
      invoiceOf('pay-btc'),
      async ({ page }) => {
        const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()')
        await page.getByRole('button', { name: 'Copy amount' }).click()
        await expect.poll(clipboard).toBe('0.00082967')
        await page.getByRole('button', { name: 'Copy address' }).click()
        await expect.poll(clipboard).toBe(BTC_ADDRESS)
        await expect.poll(() => page.locator('[data-live]').textContent()).toBe('Copied')
        await page.getByRole('button', { name: 'Copy payment link' }).click()
        await expect.poll(clipboard).toBe(`bitcoin:${BTC_ADDRESS}?amount=0.00082967`)
      },
      { context },
    )
  })

  test('an address selected by hand has no gaps', async () => {
    await open(invoiceOf('pay-btc'), async ({ page }) => {
      const selected = 'getSelection().selectAllChildren(document.querySelector(".address")), String(getSelection())'
      expect(await page.evaluate(selected)).toBe(BTC_ADDRESS)
    })
  })
})

describe('choosing', () => {
  test('works with the keyboard alone', async () => {
    await open(invoiceOf('choose'), async ({ page }) => {
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.value')).toBe('BTC')
      await page.keyboard.press('Enter')
      await page.getByText('Waiting for your payment').waitFor()
      expect(new URL(page.url()).search).toBe('?method=BTC')
    })
  })

  test('works without a script: the code can be scanned, and nothing is offered that would not work', async () => {
    await open(
      invoiceOf('choose'),
      async ({ page }) => {
        await page.getByRole('button', { name: 'Bitcoin' }).click()
        await page.locator('.qr').waitFor()
        expect(await page.getByText(/^Reload this page after you have paid/).isVisible()).toBe(true)
        expect(await page.getByText(/^Pay by .* UTC$/).isVisible()).toBe(true)
        expect(await page.locator('.copy >> visible=true').count()).toBe(0)
        await page.locator('summary').click()
        expect(await page.getByRole('button', { name: 'Ether' }).isVisible()).toBe(true)
      },
      { context: { javaScriptEnabled: false } },
    )
  })
})

describe('after paying', () => {
  const paid = (site: Site) => at(5, invoiceOf('paid'), { redirectUrl: `${site.origin}/shop` })

  test('the shopper is brought back to the shop', async () => {
    await open(invoiceOf('seen'), async ({ page, site, set, push }) => {
      set(paid(site))
      push(5, 'settled')
      await page.getByText('Returning to the shop in 5 s').waitFor()
      await page.waitForURL(`${site.origin}/shop`, { timeout: 10_000 })
    })
  })

  test('also when a newer version comes meanwhile', async () => {
    await open(invoiceOf('seen'), async ({ page, site, set, push }) => {
      set(paid(site))
      push(5, 'settled')
      await page.getByText('Returning to the shop in 3 s').waitFor()
      set({ ...paid(site), version: 6 })
      push(6, 'settled')
      await page.locator('[data-version="6"]').waitFor()
      expect(await page.locator('[data-returning]').textContent()).not.toContain('5 s')
      await page.waitForURL(`${site.origin}/shop`, { timeout: 6_000 })
    })
  })

  test('and may stay instead', async () => {
    await open(invoiceOf('seen'), async ({ page, site, set, push }) => {
      set(paid(site))
      push(5, 'settled')
      await page.getByRole('button', { name: 'Stay here' }).click()
      await page.waitForTimeout(6000)
      expect(new URL(page.url()).pathname).toBe(`/i/${INVOICE_ID}`)
    })
  })

  test('a receipt that is opened later stays', async () => {
    await open(invoiceOf('paid'), async ({ page }) => {
      await page.waitForTimeout(1500)
      expect(await page.getByText('Returning to the shop').isVisible()).toBe(false)
    })
  })
})
