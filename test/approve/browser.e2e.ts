import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApprove } from '../../src/approve/routes.tsx'
import { err } from '../../src/lib/result.ts'
import { type Site, serve } from '../checkout/serve.ts'
import { launchChromium } from '../chromium.ts'
import { expectAccessible, expectFits, expectUnfoldedFits, pageToLookAt, SCHEMES } from '../page/browser.ts'
import { APPROVE_STATES, approveEnv, open, pathOf } from './fixtures.ts'
import { newPerson } from './people.ts'

let browser: Browser
let site: Site
/** What the wallet makes of an approval. */
let outcome: () => Promise<unknown>
/** Passkeys are of a host with a name. */
const origin = () => site.origin.replace('127.0.0.1', 'localhost')

beforeAll(async () => {
  browser = await launchChromium()
  const any = await approveEnv(APPROVE_STATES.ask ?? { changes: {} }, () => outcome())
  site = await serve((request) => {
    const state = APPROVE_STATES[new URL(request.url).pathname.slice(1)]
    return state ? open(state) : createApprove().fetch(request, { ...any.env, ORIGIN: origin() })
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

  test.each([...Object.keys(APPROVE_STATES), 'approver'])('%s: fits every width, and axe finds nothing', async (name) => {
    await page.goto(`${site.origin}/${name}`)
    await expectFits(page, `approve-${name}`, scheme)
    await expectUnfoldedFits(page)
    await expectAccessible(page)
  })
})

test('a passkey that was made is shown as a line to hand over, and tried out', async () => {
  const { page, register } = await newPerson(browser, { bypassCSP: true })
  await page.goto(`${origin()}/approver`)
  await page.getByLabel('Your name').fill('  ')
  await page.getByRole('button', { name: 'Make the passkey' }).click()
  await page.getByText('No passkey was made.').waitFor()
  const { approver } = await register(origin(), 'Ada')
  expect(approver).toMatchObject({ name: 'Ada', rpId: 'localhost', origin: origin() })
  await expectFits(page, 'approve-approver-made', 'light')
  await expectAccessible(page)
})

test('what came of an approval is told for as long as it is looked at, and a lost answer is no refusal', async () => {
  const { page, register } = await newPerson(browser)
  await register(origin(), 'Ada')
  await page.goto(origin() + (await pathOf()))
  const approve = () => page.getByRole('button', { name: 'Approve with passkey' }).click()
  outcome = async () => err({ reason: 'too_many_approvals', detail: '' })
  await approve()
  const told = page.getByText('Too many approvals were tried for this transfer')
  await told.waitFor()
  for (let looks = 0; looks < 2; looks++) await page.waitForResponse((response) => response.url().includes('/card'))
  expect(await told.isVisible()).toBe(true)

  outcome = async () => {
    throw new Error('the answer is lost')
  }
  await approve()
  await page.getByText('No answer came').waitFor()
  expect(await page.getByText('nothing was approved').count()).toBe(0)
})
