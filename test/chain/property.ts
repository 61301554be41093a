import fc from 'fast-check'
import { onTestFailed } from 'vitest'

/**
 * Checks a property on `examples`, then on `numRuns` cases. Its seed is printed if the test fails in any way: a test
 * that runs out of time says nothing else. Put `seed` into `fc.assert` below to have the same cases again.
 */
export async function check<T>(property: fc.IAsyncPropertyWithHooks<T>, numRuns: number, examples: T[] = []): Promise<void> {
  const seed = Math.floor(Math.random() * 2 ** 31)
  onTestFailed(() => console.error(`seed of the failed property: ${seed}`))
  await fc.assert(property, { seed, numRuns: numRuns + examples.length, examples })
}
