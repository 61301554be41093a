import { expect, test, vi } from 'vitest'
import { attempt, type CourierPorts, carryOut, readRetryAfter } from '../../src/delivery/attempt.ts'
import type { AttemptResult, DeliverMessage } from '../../src/delivery/rpc.ts'

const message: DeliverMessage = {
  kind: 'webhook',
  storeId: 'st_1',
  deliveryId: 'inv_1.evt_1.we_1',
  attempt: 3,
  url: 'https://shop.example.com/hook',
  headers: { 'content-type': 'application/json', 'webhook-id': 'evt_1' },
  body: '{"type":"invoice.settled"}',
}

function ports(answer: () => Promise<Response>, more: Partial<CourierPorts> = {}) {
  let nowMs = 1_000
  const results: AttemptResult[] = []
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => {
    nowMs += 40
    return answer()
  })
  const send = async (result: AttemptResult) => {
    results.push(result)
  }
  const all: CourierPorts = { fetch, results: { send }, nowMs: () => nowMs, development: false, ...more }
  return { all, fetch, results }
}

test('an attempt posts the signed body, follows no redirect, and tells status, Retry-After and duration', async () => {
  const p = ports(async () => new Response('later', { status: 503, headers: { 'retry-after': '120' } }))
  expect(await attempt(message, p.all)).toEqual({
    storeId: 'st_1',
    deliveryId: 'inv_1.evt_1.we_1',
    attempt: 3,
    status: 503,
    retryAfterMs: 120_000,
    error: null,
    durationMs: 40,
  })
  const [url, init] = p.fetch.mock.calls[0] as [string, RequestInit]
  expect(url).toBe('https://shop.example.com/hook')
  expect(init).toMatchObject({ method: 'POST', redirect: 'manual', headers: message.headers, body: message.body })
  expect(init.signal).toBeInstanceOf(AbortSignal)
})

test('an answer that never ends, or breaks when it is let go, is still an answer', async () => {
  const cancelled = vi.fn(async () => {
    throw new Error('broken')
  })
  const p = ports(async () => new Response(new ReadableStream({ cancel: cancelled }), { status: 200 }))
  expect(await attempt(message, p.all)).toMatchObject({ status: 200, error: null })
  expect(cancelled).toHaveBeenCalledOnce()
})

test('the address is checked again before the call, so that a row from elsewhere opens nothing', async () => {
  const p = ports(async () => new Response())
  for (const url of ['https://169.254.169.254/', 'http://shop.example.com/', 'http://localhost:3000/'])
    expect(await attempt({ ...message, url }, p.all)).toMatchObject({ status: null, error: expect.stringContaining('not allowed') })
  expect(p.fetch).not.toHaveBeenCalled()
  const development = ports(async () => new Response(), { development: true })
  expect(await attempt({ ...message, url: 'http://localhost:3000/' }, development.all)).toMatchObject({ status: 200 })
})

test('no answer is told in words: a time-out, and a connection that fails', async () => {
  const timedOut = ports(() => Promise.reject(new DOMException('The operation timed out', 'TimeoutError')))
  expect(await attempt(message, timedOut.all)).toMatchObject({ status: null, error: 'no answer within 15 s' })
  const broken = ports(() => Promise.reject(new Error('Network connection lost.')))
  expect(await attempt(message, broken.all)).toMatchObject({ status: null, error: 'no connection: Network connection lost.' })
})

test('a report is tried a few times and given up without a throw', async () => {
  vi.useFakeTimers()
  try {
    const sends = vi.fn(async () => {
      if (sends.mock.calls.length < 3) throw new Error('queue down')
    })
    const p = ports(async () => new Response(), { results: { send: sends } })
    const done = carryOut(message, p.all)
    await vi.runAllTimersAsync()
    await done
    expect(sends).toHaveBeenCalledTimes(3)

    const never = vi.fn(() => Promise.reject(new Error('queue down')))
    const given = carryOut(message, ports(async () => new Response(), { results: { send: never } }).all)
    await vi.runAllTimersAsync()
    await given
    expect(never).toHaveBeenCalledTimes(3)
  } finally {
    vi.useRealTimers()
  }
})

test('Retry-After is read as seconds or as a date, and nothing else', () => {
  const nowMs = Date.UTC(2027, 0, 1)
  expect(readRetryAfter('30', nowMs)).toBe(30_000)
  expect(readRetryAfter(' 30 ', nowMs)).toBe(30_000)
  expect(readRetryAfter('Fri, 01 Jan 2027 00:02:00 GMT', nowMs)).toBe(120_000)
  for (const text of [null, '', '0', '-5', '1e3', 'soon', '99999999999', 'Thu, 31 Dec 2026 00:00:00 GMT'])
    expect(readRetryAfter(text, nowMs)).toBeNull()
})
