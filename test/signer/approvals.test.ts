import { beforeAll, describe, expect, test } from 'vitest'
import { fromBase64Url, toBase64Url } from '../../src/lib/base64.ts'
import { approvedBy, membersOf } from '../../src/signer/approvals.ts'
import { challengeOf } from '../../src/signer/intent.ts'
import { createPasskey, type Passkey } from './authenticator.ts'
import { intent, SHOPPERS } from './builders.ts'

let ada: Passkey
let adasPhone: Passkey
let bob: Passkey
let eve: Passkey
let challenge: string
beforeAll(async () => {
  ;[ada, adasPhone, bob, eve] = (await Promise.all(['Ada', 'Ada', 'Bob', 'Eve'].map(createPasskey))) as [
    Passkey,
    Passkey,
    Passkey,
    Passkey,
  ]
  challenge = await challengeOf(intent('1'))
})

const approvers = () => [ada, adasPhone, bob].map(({ approver }) => approver)
const given = async (...approvals: Awaited<ReturnType<Passkey['approve']>>[]) =>
  approvedBy(await membersOf(approvers(), approvals, challenge))

describe('approvals', () => {
  test('are counted by member: two passkeys of one person are one', async () => {
    expect(await given(await ada.approve(challenge))).toEqual(['Ada'])
    expect(await given(await bob.approve(challenge), await ada.approve(challenge))).toEqual(['Ada', 'Bob'])
    expect(await given(await ada.approve(challenge), await adasPhone.approve(challenge))).toEqual(['Ada'])
    const twice = await bob.approve(challenge)
    expect(await given(twice, twice)).toEqual(['Bob'])
    // A bad one does not spoil a good one of the same member.
    expect(await given(await ada.approve(challenge, { flags: 0 }), await adasPhone.approve(challenge))).toEqual(['Ada'])
  })

  test('of a credential that the policy does not name count for nothing, whatever they say they are', async () => {
    const forged = await eve.approve(challenge)
    expect(await given(forged)).toEqual([])
    expect(await given({ ...forged, credentialId: ada.approver.credentialId })).toEqual([])
  })

  test.each([
    ['a registration', { type: 'webauthn.create' }],
    ['another page', { origin: 'https://pay.example.evil.example' }],
    ['a page within another', { crossOrigin: true }],
    ['another relying party', { rpId: 'evil.example' }],
    ['nobody present', { flags: 0x04 }],
    ['nobody verified', { flags: 0x01 }],
  ])('made for %s count for nothing', async (_what, changes) => {
    expect(await given(await ada.approve(challenge, changes))).toEqual([])
  })

  test('over another intent count for nothing: another amount, address, order of outputs, id', async () => {
    const [one, other] = [
      { address: SHOPPERS[0], units: 1n },
      { address: SHOPPERS[1], units: 2n },
    ]
    const asked = intent('1', { outputs: [one, other] })
    const others = [
      intent('1', { outputs: [other, one] }),
      intent('1', { outputs: [one, { ...other, units: 3n }] }),
      intent('1', { outputs: [one, { ...other, address: SHOPPERS[2] }] }),
      intent('1', { outputs: [one, other], storeId: 'st_2' }),
      intent('2', { outputs: [one, other] }),
    ]
    const challenges = await Promise.all([asked, ...others].map(challengeOf))
    expect(new Set(challenges).size).toBe(challenges.length)
    const approvals = await Promise.all(challenges.slice(1).map((one) => ada.approve(one)))
    expect(await membersOf(approvers(), approvals, challenges[0] ?? '')).toEqual(approvals.map(() => null))
  })

  test('that were changed on their way count for nothing', async () => {
    const good = await ada.approve(challenge)
    const flip = (text: string, at: number) => {
      const bytes = fromBase64Url(text) ?? new Uint8Array()
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return toBase64Url(bytes)
    }
    const parts = ['authenticatorData', 'clientDataJson', 'signature'] as const
    for (const part of parts) {
      const length = fromBase64Url(good[part])?.length ?? 0
      for (let at = 0; at < length; at += 7) expect(await given({ ...good, [part]: flip(good[part], at) })).toEqual([])
      for (const text of ['', '!', `${good[part]}A`, good[part].slice(0, -4), `${good[part]}====`])
        expect(await given({ ...good, [part]: text })).toEqual([])
    }
    // Another signature of hers, over the same: the bytes of one do not fit the words of the other.
    const { signature } = await ada.approve(challenge, { flags: 0x1d })
    expect(await given({ ...good, signature })).toEqual([])
  })

  test('are none where something else than texts was sent', async () => {
    const good = await ada.approve(challenge)
    for (const part of ['authenticatorData', 'clientDataJson', 'signature', 'credentialId'])
      for (const value of [null, undefined, 7, {}, ['x']])
        expect(await given({ ...good, [part]: value } as unknown as typeof good)).toEqual([])
    expect(await given({ ...good, clientDataJson: toBase64Url(new TextEncoder().encode('null')) })).toEqual([])
  })
})
