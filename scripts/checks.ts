/** The parts that `npm run check` and `npm test` are made of. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildClient } from './build-client.ts'

export interface Tally {
  readonly passed: number
  readonly failed: number
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const STATIC_CHECKS: readonly (readonly [name: string, ...args: string[]])[] = [
  // What has not changed since is known from the last time: a fifth of the work.
  ['tsc', '--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/tsc/project.tsbuildinfo'],
  // Browser code has types of its own: the DOM's, and none of Node.js or Workers. What they share is in both.
  ['tsc', '--noEmit', '-p', 'src/checkout/client/tsconfig.json'],
  ['tsc', '--noEmit', '-p', 'src/approve/client/tsconfig.json'],
  ['biome', 'check', '.'],
]

/** Types and lint. Each is one check that passes or fails. What they say comes in one piece: tests run beside them. */
export async function runStaticChecks(): Promise<Tally> {
  await buildClient()
  const results = await Promise.all(STATIC_CHECKS.map(([name, ...args]) => runTool(name, args, 'told at the end')))
  const failed = results.filter((code) => code !== 0).length
  console.log(failed === 0 ? 'types and lint: fine' : `types and lint: ${failed} of ${STATIC_CHECKS.length} failed`)
  return { passed: 0, failed }
}

/**
 * Runs vitest over these projects and counts by its JSON report. A run that found no test, a file that could not be
 * loaded, and an error outside of any test all count as failures.
 */
export async function runTests(projects: readonly string[]): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'paytomat-tests-'))
  const report = join(folder, 'report.json')
  try {
    const chosen = projects.flatMap((project) => ['--project', project])
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, '--no-color']
    const code = await runTool('vitest', ['run', ...chosen, ...reporters], 'told at once')
    if (!existsSync(report)) return { passed: 0, failed: 1 }
    return countReport(JSON.parse(readFileSync(report, 'utf8')), code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Pure: what vitest's JSON report and its exit code come to. */
export function countReport(
  report: { numPassedTests?: number; numFailedTests?: number; testResults?: { status: string; assertionResults: unknown[] }[] },
  exitCode: number,
): Tally {
  const passed = report.numPassedTests ?? 0
  const broken = (report.testResults ?? []).filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length
  const failed = (report.numFailedTests ?? 0) + broken
  const silent = failed === 0 && (exitCode !== 0 || passed === 0)
  return { passed, failed: silent ? 1 : failed }
}

/** Prints the last line and sets the exit code. */
export function conclude(tallies: readonly Tally[]): void {
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}

/** Runs a tool of node_modules/.bin and answers its exit code. Told at the end, its output is shown only when it failed. */
function runTool(name: string, args: readonly string[], output: 'told at once' | 'told at the end'): Promise<number> {
  return new Promise((resolve) => {
    const pipe = output === 'told at once' ? 'inherit' : 'pipe'
    const child = spawn(join(root, 'node_modules', '.bin', name), args, { cwd: root, stdio: ['ignore', pipe, pipe] })
    const said: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk))
    child.on('error', (error) => {
      console.error(`could not run ${name}: ${error.message}; run "npm ci" first`)
      resolve(1)
    })
    child.on('close', (code) => {
      if (code !== 0) process.stderr.write(Buffer.concat(said))
      resolve(code ?? 1)
    })
  })
}
