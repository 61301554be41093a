/** Of so many histories one has money out; the others have money out in the books alone. */
export const OUT_EVERY = 10
/** The first of them; no seed of found.ts that was found before there was money out. */
export const OUT_FIRST = 3

/** Of so many of the others, in one hardly any block comes. */
export const STILL_EVERY = 6

/** What waits is all there is to tell, and looks overtake each other: between two blocks they can. */
export function isStill(seed: number): boolean {
  return seed % STILL_EVERY === 0 && !hasMoneyOut(seed)
}

export function hasMoneyOut(seed: number): boolean {
  return seed % OUT_EVERY === OUT_FIRST
}
