import { err, ok, type Result } from '../../src/lib/result.ts'
import type { Approver } from '../../src/signer/policy.ts'

export type PolicyChange = { readonly add: Approver } | { readonly remove: string }

/** A policy with one passkey more, or without those of one member. The signer checks the whole before it holds. */
export function changeApprovers<P extends { readonly approvers: readonly Approver[] }>(
  policy: P,
  change: PolicyChange,
): Result<P, string> {
  if ('add' in change) return ok({ ...policy, approvers: [...policy.approvers, change.add] })
  const approvers = policy.approvers.filter(({ name }) => name !== change.remove)
  return approvers.length < policy.approvers.length ? ok({ ...policy, approvers }) : err(`No approver is called ${change.remove}.`)
}
