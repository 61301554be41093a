import { isId } from '../lib/ids.ts'
import { err, ok, type Result, unreachable } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { registryOf } from '../money/registry.ts'
import { shardOf } from '../storage/shards.ts'
import { walletOfTransfer } from '../storage/transfers.ts'
import { type TransferResource, transferDetail, transferResource } from '../wallet/transfers/resource.ts'
import type { TransferRefusal, TransferStepRefusal, TransfersRpc } from '../wallet/transfers/rpc.ts'
import type { ListedTransfer, Transfer } from '../wallet/transfers/types.ts'
import { withApprovalLink } from './approval-link.ts'
import { type Answer, type Call, steadily, Unavailable } from './call.ts'
import { madeHeaders } from './idempotency.ts'
import type { Problem } from './problems.ts'
import { type KeyedTransfer, keyReused } from './transfer-keys.ts'

/** A wallet's transfers: one call to the object. */
export function askTransfers<T>({ env }: Call, walletId: string, ask: (wallet: TransfersRpc) => Promise<T>): Promise<T> {
  return steadily(() => ask(env.WALLETS.getByName(walletId)))
}

/**
 * The transfer that the path names, when it is the caller's own store's; no such transfer and another store's are one
 * answer. The store's wallets are asked themselves, so it is current; D1 knows where one is whose wallet was taken away.
 */
export async function ownTransfer(call: Call): Promise<Result<Transfer, Problem>> {
  const id = call.param('id')
  const found = isId('tr', id) ? ((await inOwnWallets(call, id)) ?? (await inFormerWallet(call, id))) : null
  return found ? ok(found) : transferNotFound()
}

/** Wallets serve several stores: what is another's is not there. A store has 50 wallets at most. */
async function inOwnWallets(call: Call, id: string): Promise<Transfer | null> {
  const { wallets, bankAccounts = [], lightningNodes = [], storeId } = call.identity.store
  const found = await Promise.all([
    ...wallets.map((wallet) => askTransfers(call, wallet.id, (object) => object.transfer(id))),
    ...bankAccounts.map((account) => steadily(() => call.env.BANKS.getByName(account.id).transfer(id))),
    ...lightningNodes.map((node) => steadily(() => call.env.LIGHTNINGS.getByName(node.id).transfer(id))),
  ])
  return found.find((transfer) => transfer?.storeId === storeId) ?? null
}

async function inFormerWallet(call: Call, id: string): Promise<Transfer | null> {
  const { storeId, shard } = call.identity.store
  const walletId = await copied(walletOfTransfer(shardOf(call.env, shard), storeId, id))
  if (walletId === null) return null
  // A wallet, a bank account or a Lightning node: its id does not say which. Who has no such transfer writes nothing.
  const found =
    (await askTransfers(call, walletId, (object) => object.transfer(id))) ??
    (await steadily(() => call.env.BANKS.getByName(walletId).transfer(id))) ??
    (await steadily(() => call.env.LIGHTNINGS.getByName(walletId).transfer(id)))
  return found?.storeId === storeId ? found : null
}

/** What D1 throws is a reason to try again. */
export function copied<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((cause: unknown) => {
    throw new Unavailable('the list cannot be read', { cause })
  })
}

export async function answerTransfer({ env }: Call, transfer: Transfer): Promise<Answer> {
  return { status: 200, body: await withApprovalLink(env, transferDetail(transfer, registryOf(env))) }
}

/** What became of a call that makes a transfer under a key. */
export async function answerMade(
  call: Call,
  { owner, isReplay }: KeyedTransfer,
  made: Result<Transfer, TransferRefusal>,
): Promise<Result<Answer, Problem>> {
  if (!made.ok) return describeRefusal(call, made.error)
  const { body } = await answerTransfer(call, made.value)
  return ok({ status: 201, body, headers: madeHeaders(`/v1/transfers/${owner.id}`, isReplay) })
}

/** Transfers of a list. */
export function showTransfers({ env }: Call, transfers: readonly ListedTransfer[]): Promise<TransferResource[]> {
  const registry = registryOf(env)
  return Promise.all(transfers.map((transfer) => withApprovalLink(env, transferResource(transfer, registry))))
}

export function describeRefusal(call: Call, refusal: TransferRefusal): Result<never, Problem> {
  switch (refusal.reason) {
    case 'transfer_id_reused':
      return keyReused()
    case 'insufficient_funds':
      return insufficientFunds(call, refusal.asset, refusal.available)
    case 'wallet_not_configured':
    case 'bad_transfer':
    case 'too_many_transfers':
    case 'already_accelerated':
    case 'already_in_block':
    case 'sending_frozen':
      return err({ reason: refusal.reason, detail: refusal.detail })
    default:
      return unreachable(refusal)
  }
}

export function insufficientFunds({ env }: Call, asset: string, available: bigint): Result<never, Problem> {
  const { decimals } = registryOf(env).asset(asset)
  return err({ reason: 'insufficient_funds', detail: `${formatDecimal(available, decimals)} ${asset} can be sent` })
}

export function describeStep(refusal: TransferStepRefusal): Result<never, Problem> {
  switch (refusal.reason) {
    case 'transfer_not_found':
      return transferNotFound()
    case 'wrong_status':
    case 'signature_refused':
      return err({ reason: refusal.reason, detail: refusal.detail })
    case 'too_many_approvals':
      return err({ reason: refusal.reason, detail: 'it has as many approvals as it takes' })
    default:
      return unreachable(refusal)
  }
}

function transferNotFound(): Result<never, Problem> {
  return err({ reason: 'transfer_not_found', detail: 'this store has no transfer with this id' })
}
