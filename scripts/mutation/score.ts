/** Stryker's words for what became of a mutant. */
export type MutantStatus =
  | 'Killed'
  | 'Survived'
  | 'NoCoverage'
  | 'Timeout'
  | 'CompileError'
  | 'RuntimeError'
  | 'Ignored'
  | 'Pending'

export interface Score {
  /** Share of the mutants that were noticed; 100 where there are none. */
  readonly percent: number
  readonly mutants: number
  /** A test failed, or looped until it was given up. */
  readonly noticed: number
  readonly unnoticed: number
  /** No test runs the place at all. */
  readonly notRun: number
}

/** Mutants that could not be tried count neither way, as Stryker has it. */
export function scoreOf(mutants: readonly { readonly status: MutantStatus }[]): Score {
  const count = (...statuses: MutantStatus[]) => mutants.filter(({ status }) => statuses.includes(status)).length
  const noticed = count('Killed', 'Timeout')
  const unnoticed = count('Survived')
  const notRun = count('NoCoverage')
  const all = noticed + unnoticed + notRun
  return { percent: all === 0 ? 100 : (noticed * 100) / all, mutants: all, noticed, unnoticed, notRun }
}
