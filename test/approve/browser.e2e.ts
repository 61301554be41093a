import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApprove } from '../../src/approve/routes.tsx'
import { type Site, serve } from '../checkout/serve.ts'
import { launchChromium } from '../chromium.ts'
import { APPROVE_STATES, approveEnv, open } from './fixtures.ts'
import { newPerson } from './people.ts'

/** With GALLERY=<folder> every state is also left there as pictures: `approve-<state>-<width>-<scheme>.png`. */
const GALLERY = process.env.GALLERY
const AXE: { source: string } = createRequire(import.meta.url)('axe-core')
const SIZES = [
  { width: 320, height: 568 },
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
]
/** Text that is wider than what it stands in, and so cut off. */
const CUT_OFF = `[...document.querySelectorAll('.card *')]
  .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && !element.matches('.sr'))
  .map((element) => element.outerHTML.slice(0, 120))`

let browser: Browser
let site: Site
/** Passkeys are of a host with a name. */
const origin = () => site.origin.replace('127.0.0.1', 'localhost')

beforeAll(async () => {
  browser = await launchChromium()
  if (GALLERY) await mkdir(GALLERY, { recursive: true })
  const any = await approveEnv(APPROVE_STATES.ask ?? { changes: {} })
  site = await serve((request) => {
    const state = APPROVE_STATES[new URL(request.url).pathname.slice(1)]
    return state ? open(state) : createApprove().fetch(request, { ...any.env, ORIGIN: origin() })
  })
})

afterAll(async () => {
  await browser?.close()
  await site?.close()
})

interface AxeResult {
  violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE.source)
  const { violations } = await page.evaluate<AxeResult>('axe.run()')
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`))
}

describe.each(['light', 'dark'] as const)('%s', (scheme) => {
  let page: Page
  beforeAll(async () => {
    // axe-core is injected, which the page's own policy rightly forbids.
    page = await browser.newPage({ colorScheme: scheme, bypassCSP: true, reducedMotion: 'reduce' })
  })

  test.each([...Object.keys(APPROVE_STATES), 'approver'])('%s: fits every width, and axe finds nothing', async (name) => {
    await page.goto(`${site.origin}/${name}`)
    await fits(page, `${name}-${scheme}`)
    // What is folded away is read too.
    await page.setViewportSize({ width: 320, height: 568 })
    await page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
    expect(await page.evaluate(CUT_OFF), 'cut off when unfolded').toEqual([])
    expect(await violations(page)).toEqual([])
  })
})

test('a passkey that was made is shown as a line to hand over, and tried out', async () => {
  const { page, register } = await newPerson(browser, { bypassCSP: true })
  const { approver } = await register(origin(), 'Ada')
  expect(approver).toMatchObject({ name: 'Ada', rpId: 'localhost', origin: origin() })
  await fits(page, 'approver-made-light')
  expect(await violations(page)).toEqual([])
})

/** At every width; leaves pictures where they are wanted. */
async function fits(page: Page, name: string): Promise<void> {
  for (const size of SIZES) {
    await page.setViewportSize(size)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(size.width)
    expect(await page.evaluate(CUT_OFF), `cut off at ${size.width} px`).toEqual([])
    if (GALLERY && size.width >= 390)
      await page.screenshot({ path: join(GALLERY, `approve-${name}-${size.width}.png`), fullPage: true })
  }
}
