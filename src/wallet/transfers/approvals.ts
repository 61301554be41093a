import type { GivenApproval } from './types.ts'

/** How many members have said yes, as far as is known: what the signer has not looked at yet counts until it has. */
export function approvalsGiven(approvals: readonly GivenApproval[]): number {
  return approvedMembers(approvals).length + approvals.filter(({ member }) => member === undefined).length
}

/** Who has, by the signer's word; each once. */
export function approvedMembers(approvals: readonly GivenApproval[]): string[] {
  return [...new Set(approvals.flatMap(({ member }) => member ?? []))]
}

/** With the signer's word on each that it was shown; `members` is in their order. Those that came meanwhile are as they were. */
export function lookedAt(approvals: readonly GivenApproval[], members: readonly (string | null)[]): readonly GivenApproval[] {
  return approvals.map((approval, at) => ({ ...approval, member: at < members.length ? members[at] : approval.member }))
}
