const FIRST_MS = 500
const LAST_MS = 30_000

/** Exponential, with half of it left to chance, so that a thousand pages do not come back in one second. */
export function retryDelayMs(attempt: number, random: number): number {
  const full = Math.min(FIRST_MS * 2 ** Math.min(attempt, 10), LAST_MS)
  return full / 2 + (full / 2) * random
}
