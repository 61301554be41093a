import { describe, expect, test } from 'vitest'
import { openSeed, readKek, type SealBinding, sealSeed } from '../../src/signer/seal.ts'

const kek = new Uint8Array(32).fill(1)
const seed = new Uint8Array(64).map((_, at) => at)
const binding: SealBinding = { walletId: 'wal_1', space: 'evm', script: 'evm' }

describe('a sealed seed', () => {
  test('opens under the key it was sealed under, and under no other', async () => {
    const envelope = await sealSeed(kek, binding, seed)
    expect(await openSeed(kek, envelope)).toEqual({ ok: true, value: seed })
    expect(await openSeed(new Uint8Array(32).fill(2), envelope)).toEqual({ ok: false, error: 'cannot_open' })
  })

  test('is of one wallet: with another name, chain or script, or one changed byte, it does not open', async () => {
    const envelope = await sealSeed(kek, binding, seed)
    const changes = [
      { walletId: 'wal_2' },
      { space: 'bitcoin mainnet' },
      { script: 'p2tr' as const },
      { salt: envelope.iv },
      { iv: envelope.salt },
      { iv: '' },
      { sealed: envelope.sealed.slice(0, -8) },
      { sealed: `AAAA${envelope.sealed.slice(4)}` },
      { sealed: '*' },
    ]
    for (const change of changes)
      expect(await openSeed(kek, { ...envelope, ...change })).toEqual({ ok: false, error: 'cannot_open' })
  })

  test('is another text each time, and none of them has the seed in it', async () => {
    const [one, other] = [await sealSeed(kek, binding, seed), await sealSeed(kek, binding, seed)]
    expect(new Set([one.salt, one.iv, one.sealed, other.salt, other.iv, other.sealed]).size).toBe(6)
    expect(JSON.stringify(one)).not.toContain(Buffer.from(seed).toString('base64url').slice(2, 20))
  })
})

test('the key of an installation is 32 bytes in base64, of either alphabet', () => {
  const bytes = new Uint8Array(32).fill(0xfb)
  for (const text of [
    Buffer.from(bytes).toString('base64'),
    Buffer.from(bytes).toString('base64url'),
    ` ${Buffer.from(bytes).toString('base64')}\n`,
  ])
    expect(readKek(text)).toEqual({ ok: true, value: bytes })
  for (const text of ['', 'AAAA', 'a'.repeat(64), 'ä'.repeat(43)]) expect(readKek(text)).toMatchObject({ ok: false })
})
