import { err, type Result } from '../lib/result.ts'
import { readAmount } from '../money/read-amount.ts'
import { readBody } from './body.ts'
import type { Answer, Call } from './call.ts'
import { TARGET_BLOCKS_MAX } from './create-transfer.ts'
import { requiredKey } from './idempotency.ts'
import type { Problem } from './problems.ts'
import { answerMade, askTransfers } from './transfer-access.ts'
import { nameTransfer } from './transfer-keys.ts'
import { ownWallet } from './wallet-access.ts'

/** Who hurries something wants it in the next block, unless they say otherwise. */
const TARGET_BLOCKS_DEFAULT = 1
const TXID = { min: 64, max: 64, pattern: /^[0-9a-f]{64}$/i, form: 'the 64 hexadecimal digits of a transaction’s id' }
const FIELDS = ['txid', 'targetBlocks', 'feeMax']

/**
 * `POST /v1/wallets/:id/accelerations`: a transaction that waits and pays this wallet is brought into a block by a child
 * that pays for both (docs/accelerations.md). A transfer, once for each key; a replay tells it as it is now.
 */
export async function createAcceleration(call: Call): Promise<Result<Answer, Problem>> {
  const key = requiredKey(call)
  if (!key.ok) return key
  const wallet = ownWallet(call)
  if (!wallet.ok) return wallet
  const { id: walletId, custody, chains } = wallet.value
  const chain = chains.find(({ gateway }) => gateway === 'bitcoin')
  if (!chain) return err({ reason: 'bad_transfer', detail: 'only on chains of coins a transaction is hurried by another one' })
  const body = await readBody(call.request, FIELDS, (fields) => ({
    parentTxid: fields.text('txid', TXID).toLowerCase(),
    targetBlocks: fields.optional('targetBlocks', (name) => fields.integer(name, 1, TARGET_BLOCKS_MAX)) ?? TARGET_BLOCKS_DEFAULT,
    feeMax: fields.optional('feeMax', (name) => readAmount(fields, name, chain.native.decimals, 1n)),
  }))
  if (!body.ok) return body
  const named = await nameTransfer(call, key.value, walletId)
  if (!named.ok) return named
  const nobody = { kind: 'sweep', outputs: [], invoiceId: null, reference: null } as const
  const terms = { custody, chainId: chain.id, asset: chain.native.code, ...body.value.value, ...nobody }
  const made = await askTransfers(call, walletId, (object) => object.createTransfer({ ...named.value.owner, ...terms }))
  return answerMade(call, named.value, made)
}
