import { expect, test } from 'vitest'
import type { SpendPlan } from '../../../src/gateways/spend.ts'
import type { Approval, SignRefusal } from '../../../src/signer/rpc.ts'
import { approvalsGiven } from '../../../src/wallet/transfers/approvals.ts'
import { begun } from '../../../src/wallet/transfers/decide.ts'
import type { TransferRecord } from '../../../src/wallet/transfers/record.ts'
import { takeSignRefusal } from '../../../src/wallet/transfers/signing.ts'
import type { GivenApproval } from '../../../src/wallet/transfers/types.ts'
import { approved } from '../../../src/wallet/transfers/wishes.ts'
import { TRANSFER_AT_MS, transferOf } from './transfer-of.ts'

const NOW = TRANSFER_AT_MS
const VERSION = 2
const PLAN: SpendPlan = { kind: 'coins', chainId: 'c', inputs: [], outputs: [], change: null, fee: 1n, feeRate: 1 } as never

function approval(name: string): Approval {
  return { credentialId: name, authenticatorData: 'a', clientDataJson: 'a', signature: `signature of ${name}` }
}

/** The signer has been given the plan, and these approvals. */
function handed(approvals: readonly GivenApproval[]): TransferRecord {
  const { custody: _custody, ...request } = transferOf()
  const record = begun({ ...request, custody: 'platform' }, 'wal_1', 1n, NOW)
  const attempt = { plan: PLAN, version: VERSION, plannedAtMs: NOW, clearedAtMs: NOW, handedAtMs: [NOW] }
  return { ...record, holds: [], attempt, transfer: { ...record.transfer, status: 'signing', approvals } }
}

function refusal(wanted: number, members: readonly (string | null)[]): SignRefusal {
  const given = new Set(members.filter((name) => name !== null)).size
  return { reason: 'needs_approval', challenge: 'x', wanted, given, members }
}

function given(record: TransferRecord, name: string): TransferRecord {
  const answer = approved(record, approval(name), NOW)
  if (!answer.ok) throw new Error(answer.error.reason)
  return answer.value
}

test('what the signer says of each approval is kept, in their order', () => {
  const record = handed(['ada', 'eve', 'ada’s phone'].map(approval))
  const { transfer } = takeSignRefusal(record, VERSION, refusal(2, ['Ada', null, 'Ada']), NOW)
  expect(transfer).toMatchObject({ status: 'needs_approval', approvals: [{ member: 'Ada' }, { member: null }, { member: 'Ada' }] })
  expect(approvalsGiven(transfer.approvals)).toBe(1)
  expect(transfer.reason).toMatch(/^1 of 2 approvals; what a passkey signed that the policy does not name/)
})

test('what counts for nothing brings nobody nearer: the signer is asked again when as many as it wants could count', () => {
  const refused = takeSignRefusal(handed([approval('eve')]), VERSION, refusal(2, [null]), NOW)
  const one = given(refused, 'ada')
  expect(one.transfer.status).toBe('needs_approval')
  expect(approvalsGiven(one.transfer.approvals)).toBe(1)
  expect(given(one, 'bob').transfer.status).toBe('queued')
})

test('an approval that comes while the signer looks at another is not left behind', () => {
  const looking = given(handed([approval('eve')]), 'ada')
  expect(looking.transfer.status).toBe('signing')
  const { transfer } = takeSignRefusal(looking, VERSION, refusal(1, [null]), NOW)
  expect(transfer).toMatchObject({ status: 'queued', challenge: 'x', approvalsWanted: 1, reason: null })
  expect(transfer.approvals[1]).not.toHaveProperty('member', null)
  // Once it was looked at too, nothing goes round in circles.
  const again = takeSignRefusal(handed(transfer.approvals), VERSION, refusal(1, [null, null]), NOW)
  expect(again.transfer.status).toBe('needs_approval')
})

test('a signer that says nothing of them leaves them as they were', () => {
  const { members: _members, ...silent } = refusal(1, []) as Extract<SignRefusal, { reason: 'needs_approval' }>
  const { transfer } = takeSignRefusal(handed([approval('eve')]), VERSION, silent, NOW)
  expect(transfer).toMatchObject({ status: 'needs_approval', reason: '0 of 1 approvals', approvals: [approval('eve')] })
})
