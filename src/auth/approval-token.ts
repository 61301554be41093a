import { equalConstantTime } from '../lib/bytes.ts'
import { keyedId } from '../lib/ids.ts'

/** What is approved, and where it is found. */
export interface Approvable {
  readonly id: string
  readonly walletId: string
}

/**
 * What the link to an approval page ends in: who has it may read the transfer. To approve it takes a passkey that the
 * signer knows. 160 bits, made from a secret and the two ids, so nothing is kept and nobody can guess one.
 */
export function approvalToken(secret: string, { id, walletId }: Approvable): Promise<string> {
  return keyedId('apr', secret, ['approve', walletId, id])
}

export async function isApprovalToken(secret: string, transfer: Approvable, token: string): Promise<boolean> {
  return equalConstantTime(await approvalToken(secret, transfer), token)
}

/** The page's path on our origin. */
export async function approvalPath(secret: string, transfer: Approvable): Promise<string> {
  return `/approve/${transfer.id}/${transfer.walletId}/${await approvalToken(secret, transfer)}`
}
