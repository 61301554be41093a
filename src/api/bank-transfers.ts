import { bankTransferResource } from '../bank/transfers/resource.ts'
import type { BankTransfer } from '../bank/transfers/types.ts'
import { isBic, readIban } from '../gateways/sepa/iban.ts'
import { NAME_MAX, TEXT_MAX } from '../gateways/sepa/pain001.ts'
import { isId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { SEPA } from '../money/bank.ts'
import { readAmount } from '../money/read-amount.ts'
import { registryOf } from '../money/registry.ts'
import { accountOf } from './bank.ts'
import { readBody, readNoBody } from './body.ts'
import { type Answer, type Call, steadily } from './call.ts'
import { madeHeaders, requiredKey } from './idempotency.ts'
import type { Problem } from './problems.ts'
import { readReference } from './sending.ts'
import { describeRefusal, describeStep } from './transfer-access.ts'
import { nameTransfer } from './transfer-keys.ts'

/** Blocks mean nothing to a bank; the field is every transfer's. */
const NO_BLOCKS = 1

/** `POST /v1/bank/transfers`: euro to an account, with the next payment file; once for each key. */
export async function createBankTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const key = requiredKey(call)
  if (!key.ok) return key
  const body = await readBody(call.request, ['iban', 'amount', 'name', 'bic', 'text', 'reference'], (fields) => {
    const iban = readIban(fields.text('iban', { max: 60 }))
    return {
      iban: iban ?? fields.refuse('iban', 'must be an IBAN: a character of it is wrong, or missing', ''),
      units: readAmount(fields, 'amount', 2, 1n),
      recipientName: fields.text('name', { max: NAME_MAX }),
      recipientBic: fields.optional('bic', (name) => {
        const bic = fields.text(name, { max: 11 })
        return isBic(bic) ? bic : fields.refuse(name, 'must be a BIC of 8 or 11 characters', '')
      }),
      text: fields.optional('text', (name) => fields.text(name, { max: TEXT_MAX })),
      reference: readReference(fields, 'reference'),
    }
  })
  if (!body.ok) return body
  const walletId = accountOf(call)
  if (walletId === null) return noAccount()
  const { iban, units, ...wish } = body.value.value
  const named = await nameTransfer(call, key.value, walletId)
  if (!named.ok) return named
  const { owner, isReplay } = named.value
  const request = {
    ...wish,
    ...owner,
    kind: 'payout',
    custody: 'self',
    chainId: SEPA.id,
    asset: SEPA.assetCode,
    outputs: [{ address: iban, units }],
    invoiceId: null,
    targetBlocks: NO_BLOCKS,
    feeMax: null,
  } as const
  const made = await steadily(() => call.env.BANKS.getByName(walletId).createTransfer(request))
  if (!made.ok) return describeRefusal(call, made.error)
  const headers = madeHeaders(`/v1/bank/transfers/${owner.id}`, isReplay)
  return ok({ ...answer(call, made.value), status: 201, headers })
}

export async function readBankTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const transfer = await ownTransfer(call)
  return transfer ? ok(answer(call, transfer)) : notFound()
}

/** Only of a transfer that is in no payment file. */
export async function cancelBankTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readNoBody(call.request)
  if (!body.ok) return body
  const transfer = await ownTransfer(call)
  if (!transfer) return notFound()
  const { id, walletId } = transfer
  const by = `api_key:${call.identity.keyId}`
  const ended = await steadily(() => call.env.BANKS.getByName(walletId).cancelTransfer(id, by))
  return ended.ok ? ok(answer(call, ended.value)) : describeStep(ended.error)
}

/** Stores of one merchant may share an account: another's transfer is not there. */
async function ownTransfer(call: Call): Promise<BankTransfer | null> {
  const id = call.param('id')
  const walletId = accountOf(call)
  if (walletId === null || !isId('tr', id)) return null
  const transfer = await steadily(() => call.env.BANKS.getByName(walletId).transfer(id))
  return transfer?.storeId === call.identity.store.storeId ? transfer : null
}

function answer(call: Call, transfer: BankTransfer): Answer {
  return { status: 200, body: bankTransferResource(transfer, registryOf(call.env)) }
}

export function noAccount(): Result<never, Problem> {
  return err({ reason: 'account_not_found', detail: 'this store has no bank account' })
}

function notFound(): Result<never, Problem> {
  return err({ reason: 'transfer_not_found', detail: 'this store has no such transfer by bank' })
}
