import { expect, test } from 'vitest'
import { Looks } from '../../src/lightning/looks.ts'
import { Waiters } from '../../src/lightning/waiters.ts'

const AT = 1_790_000_000_000

test('a look is due after a restart, and again soon while something can be paid', () => {
  const looks = new Looks()
  expect([looks.isDue(AT), looks.dueAtMs(AT)]).toEqual([true, AT])
  looks.begin(AT)
  expect([looks.isDue(AT + 29_999), looks.isDue(AT + 30_000)]).toEqual([false, true])
  looks.end(AT + 1_000, true)
  expect([looks.isDue(AT + 1_499), looks.isDue(AT + 1_500)]).toEqual([false, true])
})

test('an empty till is looked at every five minutes, until an invoice is made', () => {
  const looks = new Looks()
  looks.end(AT, false)
  expect(looks.dueAtMs(AT + 1)).toBe(AT + 300_000)
  looks.hasten(AT + 10)
  expect(looks.isDue(AT + 10)).toBe(true)
})

test('a node that fails is asked less and less often, a minute at most, and at once in its turn when it is back', () => {
  const looks = new Looks()
  const waits = Array.from({ length: 8 }, () => {
    looks.begin(AT)
    looks.fail(AT)
    return looks.dueAtMs(AT) - AT
  })
  expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
  looks.end(AT, true)
  looks.fail(AT)
  expect(looks.dueAtMs(AT)).toBe(AT + 2_000)
})

test('a node that tells payments, and not of one invoice, is asked again soon however often it does so', () => {
  const looks = new Looks()
  for (let count = 0; count < 3; count++) {
    looks.begin(AT)
    looks.retry(AT)
    expect(looks.dueAtMs(AT)).toBe(AT + 2_000)
  }
})

test('all who wait for one thing hear of it, and nobody waits for ever', async () => {
  const waiters = new Waiters<string, number>(50)
  const both = Promise.all([waiters.wait('a'), waiters.wait('a')])
  const never = waiters.wait('b')
  expect(waiters.keys()).toEqual(['a', 'b'])
  waiters.answer('a', 7)
  waiters.answer('c', 8)
  expect(await both).toEqual([7, 7])
  expect(await never).toBeNull()
  expect(waiters.keys()).toEqual([])
})
