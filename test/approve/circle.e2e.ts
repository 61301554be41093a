import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WrittenPolicy } from '../../scripts/signer/client.ts'
import { formatDecimal } from '../../src/money/amount.ts'
import type { LogEntry } from '../../src/signer/log.ts'
import type { Approval } from '../../src/signer/rpc.ts'
import type { TransferDetail } from '../../src/wallet/transfers/resource.ts'
import { launchChromium } from '../chromium.ts'
import { waitFor } from '../e2e/harness.ts'
import { endScene, errorsLogged, mine, open, type Scene, startScene, untilRead } from '../e2e/scenarios/scene.ts'
import { newPerson, type Person } from './people.ts'

/**
 * The whole circle, with real passkeys of a real browser, the real signer and a real node: made in `/approver`, put into the
 * policy by the command line, asked for by a payout, given in the page, verified by the signer, and in the chain.
 */

const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
const TO_TOO = 'bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry'
const WAIT_MS = 60_000
const COINS = 8

let scene: Scene
let browser: Browser
let ada: Person
let bob: Person
let eve: Person
let walletId: string

beforeAll(async () => {
  ;[scene, browser] = await Promise.all([startScene(), launchChromium()])
  ;[ada, bob, eve] = (await Promise.all([1, 2, 3].map(() => newPerson(browser)))) as [Person, Person, Person]
  const wallets = await call<{ data: { id: string; chains: { assets: string[] }[] }[] }>('GET', '/v1/wallets')
  walletId = wallets.data.find(({ chains }) => chains.some(({ assets }) => assets.includes('BTC')))?.id ?? ''
  // A coin for each payment: none has to wait for the change of another.
  await receive(...Array.from({ length: COINS }, () => 5_000_000n))
  await untilRead(scene, 'bitcoin')
})

afterAll(async () => {
  await browser?.close()
  await endScene(scene)
})

describe('a payout above the limit', () => {
  it('is approved by a passkey that was made in the page and put into the policy', async () => {
    const { line, approver } = await ada.register(scene.stack.origin, 'Ada')
    expect(approver).toMatchObject({ name: 'Ada', rpId: 'localhost', origin: scene.stack.origin })
    expect(await signerTool(line, 'approver', 'add', walletId, '-', '--by', 'Operator')).toMatch(/Policy \d+ holds.*: Ada\./)
    await wantApprovals(1)

    const { id, approval } = await payOut(TO, '0.01')
    const url = approval?.url ?? ''
    expect(url).toMatch(`${scene.stack.origin}/approve/${id}/${walletId}/apr_`)
    await expect(walletTool('transfer', id)).rejects.toMatchObject({ code: 2, stdout: expect.stringContaining(url) })

    await ada.page.goto(url)
    await ada.page.getByText('0 of 1 approvals').waitFor()
    await ada.page.getByRole('button', { name: 'Approve with passkey' }).click()
    await ada.page.getByRole('heading', { name: 'Sent', exact: true }).waitFor({ timeout: WAIT_MS })
    const sent = await until(id, 'broadcast')
    expect(await ada.page.getByText(sent.txid?.slice(0, 10) ?? 'none').count()).toBeGreaterThan(0)
    await mine(scene, 'BTC', 3)
    await ada.page.getByRole('heading', { name: 'Sent and confirmed' }).waitFor({ timeout: WAIT_MS })
    expect(JSON.parse((await signedEntry(id)).body).approvedBy).toEqual(['Ada'])
    // Nobody who has the link later can do more than read it.
    expect(await ada.page.getByRole('button').count()).toBe(0)
  })

  it('is not signed for a passkey that the policy does not name, and says so; the right one is still taken', async () => {
    await eve.register(scene.stack.origin, 'Eve')
    const { id, approval } = await payOut(TO, '0.011')
    await eve.page.goto(approval?.url ?? '')
    await eve.page.getByRole('button', { name: 'Approve with passkey' }).click()
    await eve.page.getByText('its passkey is not one of this wallet’s approvers').waitFor({ timeout: WAIT_MS })
    expect(await until(id, 'needs_approval')).toMatchObject({
      approval: { given: 0 },
      reason: expect.stringContaining('does not count'),
    })

    await ada.page.goto(approval?.url ?? '')
    await ada.page.getByRole('button', { name: 'Approve with passkey' }).click()
    await until(id, 'broadcast')
  })

  it('takes no assertion that was made for another one', async () => {
    const [one, other] = [await payOut(TO, '0.012'), await payOut(TO, '0.012')]
    const stolen = await assertionOf(ada, one.approval?.url ?? '')
    const inPage = await fetch(other.approval?.url ?? '', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(stolen) })
    expect([inPage.status, await inPage.text()]).toEqual([409, expect.stringContaining('What you looked at has changed')])
    expect((await scene.stack.api('POST', `/v1/transfers/${other.id}/approvals`, stolen)).status).toBe(200)
    const refused = await until(other.id, 'needs_approval', ({ reason }) => reason?.includes('does not count') ?? false)
    expect(refused).toMatchObject({ approval: { given: 0 }, txid: null })
    // For its own it is good.
    expect(
      (await fetch(one.approval?.url ?? '', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(stolen) })).status,
    ).toBe(200)
    await until(one.id, 'broadcast')
    await call('POST', `/v1/transfers/${other.id}/cancel`)
  })

  it('signs nothing in a page that shows something else than what is signed', async () => {
    const { id, approval } = await payOut(TO, '0.013')
    const { page } = ada
    const changes = [
      "document.querySelector('.address b').textContent = 'bcrt1'",
      "document.querySelector('[data-amount]').textContent = '0.012 BTC'",
      "document.querySelector('[data-sum]').textContent = '0.0130001 BTC'",
      "document.querySelector('[data-output]').remove()",
      `document.querySelector('[data-intent]').textContent = document.querySelector('[data-intent]').textContent.replace('${TO}', '${TO_TOO}')`,
    ]
    for (const change of changes) {
      await page.goto(approval?.url ?? '')
      await page.evaluate(change)
      await page.getByRole('button', { name: 'Approve with passkey' }).click()
      await page.getByText('What this page shows is not what would be signed').waitFor()
    }
    expect(await call<TransferDetail>('GET', `/v1/transfers/${id}`)).toMatchObject({
      status: 'needs_approval',
      approval: { given: 0 },
    })
    await call('POST', `/v1/transfers/${id}/cancel`)
    await page.getByRole('heading', { name: 'Not sent' }).waitFor({ timeout: WAIT_MS })
  })
})

