import { describe, expect, test } from 'vitest'
import { FIAT_ASSETS } from '../../src/money/asset.ts'

/** What ICU, which the runtime brings along, knows of ISO 4217. */
const names = new Intl.DisplayNames('en', { type: 'currency' })

describe('currencies', () => {
  test.each(FIAT_ASSETS)('$code is as ISO 4217 has it', ({ code, id, decimals, name, ticker, kind, chainId, contract }) => {
    expect(Intl.supportedValuesOf('currency')).toContain(code)
    expect(decimals).toBe(
      new Intl.NumberFormat('en', { style: 'currency', currency: code }).resolvedOptions().maximumFractionDigits,
    )
    expect(words(name).filter((word) => words(names.of(code) ?? '').includes(word))).not.toEqual([])
    expect({ id, ticker, kind, chainId, contract }).toEqual({
      id: `iso4217:${code}`,
      ticker: code,
      kind: 'fiat',
      // Euro is paid in too: to a bank account.
      chainId: code === 'EUR' ? 'sepa:eur' : null,
      contract: null,
    })
  })

  test('prices can be in the currencies of where shops are', () => {
    expect(FIAT_ASSETS.map(({ code }) => code)).toEqual(expect.arrayContaining(['EUR', 'USD', 'GBP', 'CHF', 'UAH', 'PLN', 'JPY']))
  })
})

/** ICU writes the złoty with a plain l. */
function words(name: string): string[] {
  return name.toLowerCase().replace('ł', 'l').split(' ')
}
