import type { Plot } from './plot.ts'

const TRIES = 8

/** Asks until there is an answer; null when it gives up. */
export async function insist<T>(plot: Plot, ask: () => Promise<T>): Promise<T | null> {
  for (let attempt = 0; attempt < TRIES && !plot.isOver; attempt++) {
    try {
      return await ask()
    } catch {
      await plot.world.scheduler.sleep(plot.world.random.between(50, 2_000))
    }
  }
  return null
}
