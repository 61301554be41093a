import { rfc3339 } from '../../lib/clock.ts'
import { formatDecimal } from '../../money/amount.ts'
import type { Registry } from '../../money/registry.ts'
import { approvalsGiven } from './approvals.ts'
import type { LightningLeg, ListedTransfer, Transfer, TransferStatus } from './types.ts'

/** Outputs that lists and webhooks show of one transfer; a single read shows all of them. */
export const OUTPUTS_SHOWN_MAX = 100

/**
 * A transfer as merchants see it, in lists and webhooks. Amounts are decimals with all digits of their asset, times RFC
 * 3339 in UTC. Pure: the same transfer gives the same text.
 */
export interface TransferResource {
  readonly id: string
  readonly object: 'transfer'
  readonly storeId: string
  readonly kind: Transfer['kind']
  readonly status: TransferStatus
  readonly reason: string | null
  readonly walletId: string
  readonly custody: Transfer['custody']
  /** CAIP-2 */
  readonly chain: string
  readonly asset: string
  /** Sum of the outputs. */
  readonly amount: string
  readonly outputs: readonly OutputResource[]
  /** How many there are; the first `OUTPUTS_SHOWN_MAX` of them are shown where there are more. */
  readonly outputCount: number
  /** What it cost, as far as is known. */
  readonly fee: FeeAmount | null
  readonly feeMax: FeeAmount
  readonly targetBlocks: number
  /** Of the transaction that is in a block, else of the newest that was signed. */
  readonly txid: string | null
  readonly explorerUrl: string | null
  readonly confirmations: number
  readonly block: { readonly height: number; readonly hash: string } | null
  readonly approval: ApprovalResource | null
  readonly invoiceId: string | null
  /** Of an acceleration: the transaction that it hurries. */
  readonly parentTxid: string | null
  readonly reference: string | null
  readonly payoutId: string | null
  readonly version: number
  readonly createdAt: string
  readonly updatedAt: string
}

export interface ApprovalResource {
  readonly challenge: string | null
  readonly wanted: number
  readonly given: number
  /** The page where people say yes. Null but in answers of the API, while it needs approval. */
  readonly url: string | null
}

export interface OutputResource {
  readonly address: string
  readonly amount: string
  readonly reference: string | null
}

/** In the chain's own asset, whatever is sent. */
export interface FeeAmount {
  readonly asset: string
  readonly amount: string
}

/** One transfer, read by itself: all outputs, what is to be signed, and every transaction that was signed for it. */
export interface TransferDetail extends TransferResource {
  /** PSBTs, or fields of an EVM transaction; null while there is nothing to sign, and of a wallet of the platform. */
  readonly unsigned: Transfer['unsigned']
  /** Of a payment by Lightning; null of others. */
  readonly lightning: {
    readonly paymentHash: string
    readonly preimage: string | null
    readonly payee: string
    readonly expiresAt: string
  } | null
  readonly transactions: readonly {
    readonly txid: string
    readonly fee: FeeAmount
    readonly signedAt: string
    readonly sentAt: string | null
  }[]
}

/** What lists keep of a transfer. */
export function listed(transfer: Transfer): ListedTransfer {
  const { plan: _plan, unsigned: _unsigned, approvals, signed, ...rest } = transfer
  const outputs = transfer.outputs.slice(0, OUTPUTS_SHOWN_MAX)
  return {
    ...rest,
    outputs,
    batch: transfer.batch ? { ...transfer.batch, references: transfer.batch.references.slice(0, OUTPUTS_SHOWN_MAX) } : null,
    outputCount: transfer.outputs.length,
    approvalsGiven: approvalsGiven(approvals),
    signedTxid: signed.at(-1)?.txid ?? null,
  }
}

/** Throws when the chain or the asset is not configured any more. */
export function transferResource(transfer: ListedTransfer, registry: Registry): TransferResource {
  const { included, batch = null } = transfer
  const { explorer } = registry.rail(transfer.chainId)
  const { decimals } = registry.asset(transfer.asset)
  const txid = included?.txid ?? transfer.signedTxid
  return {
    id: transfer.id,
    object: 'transfer',
    storeId: transfer.storeId,
    kind: transfer.kind,
    status: transfer.status,
    reason: transfer.reason,
    walletId: transfer.walletId,
    custody: transfer.custody,
    chain: transfer.chainId,
    asset: transfer.asset,
    amount: formatDecimal(transfer.units, decimals),
    outputs: transfer.outputs.map(({ address, units }, at) => ({
      address,
      amount: formatDecimal(units, decimals),
      reference: batch?.references[at] ?? null,
    })),
    outputCount: transfer.outputCount,
    fee: transfer.fee === null ? null : feeAmount(transfer, transfer.fee, registry),
    feeMax: feeAmount(transfer, transfer.feeMax, registry),
    targetBlocks: transfer.targetBlocks,
    txid,
    explorerUrl: txid === null || explorer === null ? null : explorer.replace('{txid}', txid),
    confirmations: included?.confirmations ?? 0,
    block: included && { height: included.height, hash: included.blockHash },
    approval:
      transfer.approvalsWanted === 0
        ? null
        : { challenge: transfer.challenge, wanted: transfer.approvalsWanted, given: transfer.approvalsGiven, url: null },
    invoiceId: transfer.invoiceId,
    parentTxid: transfer.parentTxid ?? null,
    reference: transfer.reference,
    payoutId: batch?.id ?? null,
    version: transfer.version,
    createdAt: rfc3339(transfer.createdAtMs),
    updatedAt: rfc3339(transfer.updatedAtMs),
  }
}

export function transferDetail(transfer: Transfer, registry: Registry): TransferDetail {
  const all = { ...listed(transfer), outputs: transfer.outputs, batch: transfer.batch ?? null }
  return {
    ...transferResource(all, registry),
    unsigned: transfer.custody === 'self' ? transfer.unsigned : null,
    lightning: transfer.lightning ? lightningResource(transfer.lightning) : null,
    transactions: transfer.signed.map(({ txid, fee, signedAtMs, takenAtMs }) => ({
      txid,
      fee: feeAmount(transfer, fee, registry),
      signedAt: rfc3339(signedAtMs),
      sentAt: takenAtMs === null ? null : rfc3339(takenAtMs),
    })),
  }
}

function lightningResource({ expiresAtMs, ...leg }: LightningLeg): TransferDetail['lightning'] {
  return { ...leg, expiresAt: rfc3339(expiresAtMs) }
}

function feeAmount({ chainId }: Pick<Transfer, 'chainId'>, units: bigint, registry: Registry): FeeAmount {
  const rail = registry.rail(chainId)
  const { code, decimals } = 'native' in rail ? rail.native : registry.asset(rail.assetCode)
  return { asset: code, amount: formatDecimal(units, decimals) }
}
