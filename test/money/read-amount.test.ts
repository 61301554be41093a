import { expect, test } from 'vitest'
import { readFields } from '../../src/lib/fields.ts'
import { readAmount } from '../../src/money/read-amount.ts'

const read = (amount: unknown, least: 0n | 1n = 1n) => {
  const found = readFields({ amount }, ['amount'], (fields) => readAmount(fields, 'amount', 2, least))
  return found.ok ? found.value : found.error.detail
}

test('an amount is a decimal in base units', () => {
  expect(read('12.50')).toBe(1_250n)
  expect(read('0.01')).toBe(1n)
  expect(read('0.00', 0n)).toBe(0n)
})

test.each([
  ['0.00', 'amount must be over zero'],
  ['1,5', 'amount must be a decimal such as "12.50"'],
  ['0.001', 'amount must have at most 2 digits after the point'],
  ['9'.repeat(60), 'amount must be smaller'],
  ['9'.repeat(81), 'amount must be 1 to 80 characters long'],
  [12.5, 'amount must be a decimal in quotes such as "12.50"'],
  [undefined, 'amount is missing: it must be a decimal in quotes such as "12.50"'],
])('%s is refused in words', (amount, words) => {
  expect(read(amount)).toBe(words)
})
