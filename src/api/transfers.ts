import { isBankRail, isLightning } from '../bank/receive.ts'
import { fromBase64 } from '../lib/base64.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { encodePosition } from '../storage/cursor.ts'
import { shardOf } from '../storage/shards.ts'
import { listTransfers as listRows } from '../storage/transfers.ts'
import { APPROVAL_FIELDS, readApproval } from '../wallet/transfers/read-approval.ts'
import type { TransferStepRefusal, TransfersRpc } from '../wallet/transfers/rpc.ts'
import type { Transfer, TransferStatus } from '../wallet/transfers/types.ts'
import { readBody, readNoBody, readQuery } from './body.ts'
import { type Answer, type Call, steadily } from './call.ts'
import { TARGET_BLOCKS_MAX } from './create-transfer.ts'
import { showDelivery } from './delivery-resource.ts'
import { cancelLightningTransfer } from './lightning-transfers.ts'
import type { Problem } from './problems.ts'
import { readLimit, readPosition } from './query.ts'
import { answerTransfer, askTransfers, copied, describeStep, ownTransfer, showTransfers } from './transfer-access.ts'

/** More than any transaction that nodes pass on (400,000 weight units), in hexadecimal or as a PSBT. */
const SIGNED_TEXT_MAX = 2_000_000
const SIGNED_BYTES_MAX = SIGNED_TEXT_MAX + 1_000

export const TRANSFER_STATUSES: readonly [TransferStatus, ...TransferStatus[]] = [
  'queued',
  'needs_approval',
  'signing',
  'broadcast',
  'confirmed',
  'failed',
  'unknown',
]
export const TRANSFER_KINDS: readonly [Transfer['kind'], ...Transfer['kind'][]] = ['payout', 'refund', 'sweep']

export async function readTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const transfer = await ownTransfer(call)
  return transfer.ok ? ok(await answerTransfer(call, transfer.value)) : transfer
}

/** Newest first, from D1: a transfer is in the list moments after it changed. */
export async function listTransfers(call: Call): Promise<Result<Answer, Problem>> {
  const { storeId, shard } = call.identity.store
  const query = readQuery(call.request, ['status', 'kind', 'limit', 'cursor'], (fields) => ({
    storeId,
    status: fields.optional('status', (name) => fields.choice(name, TRANSFER_STATUSES)),
    kind: fields.optional('kind', (name) => fields.choice(name, TRANSFER_KINDS)),
    limit: readLimit(fields),
    after: readPosition(fields, 'tr'),
  }))
  if (!query.ok) return query
  const page = await copied(listRows(shardOf(call.env, shard), query.value))
  const data = await showTransfers(call, page.transfers)
  return ok({ status: 200, body: { data, nextCursor: page.next && encodePosition(page.next) } })
}

/** Webhooks about it. Newest first, at most 100. */
export async function listTransferDeliveries(call: Call): Promise<Result<Answer, Problem>> {
  const transfer = await ownTransfer(call)
  if (!transfer.ok) return transfer
  const { id: transferId, storeId } = transfer.value
  const deliveries = await steadily(() => call.env.DELIVERIES.getByName(storeId).listDeliveries({ transferId }))
  return ok({ status: 200, body: { data: deliveries.map(showDelivery) } })
}

/** `POST …/approvals`: the parts of a WebAuthn assertion over the transfer's challenge. The signer decides what it is worth. */
export async function approveTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readBody(call.request, APPROVAL_FIELDS, readApproval)
  if (!body.ok) return body
  return step(call, (wallet, id) => wallet.approveTransfer(id, body.value.value))
}

/** `POST …/cancel`: ends what is not signed, and calls back what waits for a block. */
export async function cancelTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readNoBody(call.request)
  if (!body.ok) return body
  const by = `api_key:${call.identity.keyId}`
  const transfer = await ownTransfer(call)
  if (transfer.ok && isLightning(transfer.value.chainId)) return cancelLightningTransfer(call, transfer.value, by)
  return step(call, (wallet, id) => wallet.callBackTransfer(id, by))
}

/** `POST …/signed`: a PSBT (base64, either version) or a raw transaction (hexadecimal) that the merchant's wallet has signed. */
export async function submitSigned(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readBody(
    call.request,
    ['signed'],
    (fields) => fields.text('signed', { max: SIGNED_TEXT_MAX }),
    SIGNED_BYTES_MAX,
  )
  if (!body.ok) return body
  return step(call, (wallet, id) => wallet.submitSigned(id, body.value.value.trim()))
}

/** `POST …/bump`: the same payment at a higher fee. */
export async function bumpTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readBody(
    call.request,
    ['targetBlocks'],
    (fields) => fields.optional('targetBlocks', (name) => fields.integer(name, 1, TARGET_BLOCKS_MAX)) ?? 1,
  )
  if (!body.ok) return body
  return step(call, (wallet, id) => wallet.bumpTransfer(id, body.value.value))
}

/** `GET …/psbt`: what the merchant's wallet signs, as text or as a file. */
export async function readPsbt(call: Call): Promise<Result<Answer, Problem>> {
  const query = readQuery(call.request, ['version', 'format'], (fields) => ({
    version: fields.optional('version', (name) => fields.choice(name, ['0', '2'])) ?? '0',
    format: fields.optional('format', (name) => fields.choice(name, ['base64', 'binary'])) ?? 'base64',
  }))
  if (!query.ok) return query
  const transfer = await ownTransfer(call)
  if (!transfer.ok) return transfer
  const { id, custody, status, unsigned } = transfer.value
  const psbt = custody === 'self' ? unsigned?.psbt : undefined
  if (psbt === undefined)
    return err({ reason: 'nothing_to_sign', detail: `the transfer is ${status} and has no PSBT that you could sign` })
  const text = query.value.version === '2' ? psbt.v2 : psbt.v0
  if (query.value.format === 'base64')
    return ok({ status: 200, body: text, headers: { 'content-type': 'text/plain; charset=utf-8' } })
  const headers = { 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename="${id}.psbt"` }
  return ok({ status: 200, body: fromBase64(text), headers })
}

async function step(
  call: Call,
  take: (wallet: TransfersRpc, id: string) => Promise<Result<Transfer, TransferStepRefusal>>,
): Promise<Result<Answer, Problem>> {
  const transfer = await ownTransfer(call)
  if (!transfer.ok) return transfer
  const { id, walletId, chainId, status } = transfer.value
  if (isBankRail(chainId))
    return describeStep({ reason: 'wrong_status', status, detail: 'it goes by bank: see /v1/bank/transfers' })
  if (isLightning(chainId))
    return describeStep({ reason: 'wrong_status', status, detail: 'it goes by Lightning: your node pays it by itself' })
  const taken = await askTransfers(call, walletId, (wallet) => take(wallet, id))
  return taken.ok ? ok(await answerTransfer(call, taken.value)) : describeStep(taken.error)
}
