import { expect, test } from 'vitest'
import { type MutantStatus, scoreOf } from '../../scripts/mutation/score.ts'

const mutants = (...statuses: MutantStatus[]) => statuses.map((status) => ({ status }))

test('what no test runs counts against the score, and what could not be tried counts neither way', () => {
  expect(scoreOf(mutants('Killed', 'Timeout', 'Survived', 'NoCoverage', 'CompileError', 'RuntimeError', 'Ignored'))).toEqual({
    percent: 50,
    mutants: 4,
    noticed: 2,
    unnoticed: 1,
    notRun: 1,
  })
})

test('a folder without anything to change has nothing to fail', () => {
  expect(scoreOf(mutants('Ignored')).percent).toBe(100)
  expect(scoreOf(mutants('NoCoverage')).percent).toBe(0)
})
