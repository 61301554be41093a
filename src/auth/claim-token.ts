import { equalConstantTime } from '../lib/bytes.ts'
import { keyedId } from '../lib/ids.ts'

/**
 * What a refund's link ends in: who has it may say where the money goes. 160 bits, made from a secret and the two ids, so
 * nothing is kept and nobody can guess one. The same for ever.
 */
export function claimToken(secret: string, invoiceId: string, refundId: string): Promise<string> {
  return keyedId('clm', secret, ['claim', invoiceId, refundId])
}

export async function isClaimToken(secret: string, invoiceId: string, refundId: string, token: string): Promise<boolean> {
  return equalConstantTime(await claimToken(secret, invoiceId, refundId), token)
}

/** The address of the page where a payer says where a refund goes. */
export async function claimUrl(origin: string, secret: string, invoiceId: string, refundId: string): Promise<string> {
  return `${origin}/claim/${invoiceId}/${refundId}/${await claimToken(secret, invoiceId, refundId)}`
}
