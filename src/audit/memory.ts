import type { AuditMemory, AuditStatus } from './rpc.ts'
import { newPass } from './totals.ts'

export const NOTHING_REMEMBERED: AuditMemory = {
  run: 0,
  atMs: null,
  error: null,
  cursors: {},
  suspects: {},
  open: {},
  wallets: {},
  walletsFromMs: 0,
  pass: newPass(1),
  passed: null,
}

export function statusOf({ atMs, error, open, suspects, pass, passed }: AuditMemory): AuditStatus {
  const ofNobody = Object.values(suspects).filter(({ merchantId, raised }) => merchantId === null && raised)
  const ofMerchants = Object.values(open).reduce((sum, count) => sum + count, 0)
  const { merchants, payments } = passed ?? pass
  return { atMs, error, passedAtMs: passed?.atMs ?? null, merchants, payments, differences: ofMerchants + ofNobody.length }
}
