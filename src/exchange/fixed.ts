import type { Rate } from '../money/rate.ts'
import { readPrice } from './decimal.ts'

/**
 * Made-up rates for development without Internet, from JSON such as `{"BTC/EUR":"60000"}`; they say of themselves
 * that they are fixed. Throws on a text of another form: a wrong configuration is a defect.
 */
export function readFixedRates(text: string, nowMs: number): Rate[] {
  return Object.entries(JSON.parse(text) as Record<string, unknown>).map(([name, field]) => {
    const [base, quote] = name.split('/')
    const price = readPrice(field)
    if (!base || !quote || price === null) throw new Error(`FIXED_RATES: ${name} is not a pair with a positive decimal`)
    return { base, quote, ...price, sources: ['fixed'], atMs: nowMs, fixed: true }
  })
}
