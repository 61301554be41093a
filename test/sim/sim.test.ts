import { describe, expect, it } from 'vitest'
import { FOUND } from './found.ts'
import { MUTANTS, seedsFor } from './mutants.ts'
import { faultText, simulate, simulateAll } from './simulate.ts'

const HISTORIES = 2_000
/** Defects that take more seeds to be found are looked for by `npm run sim -- --mutants`. */
const QUICKLY = 100
const AGAIN = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
const WAIT_MS = 1_800_000

describe('the whole system, money in and money out, under one seed', () => {
  it(
    `holds in ${HISTORIES} histories`,
    async () => {
      expect((await simulateAll(1, HISTORIES)).map(faultText)).toEqual([])
    },
    WAIT_MS,
  )

  it(
    'holds in every history that failed once',
    async () => {
      const told = await simulate({ seeds: FOUND.map(([seed]) => seed) })
      expect(told.filter(({ fault }) => fault !== null).map(faultText)).toEqual([])
    },
    WAIT_MS,
  )

  it(
    'is the same history for the same seed, to the last byte of its trace, whatever ran before it',
    async () => {
      const [forwards, backwards] = await Promise.all([
        simulate({ seeds: AGAIN, trace: true }),
        simulate({ seeds: AGAIN.toReversed(), trace: true }),
      ])
      expect(forwards.some(({ lines }) => (lines?.length ?? 0) > 100)).toBe(true)
      expect(backwards.toReversed()).toEqual(forwards)
      expect(new Set(forwards.map(({ digest }) => digest)).size).toBe(AGAIN.length)
    },
    WAIT_MS,
  )

  it.each(MUTANTS.filter(({ within }) => within <= QUICKLY).map((mutant) => [mutant.name, mutant] as const))(
    'finds the defect: %s',
    async (name, mutant) => {
      const told = await simulate({ ...seedsFor(mutant), mutant: name, stopAtFirst: true })
      expect(told.at(-1)?.fault).not.toBeNull()
    },
    WAIT_MS,
  )
})
