import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { frameAncestors } from '../../src/checkout/headers.ts'
import { createCheckout } from '../../src/checkout/routes.tsx'
import { err } from '../../src/lib/result.ts'
import { BTC_ADDRESS, INVOICE_ID, MAIN_CHAINS, NOW_MS, SHOP_ORIGIN, STATES, type State } from './fixtures.ts'
import { fakeEnv, request } from './serve.ts'

const stateOf = (name: string) => STATES[name] as State
const checkout = createCheckout(() => NOW_MS)
const form = (asset: string) => ({ method: 'POST', body: new URLSearchParams({ asset }) })

describe('an invoice that does not exist', () => {
  test.each(['/i/nonsense', '/i/inv_0000000000000000000000000000000u', `/i/${INVOICE_ID.slice(0, -1)}0`, '/i/nonsense/fragment'])(
    '%s is the same friendly 404',
    async (path) => {
      const response = await request(stateOf('choose'), path)
      expect(response.status).toBe(404)
      expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(await response.text()).toContain('We can’t find this payment')
    },
  )

  test('an ill-formed id reaches no object', async () => {
    const { env, calls } = fakeEnv(stateOf('choose'))
    for (const path of ['/i/x', '/i/x/state', '/i/x/fragment', '/i/x/live']) await checkout.request(path, undefined, env)
    for (const path of ['/i/x/method', '/i/x/demo-pay']) await checkout.request(path, form('BTC'), env)
    expect(calls).toEqual([])
  })
})

