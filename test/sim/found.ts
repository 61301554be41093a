/**
 * Seeds of histories that failed once, with why. They always run. What they do changes with the code, so they are worth
 * something only together with the test that was written for the defect.
 */
export const FOUND: readonly (readonly [seed: number, why: string])[] = [
  [1100, 'an EVM payment left its block for good where no node tells what waits, and stayed unconfirmed'],
  [1860, 'the same, of a token'],
]
