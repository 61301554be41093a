import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeJson, encodeJson } from '../../src/lib/json.ts'

test('everything survives at any depth: bigint, and strings that look like one', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('\u0001n12', '\u0001s', '\u0001', '123n'))
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      fc.bigInt(),
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', '$n', 'b'), tie('node')).map((entries) => ({ ...entries })),
    ),
  })).node
  fc.assert(
    fc.property(value, (it) => {
      expect(decodeJson(encodeJson(it))).toEqual(it)
    }),
  )
})
