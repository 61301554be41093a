/** The parts that `npm run check` and `npm test` are made of. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildClient } from './build-client.ts'
import { readJson } from './stack/processes.ts'
import { failureLine, summaryOf, TALLY_FILE, type Tally, tallyOf } from './tally.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** Of what has not changed since: `tsc` knows it, and Node.js has it compiled. */
const CACHE = join(root, 'node_modules/.cache')

const STATIC_CHECKS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['tsc', '--noEmit', '--incremental', '--tsBuildInfoFile', join(CACHE, 'tsc/project.tsbuildinfo')],
  // Browser code has types of its own: the DOM's, and none of Node.js or Workers. What they share is in both.
  ['tsc', '--noEmit', '-p', 'src/checkout/client/tsconfig.json'],
  ['tsc', '--noEmit', '-p', 'src/approve/client/tsconfig.json'],
  ['biome', 'check', '.'],
]

/** Types and lint. Each is one check that passes or fails. What they say comes in one piece: tests run beside them. */
export async function runStaticChecks(): Promise<Tally> {
  await buildClient()
  const failures = await Promise.all(
    STATIC_CHECKS.map(async ([name, ...args]) => {
      const { code, said } = await runTool(name, args, { isQuiet: true })
      if (code !== 0) process.stderr.write(said)
      return code === 0 ? [] : [failureLine([name, ...args].join(' '), [{ message: said }])]
    }),
  )
  const failed = failures.flat()
  console.log(failed.length === 0 ? 'types and lint: fine' : `types and lint: ${failed.length} of ${STATIC_CHECKS.length} failed`)
  return { passed: 0, failures: failed }
}

/** Vitest over these projects. `isBeside`: what it says comes in one piece at the end, since others run at the same time. */
export async function runTests(projects: readonly string[], { isBeside = false } = {}): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'paytomat-tests-'))
  const file = join(folder, 'tally.json')
  try {
    const chosen = projects.flatMap((project) => ['--project', project])
    const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/tally.ts')}`, '--no-color']
    const env = { [TALLY_FILE]: file, NODE_COMPILE_CACHE: join(CACHE, 'node') }
    const { code, said } = await runTool('vitest', ['run', ...chosen, ...reporters], { isQuiet: isBeside, env })
    process.stdout.write(said)
    return tallyOf(`vitest of ${projects.join(', ')}`, readJson<Tally>(file), code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Prints what failed, then the counts, and sets the exit code. */
export function conclude(tallies: readonly Tally[]): void {
  for (const line of summaryOf(tallies)) console.log(line)
  process.exitCode = tallies.some(({ failures }) => failures.length > 0) ? 1 : 0
}

interface ToolOptions {
  /** Its output is kept, not shown. */
  readonly isQuiet: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a tool of node_modules/.bin. */
function runTool(
  name: string,
  args: readonly string[],
  { isQuiet, env = {} }: ToolOptions,
): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    const pipe = isQuiet ? 'pipe' : 'inherit'
    const child = spawn(join(root, 'node_modules', '.bin', name), args, {
      cwd: root,
      stdio: ['ignore', pipe, pipe],
      env: { ...process.env, ...env },
    })
    const parts: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => parts.push(chunk))
    child.on('error', (error) => {
      console.error(`could not run ${name}: ${error.message}; run "npm ci" first`)
      resolve({ code: 1, said: error.message })
    })
    child.on('close', (code) => resolve({ code: code ?? 1, said: Buffer.concat(parts).toString() }))
  })
}
