/** What runs of tests came to: a reporter that vitest writes it with, and the last lines of `npm test` that tell it. */
import { writeFileSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule, TestSuite } from 'vitest/node'

export interface Tally {
  readonly passed: number
  /** A line each: the file, the test or hook, and what it said. */
  readonly failures: readonly string[]
}

/** The environment's name for the file that the reporter writes, as JSON. */
export const TALLY_FILE = 'PAYTOMAT_TALLY_FILE'
/** All of them are within what one sees of a long log's end. */
const LINE_MAX = 240
const LINES_MAX = 25

/** A test that failed, a hook, a file that was not loaded or did not end, and an error outside of any test are a failure each. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const passed = modules.reduce((sum, module) => sum + [...module.children.allTests('passed')].length, 0)
    const outside = unhandled.map((error) => failureLine('outside of any test', [error]))
    const tally: Tally = { passed, failures: [...modules.flatMap(failuresIn), ...outside] }
    writeFileSync(process.env[TALLY_FILE] ?? '', JSON.stringify(tally))
  }
}

function failuresIn(module: TestModule): string[] {
  const file = module.relativeModuleId
  const { children } = module
  const hooks = (suite: TestModule | TestSuite, where: string) => suite.errors().map((error) => failureLine(where, [error]))
  const isOpen = module.state() === 'pending' || module.state() === 'queued'
  return [
    ...hooks(module, file),
    ...[...children.allSuites()].flatMap((suite) => hooks(suite, `${file} > ${suite.fullName}`)),
    ...[...children.allTests('failed')].map((test) => failureLine(`${file} > ${test.fullName}`, test.result().errors ?? [])),
    ...(isOpen ? [failureLine(file, [{ message: 'did not end' }])] : []),
  ]
}

export function failureLine(where: string, errors: readonly { readonly name?: string; readonly message: string }[]): string {
  const said = errors.map(({ name, message }) => (name ? `${name}: ${message}` : message)).join(' | ')
  return `${where}: ${said}`.replaceAll(/\s+/g, ' ').slice(0, LINE_MAX)
}

/**
 * Pure: what vitest's report and its exit code come to. A run without a report, one in which no test was found, and one that
 * ended badly without naming a failure have failed.
 */
export function tallyOf(what: string, report: Tally | null, exitCode: number): Tally {
  if (report === null) return { passed: 0, failures: [failureLine(what, [{ message: `ended with ${exitCode} and no report` }])] }
  if (report.failures.length > 0 || (exitCode === 0 && report.passed > 0)) return report
  const message = report.passed === 0 ? 'no test was found' : `ended with ${exitCode}, and no test failed`
  return { ...report, failures: [failureLine(what, [{ message }])] }
}

/** Pure: what failed, a line each, and the counts last, for who sees only the end of a log. */
export function summaryOf(tallies: readonly Tally[]): string[] {
  const failures = tallies.flatMap((tally) => tally.failures)
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0)
  const more = failures.length > LINES_MAX ? [`and ${failures.length - LINES_MAX} more`] : []
  const told = failures.length > 0 ? ['failed:', ...failures.slice(0, LINES_MAX), ...more] : []
  return [...told, `${passed} passed, ${failures.length} failed`]
}
