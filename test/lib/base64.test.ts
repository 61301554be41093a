import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from '../../src/lib/base64.ts'

/** RFC 4648, section 10. */
test.each([
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foobar', 'Zm9vYmFy'],
])('%o is %o', (text, encoded) => {
  expect(toBase64(Buffer.from(text))).toBe(encoded)
  expect(toBase64Url(Buffer.from(text))).toBe(encoded.replaceAll('=', ''))
})

test('any bytes come back, however long they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
      expect(fromBase64(toBase64(bytes))).toEqual(bytes)
      expect(fromBase64Url(toBase64(bytes))).toEqual(bytes)
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes)
    }),
  )
  const long = new Uint8Array(1_000_000).fill(251)
  expect(toBase64(long)).toBe(Buffer.from(long).toString('base64'))
})

test.each(['a', 'Zg===', 'Zm9v!', 'Zm 9v', 'é'])('%o is no base64url', (text) => {
  expect(fromBase64Url(text)).toBeNull()
})
