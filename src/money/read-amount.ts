import type { Fields } from '../lib/fields.ts'
import { parseDecimal } from './amount.ts'

/** Reads a field that is a decimal with no more digits than its currency has, in base units. Refuses less than `least`. */
export function readAmount(fields: Fields, name: string, decimals: number, least: 0n | 1n): bigint {
  if (typeof fields.value(name) !== 'string') return fields.refuse(name, 'must be a decimal in quotes such as "12.50"', least)
  const text = fields.text(name, { max: 80 })
  const units = parseDecimal(text, decimals)
  if (!units.ok) {
    const words = {
      not_a_decimal: 'be a decimal such as "12.50"',
      too_many_digits: `have at most ${decimals} digits after the point`,
      out_of_range: 'be smaller',
    }
    return fields.refuse(name, `must ${words[units.error]}`, least)
  }
  return units.value >= least ? units.value : fields.refuse(name, 'must be over zero', least)
}
