import fc from 'fast-check'
import { encode } from 'uqr'
import { expect, test } from 'vitest'
import { qrPath } from '../../src/checkout/qr.ts'

/** Fills the path by the even-odd rule, as a browser does, and reads the colour at the middle of each module. */
function fill(path: string, size: number): boolean[][] {
  // A vertical side between two modules flips everything to its right in that row.
  const flips = Array.from({ length: size }, () => new Uint8Array(size + 1))
  for (const loop of path.split('z').filter(Boolean)) {
    const commands = [...loop.matchAll(/([Mhv])(-?\d+)(?: (-?\d+))?/g)]
    let [x, y] = [0, 0]
    let start = [0, 0]
    const side = (from: number, to: number) => {
      for (let row = Math.min(from, to); row < Math.max(from, to); row++) {
        const flipped = flips[row]
        if (flipped) flipped[x] = (flipped[x] ?? 0) ^ 1
      }
    }
    for (const [, command, first, second] of commands) {
      if (command === 'M') start = [Number(first), Number(second)]
      if (command === 'M') [x, y] = [Number(first), Number(second)]
      if (command === 'h') x += Number(first)
      if (command === 'v') {
        side(y, y + Number(first))
        y += Number(first)
      }
    }
    expect(x).toBe(start[0])
    side(y, start[1] ?? 0)
  }
  return flips.map((row) => {
    let dark = false
    return Array.from(row.subarray(0, size), (flip) => {
      dark = dark !== (flip === 1)
      return dark
    })
  })
}

test('the outlines fill exactly the modules of the code', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 120 }), (text) => {
      const { size, path } = qrPath(text)
      expect(fill(path, size)).toEqual(encode(text, { ecc: 'M', border: 4, maskPattern: 2 }).data)
    }),
    { numRuns: 60 },
  )
})

test('a payment URI takes under 5 KB and leaves four light modules around', () => {
  const { size, path } = qrPath('bitcoin:bc1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppkbc1q6rz28mcfaxt?amount=0.00082967')
  expect(path.length).toBeLessThan(5000)
  const modules = fill(path, size)
  const edge = [0, 1, 2, 3, size - 4, size - 3, size - 2, size - 1]
  for (const line of edge) for (let i = 0; i < size; i++) expect([modules[line]?.[i], modules[i]?.[line]]).toEqual([false, false])
})
