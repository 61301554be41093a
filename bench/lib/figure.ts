/** One measured figure beside its floor: what the same machine did in the same run with nothing of ours in the way. */
export interface Figure {
  readonly what: string
  readonly measured: string
  /** `-` where the goal is absolute: bytes, requests, dollars. */
  readonly floor: string
  /** Measured against floor, or `-`. */
  readonly ratio: string
  readonly goal: string
  /** Null for a figure without a goal of its own. */
  readonly met: boolean | null
}

export interface BenchResult {
  readonly figures: readonly Figure[]
  /** Markdown that explains the figures: count tables, circumstances. */
  readonly notes: string
}

export interface Bench {
  readonly name: string
  readonly title: string
  run(): Promise<BenchResult>
}

/** The value under which `share` (0 to 1) of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function figureTable(figures: readonly Figure[]): string {
  const mark = (met: boolean | null) => (met === null ? '' : met ? 'met' : '**missed**')
  const rows = figures.map((figure) => [figure.what, figure.measured, figure.floor, figure.ratio, figure.goal, mark(figure.met)])
  return markdownTable(['Figure', 'Measured', 'Floor in the same run', 'Ratio', 'Goal', ''], rows)
}
