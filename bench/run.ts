/**
 * `npm run bench`: every benchmark, or those named: `npm run bench -- checkout cost`.
 * Prints tables. With `--write` the sections of docs/benchmarks.md of what was measured are replaced.
 * A missed goal is shown and is no failure: figures are for people to look at, never a timed test.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addresses } from './addresses.ts'
import { blockScan } from './block-scan.ts'
import { checkout } from './checkout.ts'
import { cost } from './cost.ts'
import { createInvoice } from './create-invoice.ts'
import { detection } from './detection.ts'
import { fullBlock } from './full-block.ts'
import { ledger } from './ledger.ts'
import { type Bench, type BenchResult, figureTable } from './lib/figure.ts'
import { moneyOut } from './money-out.ts'
import { recovery } from './recovery.ts'

const BENCHES: readonly Bench[] = [
  blockScan,
  addresses,
  createInvoice,
  checkout,
  detection,
  fullBlock,
  recovery,
  moneyOut,
  cost,
  ledger,
]
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
  if (args.includes('--write')) writeSections(results)
  // Nodes and Workers have been ended by the benchmarks; what still holds a socket must not hold this process.
  process.exit(failed ? 1 : 0)
}

/** Replaces the sections of what was measured and leaves the others as they are. */
function writeSections(results: readonly { bench: Bench; result: BenchResult }[]): void {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [before, rest] = text.split(START)
  const [old, after] = rest?.split(END) ?? []
  if (before === undefined || old === undefined || after === undefined) {
    throw new Error(`docs/benchmarks.md has lost its marks "${START}" and "${END}"`)
  }
  const sections = BENCHES.flatMap((bench) => {
    const measured = results.find((entry) => entry.bench === bench)
    if (!measured)
      return (
        old
          .split(/^(?=## )/m)
          .find((section) => section.startsWith(`## ${bench.title}\n`))
          ?.trim() ?? []
      )
    const { figures, notes } = measured.result
    return `## ${bench.title}\n\n${figureTable(figures)}\n\n${notes}\n\nMeasured on ${machine()}.`
  })
  writeFileSync(DOCUMENT, `${before}${START}\n\n${sections.join('\n\n')}\n\n${END}${after}`)
  console.log('\nWritten to docs/benchmarks.md.')
}

function machine(): string {
  const date = new Date().toISOString().slice(0, 10)
  return `${date}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, ${process.platform} ${process.arch}, Node ${process.version}`
}
