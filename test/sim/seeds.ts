/** Of so many histories one has money out; the others have money out in the books alone. */
export const OUT_EVERY = 10
/** The first of them; no seed of found.ts that was found before there was money out. */
export const OUT_FIRST = 3

export function hasMoneyOut(seed: number): boolean {
  return seed % OUT_EVERY === OUT_FIRST
}
