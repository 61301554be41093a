import type { Browser, CDPSession, Page } from 'playwright-core'
import type { Approver } from '../../src/signer/policy.ts'

/**
 * Somebody with a phone: a page of a browser of their own, with an authenticator that asks nobody back (CDP, WebAuthn domain).
 * Its passkeys live as long as the page.
 */
export interface Person {
  readonly page: Page
  /** Makes a passkey in `/approver`, tries it out, and answers the line that the page shows. */
  register(origin: string, name: string): Promise<{ line: string; approver: Approver }>
}

export async function newPerson(browser: Browser, options: { bypassCSP?: boolean } = {}): Promise<Person> {
  const page = await browser.newPage(options)
  const devtools = await page.context().newCDPSession(page)
  await addAuthenticator(devtools)
  return {
    page,
    async register(origin, name) {
      await page.goto(`${origin}/approver`)
      await page.getByLabel('Your name').fill(name)
      await page.getByRole('button', { name: 'Make the passkey' }).click()
      await page.getByText('Your passkey is made.').waitFor()
      await page.getByRole('button', { name: 'Try it out' }).click()
      await page.getByText('It works: this passkey approves.').waitFor()
      const line = (await page.locator('[data-line]').textContent()) ?? ''
      return { line, approver: JSON.parse(line) as Approver }
    },
  }
}

async function addAuthenticator(devtools: CDPSession): Promise<void> {
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
}
