import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { script } from '../../src/checkout/built/assets.ts'
import { qrPath } from '../../src/checkout/qr.ts'
import { addressBookOf } from '../../src/gateways/registry.ts'
import { epcPayload } from '../../src/gateways/sepa/epc.ts'
import { withMargin } from '../../src/money/fee.ts'
import { addressGroups } from '../../src/page/format.ts'
import { ADDRESS } from '../invoice/refund-fixture.ts'
import { expectDocument, expectHeaders, type Looked, lookAt, readable } from '../page/look.ts'
import {
  BANK_REFERENCE,
  BOLT11,
  BTC_ADDRESS,
  EVM_ADDRESS,
  INVOICE_ID,
  MAIN_CHAINS,
  methods,
  SHOP_ORIGIN,
  STATES,
  type State,
} from './fixtures.ts'
import { request } from './serve.ts'

const PUBLIC = join(import.meta.dirname, '../../public')

async function open(name: string, query = ''): Promise<Looked> {
  const state = STATES[name] as State
  return lookAt(await request(state, `/i/${INVOICE_ID}?${state.query ?? ''}&${query}`))
}

const tally = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0

describe.each(Object.keys(STATES))('%s', (name) => {
  test('is one document in one language, with one headline and nothing inline that could run', async () => {
    const { html, response } = await open(name)
    expect(response.status).toBe(200)
    expectDocument(html, script)
  })

  test('has a policy that knows its style, sets no cookie and is not stored', async () => {
    expectHeaders(
      await open(name),
      (style) =>
        `default-src 'none'; script-src 'self'; style-src ${style}; img-src data:; connect-src 'self'; ` +
        `form-action 'self'; base-uri 'none'; frame-ancestors ${SHOP_ORIGIN}`,
    )
  })
})

