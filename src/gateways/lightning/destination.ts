import { err, ok, type Result } from '../../lib/result.ts'
import type { LightningRail } from '../../money/lightning.ts'
import { decodeBolt11 } from './bolt11.ts'

/** An invoice of somebody else that can be paid. */
export interface Destination {
  /** In lower case. */
  readonly bolt11: string
  readonly paymentHash: string
  readonly payee: string
  readonly expiresAtMs: number
  /** It leaves the amount to who pays. */
  readonly isOpen: boolean
}

export type DestinationFault = {
  readonly reason: 'not_an_address' | 'wrong_amount' | 'expired'
  readonly detail: string
}

/** An invoice is not taken in its last moments: a payment takes some seconds, and clocks differ. */
const LEFT_MIN_MS = 60_000

/** What people copy: with or without `lightning:` before it, in either case. */
export function bareInvoice(text: string): string {
  return text.toLowerCase().replace(/^lightning:(\/\/)?/, '')
}

/** Reads an invoice that is to be paid with so many whole satoshi. Never throws. */
export function readDestination(
  text: string,
  { rail, units, nowMs }: { readonly rail: LightningRail; readonly units: bigint; readonly nowMs: number },
): Result<Destination, DestinationFault> {
  const bolt11 = bareInvoice(text)
  const read = decodeBolt11(bolt11)
  if (!read.ok) return fault('not_an_address', `it is no Lightning invoice (BOLT 11): ${read.error.detail}`)
  const { network, msat, paymentHash, payee, expiresAtMs } = read.value
  if (network !== rail.network) return fault('not_an_address', `the invoice is of ${network}, not of ${rail.network}`)
  if (msat !== null && msat !== units * 1_000n)
    return fault('wrong_amount', `the invoice asks for ${msat} millisatoshi, not for ${units * 1_000n}`)
  if (expiresAtMs < nowMs + LEFT_MIN_MS) return fault('expired', 'the invoice has expired, or is about to')
  return ok({ bolt11, paymentHash, payee, expiresAtMs, isOpen: msat === null })
}

function fault(reason: DestinationFault['reason'], detail: string): Result<never, DestinationFault> {
  return err({ reason, detail })
}
