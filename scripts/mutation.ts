/**
 * `npm run mutation`: changes the code of src/money and src/ledger in one place at a time and runs their tests: each
 * change ("mutant") that no test notices is shown. Fails under 90 % in either folder. `npm run mutation -- money` does
 * one folder; `--write` puts the scores into docs/mutation.md.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Stryker } from '@stryker-mutator/core'
import { markdownTable } from '../bench/lib/figure.ts'
import { type Score, scoreOf } from './mutation/score.ts'

type StrykerOptions = ConstructorParameters<typeof Stryker>[0]
type MutantResult = Awaited<ReturnType<Stryker['runMutationTest']>>[number]

const FOLDERS = ['money', 'ledger']
const SCORE_MIN = 90
const CONCURRENCY = 2
/** A mutant that loops is given up after its tests' usual time, half of it again, and this. */
const TIMEOUT_MS = 10_000

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const DOCUMENT = join(root, 'docs', 'mutation.md')
const START = '<!-- scores: written by `npm run mutation -- --write` -->'
const END = '<!-- end of scores -->'

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const named = args.filter((arg) => !arg.startsWith('--'))
  const unknown = named.filter((name) => !FOLDERS.includes(name))
  if (unknown.length > 0) stop(`No folder to mutate is called ${unknown.join(', ')}. There are: ${FOLDERS.join(', ')}.`)
  const folders = named.length === 0 ? FOLDERS : FOLDERS.filter((folder) => named.includes(folder))
  const write = args.includes('--write')
  if (write && folders.length < FOLDERS.length) stop('--write wants the scores of all folders: name none.')

  const sandbox = mkdtempSync(join(tmpdir(), 'paytomat-mutation-'))
  process.once('exit', () => rmSync(sandbox, { recursive: true, force: true }))
  const results: MutantResult[] = []
  for (const folder of folders) results.push(...(await mutate(folder, sandbox)))
  for (const mutant of results.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')) console.log(tell(mutant))
  const table = scoreTable(results, folders)
  console.log(`\n${table}\n`)
  if (write) writeScores(table)
  const low = folders.filter((folder) => scoreOf(results.filter(isIn(folder))).percent < SCORE_MIN)
  console.log(
    low.length === 0
      ? `All at ${SCORE_MIN} % or more.`
      : `Under ${SCORE_MIN} %: ${low.map((folder) => `src/${folder}`).join(', ')}.`,
  )
  process.exit(low.length === 0 ? 0 : 1)
}

/** Runs Stryker on a copy of the project in `sandbox`. Ends the process when it can't: Stryker has said why by then. */
async function mutate(folder: string, sandbox: string): Promise<MutantResult[]> {
  // For vitest.config.ts; Stryker's own way of choosing test files finds no mutant of what is made when a module is loaded.
  process.env.MUTATED_FOLDER = folder
  const options: StrykerOptions = {
    mutate: [`src/${folder}/**/*.ts`, `!src/${folder}/**/*object.ts`],
    ignorePatterns: ['**', '!config/**', '!docs/**', '!scripts/mutation/**', '!src/**', '!test/**', '!package.json'],
    tempDirName: sandbox,
    cleanTempDir: 'always',
    // Vitest reads TypeScript by itself, and a type that a mutant breaks is of no interest.
    disableTypeChecks: false,
    plugins: ['@stryker-mutator/vitest-runner'],
    testRunner: 'vitest',
    coverageAnalysis: 'perTest',
    concurrency: CONCURRENCY,
    timeoutMS: TIMEOUT_MS,
    reporters: process.stdout.isTTY ? ['progress'] : [],
    logLevel: 'error' as StrykerOptions['logLevel'],
    allowConsoleColors: false,
    ...{ vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false } },
  }
  return new Stryker(options).runMutationTest().catch(() => process.exit(1))
}

/** `src/money/amount.ts:23 EqualityOperator: "units > MAX_UNITS" as "units >= MAX_UNITS" is noticed by no test`. */
function tell(mutant: MutantResult): string {
  const { start, end } = mutant.location
  const lines = readFileSync(mutant.fileName, 'utf8')
    .split('\n')
    .slice(start.line - 1, end.line)
  const last = lines.length - 1
  lines[last] = (lines[last] ?? '').slice(0, end.column - 1)
  lines[0] = (lines[0] ?? '').slice(start.column - 1)
  const short = (text: string) => JSON.stringify(text.replace(/\s+/g, ' ').slice(0, 120))
  const how = mutant.status === 'NoCoverage' ? 'is run by no test' : 'is noticed by no test'
  return `${relative(root, mutant.fileName)}:${start.line} ${mutant.mutatorName}: ${short(lines.join('\n'))} as ${short(mutant.replacement ?? '')} ${how}`
}

function isIn(folder: string): (mutant: MutantResult) => boolean {
  return (mutant) => relative(root, mutant.fileName).startsWith(join('src', folder))
}

function scoreTable(results: readonly MutantResult[], folders: readonly string[]): string {
  const row = (name: string, { percent, mutants, noticed, unnoticed, notRun }: Score) => [
    name,
    `${percent.toFixed(1)} %`,
    ...[mutants, noticed, unnoticed, notRun].map(String),
  ]
  const rows = folders.flatMap((folder) => {
    const own = results.filter(isIn(folder))
    const files = [...new Set(own.map(({ fileName }) => fileName))].sort()
    return [
      row(`**src/${folder}**`, scoreOf(own)),
      ...files.map((file) => row(relative(root, file), scoreOf(own.filter(({ fileName }) => fileName === file)))),
    ]
  })
  return markdownTable(['Folder or file', 'Score', 'Mutants', 'Noticed', 'Not noticed', 'Run by no test'], rows)
}

function writeScores(table: string): void {
  const [before, rest] = readFileSync(DOCUMENT, 'utf8').split(START)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`docs/mutation.md has lost its marks "${START}" and "${END}"`)
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(DOCUMENT, `${before}${START}\n\n${table}\n\nMeasured on ${date}.\n\n${END}${after}`)
  console.log('Written to docs/mutation.md.')
}

function stop(why: string): never {
  console.error(why)
  process.exit(2)
}
