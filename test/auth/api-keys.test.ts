import { expect, test, vi } from 'vitest'
import {
  BAD_KEY_MS,
  createApiKey,
  createKeyChecker,
  GOOD_KEY_MS,
  GOOD_KEY_WITHOUT_DIRECTORY_MS,
  hashApiKey,
  type Identity,
  isApiKey,
  shownPart,
} from '../../src/auth/api-keys.ts'

const identity = { keyId: 'key_1', store: { storeId: 'st_1' } } as Identity

/** A directory that knows some keys, a clock that stands, and a checker. */
function setUp(keys: readonly string[]) {
  const world = { nowMs: 0, known: new Set<string>(), down: false }
  const lookUp = vi.fn(async (hash: string) => {
    if (world.down) throw new Error('D1_ERROR')
    return world.known.has(hash) ? identity : null
  })
  const checker = createKeyChecker(() => world.nowMs)
  const ready = Promise.all(keys.map(async (key) => world.known.add(await hashApiKey(key))))
  const check = async (authorization: string | null) => {
    await ready
    const checked = await checker.check(authorization, lookUp)
    return checked.ok ? checked.value : checked.error.reason
  }
  return { world, lookUp, check }
}

test('keys are of one form, hold letters, digits and _ only, and differ', () => {
  const keys = Array.from({ length: 100 }, () => createApiKey('live'))
  expect(new Set(keys).size).toBe(100)
  for (const key of keys) {
    expect(key).toMatch(/^ptm_live_[a-z0-9]{8}_[a-z0-9]{56}$/)
    expect(isApiKey(key)).toBe(true)
    expect(key.startsWith(`${shownPart(key)}_`)).toBe(true)
    expect(shownPart(key)).toHaveLength('ptm_live_'.length + 8)
  }
})

test('a known key is looked up once, then trusted for its time', async () => {
  const key = createApiKey('test')
  const { world, lookUp, check } = setUp([key])
  expect(await check(`Bearer ${key}`)).toBe(identity)
  world.nowMs = GOOD_KEY_MS - 1
  expect(await check(`bearer  ${key}`)).toBe(identity)
  expect(lookUp).toHaveBeenCalledTimes(1)
  world.nowMs = GOOD_KEY_MS
  expect(await check(`Bearer ${key}`)).toBe(identity)
  expect(lookUp).toHaveBeenCalledTimes(2)
})

test('a revoked key stops working within the time a good one is trusted', async () => {
  const key = createApiKey('test')
  const { world, check } = setUp([key])
  expect(await check(`Bearer ${key}`)).toBe(identity)
  world.known.clear()
  expect(await check(`Bearer ${key}`)).toBe(identity)
  world.nowMs = GOOD_KEY_MS
  expect(await check(`Bearer ${key}`)).toBe('api_key_invalid')
  world.down = true
  expect(await check(`Bearer ${key}`)).toBe('api_key_invalid')
})

test('an unknown key is not looked up again at once, and works soon after it is made', async () => {
  const key = createApiKey('test')
  const { world, lookUp, check } = setUp([])
  expect(await check(`Bearer ${key}`)).toBe('api_key_invalid')
  world.known.add(await hashApiKey(key))
  expect(await check(`Bearer ${key}`)).toBe('api_key_invalid')
  expect(lookUp).toHaveBeenCalledTimes(1)
  world.nowMs = BAD_KEY_MS
  expect(await check(`Bearer ${key}`)).toBe(identity)
})

test('while the directory is down a key that was good still is, for a while; others cannot be told', async () => {
  const key = createApiKey('test')
  const { world, check } = setUp([key])
  expect(await check(`Bearer ${key}`)).toBe(identity)
  world.down = true
  world.nowMs = GOOD_KEY_WITHOUT_DIRECTORY_MS - 1
  expect(await check(`Bearer ${key}`)).toBe(identity)
  expect(await check(`Bearer ${createApiKey('test')}`)).toBe('directory_unavailable')
  world.nowMs = GOOD_KEY_WITHOUT_DIRECTORY_MS
  expect(await check(`Bearer ${key}`)).toBe('directory_unavailable')
})

test('who tries keys at random pushes no good key out', async () => {
  const key = createApiKey('test')
  const { lookUp, check } = setUp([key])
  await check(`Bearer ${key}`)
  for (let tries = 0; tries < 10_100; tries++) await check(`Bearer ${createApiKey('test')}`)
  lookUp.mockClear()
  expect(await check(`Bearer ${key}`)).toBe(identity)
  expect(lookUp).not.toHaveBeenCalled()
})

test('what is not a key is refused without asking anyone', async () => {
  const key = createApiKey('test')
  const { lookUp, check } = setUp([key])
  expect(await check(null)).toBe('api_key_missing')
  const wrong = [
    '',
    'Bearer',
    'Bearer ',
    `Basic ${key}`,
    key,
    `Bearer ${key}x`,
    `Bearer ${key.toUpperCase()}`,
    `Bearer ${key} ${key}`,
    `token ${key}`,
  ]
  for (const header of wrong) expect(await check(header), header).toBe('api_key_invalid')
  expect(lookUp).not.toHaveBeenCalled()
})
