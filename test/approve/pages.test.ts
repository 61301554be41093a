import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { approverScript, approveScript } from '../../src/approve/built/assets.ts'
import { digestOf, isShown } from '../../src/approve/client/intent.ts'
import { createApprove } from '../../src/approve/routes.tsx'
import { toBase64Url } from '../../src/lib/base64.ts'
import type { Asset } from '../../src/money/asset.ts'
import { plainAmount } from '../../src/page/format.ts'
import { EDGES } from '../../src/wallet/transfers/edges.ts'
import type { TransferStatus } from '../../src/wallet/transfers/types.ts'
import { ADDRESS } from '../invoice/refund-fixture.ts'
import { expectDocument, expectHeaders, expectLinks, type Looked, lookAt } from '../page/look.ts'
import { APPROVE_STATES, type ApproveState, approveEnv, open, transferIn } from './fixtures.ts'

const SCRIPT_BYTES_MAX = 3 * 1024

async function look(state: ApproveState): Promise<Looked> {
  return lookAt(await open(state))
}
const named = (name: string) => look(APPROVE_STATES[name] as ApproveState)

describe.each(Object.keys(APPROVE_STATES))('%s', (name) => {
  test('is one document in one language, with one headline, one script of our own and nothing inline', async () => {
    expectDocument((await named(name)).html, approveScript)
  })

  test('tells nobody of its address, is in no index, no cache and no frame, and loads nothing from elsewhere', async () => {
    const looked = await named(name)
    expectHeaders(
      looked,
      (style) =>
        `default-src 'none'; script-src 'self'; style-src ${style}; img-src data:; connect-src 'self'; ` +
        `form-action 'none'; base-uri 'none'; frame-ancestors 'none'`,
    )
    expectLinks(looked.html, /^(\/approve\/|\/build\/|data:image\/svg|https:\/\/explorer\.example\/tx\/)/)
  })
})

test('every status of a transfer has words of its own, and only one of them a button', async () => {
  const pages = await Promise.all(
    (Object.keys(EDGES) as TransferStatus[]).map(async (status) => ({ status, ...(await look({ changes: { status } })) })),
  )
  expect(new Set(pages.map(({ html }) => /<h1[^>]*>([^<]+)/.exec(html)?.[1])).size).toBe(pages.length)
  expect(pages.flatMap(({ status, html }) => (html.includes('data-approve') ? [status] : []))).toEqual(['needs_approval'])
})

test('what is asked for is shown whole: kind, amount, network, each address in groups, and who has approved', async () => {
  const { text, html } = await named('ask')
  expect(text).toContain('Approve a payout of 0.25 BTC?')
  expect(text).toContain('bc1q w508 d6qe jxtd g4y5 r3za rvar y0c5 xw7k v8f3 t4')
  expect(text).toContain('0 of 1 approvals Nobody has approved yet.')
  expect(text).toContain('Beans, November')
  expect(html).toContain('data-rp="pay.example"')
  const batch = await named('ask-batch')
  expect(batch.html.match(/data-output/g)).toHaveLength(40)
  expect(batch.text).toContain('To 40 addresses')
  expect(batch.text).toContain('Together 8.20 BTC')
  expect(batch.text).toContain('1 of 2 approvals Ada')
  expect((await named('ask-two')).text).toContain('2 of 3 approvals Ada Given, not yet checked by the signer')
  expect((await named('ask-refund-usdc')).text).toContain('Схвалити повернення 1234.56789 USDC?')
})

test('the words to be signed are in the page, and their hash is what the signer asks for', async () => {
  const { html } = await named('ask')
  const words = (/data-intent[^>]*>([^<]+)</.exec(html)?.[1] ?? '').replaceAll('&quot;', '"')
  const { challenge } = await transferIn(APPROVE_STATES.ask as ApproveState)
  expect(toBase64Url(await digestOf(words))).toBe(challenge)
  expect(html).toContain(`data-challenge="${challenge}"`)
  expect(JSON.parse(words).outputs).toEqual([{ address: ADDRESS, units: '25000000' }])
})

