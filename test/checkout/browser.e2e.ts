import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCheckout } from '../../src/checkout/routes.tsx'
import { launchChromium } from '../chromium.ts'
import { INVOICE_ID, NOW_MS, STATES } from './fixtures.ts'
import { fakeEnv, type Site, serve } from './serve.ts'

/** With GALLERY=<folder> every state is also left there as pictures: `<state>-<width>-<scheme>.png`. */
const GALLERY = process.env.GALLERY
const AXE: { source: string } = createRequire(import.meta.url)('axe-core')

/** A small phone (also 1280 px at four times zoom), a phone, a desk. */
const SIZES = [
  { width: 320, height: 568 },
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
]

/** Amounts that go over more than one line: some part of one stands below its beginning. */
const BROKEN_AMOUNTS = `[...document.querySelectorAll('.amount b, .price, .payments strong')]
  .filter((element) => {
    const range = document.createRange()
    range.selectNodeContents(element)
    const [first, ...others] = range.getClientRects()
    return others.some((rect) => rect.top > first.bottom - 4)
  })
  .map((element) => element.textContent)`

let browser: Browser
let site: Site

beforeAll(async () => {
  browser = await launchChromium()
  if (GALLERY) await mkdir(GALLERY, { recursive: true })
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

interface AxeResult {
  violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
}

/** What axe-core finds wrong, with the element and why. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE.source)
  const { violations } = await page.evaluate<AxeResult>('axe.run()')
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`))
}

describe.each(['light', 'dark'] as const)('%s', (scheme) => {
  let page: Page
  const errors: string[] = []

  beforeAll(async () => {
    // axe-core is injected, which the page's own policy rightly forbids.
    page = await browser.newPage({ colorScheme: scheme, bypassCSP: true, reducedMotion: 'reduce' })
    page.on('pageerror', (error) => errors.push(error.message))
  })

  test.each(Object.entries(STATES))('%s: fits every width, and axe finds nothing', async (name, state) => {
    await page.goto(`${site.origin}/i/${INVOICE_ID}?state=${name}&${state.query ?? ''}`, { waitUntil: 'load' })
    for (const size of SIZES) {
      await page.setViewportSize(size)
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(size.width)
      expect(await page.evaluate(BROKEN_AMOUNTS), `broken at ${size.width} px`).toEqual([])
      if (GALLERY && size.width >= 390) {
        await page.screenshot({ path: join(GALLERY, `${name}-${size.width}-${scheme}.png`), fullPage: true })
      }
    }
    expect(await violations(page)).toEqual([])
    expect(errors).toEqual([])
  })
})
