import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { securityHeaders } from '../../src/api/headers.ts'
import edge from '../../workers/edge/index.ts'
import { INVOICE_ID, SHOP_ORIGIN, STATES, type State } from '../checkout/fixtures.ts'
import { fakeEnv, request } from '../checkout/serve.ts'

const state = STATES['pay-btc'] as State
const { env } = fakeEnv(state)
const ask = (path: string, origin = 'https://pay.example') => edge.request(path, undefined, { ...env, ORIGIN: origin })

const EVERYWHERE = ['/', '/docs/errors', '/nothing/here', '/v1/nothing', '/v1/invoices', `/i/${INVOICE_ID}`, '/i/nonsense']

test.each(EVERYWHERE)('%s: by HTTPS only, never guessed at, framed by nobody who was not named', async (path) => {
  const { headers } = await ask(path)
  expect(headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toMatch(/frame-ancestors ('none'|https:\/\/northwind\.example)$/)
})

test('an origin without HTTPS promises none', async () => {
  expect((await ask('/', 'http://localhost:8787')).headers.get('strict-transport-security')).toBeNull()
})

test('a path that is unknown is a plain 404 that can do nothing', async () => {
  const response = await ask('/nothing/here')
  expect(response.status).toBe(404)
  expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
})

test('the checkout behind the door is the checkout: policy, body and what may frame it', async () => {
  const [alone, behind] = await Promise.all([request(state, `/i/${INVOICE_ID}`), ask(`/i/${INVOICE_ID}`)])
  const { 'strict-transport-security': _, ...headers } = Object.fromEntries(behind.headers)
  expect(headers).toEqual(Object.fromEntries(alone.headers))
  expect(headers['content-security-policy']).toContain(`frame-ancestors ${SHOP_ORIGIN}`)
  expect(await behind.text()).toMatch(/<\/html>$/)
})

test('the answer to a WebSocket is handed on untouched', async () => {
  // Node.js makes no response of this status.
  const upgrade = Object.defineProperty(new Response(null), 'status', { value: 101 })
  const app = new Hono().use(securityHeaders() as never).get('/live', () => upgrade)
  expect(await app.request('/live', undefined, { ORIGIN: 'https://pay.example' })).toBe(upgrade)
})
