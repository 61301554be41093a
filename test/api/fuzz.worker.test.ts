import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { openApiDocument } from '../../src/api/openapi/document.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { randomId } from '../../src/lib/ids.ts'
import { type Merchant, newMerchant } from './merchant.ts'
import { TO, TO_EVM } from './money-out.ts'
import { violations } from './schema.ts'

const { paths } = openApiDocument('') as { paths: Record<string, Record<string, { responses: object }>> }

let shop: Merchant
let known: string
let sent: string
beforeAll(async () => {
  shop = await newMerchant()
  known = (await shop.call('POST', '/v1/invoices', { amount: '10', currency: 'EUR' })).json.id
  const transfer = { asset: 'BTC', address: TO, amount: '0.01' }
  sent = (await shop.call('POST', '/v1/transfers', transfer, { 'idempotency-key': 'first' })).json.id
})

/** A value that may be right, nearly right, or anything at all. */
const value = (...right: unknown[]) =>
  fc.oneof(
    { weight: 18, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: fc.jsonValue() },
    { weight: 1, arbitrary: fc.string() },
  )

const body = fc.oneof(
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: fc.json() },
  {
    weight: 8,
    arbitrary: fc
      .record(
        {
          amount: value('1', '25.50', '0', '0.01', '1e3', '99999999999999999999999999999999999999', ' 1', '-1', 1),
          currency: value('EUR', 'EUR', 'BTC', 'USD', 'XXX', 'constructor', '__proto__'),
          orderId: value('a', '', 'x'.repeat(100), '\u0000'),
          metadata: value({}, { a: 'b' }, { $n: '1' }, { constructor: 'x' }),
          redirectUrl: value('https://shop.example', 'https://[', 'http://localhost', 'https://\ud800.example'),
          expiresInSeconds: value(60, 86_400, 59, 1e300, -0),
          confirmations: value(
            0,
            100,
            [{ confirmations: 1 }],
            [
              { upTo: '1', confirmations: 1 },
              { upTo: null, confirmations: 2 },
            ],
            [],
          ),
          toleranceBps: value(0, 1_000, 0.5),
          latePolicy: value('hold', 'toString'),
          paymentMethods: value(['BTC'], ['BTC', 'ETH'], [], ['EUR'], ['hasOwnProperty']),
          url: value('https://shop.example/h', 'https://10.0.0.1', 'https://[::ffff:7f00:1]/', 'x'),
          events: value([], ['invoice.settled'], ['x']),
          action: value('accept_late', 'refuse_late', 'mark_invalid', 'reopen', 'x'),
          asset: value('BTC', 'BTC', 'USDC', 'EUR', 'hasOwnProperty'),
          address: value(TO, TO, TO_EVM, 'x', '\u0000'),
          outputs: value([{ address: TO, amount: '1' }], [{}], [], [null], {}),
          targetBlocks: value(1, 144, 0, 1e300),
          feeMax: value('0.001', '0', '1e-3'),
          rows: value(
            [{ address: TO, amount: '1', asset: 'BTC' }],
            [{ address: TO_EVM, amount: '1', asset: 'USDC', reference: 'a' }],
            [{ address: TO, amount: '1', asset: '__proto__' }, null],
            [],
          ),
          signed: value('ff', 'cHNidP8=', '0x02', ''),
          credentialId: value('abc', '='),
          authenticatorData: value('abc', ''),
          clientDataJson: value('e30', '{}'),
          signature: value('abc', '+'),
        },
        {
          requiredKeys: [
            ...['amount', 'currency', 'url', 'action', 'asset', 'address', 'rows', 'signed'],
            ...['credentialId', 'authenticatorData', 'clientDataJson', 'signature'],
          ] as const,
        },
      )
      .map((object) => JSON.stringify(object)),
  },
)

/** What each call takes: without this nearly every body would stop at the check for unknown fields. */
const FITTING: Record<string, readonly string[]> = {
  '/invoices': ['amount', 'currency'],
  '/webhook_endpoints': ['url', 'events'],
  '/invoices/:id/resolution': ['action'],
  '/invoices/:id/payment_methods/:asset': [],
  '/transfers': ['asset', 'address', 'amount'],
  '/transfers/:id/approvals': ['credentialId', 'authenticatorData', 'clientDataJson', 'signature'],
  '/transfers/:id/signed': ['signed'],
  '/transfers/:id/bump': ['targetBlocks'],
  '/transfers/:id/cancel': [],
  '/payouts': ['rows'],
  '/wallets/:id/sweeps': ['asset'],
  '/wallets/:id/accelerations': ['txid', 'targetBlocks', 'feeMax'],
}
const MORE = [
  'orderId',
  'metadata',
  'redirectUrl',
  'expiresInSeconds',
  'confirmations',
  'toleranceBps',
  'latePolicy',
  'paymentMethods',
]
const MORE_OF_TRANSFERS = ['outputs', 'reference', 'targetBlocks', 'feeMax']
const more = fc.option(fc.subarray([...MORE, ...MORE_OF_TRANSFERS], { maxLength: 3 }), { freq: 5 })
/** What each of them may be beside other fields of. */
const EXTRAS: Record<string, readonly string[]> = { '/invoices': MORE, '/transfers': MORE_OF_TRANSFERS }

