import { describe, expect, test } from 'vitest'
import { REFUND_STATUSES } from '../../src/invoice/refund.ts'
import { refund } from '../invoice/refund-fixture.ts'
import { expectDocument, expectHeaders, expectLinks, type Looked, lookAt } from '../page/look.ts'
import { CLAIM_STATES, type ClaimState, LN_INVOICE, open } from './fixtures.ts'

async function look(state: ClaimState): Promise<Looked> {
  return lookAt(await open(state))
}
const named = (name: string) => look(CLAIM_STATES[name] as ClaimState)

describe.each(Object.keys(CLAIM_STATES))('%s', (name) => {
  test('is one document in one language, with one headline and nothing that could run', async () => {
    expectDocument((await named(name)).html, null)
  })

  test('tells nobody of its address, is in no index, no cache and no frame, and loads nothing', async () => {
    const looked = await named(name)
    expectHeaders(
      looked,
      (style) =>
        `default-src 'none'; style-src ${style}; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    )
    expectLinks(looked.html, /^(\/claim\/|data:image\/svg|https:\/\/explorer\.example\/tx\/)/)
  })
})

test('every status of a refund has a page of its own words', async () => {
  const headlines = await Promise.all(
    REFUND_STATUSES.map(async (status) => /<h1>([^<]+)/.exec((await look({ refund: refund(status) })).html)?.[1]),
  )
  expect(headlines.every(Boolean)).toBe(true)
  // What is not certain yet is on its way, as far as a payer is concerned.
  expect(new Set(headlines).size).toBe(REFUND_STATUSES.length - 1)
})

test('the form says who pays what in which network only, and what else is not needed', async () => {
  const { text, html } = await named('ask')
  expect(text).toContain('Northwind Coffee returns 0.00082967 BTC to you')
  expect(text).toContain('Give only an address for Bitcoin on the Bitcoin network.')
  expect(text).toContain('Message from Northwind Coffee Sadly the Guji is sold out. We are sorry!')
  expect(text).toContain('nobody will ask you for a password or a recovery phrase')
  expect(html).toContain('autocomplete="off"')
  expect((await named('ask-usdc')).text).toContain('Your USD Coin address on the Base network')
  expect((await named('ask-development')).text).toContain('No real money is used')
})

test('what is wrong with an address is said at the field, and what was typed stays', async () => {
  const { html, response } = await named('ask-wrong')
  expect(response.status).toBe(422)
  expect(html).toMatch(/<textarea[^>]+aria-invalid="true" aria-describedby="address-error address-hint"/)
  expect(html).toMatch(/id="address-error" role="alert">This is not an address on the Bitcoin network/)
  expect(html).toContain('>0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed</textarea>')
  expect((await named('ask-empty')).text).toContain('Please enter your address.')
})

test('an address is shown back in groups of four before it is taken', async () => {
  const { text, html } = await named('confirm')
  expect(text).toContain('Is this your address?')
  expect(text).toContain('bc1q w508 d6qe jxtd g4y5 r3za rvar y0c5 xw7k v8f3 t4')
  expect(html).toContain('<input type="hidden" name="address" value="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"/>')
  expect(html).toContain('name="step" value="confirm"')
})

test('progress shows the address, the transaction and where to look it up, and nothing of the merchant’s own', async () => {
  const sent = await named('sent')
  expect(sent.text).toContain('Your refund is on its way')
  expect(sent.html).toContain('href="https://explorer.example/tx/7f3c9e0a5b1d48f2a6c47e9b0d3f51c82e6a94b7d0158f3c6e2a7b94d1c05e8f"')
  expect(sent.html).not.toContain('change=1')
  expect((await named('waiting')).html).toContain('change=1')
  expect((await named('approval')).text).toContain('waits for approval')
  const failed = await named('failed')
  expect(failed.text).toContain('Write to Northwind Coffee')
  expect(failed.text).not.toContain('no money for the fee')
  for (const name of ['failed', 'cancelled']) expect((await named(name)).text).not.toContain('You get')
  const poor = await look({ refund: refund('queued', { detail: 'too little BTC is available' }) })
  expect(poor.text).not.toContain('too little')
})

test('the language of the browser, or the one asked for, which links hand on', async () => {
  const { html } = await named('ask-german')
  expect(html).toContain('<html lang="de">')
  expect(html).toMatch(/<form[^>]+action="\/claim\/[^"]+\?lang=de"/)
  expect((await named('ask-ukrainian')).text).toContain('повертає вам')
})

test('what a merchant typed cannot become markup', async () => {
  const { html } = await look({
    refund: refund('awaiting_address', { reason: '<img src=x onerror=alert(1)>' }),
    storeName: '"><script>alert(1)</script>',
  })
  expect(html).not.toMatch(/<script|<img/)
})

describe('by Lightning', () => {
  test('an invoice for exactly the amount is asked for, in satoshi too, and no confirmation of its letters', async () => {
    const { text, html } = await named('ask-lightning')
    expect(text).toMatch(/Your Lightning invoice for 0\.0005.BTC \(50.000.sat\)/)
    expect(text).toContain('A Lightning address (name@example.com) or an LNURL cannot be used here.')
    expect(html).toMatch(/value="check">Send it there</)
    expect(html).toContain('maxlength="2000"')
  })

  test('what is wrong with it is said at the field, in the payer’s language', async () => {
    const { text, response } = await named('ask-lightning-wrong')
    expect(response.status).toBe(422)
    expect(text).toMatch(
      /Diese Rechnung lautet auf einen anderen Betrag. Bitte erstellen Sie eine über genau 0\.0005.BTC \(50.000.sat\)/,
    )
  })

  test('one that could not be paid is said to be so, and another is asked for', async () => {
    expect((await named('ask-lightning-again')).text).toContain('Рахунок, який ви дали раніше, не вдалося оплатити')
  })

  test('its way is told in words of its own, and the invoice is not shown in full', async () => {
    const sent = await named('sent-lightning')
    expect(sent.text).toContain('It is being paid.')
    expect(sent.text).toContain('Payment hash')
    expect(sent.html).not.toContain(LN_INVOICE)
    expect((await named('done-lightning')).text).toContain('In Ihrer Wallet angekommen')
    const paid = CLAIM_STATES['done-lightning'] as ClaimState
    const queued = { ...paid, refund: { ...paid.refund, status: 'queued' as const }, query: 'lang=uk' }
    expect((await look(queued)).text).toContain('Доки його оплата не почалася, можна вказати інший.')
  })
})
