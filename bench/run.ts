/**
 * `npm run bench`: every benchmark, or those named: `npm run bench -- checkout cost`.
 * Prints a table. With `--write` the table of docs/benchmarks.md is replaced by it.
 * A missed goal is shown and is no failure: figures are for people to look at, never a timed test.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { blockScan } from './block-scan.ts'
import { checkout } from './checkout.ts'
import { cost } from './cost.ts'
import { createInvoice } from './create-invoice.ts'
import { detection } from './detection.ts'
import { type Bench, type BenchResult, figureTable } from './lib/figure.ts'

const BENCHES: readonly Bench[] = [blockScan, createInvoice, checkout, detection, cost]
const DOCUMENT = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'benchmarks.md')
const START = '<!-- figures: written by `npm run bench -- --write` -->'
const END = '<!-- end of figures -->'

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const names = args.filter((arg) => !arg.startsWith('--'))
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name))
  if (unknown.length > 0) {
    console.error(`No benchmark is called ${unknown.join(', ')}. There are: ${BENCHES.map((bench) => bench.name).join(', ')}.`)
    process.exit(2)
  }
  const results: { bench: Bench; result: BenchResult }[] = []
  let failed = false
  for (const bench of BENCHES.filter((bench) => names.length === 0 || names.includes(bench.name))) {
    console.log(`\n# ${bench.title}`)
    try {
      const result = await bench.run()
      results.push({ bench, result })
      console.log(`${figureTable(result.figures)}\n\n${result.notes}`)
    } catch (error) {
      failed = true
      console.error(`${bench.name} could not be measured:`, error)
    }
  }
  const written = results.map(({ bench, result }) => `## ${bench.title}\n\n${figureTable(result.figures)}\n\n${result.notes}`)
  const report = `Measured on ${machine()}.\n\n${written.join('\n\n')}\n`
  if (args.includes('--write')) {
    if (failed || names.length > 0) console.error('\nNothing written: --write needs a whole run without failures.')
    else writeReport(report)
  }
  // Nodes and Workers have been ended by the benchmarks; what still holds a socket must not hold this process.
  process.exit(failed ? 1 : 0)
}

function writeReport(report: string): void {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [before, after] = [text.split(START)[0], text.split(END)[1]]
  if (before === undefined || after === undefined) throw new Error(`docs/benchmarks.md has lost its marks "${START}" and "${END}"`)
  writeFileSync(DOCUMENT, `${before}${START}\n\n${report}\n${END}${after}`)
  console.log('\nWritten to docs/benchmarks.md.')
}

function machine(): string {
  const date = new Date().toISOString().slice(0, 10)
  return `${date}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, ${process.platform} ${process.arch}, Node ${process.version}`
}