/** What an answer must look like. */
const FITS: Record<string, string> = {
  '/balances': 'Balances',
  '/ledger/transactions': 'LedgerTransactionList',
  '/ledger/statement': 'Statement',
  '/invoices/:id/postings': 'InvoicePostings',
  '/transfers': 'TransferList',
  '/transfers/:id/deliveries': 'DeliveryList',
}

const query = fc.constantFrom(
  '',
  '?limit=5',
  '?limit=',
  '?cursor=%ff',
  '?status=new',
  '?orderId=%00',
  '?orderId=a&limit=1',
  '?__proto__=1',
  '?%',
  '?at=2026-11-22T10:31:00Z',
  '?at=-000001-01-01T00:00:00Z',
  '?at=9999-12-31T23:59:59-23:59',
  '?from=2026-11-01T00:00:00Z&to=2099-12-01T00:00:00Z',
  '?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&format=csv',
  '?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&account=wallet&asset=BTC',
  '?from=2026-11-01T00:00:00Z&to=2026-10-01T00:00:00Z',
  '?from=2026-02-30T00:00:00Z',
  '?account=available&asset=USDC&cause=refund',
  '?account=self.partner:x',
  '?account=constructor',
  '?cause=toString',
  '?asset=__proto__',
  '?invoiceId=inv_',
  '?cursor=MTcuNQ&account=partner',
  '?status=failed&kind=payout',
  '?version=2&format=binary',
)
const key = fc.option(fc.oneof(fc.constantFrom('k', '"k"', '"'), fc.string({ unit: 'grapheme-ascii', maxLength: 20 })), { freq: 1 })

/** What makes something is called oftener: most bodies have something wrong. */
const creating = ROUTES.filter(({ method, path }) => method === 'POST' && ['/invoices', '/transfers', '/payouts'].includes(path))
const route = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...ROUTES) }, { weight: 1, arbitrary: fc.constantFrom(...creating) })

test('whatever is sent, no answer is a failure of ours, and every answer is one the document knows', async () => {
  const statuses = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(
      route,
      fc.nat(3),
      fc.constantFrom('BTC', 'ETH', '%2F', 'x'),
      body,
      more,
      query,
      key,
      async (route, which, asset, text, extra, search, idempotencyKey) => {
        const mine = route.path.startsWith('/transfers') ? sent : known
        const id = [mine, randomId('inv'), '%ff', 'inv_'][which] ?? mine
        const path = `/v1${route.path.replace(':id', id).replace(':asset', asset)}${search}`
        const headers: Record<string, string> = idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey.trim() }
        const added = extra?.filter((field) => EXTRAS[route.path]?.includes(field)) ?? []
        const fields = extra && [...(FITTING[route.path] ?? []), ...added]
        const asked = route.method === 'POST' ? only(fields, text) : undefined
        const { status, text: answer, json } = await shop.call(route.method, path, asked, headers)
        const described = paths[`/v1${route.path.replace(/:(\w+)/g, '{$1}')}`]?.[route.method.toLowerCase()]?.responses
        expect(Object.keys(described ?? {}), `${path} answered ${answer}`).toContain(String(status))
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        expect(status, `${path} ${asked} ${answer}`).toBeLessThan(500)
        if (json?.id?.startsWith('tr_')) expect(violations('TransferDetail', json)).toEqual([])
        if (json?.object === 'invoice') expect(violations('Invoice', json)).toEqual([])
        const fits = status === 200 && json ? FITS[route.path] : undefined
        if (fits !== undefined) expect(violations(fits, json)).toEqual([])
      },
    ),
    { numRuns: 6_000 },
  )
  // The fuzz must reach past the checks. Of 6,000 calls about 50 create something: ten is no matter of luck.
  expect(statuses.get(201) ?? 0).toBeGreaterThan(10)
  expect(statuses.get(200) ?? 0).toBeGreaterThan(10)
}, 120_000)

function only(fields: readonly string[] | null, text: string): string {
  if (fields === null) return text
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return text
    return JSON.stringify(Object.fromEntries(Object.entries(parsed).filter(([name]) => fields.includes(name))))
  } catch {
    return text
  }
}
