import { err, ok, type Result } from '../../lib/result.ts'
import type { LightningRail } from '../../money/lightning.ts'
import type { NodeError } from '../gateway.ts'
import { decodeBolt11 } from './bolt11.ts'

/** What an invoice that a node has made must say. */
export interface Wanted {
  readonly network: LightningRail['network']
  /** Whole satoshi, exactly. */
  readonly units: bigint
  /** It may not be payable for longer, but for the difference of two clocks. */
  readonly expiresAtMs: number
  /** As the node named it. */
  readonly paymentHash: string
  /** Null where nobody has said whose node it is. */
  readonly nodeId: string | null
}

const CLOCKS_MS = 60_000

/**
 * What is shown to a shopper says what was asked for, whatever the node says: another amount, network, payee or time, and
 * nobody sees it. Answers it in lower case.
 */
export function checkInvoice(text: string, wanted: Wanted, nowMs: number): Result<string, NodeError> {
  const read = decodeBolt11(text)
  if (!read.ok) return lied(read.error.detail)
  const { network, msat, paymentHash, expiresAtMs, payee } = read.value
  if (network !== wanted.network) return lied(`it is of ${network}, not of ${wanted.network}`)
  if (msat !== wanted.units * 1_000n) return lied(`it asks for ${msat ?? 'any'} msat, not for ${wanted.units * 1_000n}`)
  if (paymentHash !== wanted.paymentHash) return lied('it has another payment hash than the node said')
  if (wanted.nodeId !== null && payee !== wanted.nodeId) return lied('another node is paid by it')
  if (expiresAtMs > wanted.expiresAtMs + CLOCKS_MS) return lied('it can be paid for longer than it should')
  if (expiresAtMs <= nowMs) return lied('it cannot be paid any more')
  return ok(text.toLowerCase())
}

function lied(detail: string): Result<never, NodeError> {
  return err({ reason: 'node_lied', detail: `the invoice of the node is not what was asked for: ${detail}` })
}
