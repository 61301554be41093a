import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parsePolicy, writePolicy } from '../../src/signer/policy.ts'
import { createPasskey, type Passkey } from './authenticator.ts'
import { registry } from './builders.ts'

let ada: Passkey
let bob: Passkey
beforeAll(async () => {
  ;[ada, bob] = [await createPasskey('Ada'), await createPasskey('Bob')]
})

const BTC = {
  kinds: ['refund', 'payout'],
  perTransfer: '1000',
  perHour: '2000',
  perDay: '3000',
  perDestinationPerDay: '1500',
  perStorePerDay: '2500',
  autoApproveUpTo: { refund: '500', payout: '0' },
  approvals: 2,
  fee: { max: '100', bps: 500, floor: '10', perDay: '1000' },
  newDestinationHours: 24,
}
const written = (btc: object = {}, approvers: unknown = [ada.approver, bob.approver]) => ({
  assets: { BTC: { ...BTC, ...btc } },
  approvers,
})
const refusal = (input: unknown) => {
  const parsed = parsePolicy(input, registry)
  return parsed.ok ? 'fine' : parsed.error.detail
}

describe('a policy', () => {
  test('is read as it is written, and written as it was read', () => {
    const parsed = parsePolicy(written(), registry)
    expect(parsed).toMatchObject({ ok: true, value: { assets: { BTC: { perDay: 3_000n, newDestinationHours: 24 } } } })
    expect(parsed.ok && writePolicy(parsed.value)).toEqual(written())
  })

  test('is refused by the name of what is wrong', () => {
    expect(refusal(null)).toContain('JSON object')
    expect(refusal({ ...written(), extra: 1 })).toBe('extra is not a field here: there are assets, approvers')
    expect(refusal({ assets: {}, approvers: [] })).toContain('assets must be')
    expect(refusal({ assets: { DOGE: BTC }, approvers: [] })).toContain('assets.DOGE')
    expect(refusal({ assets: { EUR: BTC }, approvers: [] })).toContain('assets.EUR')
    expect(refusal(written({ perday: '1' }))).toMatch(/^assets.BTC.perday is not a field here: there are .*perDay/)
    expect(refusal(written({ perDay: 3000 }))).toContain('assets.BTC.perDay')
    expect(refusal(written({ perDay: '-1' }))).toContain('assets.BTC.perDay')
    expect(refusal(written({ perDay: '9'.repeat(39) }))).toContain('assets.BTC.perDay')
    expect(refusal(written({ perDay: undefined }))).toContain('is missing')
    expect(refusal(written({ kinds: ['refund', 'gift'] }))).toContain('assets.BTC.kinds[1]')
    expect(refusal(written({ newDestinationHours: 0 }))).toContain('newDestinationHours')
    expect(refusal(written({ fee: { ...BTC.fee, bps: 10_001 } }))).toContain('assets.BTC.fee.bps')
    expect(refusal({ assets: { USDC: BTC }, approvers: [ada.approver, bob.approver] })).toContain('must be null')
  })

  test('names only approvers whose keys can be verified, and no credential twice', () => {
    const with_ = (changes: object) => refusal(written({}, [{ ...ada.approver, ...changes }, bob.approver]))
    expect(with_({ publicKey: 'AAAA' })).toContain('approvers[0].publicKey')
    expect(with_({ publicKey: `${ada.approver.publicKey.slice(0, 10)}AAAA${ada.approver.publicKey.slice(14)}` })).toContain('P-256')
    // The form is right, and the point is on no curve.
    expect(with_({ publicKey: `${ada.approver.publicKey.slice(0, -8)}AAAAAAAA` })).toContain('P-256')
    expect(with_({ origin: 'https://pay.example/' })).toContain('origin')
    expect(with_({ rpId: 'Pay.example' })).toContain('rpId')
    expect(with_({ credentialId: bob.approver.credentialId })).toContain('twice')
  })

  test('that wants more approvals than there are members is refused, unless nothing ever needs one', () => {
    expect(refusal(written({}, [ada.approver]))).toContain('there are 1 members')
    const phone = { ...ada.approver, credentialId: 'phone' }
    expect(refusal(written({}, [ada.approver, phone]))).toContain('there are 1 members')
    expect(refusal(written({ autoApproveUpTo: { refund: '1000', payout: '1000' } }, []))).toBe('fine')
    expect(refusal(written({ kinds: ['sweep'] }, []))).toBe('fine')
  })
})

test('the example in the documentation is one', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/signer.md'), 'utf8')
  const example = /```json policy\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
  expect(refusal(JSON.parse(example))).toBe('fine')
})
