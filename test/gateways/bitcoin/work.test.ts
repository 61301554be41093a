import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { expect, test } from 'vitest'
import { workOf } from '../../../src/gateways/bitcoin/work.ts'
import { fromHex } from '../../../src/lib/bytes.ts'

/** Bitcoin's first three headers, as any explorer shows them. Each is of difficulty one: 2^32 hashes and a little. */
const MAINNET = [
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c',
  '010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299',
  '010000004860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000d5fdcc541e25de1c7a5addedf24858b8bb665c9f36ef744ee42c316022c90f9bb0bc6649ffff001d08d2bd61',
].map(fromHex)
const DIFFICULTY_ONE = 4_295_032_833n
const [GENESIS, FIRST, SECOND] = MAINNET as [Uint8Array, Uint8Array, Uint8Array]

const EASY_BITS = 0x207fffff
const isProven = { bitcoin: (raw: Uint8Array) => sha256(sha256(raw)), litecoin: litecoinProof }

function litecoinProof(raw: Uint8Array): Uint8Array {
  return scrypt(raw, raw, { N: 1024, r: 1, p: 1, dkLen: 32 })
}

/** A header on top of another, of which every second one meets its target. */
function mined(parent: Uint8Array | null, wanted: (raw: Uint8Array) => boolean, bits = EASY_BITS): Uint8Array {
  const raw = new Uint8Array(80)
  const view = new DataView(raw.buffer)
  if (parent) raw.set(sha256(sha256(parent)), 4)
  view.setUint32(72, bits, true)
  for (let nonce = 0; ; nonce++) {
    view.setUint32(76, nonce, true)
    if (wanted(raw)) return raw
  }
}

const meets = (coin: 'bitcoin' | 'litecoin') => (raw: Uint8Array) => (isProven[coin](raw)[31] as number) < 0x7f

test('the work of real headers is that of their difficulty, each above the first', () => {
  expect(workOf(MAINNET, undefined, 0)).toBe(2n * DIFFICULTY_ONE)
  expect(workOf([FIRST, SECOND], 'bitcoin', 1)).toBe(DIFFICULTY_ONE)
  expect(workOf([GENESIS], undefined, 0)).toBe(0n)
})

test('headers that do not follow each other, or are cut, prove nothing', () => {
  expect(workOf([GENESIS, SECOND], undefined, 0)).toBeNull()
  expect(workOf([GENESIS, FIRST.subarray(0, 79)], undefined, 0)).toBeNull()
})

test('a header that misses the target it states proves nothing', () => {
  const forged = Uint8Array.from(FIRST)
  forged[76] = 0
  expect(workOf([GENESIS, forged], undefined, 0)).toBeNull()
})

test('a branch on a real block that is made cheaply, by an easy target, proves nothing', () => {
  expect(workOf([GENESIS, mined(GENESIS, meets('bitcoin'))], undefined, 0)).toBeNull()
})

test('the target moves once in 2,016 blocks, and by four times at most', () => {
  const base = mined(null, () => true, 0x201fffff)
  const easier = mined(base, meets('bitcoin'), 0x207ffffc)
  expect(workOf([base, easier], undefined, 2_014)).toBeNull()
  expect(workOf([base, easier], undefined, 2_015)).toBe(2n)
  expect(workOf([base, mined(base, meets('bitcoin'), 0x207fffff)], undefined, 2_015)).toBeNull()
  const harder = mined(base, (raw) => (isProven.bitcoin(raw)[31] as number) < 0x0f, 0x200fffff)
  expect(workOf([base, harder], undefined, 2_014)).toBeNull()
  expect(workOf([base, harder], undefined, 2_015)).toBe(16n)
})

test.each([0, 0x01000000, 0x1d800001, 0xff00ffff])('bits %i are no target', (bits) => {
  const base = mined(null, () => true, bits)
  expect(workOf([base], undefined, 0)).toBeNull()
})

test("Litecoin's work is by scrypt of the header, not by its hash", () => {
  const base = mined(null, () => true)
  const next = mined(base, meets('litecoin'))
  expect(workOf([base, next], 'litecoin', 0)).toBe(2n)
  const onlyHashed = mined(base, (raw) => meets('bitcoin')(raw) && (litecoinProof(raw)[31] as number) > 0x80)
  expect(workOf([base, onlyHashed], 'bitcoin', 0)).toBe(2n)
  expect(workOf([base, onlyHashed], 'litecoin', 0)).toBeNull()
})