describe('two people', () => {
  it('are both needed, and each page shows what the other has done', async () => {
    const { line } = await bob.register(scene.stack.origin, 'Bob')
    await signerTool(line, 'approver', 'add', walletId, '-', '--by', 'Operator')
    await wantApprovals(2)
    const { id, approval } = await payOut(TO, '0.014')
    const url = approval?.url ?? ''
    await Promise.all([ada.page.goto(url), bob.page.goto(url)])
    await ada.page.getByRole('button', { name: 'Approve with passkey' }).click()
    await ada.page.getByText('1 of 2 approvals').waitFor()
    await bob.page.getByText('1 of 2 approvals').waitFor()
    // The same passkey again is no second person.
    await ada.page.getByRole('button', { name: 'Approve with passkey' }).click()
    await ada.page.getByText('This passkey has approved already').waitFor()

    // What there is to know is in the page itself.
    const reader = await browser.newContext({ javaScriptEnabled: false })
    const page = await reader.newPage()
    await page.goto(url)
    expect(await page.getByText('Given, not yet checked by the signer').count()).toBe(1)
    expect(await page.getByRole('button').count()).toBe(0)
    await reader.close()

    await bob.page.getByRole('button', { name: 'Approve with passkey' }).click()
    await until(id, 'broadcast')
    expect(JSON.parse((await signedEntry(id)).body).approvedBy).toEqual(['Ada', 'Bob'])
    await ada.page.getByRole('heading', { name: 'Sent', exact: true }).waitFor({ timeout: WAIT_MS })
  })
})

describe('a refund whose payer gives another address', () => {
  it('is approved anew: the assertion over the first address is worth nothing', async () => {
    await wantApprovals(1)
    const [invoice] = await receive(1_000_000n)
    const path = `/v1/invoices/${invoice}/refunds`
    const { id, claimUrl } = await call<Refund>('POST', path, { type: 'full', reason: 'sold out' })
    const claim = async (address: string) => {
      const form = { method: 'POST', body: new URLSearchParams({ address, step: 'confirm' }), redirect: 'manual' } as const
      expect((await fetch(claimUrl ?? '', form)).status).toBe(303)
    }
    const waiting = (isOther: (transferId: string) => boolean) =>
      waitFor(async () => {
        const { transferId, status } = await call<Refund>('GET', `${path}/${id}`)
        return status === 'needs_approval' && transferId !== null && isOther(transferId) && transferId
      }, WAIT_MS)

    await claim(TO)
    const first = await until(await waiting(() => true), 'needs_approval')
    const stolen = await assertionOf(ada, first.approval?.url ?? '')
    await claim(TO_TOO)
    const second = await until(await waiting((transferId) => transferId !== first.id), 'needs_approval')
    expect(second.approval?.challenge).not.toBe(first.approval?.challenge)
    await ada.page.getByRole('heading', { name: 'Not sent' }).waitFor({ timeout: WAIT_MS })
    expect((await scene.stack.api('POST', `/v1/transfers/${second.id}/approvals`, stolen)).status).toBe(200)
    await until(second.id, 'needs_approval', ({ reason }) => reason?.includes('does not count') ?? false)

    await ada.page.goto(second.approval?.url ?? '')
    await ada.page.getByRole('heading', { name: /^Approve a refund of/ }).waitFor()
    expect(await ada.page.locator('.address').textContent()).toBe(TO_TOO)
    await ada.page.getByRole('button', { name: 'Approve with passkey' }).click()
    expect((await until(second.id, 'broadcast')).outputs).toMatchObject([{ address: TO_TOO }])
  })
})