describe('looking', () => {
  test('no GET allocates an address, whatever it asks for', async () => {
    const { env, calls } = fakeEnv(stateOf('choose'))
    for (const path of ['', '?method=BTC', '/method', '/fragment?method=BTC', '/state', '/demo-pay']) {
      await checkout.request(`/i/${INVOICE_ID}${path}`, undefined, env)
    }
    expect(calls.filter((call) => call !== 'read')).toEqual([])
  })

  test('the method asked for is shown once it is activated', async () => {
    const html = await (await request(stateOf('paid-in-two-coins'), `/i/${INVOICE_ID}?method=BTC`)).text()
    expect(html).toContain('data-stage="paid"')
    expect(await (await request(stateOf('pay-btc'), `/i/${INVOICE_ID}?method=BTC`)).text()).toContain(BTC_ADDRESS)
    expect(await (await request(stateOf('pay-btc'), `/i/${INVOICE_ID}?method=ETH`)).text()).not.toContain(BTC_ADDRESS)
    expect(await (await request(stateOf('pay-btc'), `/i/${INVOICE_ID}?method=DOGE`)).text()).toContain(BTC_ADDRESS)
  })

  test('the state is the version, the status and the time', async () => {
    const response = await request(stateOf('seen'), `/i/${INVOICE_ID}/state`)
    expect(await response.json()).toEqual({ version: 4, status: 'processing', now: NOW_MS })
  })

  test('the fragment is the inside of main, with a tag that answers 304', async () => {
    const path = `/i/${INVOICE_ID}/fragment`
    const response = await request(stateOf('seen'), path)
    const html = await response.text()
    expect(html).toMatch(/^<div class="card confirming" data-version="4"/)
    const page = await (await request(stateOf('seen'), `/i/${INVOICE_ID}`)).text()
    expect(page).toContain(`<main id="main">${html}</main>`)
    const again = await request(stateOf('seen'), path, { headers: { 'if-none-match': response.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
  })

  test('failure is a page, not a stack', async () => {
    const { env } = fakeEnv(stateOf('choose'), { invoice: { read: () => Promise.reject(new Error('secret detail')) } })
    const response = await checkout.request(`/i/${INVOICE_ID}`, undefined, env)
    expect(response.status).toBe(500)
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await response.text()).not.toContain('secret detail')
  })
})

describe('a page that is sent while it is drawn', () => {
  const path = `/i/${INVOICE_ID}`

  test('is HTML that is whole, and a HEAD request gets its headers alone', async () => {
    const response = await request(stateOf('pay-btc'), path)
    expect(response.headers.get('content-type')).toBe('text/html; charset=UTF-8')
    expect(await response.text()).toMatch(/^<!doctype html>.*<\/head><body.*<\/body><\/html>$/s)
    const head = await request(stateOf('pay-btc'), path, { method: 'HEAD' })
    expect([...head.headers]).toEqual([...response.headers])
    expect(await head.text()).toBe('')
  })

  test('and cannot be drawn ends in words for the shopper, not in half a card', async () => {
    const evmOnly = MAIN_CHAINS.filter((chain) => chain.gateway === 'evm')
    const html = await (await request({ ...stateOf('pay-btc'), chains: evmOnly }, path)).text()
    expect(html).toContain('<h1>That didn’t work</h1>')
    expect(html).toMatch(/<\/body><\/html>$/)
    expect(html).not.toContain('is not configured')
  })
})

describe('choosing a method', () => {
  test('allocates and leads to the page of it', async () => {
    const { env, calls } = fakeEnv(stateOf('choose'))
    const embed = encodeURIComponent(SHOP_ORIGIN)
    const response = await checkout.request(`/i/${INVOICE_ID}/method?lang=de&embed=${embed}`, form('BTC'), env)
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe(`/i/${INVOICE_ID}?method=BTC&lang=de&embed=${embed}`)
    expect(calls).toContain('activate BTC')
  })

  test('one that no form of ours sent allocates nothing', async () => {
    const { env, calls } = fakeEnv(stateOf('choose'))
    for (const type of ['multipart/form-data', 'multipart/form-data; boundary=b', 'application/json']) {
      const nonsense = { method: 'POST', headers: { 'content-type': type }, body: '--b\r\nasset=BTC' }
      expect((await checkout.request(`/i/${INVOICE_ID}/method`, nonsense, env)).status, type).toBe(303)
    }
    expect(new Set(calls)).toEqual(new Set(['read']))
  })

  test('one that is not offered allocates nothing', async () => {
    const { env, calls } = fakeEnv(stateOf('choose'))
    const response = await checkout.request(`/i/${INVOICE_ID}/method`, form('DOGE'), env)
    expect(response.headers.get('location')).toBe(`/i/${INVOICE_ID}`)
    expect(calls).toEqual(['read'])
  })

  test('one that cannot be had now is told, with the others to choose from', async () => {
    const activate = async () => err({ reason: 'not_configured' as const, detail: 'x' })
    const { env } = fakeEnv(stateOf('choose'), { invoice: { activate } })
    const response = await checkout.request(`/i/${INVOICE_ID}/method`, form('BTC'), env)
    expect(response.status).toBe(503)
    const html = await response.text()
    expect(html).toContain('<p class="problem" role="alert">Bitcoin is not available right now.')
    expect(html).toContain('value="ETH"')
  })

  test('too late is shown by the page itself', async () => {
    const activate = async () => err({ reason: 'invoice_closed' as const, status: 'expired' })
    const { env } = fakeEnv(stateOf('choose'), { invoice: { activate } })
    expect((await checkout.request(`/i/${INVOICE_ID}/method`, form('BTC'), env)).status).toBe(303)
  })

  test('a body beyond any form is refused', async () => {
    const response = await request(stateOf('choose'), `/i/${INVOICE_ID}/method`, form('x'.repeat(10_000)))
    expect(response.status).toBe(413)
  })
})

describe('live', () => {
  const upgrade = (origin: string | null) => ({ headers: { upgrade: 'websocket', ...(origin ? { origin } : {}) } })

  test('a socket of this origin is handed to the invoice with the version it resumes from', async () => {
    const { env, calls } = fakeEnv(stateOf('choose'))
    await checkout.request(`/i/${INVOICE_ID}/live?since=7`, upgrade('https://pay.example'), env)
    await checkout.request(`/i/${INVOICE_ID}/live?since=-1e9`, upgrade('https://pay.example'), env)
    expect(calls).toEqual(['fetch https://invoice/live?since=7', 'fetch https://invoice/live?since=0'])
  })

  test.each([null, 'https://evil.example', 'https://pay.example.evil.example', 'null'])(
    'a socket of %s is refused',
    async (origin) => {
      const { env, calls } = fakeEnv(stateOf('choose'))
      const response = await checkout.request(`/i/${INVOICE_ID}/live?since=1`, upgrade(origin), env)
      expect(response.status).toBe(403)
      expect(calls).toEqual([])
    },
  )

  test('anything but a socket is told so', async () => {
    expect((await request(stateOf('choose'), `/i/${INVOICE_ID}/live`)).status).toBe(426)
  })
})

describe('framing', () => {
  const open = (query: string, allowedOrigins: readonly string[]) => {
    const state = stateOf('pay-btc')
    const terms = { ...state.invoice.terms, allowedOrigins }
    return request({ ...state, invoice: { ...state.invoice, terms } }, `/i/${INVOICE_ID}?${query}`)
  }

  test('is for the origins of the store alone, and for nobody without any', async () => {
    expect((await open('', [SHOP_ORIGIN])).headers.get('content-security-policy')).toMatch(
      new RegExp(`frame-ancestors ${SHOP_ORIGIN}$`),
    )
    expect((await open('', [])).headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'$/)
  })

  test('without a script the way back in a frame leads the shop’s page, never the frame', async () => {
    const html = await (await request(stateOf('paid'), `/i/${INVOICE_ID}?embed=${SHOP_ORIGIN}`)).text()
    expect(html).toMatch(new RegExp(`href="${SHOP_ORIGIN}[^"]*" target="_top" data-return`))
    expect(await (await request(stateOf('paid'), `/i/${INVOICE_ID}`)).text()).not.toContain('target="_top"')
  })

  test('only exact origins get into the header', () => {
    const allowed = [
      'https://a.example',
      'https://b.example/',
      "'self'",
      '*',
      'https://c.example; script-src *',
      'http://localhost:3000',
    ]
    expect(frameAncestors(allowed)).toEqual(['https://a.example', 'http://localhost:3000'])
  })

  test('the parent told of the payment is one of the origins, or nobody', async () => {
    expect(await (await open(`embed=${SHOP_ORIGIN}`, [SHOP_ORIGIN])).text()).toContain(`data-parent="${SHOP_ORIGIN}"`)
    const other = await (await open('embed=https://evil.example', [SHOP_ORIGIN])).text()
    expect(other).not.toContain('data-parent')
    expect(other).not.toContain('evil.example')
  })
})

describe('the demo wallet', () => {
  async function withWallet(status: number, run: (url: string, bodies: unknown[]) => Promise<void>) {
    const bodies: unknown[] = []
    const server = createServer(async (incoming, outgoing) => {
      let body = ''
      for await (const chunk of incoming) body += chunk
      bodies.push({ path: incoming.url, ...JSON.parse(body) })
      outgoing.writeHead(status).end('{"txid":"ab"}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies)
    } finally {
      server.close()
      server.closeAllConnections()
    }
  }

  test('is asked to pay what is due', async () => {
    await withWallet(200, async (url, bodies) => {
      const { env } = fakeEnv(stateOf('pay-development'))
      const response = await checkout.request(`/i/${INVOICE_ID}/demo-pay`, form('BTC'), { ...env, DEMO_WALLET_URL: url })
      expect(response.status).toBe(303)
      expect(bodies).toEqual([{ path: '/pay', invoiceId: INVOICE_ID, asset: 'BTC', address: BTC_ADDRESS, units: '82967' }])
    })
  })

  test('failing is told', async () => {
    await withWallet(500, async (url) => {
      const { env } = fakeEnv(stateOf('pay-development'))
      const response = await checkout.request(`/i/${INVOICE_ID}/demo-pay`, form('BTC'), { ...env, DEMO_WALLET_URL: url })
      expect(response.status).toBe(502)
      expect(await response.text()).toContain('The demo wallet could not pay. HTTP 500')
    })
  })

  test('does not exist in production, even when it is configured', async () => {
    const { env } = fakeEnv(stateOf('pay-btc'))
    const response = await checkout.request(`/i/${INVOICE_ID}/demo-pay`, form('BTC'), {
      ...env,
      DEMO_WALLET_URL: 'http://127.0.0.1:9',
    })
    expect(response.status).toBe(404)
  })
})
