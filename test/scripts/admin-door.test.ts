import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AdminDoor, startAdminDoor } from '../../scripts/stack/admin-door.ts'

let door: AdminDoor
const calls: { path: string; method: string; body: string | undefined }[] = []
beforeAll(async () => {
  const worker =
    (status: number) =>
    async (path: string, { method, body }: { method: string; body?: string }) => {
      calls.push({ path, method, body })
      if (path === '/admin/broken') throw new Error('workerd is gone')
      return Response.json({ path }, { status })
    }
  door = await startAdminDoor({ '/admin/': worker(202), '/signer/': worker(203) })
})
afterAll(() => door.stop())

/** `fetch` will not send another Host. */
function call(path: string, headers: Record<string, string> = {}, body?: string) {
  const all = { authorization: `Bearer ${door.token}`, ...headers }
  return new Promise<{ status: number; json: Record<string, unknown> }>((resolve, reject) => {
    const sent = request(door.url + path, { method: body === undefined ? 'GET' : 'POST', headers: all }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

test('who has the token reaches the core Worker, on loopback only', async () => {
  expect(new URL(door.url).hostname).toBe('127.0.0.1')
  expect(await call('/admin/ledgers?after=x', {}, '{"a":1}')).toEqual({ status: 202, json: { path: '/admin/ledgers?after=x' } })
  expect(calls.at(-1)).toEqual({ path: '/admin/ledgers?after=x', method: 'POST', body: '{"a":1}' })
  expect((await call('/admin/audit')).status).toBe(202)
  expect(calls.at(-1)).toMatchObject({ method: 'GET', body: undefined })
})

test.each([
  ['no token', { authorization: '' }, 401, 'token_missing'],
  ['another token', { authorization: 'Bearer AAAA' }, 401, 'token_missing'],
  ['a name that was rebound to loopback', { host: 'evil.example' }, 421, 'wrong_host'],
  ['a page in a browser', { origin: 'http://localhost:8788' }, 403, 'not_for_browsers'],
])('%s is refused before the Worker hears of it', async (_who, headers, status, code) => {
  const before = calls.length
  expect(await call('/admin/audit', headers)).toMatchObject({ status, json: { code } })
  expect(calls).toHaveLength(before)
})

test('the token with anything before, after or missing is another token', async () => {
  for (const token of [`${door.token}x`, door.token.slice(1), door.token.slice(0, -1), ''])
    expect((await call('/admin/audit', { authorization: `Bearer ${token}` })).status).toBe(401)
})

test('a path goes to the Worker whose it is', async () => {
  expect(await call('/signer/wallets/all')).toEqual({ status: 203, json: { path: '/signer/wallets/all' } })
})

test('nothing but what operators have is served, and no body that is too long', async () => {
  for (const path of ['/v1/invoices', '/signer', '/', '/x/admin/']) expect(await call(path)).toMatchObject({ status: 404 })
  expect(await call('/admin/x', {}, 'x'.repeat(70_000))).toMatchObject({ status: 413 })
})

test('a Worker that is gone is a problem, not a crash', async () => {
  expect(await call('/admin/broken')).toMatchObject({ status: 502, json: { detail: 'workerd is gone' } })
})

test('each start has a token of its own', async () => {
  const other = await startAdminDoor({ '/admin/': async () => new Response() })
  expect(other.token).not.toBe(door.token)
  expect(other.token.length).toBeGreaterThanOrEqual(43)
  await other.stop()
})