it('nothing of it was a defect', () => {
  expect(errorsLogged(scene)).toEqual([])
})

interface Refund {
  readonly id: string
  readonly status: string
  readonly transferId: string | null
  readonly claimUrl: string | null
}

const JSON_TYPE = { 'content-type': 'application/json' }

/** What a click would send, taken out of the wire before it arrives. */
async function assertionOf({ page }: Person, url: string): Promise<Approval> {
  await page.goto(url)
  let sent: Approval | undefined
  await page.route('**/approve/**', async (route) => {
    if (route.request().method() !== 'POST') return route.continue()
    sent = route.request().postDataJSON() as Approval
    await route.abort()
  })
  await page.getByRole('button', { name: 'Approve with passkey' }).click()
  const assertion = await waitFor(() => sent)
  await page.unroute('**/approve/**')
  return assertion
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await scene.stack.api<T>(method, path, body, { 'idempotency-key': randomUUID() })
  if (answer.status >= 300) throw new Error(answer.text)
  return answer.body
}

async function until(
  id: string,
  status: string,
  isWanted: (transfer: TransferDetail) => boolean = () => true,
): Promise<TransferDetail> {
  let last: TransferDetail | undefined
  return waitFor(
    async () => {
      last = await call<TransferDetail>('GET', `/v1/transfers/${id}`)
      return last.status === status && isWanted(last) && last
    },
    WAIT_MS,
    () => JSON.stringify(last),
  )
}

async function payOut(address: string, amount: string): Promise<TransferDetail> {
  const { id } = await call<TransferDetail>('POST', '/v1/transfers', { asset: 'BTC', address, amount, walletId })
  return until(id, 'needs_approval')
}

/** Money that the store has; answers the invoices. */
async function receive(...amounts: readonly bigint[]): Promise<string[]> {
  const ids: string[] = []
  for (const units of amounts) {
    const { id } = await open(scene, { amount: formatDecimal(units, 8), currency: 'BTC', paymentMethods: ['BTC'] })
    await scene.stack.pay(id, 'BTC')
    ids.push(id)
  }
  await mine(scene, 'BTC', 2)
  for (const id of ids) await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
  return ids
}

/** Nothing goes by itself any more: as an operator sets it, over what the wallet's policy is. */
async function wantApprovals(approvals: number): Promise<void> {
  const path = `/signer/wallets/${walletId}`
  const { policy } = (await (await scene.stack.workers.dispatchSigner(path)).json()) as { policy: WrittenPolicy }
  const assets = { ...policy.assets, BTC: { ...policy.assets.BTC, autoApproveUpTo: { refund: '0', payout: '0' }, approvals } }
  const body = JSON.stringify({ by: 'Operator', policy: { ...policy, assets } })
  const answer = await scene.stack.workers.dispatchSigner(`${path}/policy`, { method: 'POST', headers: JSON_TYPE, body })
  if (!answer.ok) throw new Error(await answer.text())
}

async function signedEntry(intentId: string): Promise<LogEntry> {
  const { data } = (await (await scene.stack.workers.dispatchSigner(`/signer/wallets/${walletId}/log`)).json()) as {
    data: LogEntry[]
  }
  const entry = data.find(({ kind, body }) => kind === 'signed' && body.includes(intentId))
  if (!entry) throw new Error(`nothing was signed for ${intentId}`)
  return entry
}

function walletTool(...words: string[]): Promise<string> {
  return tool('scripts/wallet.ts', '', words)
}

/** `input` is piped in. */
function signerTool(input: string, ...words: string[]): Promise<string> {
  return tool('scripts/signer.ts', input, words)
}

async function tool(script: string, input: string, words: readonly string[]): Promise<string> {
  const root = join(import.meta.dirname, '../..')
  const env = { ...process.env, PAYTOMAT_STATE: scene.stack.stateDir }
  const run = promisify(execFile)(process.execPath, [script, ...words], { cwd: root, env })
  run.child.stdin?.end(input)
  return (await run).stdout
}
