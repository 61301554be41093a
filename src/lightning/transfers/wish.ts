import { readDestination } from '../../gateways/lightning/destination.ts'
import type { SendingPolicy } from '../../gateways/lightning/node.ts'
import { limitFault, MAY_NOT_SEND } from '../../gateways/lightning/sending.ts'
import { isId } from '../../lib/ids.ts'
import { canonicalJson } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { lesser } from '../../money/amount.ts'
import { type LightningRail, lightningFeeMax } from '../../money/lightning.ts'
import type { CreateTransfer, TransferRefusal } from '../../wallet/transfers/rpc.ts'
import type { NodeRow } from '../tables.ts'

/** A request that was checked, with nothing left open. */
export interface Wish extends Omit<CreateTransfer, 'outputs' | 'feeMax'> {
  /** In lower case. */
  readonly bolt11: string
  readonly paymentHash: string
  readonly payee: string
  readonly expiresAtMs: number
  readonly isOpen: boolean
  /** Whole satoshi. */
  readonly units: bigint
  readonly feeMax: bigint
}

/** What is asked for, made whole, or why it can't be. Pure. */
export function readWish(
  request: CreateTransfer,
  node: NodeRow,
  rail: LightningRail,
  sending: SendingPolicy | null,
  nowMs: number,
): Result<Wish, TransferRefusal> {
  const { outputs, feeMax: asked, ...rest } = request
  const [output, ...more] = outputs
  if (!isId('tr', rest.id)) return bad('its id is not of the form tr_…')
  if (rest.merchantId !== node.merchantId)
    return err({ reason: 'wallet_not_configured', detail: 'there is no such Lightning node' })
  if (rest.kind === 'sweep') return bad('a Lightning node is not swept')
  if ((rest.kind === 'refund') !== (rest.invoiceId !== null)) return bad('a refund, and nothing else, is of an invoice')
  if (rest.chainId !== node.chainId || rest.asset !== rail.assetCode || rest.custody !== 'self')
    return bad(`this node sends ${rail.assetCode} on ${node.chainId}`)
  if (!output || more.length > 0) return bad('a Lightning payment has one recipient')
  const read = readDestination(output.address, { rail, units: output.units, nowMs })
  if (!read.ok) return bad(read.error.detail)
  const house = lightningFeeMax(output.units)
  const feeMax = asked === null ? house : lesser(asked, house)
  if (sending === null) return err({ reason: 'sending_frozen', detail: MAY_NOT_SEND })
  const fault = limitFault(sending, output.units + feeMax)
  if (fault !== null) return bad(fault)
  return ok({ ...rest, ...read.value, units: output.units, feeMax })
}

/** What makes two requests of one id the same, as text. */
export function askedFor({
  id,
  kind,
  merchantId,
  storeId,
  chainId,
  asset,
  outputs,
  invoiceId,
  reference,
  feeMax,
}: CreateTransfer): string {
  return canonicalJson({ id, kind, merchantId, storeId, chainId, asset, outputs, invoiceId, reference, feeMax })
}

function bad(detail: string): Result<never, TransferRefusal> {
  return err({ reason: 'bad_transfer', detail })
}
