/** Time is given, never taken, below the doors and the object shells. Milliseconds since 1970 UTC. */
export type Clock = () => number

export const systemClock: Clock = () => Date.now()

/** RFC 3339 in UTC with milliseconds, as the API shows times. */
export function rfc3339(atMs: number): string {
  return new Date(atMs).toISOString()
}
