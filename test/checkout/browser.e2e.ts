import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCheckout } from '../../src/checkout/routes.tsx'
import { launchChromium } from '../chromium.ts'
import { expectAccessible, expectFits, expectUnfoldedFits, pageToLookAt, SCHEMES } from '../page/browser.ts'
import { INVOICE_ID, NOW_MS, STATES } from './fixtures.ts'
import { fakeEnv, type Site, serve } from './serve.ts'

let browser: Browser
let site: Site

beforeAll(async () => {
  browser = await launchChromium()
  site = await serve((request) => {
    const state = STATES[new URL(request.url).searchParams.get('state') ?? '']
    if (!state) return new Response('no such state', { status: 404 })
    return createCheckout(() => NOW_MS).fetch(request, fakeEnv(state, { origin: site.origin }).env)
  })
})

afterAll(async () => {
  await browser?.close()
  await site?.close()
})

describe.each(SCHEMES)('%s', (scheme) => {
  let page: Page
  const errors: string[] = []

  beforeAll(async () => {
    page = await pageToLookAt(browser, scheme)
    page.on('pageerror', (error) => errors.push(error.message))
  })

  test.each(Object.entries(STATES))('%s: fits every width, and axe finds nothing', async (name, state) => {
    await page.goto(`${site.origin}/i/${INVOICE_ID}?state=${name}&${state.query ?? ''}`, { waitUntil: 'load' })
    await expectFits(page, name, scheme)
    await expectUnfoldedFits(page)
    await expectAccessible(page)
    expect(errors).toEqual([])
  })
})
