import { benchOwner, type Owner } from './bookings.ts'

export interface Load {
  /** Calls under way at once. */
  readonly lanes: number
  readonly merchants: number
  /** Calls of each lane, one after the other. */
  readonly each: number
  /** Where this round's numbers begin. */
  readonly from: number
}

export function loadQuery(load: Load): string {
  return new URLSearchParams(Object.entries(load).map(([name, value]) => [name, String(value)])).toString()
}

export function readLoad({ searchParams }: URL): Load {
  const number = (name: string) => Number(searchParams.get(name))
  return { lanes: number('lanes'), merchants: number('merchants'), each: number('each'), from: number('from') }
}

/** Calls the merchants' ledgers, or what stands in for them, each call with a number of its own: lane by lane without a gap. */
export async function drive(load: Load, call: (owner: Owner, n: number) => Promise<unknown>): Promise<void> {
  await Promise.all(
    Array.from({ length: load.lanes }, async (_, lane) => {
      const first = load.from + lane * load.each
      for (let n = first; n < first + load.each; n++) await call(benchOwner(lane % load.merchants), n)
    }),
  )
}
