import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClaim } from '../../src/claim/routes.tsx'
import { type Site, serve } from '../checkout/serve.ts'
import { launchChromium } from '../chromium.ts'
import { ADDRESS, REFUND_ID, refund } from '../invoice/refund-fixture.ts'
import { expectAccessible, expectFits, pageToLookAt, SCHEMES } from '../page/browser.ts'
import { CLAIM_STATES, type ClaimState, claimEnv, open, pathOf } from './fixtures.ts'

let browser: Browser
let site: Site
/** What the page of `/claim/…` is about; every other path is the name of a state. */
const asking = claimEnv(CLAIM_STATES.ask as ClaimState, async (_id, address) => {
  const claimed = { ...asking.held.invoice, refunds: [refund('queued', { address })] }
  asking.held.invoice = claimed
  return { ok: true, value: claimed }
})

beforeAll(async () => {
  browser = await launchChromium()
  site = await serve((request) => {
    const { pathname } = new URL(request.url)
    const state = CLAIM_STATES[pathname.slice(1)]
    return state ? open(state) : createClaim().fetch(request, asking.env)
  })
})

afterAll(async () => {
  await browser?.close()
  await site?.close()
})

describe.each(SCHEMES)('%s', (scheme) => {
  let page: Page
  beforeAll(async () => {
    page = await pageToLookAt(browser, scheme)
  })

  test.each(Object.keys(CLAIM_STATES))('%s: fits every width, and axe finds nothing', async (name) => {
    await page.goto(`${site.origin}/${name}`)
    await expectFits(page, `claim-${name}`, scheme)
    await expectAccessible(page)
  })
})

test('a payer without scripts gives an address, compares it, and sees that it was taken', async () => {
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(site.origin + (await pathOf()))
  await page.getByLabel('Your Bitcoin address').fill('bc1 no')
  await page.getByRole('button', { name: 'Continue' }).click()
  expect(await page.getByRole('alert').textContent()).toContain('not an address on the Bitcoin network')
  await page.getByLabel('Your Bitcoin address').fill(` ${ADDRESS} `)
  await page.getByRole('button', { name: 'Deutsch' }).click()
  expect(await page.getByRole('textbox').inputValue()).toBe(ADDRESS)
  await page.getByRole('button', { name: 'English' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('button', { name: 'No, change it' }).click()
  expect(await page.getByLabel('Your Bitcoin address').inputValue()).toBe(ADDRESS)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('button', { name: /^Yes, send 0\.00082967/ }).click()
  await page.getByRole('heading', { name: 'Your refund is being prepared' }).waitFor()
  expect(asking.calls.filter((call) => call !== 'read')).toEqual([`claim ${REFUND_ID} ${ADDRESS}`])
  await page.getByRole('link', { name: 'Use another address' }).click()
  await page.getByRole('link', { name: 'Leave it as it is' }).click()
  await page.getByRole('heading', { name: 'Your refund is being prepared' }).waitFor()
  await context.close()
})
