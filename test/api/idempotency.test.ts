import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readKey } from '../../src/api/idempotency.ts'
import { canonicalJson } from '../../src/lib/json.ts'

/** The same JSON with the fields of every object in another order. */
function shuffled(value: unknown, turn: number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, turn))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, field]) => [name, shuffled(field, turn)] as const)
  const at = entries.length === 0 ? 0 : turn % entries.length
  return Object.fromEntries([...entries.slice(at), ...entries.slice(0, at)].reverse())
}

test('the order of fields changes nothing, anything else does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.nat(10), (value, other, turn) => {
      expect(canonicalJson(shuffled(value, turn))).toBe(canonicalJson(value))
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      if (canonicalJson(other) === canonicalJson(value))
        expect(JSON.parse(JSON.stringify(other))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('a key is read bare or quoted', () => {
  const visible = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 255,
  })
  fc.assert(
    fc.property(visible, (key) => {
      expect(readKey(`"${key.replace(/["\\]/g, '\\$&')}"`)).toBe(key)
      if (!key.startsWith('"')) expect(readKey(key)).toBe(key)
    }),
  )
})

test('anything else is malformed', () => {
  for (const header of [
    '',
    '""',
    '"',
    '"a',
    '"a"b"',
    '"a\\n"',
    'a b',
    'a\tb',
    'a\u007f',
    'ä',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
  ])
    expect(readKey(header), header).toBeNull()
})
