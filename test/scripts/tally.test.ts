import { expect, test } from 'vitest'
import { failureLine, summaryOf, tallyOf } from '../../scripts/tally.ts'

test('a run is what its report says', () => {
  expect(tallyOf('vitest', { passed: 7, failures: [] }, 0)).toEqual({ passed: 7, failures: [] })
  expect(tallyOf('vitest', { passed: 7, failures: ['a'] }, 1)).toEqual({ passed: 7, failures: ['a'] })
})

test('a run that ended badly and names no failure is one, with what passed', () => {
  expect(tallyOf('vitest', { passed: 7, failures: [] }, 1)).toEqual({
    passed: 7,
    failures: ['vitest: ended with 1, and no test failed'],
  })
})

test('a run of no tests, and one that wrote no report, have failed', () => {
  expect(tallyOf('vitest', { passed: 0, failures: [] }, 0)).toEqual({ passed: 0, failures: ['vitest: no test was found'] })
  expect(tallyOf('vitest', null, 137)).toEqual({ passed: 0, failures: ['vitest: ended with 137 and no report'] })
})

test('a failure is one short line', () => {
  expect(failureLine('a.test.ts > b', [{ name: 'Error', message: 'c\n  d' }, { message: 'e' }])).toBe(
    'a.test.ts > b: Error: c d | e',
  )
  expect(failureLine('a', [{ message: 'b'.repeat(10_000) }]).length).toBeLessThan(300)
})

test('the last lines name what failed in every run, and count all', () => {
  const runs = [
    { passed: 3, failures: ['a'] },
    { passed: 4, failures: [] },
    { passed: 0, failures: ['b'] },
  ]
  expect(summaryOf(runs)).toEqual(['failed:', 'a', 'b', '7 passed, 2 failed'])
  expect(summaryOf([{ passed: 3, failures: [] }])).toEqual(['3 passed, 0 failed'])
})

test('however much failed, the last lines are few', () => {
  const lines = summaryOf([{ passed: 3, failures: Array.from({ length: 1_000 }, (_, at) => `failure ${at}`) }])
  expect(lines.length).toBeLessThan(30)
  expect(lines.slice(-2)).toEqual(['and 975 more', '3 passed, 1000 failed'])
})
