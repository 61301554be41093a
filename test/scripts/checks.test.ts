import { expect, test } from 'vitest'
import { countReport } from '../../scripts/checks.ts'

const file = (status: string, assertions: number) => ({ status, assertionResults: Array.from({ length: assertions }) })

test('counts what passed and what failed', () => {
  expect(countReport({ numPassedTests: 7, numFailedTests: 2, testResults: [file('failed', 9)] }, 1)).toEqual({
    passed: 7,
    failed: 2,
  })
})

test('a file that could not be loaded is a failure', () => {
  expect(countReport({ numPassedTests: 7, numFailedTests: 0, testResults: [file('failed', 0)] }, 1)).toEqual({
    passed: 7,
    failed: 1,
  })
})

test('an error outside of any test is a failure', () => {
  expect(countReport({ numPassedTests: 7, numFailedTests: 0, testResults: [file('passed', 7)] }, 1)).toEqual({
    passed: 7,
    failed: 1,
  })
})

test('no tests at all is a failure', () => {
  expect(countReport({}, 0)).toEqual({ passed: 0, failed: 1 })
})

test('all well is no failure', () => {
  expect(countReport({ numPassedTests: 7, numFailedTests: 0, testResults: [file('passed', 7)] }, 0)).toEqual({
    passed: 7,
    failed: 0,
  })
})