describe('weight over the wire', () => {
  test('every state with style, code and script is under 20 KB, and needs one request until it can be scanned', async () => {
    const scriptBytes = gzipSync(readFileSync(join(PUBLIC, script)), { level: 6 }).length
    for (const name of Object.keys(STATES)) {
      const { html } = await open(name)
      expect(gzipSync(html, { level: 6 }).length + scriptBytes, name).toBeLessThan(20_000)
      expect(html.match(/(?:src|href)="\/(?!i\/)[^"]*"/g)).toEqual([`src="${script}"`])
    }
  })

  test('the script is under 4 KB and the widget under 2 KB', () => {
    expect(gzipSync(readFileSync(join(PUBLIC, script)), { level: 6 }).length).toBeLessThan(4096)
    expect(gzipSync(readFileSync(join(PUBLIC, 'widget.js')), { level: 6 }).length).toBeLessThan(2048)
  })
})

describe('choosing', () => {
  test('offers each method by a form that posts, and shows no address', async () => {
    const { html, text } = await open('choose')
    expect(html).toContain(`<form class="methods" method="post" action="/i/${INVOICE_ID}/method">`)
    for (const asset of ['BTC', 'ETH', 'USDC']) expect(html).toContain(`name="asset" value="${asset}"`)
    expect(text).toContain('≈ 0.01659334 ETH')
    expect(html).not.toContain(BTC_ADDRESS)
    expect(html).not.toContain('class="qr"')
  })

  test('a single method is still a button', async () => {
    const { html, text } = await open('choose-one')
    expect(text).toContain('Pay with Bitcoin')
    expect(tally(html, /<button type="submit"/g)).toBe(1)
  })
})

describe('paying by bank transfer', () => {
  const IBAN = 'DE89370400440532013000'

  test.each([
    ['pay-bank', 49_78n, '49.78'],
    ['pay-bank-part', 29_78n, '29.78'],
    ['pay-bank-next-day', 49_78n, '49.78'],
    ['german-pay-bank', 49_78n, '49,78'],
    ['ukrainian-pay-bank', 49_78n, '49,78'],
  ])('%s: the code and the copied values say the same', async (name, cents, amount) => {
    const { html, text } = await open(name)
    const code = epcPayload({ name: 'Northwind Coffee GmbH', iban: IBAN, cents, reference: BANK_REFERENCE })
    expect(html).toContain(`d="${qrPath(code ?? '').path}"`)
    for (const value of ['Northwind Coffee GmbH', IBAN, amount, BANK_REFERENCE]) expect(html).toContain(`data-copy="${value}"`)
    expect(text).toContain('DE89 3704 0044 0532 0130 00')
    expect(text).toContain('RF83 5390 0754 7034 1234')
    expect(text).toContain(`${amount} EUR`)
    expect(html).not.toContain('payto:')
  })

  test('the part that the script swaps in is the same, in a frame too', async () => {
    const state = STATES['pay-bank'] as State
    const fragment = await (await request(state, `/i/${INVOICE_ID}/fragment`)).text()
    expect(fragment).toContain(`data-copy="${BANK_REFERENCE}"`)
    expect((await open('pay-bank')).html).toContain(fragment)
    expect((await open('pay-bank', `embed=${encodeURIComponent(SHOP_ORIGIN)}`)).html).toContain(`data-copy="${BANK_REFERENCE}"`)
  })

  test('has days, not minutes: no clock runs', async () => {
    const { html, text } = await open('pay-bank')
    expect(text).toContain('To arrive by Nov 27, 2026')
    expect(html).not.toContain('data-left')
    expect(html).not.toContain('data-expires')
    expect((await open('choose-bank')).html).toContain('data-expires')
  })

  test('after the invoice’s own time the details are still there, and nothing else is offered', async () => {
    const { html } = await open('pay-bank-next-day', 'method=BTC')
    expect(html).toContain(`data-copy="${IBAN}"`)
    expect(html).not.toContain('class="methods"')
    expect((await open('pay-bank')).html).toContain('class="methods"')
    expect((await open('closing-bank')).text).toContain('Time is up')
  })

  test('is called so wherever it is chosen', async () => {
    expect((await open('choose-bank')).text).toContain('Bank transfer SEPA, in euro 49.78 EUR')
    expect((await open('choose-bank-only')).text).toContain('Pay with Bank transfer')
    expect((await open('choose-bank', 'lang=de')).text).toContain('Überweisung SEPA, in Euro')
    expect((await open('choose-bank', 'lang=uk')).text).toContain('Банківський переказ')
  })

  test('what the bank announced, booked or took back is told in a bank’s words', async () => {
    const seen = await open('seen-bank')
    expect(seen.text).toContain('Announced by the bank')
    expect(seen.text).not.toMatch(/network|Confirmations/)
    expect((await open('paid-bank')).text).toContain('Payment complete')
    expect((await open('invalid-returned')).text).toContain('The payment was returned')
    expect((await open('pay-bank-returned')).text).toContain('The payment was returned The amount shown here is still due.')
  })
})

describe('paying by Lightning', () => {
  test('one code says it all: to scan in upper case, to open, to paste', async () => {
    const { html, text } = await open('pay-lightning')
    expect(html).toContain(`d="${qrPath(`LIGHTNING:${BOLT11.toUpperCase()}`).path}"`)
    expect(html).toContain(`href="lightning:${BOLT11}"`)
    expect(html).toContain(`data-copy="${BOLT11}"`)
    expect(text).toContain('0.00082967 BTC')
    expect(text).not.toContain('To this address')
    expect((await open('choose-lightning')).text).toContain('Bitcoin Lightning Paid at once 0.00082967 BTC')
    expect((await open('ukrainian-pay-lightning')).text).toContain('Відскануйте гаманцем Lightning.')
  })

  test('is in the code and the links of Bitcoin too, where both are offered', async () => {
    const { html, text } = await open('pay-btc-lightning')
    const uri = `bitcoin:${BTC_ADDRESS}?amount=0.00082967&lightning=${BOLT11.toUpperCase()}`
    expect(html).toContain(`d="${qrPath(uri).path}"`)
    expect(html).toContain(`data-copy="${uri.replaceAll('&', '&amp;')}"`)
    expect(text).toContain('The same code works with Lightning wallets')
    // It was made beside: the page opens with what the shopper chose.
    expect(text).toContain('Bitcoin Bitcoin network')
    expect((await open('pay-btc')).html).not.toContain('lightning=')
  })

  test('shows no invoice for another amount than is due', async () => {
    const { html, text } = await open('pay-lightning-stale', 'method=BTC-LN')
    expect(html).not.toContain(BOLT11)
    expect(html).not.toContain(BOLT11.toUpperCase())
    expect(text).toContain('How would you like to pay?')
    expect((await open('pay-lightning-part', 'method=BTC-LN')).text).toContain('Still to pay 0.00049967 BTC')
  })

  test('has its minutes, and nothing to be paid after them', async () => {
    expect((await open('pay-lightning')).html).toContain('data-expires')
    const { html, text } = await open('closing-lightning')
    expect(text).toContain('Time is up')
    expect(html).not.toContain(BOLT11)
  })
})

describe('paying', () => {
  const uriOf = (chain: number, asset: string, units: bigint) => {
    const config = MAIN_CHAINS[chain]
    if (!config) throw new Error('no such chain')
    return addressBookOf(config).paymentUri(config, {
      address: asset === 'BTC' ? BTC_ADDRESS : EVM_ADDRESS,
      assetCode: asset,
      units,
    })
  }

  test.each([
    ['pay-btc', 0, 'BTC', 82_967n, '0.00082967'],
    ['pay-eth', 1, 'ETH', 16_593_333_333_333_334n, '0.016593333333333334'],
    ['pay-usdc', 1, 'USDC', 54_108_696n, '54.108696'],
    ['pay-part', 0, 'BTC', 49_967n, '0.00049967'],
  ] as const)('%s: the code, the link and the copied values say the same', async (name, chain, asset, units, amount) => {
    const { html, text } = await open(name)
    const uri = uriOf(chain, asset, units)
    expect(html).toContain(`d="${qrPath(uri).path}"`)
    expect(html).toContain(`data-copy="${uri.replaceAll('&', '&amp;')}"`)
    expect(html).toContain(`data-copy="${amount}"`)
    expect(html).toContain(`data-copy="${asset === 'BTC' ? BTC_ADDRESS : EVM_ADDRESS}"`)
    expect(html).toMatch(new RegExp(`href="${uri.split('?')[0]}`))
    expect(text.replaceAll(' ', '')).toContain(amount + asset)
  })

  test('warns of the wrong network and tells where the rate comes from', async () => {
    const { text } = await open('pay-usdc')
    expect(text).toContain('Send only USD Coin on the Base network.')
    expect(text).toContain('1 USDC = €0.92')
    expect(text).toContain('Rate from Bitstamp, Coinbase, Kraken')
    expect(text).not.toContain('Test')
  })

  test('a made-up rate and a test network are marked as such', async () => {
    const { text } = await open('pay-development')
    expect(text).toContain('Test rate')
    expect(text).toContain('Test network')
    expect(text).toContain('No real money is used')
  })

  test('a price in the asset itself has no rate', async () => {
    const { text } = await open('pay-btc-price')
    expect(text).toContain('Amount to pay 0.0025 BTC')
    expect(text).not.toContain('Rate from')
  })

  test('the address is shown in groups that make the address', async () => {
    const { html } = await open('pay-btc')
    const groups = /<code class="address"[^>]*>(.*?)<\/code>/.exec(html)?.[1] ?? ''
    expect(groups.replace(/<[^>]+>/g, '')).toBe(BTC_ADDRESS)
    expect(addressGroups(EVM_ADDRESS)[0]).toBe('0x8Ba1')
    expect(addressGroups(EVM_ADDRESS).join('')).toBe(EVM_ADDRESS)
  })

  test('a part that has come is shown with what is left', async () => {
    const { text } = await open('pay-part')
    expect(text).toContain('€19.79 of €49.78 paid')
    expect(text).toContain('Still to pay 0.00049967')
  })

  test('the rest goes to the same address only in the same coin', async () => {
    expect((await open('pay-part')).text).toContain('to the same address')
    const { text } = await open('pay-part-other-coin')
    expect(text).toContain('Still to pay 0.00999335')
    expect(text).not.toContain('to the same address')
  })

  test('a fee bump is not told as a loss', async () => {
    expect((await open('pay-replaced')).text).toContain('Your payment was replaced')
    expect((await open('pay-part-bumped')).text).not.toContain('Your payment was replaced')
  })

  test('the demo wallet is offered in development only', async () => {
    expect((await open('pay-development')).text).toContain('Development only Pay from the demo wallet')
    expect((await open('pay-btc')).html).not.toContain('demo-pay')
    const both = await open('german-pay-btc-lightning')
    expect(both.text).toContain('Nur zur Entwicklung Aus der Demo-Wallet zahlen Per Lightning zahlen, sofort')
    expect(both.html).toMatch(/name="asset" value="BTC"[\s\S]*name="asset" value="BTC-LN" id="demo-lightning"/)
  })
})

describe('telling the truth', () => {
  test.each([
    ['closing', 'Please don’t send anything now'],
    ['seen', 'Payment seen'],
    ['confirming', 'Confirmations: 1 of 2'],
    ['paid', 'Thank you. Northwind Coffee has been paid.'],
    ['paid-over', '0.00017033 BTC more than needed arrived'],
    ['paid-late', 'arrived after the time had run out, and was accepted'],
    ['paid-in-two-coins', '32.60 USDC'],
    ['expired', 'your payment is counted when it arrives'],
    ['expired-hold', 'Northwind Coffee decides whether to accept or return it'],
    ['expired-part', '€19.79 of €49.78 arrived before the time ran out.'],
    ['expired-held', 'You don’t need to send anything again'],
    ['expired-refused', 'Northwind Coffee did not accept it'],
    ['invalid-replaced', 'replaced by another one that does not pay this invoice'],
    ['invalid-double-spent', 'were spent by another one'],
    ['invalid-missing', 'The network no longer knows the transaction'],
    ['invalid-marked', 'Northwind Coffee has closed this invoice'],
    ['pay-replaced', 'The amount shown here is still due.'],
    ['german-pay', 'Genau senden'],
    ['ukrainian-paid', 'Оплату завершено'],
  ])('%s', async (name, told) => {
    expect((await open(name)).text).toContain(told)
  })

  test.each([
    'closing',
    'seen',
    'confirming',
    'paid',
    'expired',
    'expired-part',
    'expired-held',
    'invalid-marked',
    'invalid-missing',
  ])('%s: no address to pay to any more', async (name) => {
    const { html } = await open(name)
    expect(html).not.toContain(BTC_ADDRESS)
    expect(html).not.toContain('class="qr"')
  })

  test.each(['paid', 'expired', 'expired-part', 'invalid-missing', 'seen'])('%s: there is a way back to the shop', async (name) => {
    expect((await open(name)).html).toContain(`href="${SHOP_ORIGIN}/orders/2026-1042"`)
  })

  test('a way back that is not a web address is not offered', async () => {
    const state = STATES.paid as State
    const terms = { ...state.invoice.terms, redirectUrl: 'javascript:alert(1)' }
    const response = await request({ ...state, invoice: { ...state.invoice, terms } }, `/i/${INVOICE_ID}`)
    expect(await response.text()).not.toContain('javascript:')
  })

  test('words of the merchant are text, never markup', async () => {
    const state = STATES.choose as State
    const terms = { ...state.invoice.terms, storeName: '<img src=x>"', description: "<script>alert('x')</script>" }
    const html = await (await request({ ...state, invoice: { ...state.invoice, terms } }, `/i/${INVOICE_ID}`)).text()
    expect(html).not.toContain('<img')
    expect(html).not.toContain('<script>')
  })
})

describe('what a store pays', () => {
  const fee = { model: 'margin', whole: 765_432n, marginBps: 1_234, partner: { id: 'par_secret', shareBps: 5_678 } } as const
  const secretTerms = { merchantId: 'mer_secret', methods: methods().map((one) => ({ ...one, custody: 'platform' as const, fee })) }
  const secrets = ['par_secret', 'mer_secret', '765432', '7654.32', '1234', '5678', 'margin', 'platform', 'custody']

  test.each(['paid', 'pay-btc', 'choose', 'paid-over'])('is nobody else’s business (%s)', async (name) => {
    const { invoice } = STATES[name] as State
    const state = { invoice: { ...invoice, terms: { ...invoice.terms, ...secretTerms } } }
    for (const path of ['', '/fragment', '/state']) {
      const text = await (await request(state, `/i/${INVOICE_ID}${path}?method=BTC`)).text()
      for (const secret of secrets) expect(text.replace(/<style>.*?<\/style>/s, '')).not.toContain(secret)
    }
  })

  test('shows in the rate alone, which is the one the shopper gets', async () => {
    const [bitcoin] = methods()
    const rate = bitcoin?.rate && withMargin(bitcoin.rate, 50)
    const { invoice } = STATES['pay-btc'] as State
    const offered = invoice.terms.methods.map((method) => (method.asset === 'BTC' && rate ? { ...method, rate } : method))
    const shown = { invoice: { ...invoice, terms: { ...invoice.terms, methods: offered } } }
    expect(readable(await (await request(shown, `/i/${INVOICE_ID}?method=BTC`)).text())).toContain('1 BTC = €59,700.00')
  })
})

test('what goes back is told to everybody, where it goes and how to say so to nobody', async () => {
  const { text, html } = await open('paid-over-returned')
  expect(text).toContain('Refunds 0.00012 BTC Arrived 0.00005033 BTC Waiting for your address')
  expect(text).not.toContain('0.00001111')
  expect(text).not.toContain('You sent more than was due')
  expect(html).not.toContain('/claim/')
  expect(html).not.toContain(ADDRESS)
  expect((await open('expired-returning')).text).toContain('У дорозі')
})
