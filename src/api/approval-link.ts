import type { EdgeEnv } from '../../workers/edge/env.ts'
import { approvalPath } from '../auth/approval-token.ts'
import type { TransferResource } from '../wallet/transfers/resource.ts'

/** A transfer with the link to the page where people approve it, while they have to. The link is made here: its secret is the edge's. */
export async function withApprovalLink<T extends TransferResource>(
  env: Pick<EdgeEnv, 'ID_SECRET' | 'ORIGIN'>,
  transfer: T,
): Promise<T> {
  const { approval, status } = transfer
  if (status !== 'needs_approval' || approval === null) return transfer
  return { ...transfer, approval: { ...approval, url: env.ORIGIN + (await approvalPath(env.ID_SECRET, transfer)) } }
}