test('nothing can be approved when the signer asks for something else than what is shown', async () => {
  const { html, text } = await named('differs')
  expect(html).not.toContain('data-approve')
  expect(html).not.toContain('data-challenge')
  expect(text).toContain('Do not approve it, and tell your operator.')
})

test('an approval that the signer refused is told in clear words', async () => {
  expect((await named('ask-refused')).text).toContain('Der Signierer hat eine Freigabe nicht angenommen')
  expect((await named('ask')).text).not.toContain('did not accept')
})

test('a transfer that waits, failed or is not known says why', async () => {
  expect((await named('failed')).text).toContain('cancelled by api_key:key_1')
  expect((await named('approved')).text).toContain('limit hour: 5 of 5')
})

test('what a merchant typed cannot become markup', async () => {
  const { html } = await look({
    changes: { reference: '<img src=x onerror=alert(1)>', status: 'failed', reason: '<script>alert(1)</script>' },
    storeName: '"><script>alert(1)</script>',
  })
  expect(html.match(/<script/g)).toHaveLength(1)
  expect(html).not.toContain('<img')
})

test('the page where a passkey is made needs no secret, and asks nothing of anybody', async () => {
  const { env, calls } = await approveEnv({ changes: {} })
  const response = await createApprove().request('/approver?lang=de', undefined, env)
  const html = await response.text()
  expect(response.status).toBe(200)
  expect(html).toContain('Einen Passkey für Freigaben anlegen')
  expect(html).toContain(`src="${approverScript}"`)
  expect(calls).toEqual([])
})

test.each([approveScript, approverScript])('%s is small', (path) => {
  expect(gzipSync(readFileSync(join(import.meta.dirname, '../../public', path))).length).toBeLessThan(SCRIPT_BYTES_MAX)
})

describe('what is shown is compared with what is signed', () => {
  const output = fc.record({ address: fc.stringMatching(/^[a-z0-9]{8,20}$/), units: fc.bigInt({ min: 1n, max: 10n ** 30n }) })
  const cases = fc.record({
    outputs: fc.array(output, { minLength: 1, maxLength: 5 }),
    decimals: fc.constantFrom(0, 2, 6, 8, 18),
  })
  const shownAs = (outputs: readonly { address: string; units: bigint }[], decimals: number) => {
    const amount = (units: bigint) => `${plainAmount({ decimals } as Asset, units)}\u00a0XYZ`
    return {
      rows: outputs.map(({ address, units }) => [amount(units), address] as const),
      sum: amount(outputs.reduce((sum, { units }) => sum + units, 0n)),
    }
  }

  test('amounts as they are written are those of the words', () => {
    fc.assert(
      fc.property(cases, ({ outputs, decimals }) => {
        const { rows, sum } = shownAs(outputs, decimals)
        const intent = { outputs: outputs.map(({ address, units }) => ({ address, units: String(units) })) }
        expect(isShown(intent, rows, sum, decimals)).toBe(true)
      }),
    )
  })

  test('one more, one less, another address, order or sum is seen', () => {
    fc.assert(
      fc.property(cases, fc.nat(), ({ outputs, decimals }, pick) => {
        const { rows, sum } = shownAs(outputs, decimals)
        const at = pick % outputs.length
        const intent = { outputs: outputs.map(({ address, units }) => ({ address, units: String(units) })) }
        const one = intent.outputs[at] ?? { address: '', units: '0' }
        const differing = [
          intent.outputs.with(at, { ...one, units: String(BigInt(one.units) + 1n) }),
          intent.outputs.with(at, { ...one, address: `${one.address}0` }),
          [...intent.outputs, one],
          intent.outputs.slice(1),
        ]
        for (const changed of differing) expect(isShown({ outputs: changed }, rows, sum, decimals)).toBe(false)
        expect(isShown(intent, rows, rows.length > 1 ? (rows[0]?.[0] ?? '') : '0', decimals)).toBe(false)
      }),
    )
  })
})
