import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { endpointSecret, signedHeaders, verifyWebhook } from '../../src/delivery/sign.ts'

const MASTER = 'a master secret of a test'
const NOW = 1_800_000_000_000
const body = '{"type":"invoice.settled","timestamp":"2027-01-15T08:00:00.000Z","data":{"note":"€ 日本"}}'

test('a secret is whsec_ and 32 bytes, the same each time, its own for each endpoint, version and master', async () => {
  const secret = await endpointSecret(MASTER, 'we_1', 1)
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(await endpointSecret(MASTER, 'we_1', 1)).toBe(secret)
  const others = [
    await endpointSecret(MASTER, 'we_2', 1),
    await endpointSecret(MASTER, 'we_1', 2),
    await endpointSecret(`${MASTER}!`, 'we_1', 1),
  ]
  expect(new Set([secret, ...others]).size).toBe(4)
})

test('no secret is made from a missing master', async () => {
  await expect(endpointSecret('', 'we_1', 1)).rejects.toThrow('WEBHOOK_SECRET')
})

test('the example of the Standard Webhooks reference libraries', async () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const headers = await signedHeaders(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330_999, '{"test": 2432232314}')
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('the official library takes what we sign and we take what it signs, whatever the body', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.uuid(), fc.integer({ min: 1, max: 9 }), async (text, id, version) => {
      const secret = await endpointSecret(MASTER, id, version)
      const official = new Webhook(secret)
      const nowMs = Date.now()
      const json = JSON.stringify({ text })
      expect(official.verify(json, await signedHeaders(secret, id, nowMs, json))).toEqual({ text })
      const theirs = {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(nowMs / 1000)),
        'webhook-signature': official.sign(id, new Date(nowMs), json),
      }
      expect(await verifyWebhook(secret, theirs, json, nowMs)).toEqual({ ok: true, value: id })
    }),
    { numRuns: 50 },
  )
})

test('any change of id, time, body or signature is refused', async () => {
  const secret = await endpointSecret(MASTER, 'we_1', 1)
  const headers = await signedHeaders(secret, 'evt_1', NOW, body)
  const refusals = await Promise.all([
    verifyWebhook(secret, { ...headers, 'webhook-id': 'evt_2' }, body, NOW),
    verifyWebhook(secret, { ...headers, 'webhook-timestamp': String(NOW / 1000 + 1) }, body, NOW),
    verifyWebhook(secret, headers, `${body} `, NOW),
    verifyWebhook(secret, { ...headers, 'webhook-signature': headers['webhook-signature'].slice(0, -2) }, body, NOW),
    verifyWebhook(secret, { ...headers, 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v1a,') }, body, NOW),
    verifyWebhook(await endpointSecret(MASTER, 'we_2', 1), headers, body, NOW),
  ])
  expect(refusals.map((refusal) => !refusal.ok && refusal.error.reason)).toEqual(refusals.map(() => 'no_match'))
})

test('five minutes either way are allowed and no more, and headers must be there', async () => {
  const secret = await endpointSecret(MASTER, 'we_1', 1)
  const headers = await signedHeaders(secret, 'evt_1', NOW, body)
  const reasonAt = async (nowMs: number) => {
    const result = await verifyWebhook(secret, headers, body, nowMs)
    return result.ok ? 'ok' : result.error.reason
  }
  expect(await reasonAt(NOW + 300_000)).toBe('ok')
  expect(await reasonAt(NOW + 301_000)).toBe('too_old')
  expect(await reasonAt(NOW - 300_000)).toBe('ok')
  expect(await reasonAt(NOW - 301_000)).toBe('too_new')
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'])
    expect(await verifyWebhook(secret, { ...headers, [name]: undefined }, body, NOW)).toMatchObject({
      error: { reason: 'headers_missing' },
    })
})

test('one of several signatures is enough, so that a secret can be changed without a gap', async () => {
  const secret = await endpointSecret(MASTER, 'we_1', 1)
  const headers = await signedHeaders(secret, 'evt_1', NOW, body)
  const other = await signedHeaders(await endpointSecret(MASTER, 'we_1', 2), 'evt_1', NOW, body)
  const both = { ...headers, 'webhook-signature': `${other['webhook-signature']} ${headers['webhook-signature']}` }
  expect(await verifyWebhook(secret, both, body, NOW)).toEqual({ ok: true, value: 'evt_1' })
})

test('the ten lines in docs/webhooks.md take what we sign and nothing else', async () => {
  const page = await readFile(fileURLToPath(new URL('../../docs/webhooks.md', import.meta.url).href), 'utf8')
  const code = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    verifyWebhook(secret: string, headers: Record<string, string>, rawBody: string): unknown
  }
  const secret = await endpointSecret(MASTER, 'we_1', 1)
  const headers = await signedHeaders(secret, 'evt_1', Date.now(), body)
  expect(module.verifyWebhook(secret, headers, body)).toEqual(JSON.parse(body))
  expect(() => module.verifyWebhook(secret, headers, `${body} `)).toThrow('not from Paytomat')
  expect(() => module.verifyWebhook(secret, { ...headers, 'webhook-signature': `v1,${'é'.repeat(44)}` }, body)).toThrow('not from')
  expect(() => module.verifyWebhook(secret, {}, body)).toThrow('5 minutes')
  const old = Date.now() - 400_000
  const stale = signedHeaders(secret, 'evt_1', old, body)
  await expect(stale.then((signed) => module.verifyWebhook(secret, signed, body))).rejects.toThrow('5 minutes')
})
