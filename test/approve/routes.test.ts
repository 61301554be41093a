import { describe, expect, test } from 'vitest'
import { createApprove } from '../../src/approve/routes.tsx'
import { toBase64Url } from '../../src/lib/base64.ts'
import { err } from '../../src/lib/result.ts'
import type { Approval } from '../../src/signer/rpc.ts'
import { APPROVE_STATES, type ApproveState, approval, approveEnv, pathOf, TRANSFER_ID, transferIn } from './fixtures.ts'

const approve = createApprove()
const ASK = APPROVE_STATES.ask as ApproveState

function assertion(challenge: string | null, changes: Partial<Approval> = {}): Approval {
  const clientData = JSON.stringify({ type: 'webauthn.get', challenge, origin: 'https://pay.example' })
  const clientDataJson = toBase64Url(new TextEncoder().encode(clientData))
  return { credentialId: 'cred', authenticatorData: 'YQ', clientDataJson, signature: 'c2ln', ...changes }
}

function post(body: unknown, type = 'application/json'): RequestInit {
  return { method: 'POST', headers: { 'content-type': type }, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

/** Assertion over what the state asks for. */
async function givenIn(state: ApproveState, changes: Partial<Approval> = {}): Promise<RequestInit> {
  return post(assertion((await transferIn(state)).challenge, changes))
}

describe('the link', () => {
  test('opens nothing with another token, id or form of it, and wakes no object', async () => {
    const path = await pathOf()
    const wrong = [
      path.slice(0, -1) + (path.endsWith('0') ? '1' : '0'),
      path.replace('/tr_7', '/tr_8'),
      path.replace('/wal_5', '/wal_6'),
      await pathOf(`tr_${'8'.repeat(32)}`).then((other) => other.replace('/tr_8', '/tr_7')),
      path.slice(0, path.lastIndexOf('/') + 1),
      `${path}0`,
      '/approve/tr_1/wal_1/apr_1',
      '/approve/',
    ]
    for (const one of wrong) {
      const { env, calls } = await approveEnv(ASK)
      for (const [at, init] of [
        [one, undefined],
        [`${one}/card`, undefined],
        [one, await givenIn(ASK)],
      ] as const) {
        const response = await approve.request(at, init, env)
        expect(response.status, at).toBe(404)
        expect(response.headers.get('referrer-policy')).toBe('no-referrer')
        expect(await response.text()).toContain('We can’t find this transfer')
      }
      expect(calls).toEqual([])
    }
  })

  test('of a transfer that is not there looks the same', async () => {
    const path = await pathOf(`tr_${'8'.repeat(32)}`)
    const { env, calls } = await approveEnv(ASK)
    expect((await approve.request(path, undefined, env)).status).toBe(404)
    expect(calls).toEqual(['read'])
  })
})

describe('an assertion', () => {
  test('is handed to the wallet, and answered by the page as it is then', async () => {
    const { env, calls } = await approveEnv(ASK, async () => ({
      ok: true,
      value: { ...(await transferIn(ASK)), status: 'queued', approvals: [approval()] },
    }))
    const response = await approve.request(await pathOf(), await givenIn(ASK), env)
    expect(response.status).toBe(200)
    expect(calls).toEqual(['read', `approve ${TRANSFER_ID} cred`])
    expect(await response.text()).toMatch(/^<div class="card"[^>]*data-title="Being sent"/)
  })

  test.each([
    ['of another transfer', 'YW5vdGhlcg'],
    ['of nothing', null],
  ])('%s goes nowhere: what was looked at has changed', async (_what, challenge) => {
    const { env, calls } = await approveEnv(ASK)
    const response = await approve.request(await pathOf(), post(assertion(challenge)), env)
    expect([response.status, await response.text()]).toEqual([409, expect.stringContaining('What you looked at has changed')])
    expect(calls).toEqual(['read'])
  })

  test.each([
    ['no JSON', 'hello', 'application/json'],
    ['a form', 'credentialId=a', 'application/x-www-form-urlencoded'],
    ['something beside it', JSON.stringify({ ...assertion('x'), hash: 'ab' }), 'application/json'],
    ['a part that is no base64url', JSON.stringify(assertion('x', { signature: 'a b' })), 'application/json'],
    ['too much', JSON.stringify(assertion('x', { signature: 'a'.repeat(20_000) })), 'application/json'],
  ])('that is %s is not taken', async (_what, body, type) => {
    const { env, calls } = await approveEnv(ASK)
    const response = await approve.request(await pathOf(), post(body, type), env)
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('nothing was approved')])
    expect(calls).toEqual(['read'])
  })

  test('with client data that cannot be read is not taken', async () => {
    for (const clientDataJson of ['bnVsbA', '_w', 'e30']) {
      const { env, calls } = await approveEnv(ASK)
      const response = await approve.request(await pathOf(), post(assertion('x', { clientDataJson })), env)
      expect(response.status).toBe(409)
      expect(calls).toEqual(['read'])
    }
  })

  test('of a passkey that has approved already is not taken twice; one that was refused may try again', async () => {
    const state = { changes: { ...ASK.changes, approvalsWanted: 2, approvals: [approval('Ada', 'cred')] } }
    const known = await approveEnv(state)
    const response = await approve.request(await pathOf(), await givenIn(state), known.env)
    expect([response.status, await response.text()]).toEqual([409, expect.stringContaining('has approved already')])
    expect(known.calls).toEqual(['read'])
    const refused = { changes: { ...ASK.changes, approvals: [approval(null, 'cred')] } }
    const { env, calls } = await approveEnv(refused)
    expect((await approve.request(await pathOf(), await givenIn(refused), env)).status).toBe(200)
    expect(calls).toContain(`approve ${TRANSFER_ID} cred`)
  })

  test.each(['queued', 'signing', 'broadcast', 'unknown', 'confirmed', 'failed'] as const)(
    'is not taken of a transfer that is %s',
    async (status) => {
      const { env, calls } = await approveEnv({ changes: { status } })
      const response = await approve.request(await pathOf(), await givenIn(ASK), env)
      expect(response.status).toBe(409)
      expect(await response.text()).not.toContain('data-approve')
      expect(calls).toEqual(['read'])
    },
  )

  test('that the wallet does not take is answered in words', async () => {
    const answers = { wrong_status: 409, too_many_approvals: 409, transfer_not_found: 404 } as const
    for (const [reason, status] of Object.entries(answers)) {
      const { env } = await approveEnv(ASK, async () => err({ reason, status: 'signing', detail: '' }))
      expect((await approve.request(await pathOf(), await givenIn(ASK), env)).status, reason).toBe(status)
    }
  })

  test('that fails on our side says so, and tells the log nothing of the link', async () => {
    const lines: string[] = []
    const error = console.error
    console.error = (line: string) => lines.push(line)
    try {
      const { env } = await approveEnv(ASK, async () => {
        throw new Error('the object is away')
      })
      expect((await approve.request(await pathOf(), await givenIn(ASK), env)).status).toBe(500)
      expect(lines).toHaveLength(1)
      expect(lines[0]).not.toContain('apr_')
    } finally {
      console.error = error
    }
  })
})
