import { paymentFileResource } from '../bank/transfers/resource.ts'
import type { PaymentFileRefusal } from '../bank/transfers/types.ts'
import { readPain002 } from '../gateways/sepa/pain002.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { accountOf, readXmlBody } from './bank.ts'
import { noAccount } from './bank-transfers.ts'
import { readNoBody } from './body.ts'
import { type Answer, type Call, steadily } from './call.ts'
import type { Problem } from './problems.ts'

/** `POST /v1/bank/payment_files`: everything that waits, as one pain.001 for the bank. */
export async function createPaymentFile(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readNoBody(call.request)
  if (!body.ok) return body
  const walletId = accountOf(call)
  if (walletId === null) return noAccount()
  const { merchantId } = call.identity.store
  const made = await steadily(() => call.env.BANKS.getByName(walletId).makePaymentFile(merchantId))
  if (!made.ok) return refused(made.error)
  const { id } = made.value
  return ok({ status: 201, body: paymentFileResource(made.value), headers: { location: `/v1/bank/payment_files/${id}` } })
}

/** The newest 100: also how a file is found whose making got no answer. */
export async function listPaymentFiles(call: Call): Promise<Result<Answer, Problem>> {
  const walletId = accountOf(call)
  const { merchantId } = call.identity.store
  const files = walletId === null ? [] : await steadily(() => call.env.BANKS.getByName(walletId).paymentFiles(merchantId))
  return ok({ status: 200, body: { data: files.map(paymentFileResource) } })
}

/** The file itself, to be brought to the bank. */
export async function readPaymentFile(call: Call): Promise<Result<Answer, Problem>> {
  const walletId = accountOf(call)
  const { merchantId } = call.identity.store
  const id = call.param('id')
  const file = walletId && (await steadily(() => call.env.BANKS.getByName(walletId).paymentFile(merchantId, id)))
  if (!file) return err({ reason: 'payment_file_not_found', detail: 'this store’s account has no such payment file' })
  if (file.xml === null) return err({ reason: 'payment_file_withdrawn', detail: 'it was withdrawn: do not bring it to the bank' })
  const headers = {
    'content-type': 'application/xml; charset=utf-8',
    'content-disposition': `attachment; filename="${file.info.id}.xml"`,
  }
  return ok({ status: 200, body: file.xml, headers })
}

/** A person's word that the bank never got the file: its transfers end, and may be made anew. */
export async function withdrawPaymentFile(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readNoBody(call.request)
  if (!body.ok) return body
  const walletId = accountOf(call)
  if (walletId === null) return noAccount()
  const { store, keyId } = call.identity
  const id = call.param('id')
  const withdrawn = await steadily(() =>
    call.env.BANKS.getByName(walletId).withdrawPaymentFile(store.merchantId, id, `api_key:${keyId}`),
  )
  return withdrawn.ok ? ok({ status: 200, body: paymentFileResource(withdrawn.value) }) : refused(withdrawn.error)
}

/** `POST /v1/bank/status_reports`: a pain.002 as the bank gives it. The same again changes nothing. */
export async function importStatusReport(call: Call): Promise<Result<Answer, Problem>> {
  const text = await readXmlBody(call)
  if (!text.ok) return text
  const report = readPain002(text.value)
  if (!report.ok) return report
  const walletId = accountOf(call)
  if (walletId === null) return noAccount()
  const { merchantId } = call.identity.store
  const taken = await steadily(() => call.env.BANKS.getByName(walletId).takeReport(merchantId, report.value))
  if (!taken.ok) return refused(taken.error)
  const { fileId, ...counts } = taken.value
  return ok({ status: 200, body: { object: 'bank_status_report', paymentFileId: fileId, ...counts } })
}

function refused({ reason, detail }: PaymentFileRefusal): Result<never, Problem> {
  return err({ reason, detail })
}
