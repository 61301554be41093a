import type { SendingPolicy } from './node.ts'

export const MAY_NOT_SEND = 'the configuration of the Lightning node does not let it send'

/** Why a node may never pay so many satoshi, fees included, in words; null when it may. */
export function limitFault({ paymentMaxSats, dayMaxSats }: SendingPolicy, most: bigint): string | null {
  const limit = Math.min(paymentMaxSats, dayMaxSats)
  if (most <= BigInt(limit)) return null
  return `with fees it may be more than ${limit} satoshi, the limit of one payment of the Lightning node`
}
