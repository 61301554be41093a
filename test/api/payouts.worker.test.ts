import fc from 'fast-check'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createApi } from '../../src/api/app.ts'
import type { TransferResource } from '../../src/wallet/transfers/resource.ts'
import { testEnv } from '../storage/databases.ts'
import { apiEnv, type Reply } from './merchant.ts'
import { credit, newSender, type Sender, TO, TO_EVM, TO_TOO } from './money-out.ts'
import { violations } from './schema.ts'

interface PayoutBody {
  readonly id: string
  readonly rows: readonly { readonly line: number; readonly transferId: string; readonly output: number }[]
  readonly data: readonly TransferResource[]
  readonly refused: readonly { readonly line: number; readonly detail: string }[]
  readonly warnings: readonly { readonly line: number; readonly sameAs: number }[]
}

interface RowsProblem {
  readonly code: string
  readonly detail: string
  readonly errors: readonly { readonly line: number; readonly param: string | null; readonly detail: string }[]
}

let sender: Sender
beforeAll(async () => {
  sender = await newSender()
})

let keys = 0
const newKey = () => `payout-${keys++}`
const pay = ({ merchant }: Sender, key: string, csv: string) =>
  merchant.call('POST', '/v1/payouts', csv, { 'idempotency-key': key, 'content-type': 'text/csv' })
const payRows = ({ merchant }: Sender, key: string, rows: unknown) =>
  merchant.call('POST', '/v1/payouts', { rows }, { 'idempotency-key': key })

function made({ status, text, json }: Reply): PayoutBody {
  expect(status, text).toBe(201)
  expect(violations('PayoutCreated', json)).toEqual([])
  return json as unknown as PayoutBody
}

function refused({ status, text, json }: Reply): RowsProblem {
  expect(status, text).toBe(422)
  expect(violations('Problem', json)).toEqual([])
  return json as unknown as RowsProblem
}

const CSV = [
  'address,amount,asset,reference',
  `${TO},0.001,BTC,Ada`,
  `${TO_EVM},12.5,USDC,"Bob, the ""builder"""`,
  `${TO_TOO},0.002,BTC,`,
  `${TO_EVM},3,USDC,Cy`,
].join('\r\n')

describe('a batch', () => {
  test('is one transfer of all its rows on a chain of coins, and out of one’s own EVM wallet one for each row', async () => {
    const body = made(await pay(sender, newKey(), CSV))
    expect(body.data).toMatchObject([
      {
        asset: 'BTC',
        amount: '0.00300000',
        payoutId: body.id,
        reference: null,
        outputs: [
          { address: TO, amount: '0.00100000', reference: 'Ada' },
          { address: TO_TOO, amount: '0.00200000', reference: null },
        ],
      },
      { asset: 'USDC', amount: '12.500000', payoutId: body.id, reference: 'Bob, the "builder"', outputCount: 1 },
      { asset: 'USDC', amount: '3.000000', reference: 'Cy' },
    ])
    const [bitcoin, bob, cy] = body.data.map(({ id }) => id)
    expect(body.rows).toEqual([
      { line: 2, transferId: bitcoin, output: 0 },
      { line: 3, transferId: bob, output: 0 },
      { line: 4, transferId: bitcoin, output: 1 },
      { line: 5, transferId: cy, output: 0 },
    ])
    expect([body.refused, body.warnings]).toEqual([[], []])
  })

  test('says the same as JSON, in any order of columns, and by the name of a wallet', async () => {
    const key = newKey()
    const rows = [
      { address: TO, amount: '0.001', asset: 'BTC', reference: 'Ada', walletId: null },
      { address: TO_EVM, amount: '2', asset: 'USDC' },
    ]
    const { id } = made(await payRows(sender, key, rows))
    // With the mark that spreadsheets write before UTF-8.
    const csv = `\ufeffreference,asset, amount ,walletId,address\nAda,BTC,0.00100,${sender.bitcoin},${TO}\n\n,USDC,2.0,,${TO_EVM}\n`
    const again = await pay(sender, key, csv)
    expect(made(again).id).toBe(id)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(made(again).rows.map(({ line }) => line)).toEqual([2, 4])
  })

  test('is made once for each key, and another one under its key is refused before anything of it is made', async () => {
    const key = newKey()
    const first = made(await pay(sender, key, CSV))
    const again = made(await pay(sender, key, CSV))
    expect(again.data.map(({ id }) => id)).toEqual(first.data.map(({ id }) => id))
    const reused = { status: 422, json: { code: 'idempotency_key_reused' } }
    expect(await pay(sender, key, `${CSV}\r\n${TO},0.004,BTC,Eve`)).toMatchObject(reused)
    expect(await pay(sender, key, CSV.replace('0.001', '0.005'))).toMatchObject(reused)
    expect(await pay(sender, key, `address,amount,asset\n${TO_EVM},1,ETH\n`)).toMatchObject(reused)
    const single = { asset: 'BTC', address: TO, amount: '0.003' }
    expect(await sender.merchant.call('POST', '/v1/transfers', single, { 'idempotency-key': key })).toMatchObject(reused)
    expect(await sender.merchant.call('POST', '/v1/payouts', { rows: [] })).toMatchObject({
      status: 400,
      json: { code: 'idempotency_key_missing' },
    })
  })

  test('is of one request, whatever else comes at once under its key', async () => {
    const key = newKey()
    const reversed = `address,amount,asset\n${TO_EVM},3,USDC\n${TO},0.009,BTC\n`
    const asked = await Promise.all(Array.from({ length: 20 }, (_, at) => pay(sender, key, at % 2 === 0 ? CSV : reversed)))
    const paid = asked.filter(({ status }) => status === 201).map((reply) => made(reply))
    expect([paid.length, new Set(paid.map(({ id }) => id)).size, paid.flatMap((body) => body.refused)]).toEqual([10, 1, []])
  })

  test('warns of the same amount to the same address, and pays both', async () => {
    const csv = `address,amount,asset\n${TO},0.001,BTC\n${TO_TOO},0.001,BTC\n${TO},0.00100,BTC\n`
    const body = made(await pay(sender, newKey(), csv))
    expect(body.warnings).toMatchObject([{ line: 4, sameAs: 2 }])
    expect(body.data).toMatchObject([{ amount: '0.00300000', outputCount: 3 }])
  })

  test('of a thousand rows is one transaction on a chain of coins; more are refused', async () => {
    const row = `${TO},0.001,BTC\n`
    const csv = `address,amount,asset\n${row.repeat(1_000)}`
    const body = made(await pay(sender, newKey(), csv))
    expect(body.data).toMatchObject([{ amount: '1.00000000', outputCount: 1_000 }])
    expect(body.rows).toHaveLength(1_000)
    expect(refused(await pay(sender, newKey(), csv + row)).errors).toEqual([
      { line: 1_002, param: null, detail: 'there are more than 1000 lines under the header' },
    ])
    const rows = Array.from({ length: 1_001 }, () => ({ address: TO, amount: '0.001', asset: 'BTC' }))
    expect(await payRows(sender, newKey(), rows)).toMatchObject({ status: 400, json: { param: 'rows' } })
    expect(await pay(sender, newKey(), 'x'.repeat(600_000))).toMatchObject({ status: 413 })
  })

  test('that the balance does not cover is refused whole', async () => {
    const platform = await newSender('platform')
    await credit(platform, 'USDC', 10_000_000n)
    const csv = (amounts: readonly string[]) =>
      `address,amount,asset\n${amounts.map((amount) => `${TO_EVM},${amount},USDC\n`).join('')}`
    const key = newKey()
    expect(await pay(platform, key, csv(['6', '5']))).toMatchObject({
      status: 422,
      json: { code: 'insufficient_funds', detail: '10.000000 USDC can be sent' },
    })
    const both = [{ amount: '10.000000', outputCount: 2 }]
    expect(made(await pay(platform, key, csv(['6', '4']))).data).toMatchObject(both)
    // Its own money is not missed when it is asked for again.
    expect(made(await pay(platform, key, csv(['6', '4']))).data).toMatchObject(both)
    const { json } = await platform.merchant.call('GET', '/v1/balances')
    expect(json.data[0]).toMatchObject({ available: '0.000000', reservedFor: { locked: '10.000000' } })
  })

  test('that comes again while the first takes the money is told of the first, not of too little money', async () => {
    const platform = await newSender('platform')
    await credit(platform, 'USDC', 10_000_000n)
    const [key, csv] = [newKey(), `address,amount,asset\n${TO_EVM},8,USDC\n`]
    let first: Reply | undefined
    const balances = async (storeId: string) => {
      first ??= await pay(platform, key, csv)
      return testEnv.LEDGERS.getByName(platform.merchant.merchantId).balances(storeId)
    }
    const late = { ...apiEnv, LEDGERS: { getByName: () => ({ balances }) } } as unknown as typeof apiEnv
    const headers = { authorization: `Bearer ${platform.merchant.apiKey}`, 'content-type': 'text/csv', 'idempotency-key': key }
    const again = await createApi().request('/v1/payouts', { method: 'POST', headers, body: csv }, late)
    expect([first?.status, again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 201, 'true'])
  })

  test('out of an EVM hot wallet is a transfer for each asset and each hundred rows', async () => {
    const platform = await newSender('platform')
    await credit(platform, 'USDC', 1_000_000_000n)
    await credit(platform, 'ETH', 10n ** 18n)
    const rows = [...Array(120).fill(`${TO_EVM},1,USDC`), `${TO_EVM},0.001,ETH`, `${TO_EVM},2,USDC`]
    const body = made(await pay(platform, newKey(), `address,amount,asset\n${rows.join('\n')}\n`))
    expect(body.data).toMatchObject([
      { asset: 'USDC', outputCount: 100, amount: '100.000000' },
      { asset: 'USDC', outputCount: 21, amount: '22.000000' },
      { asset: 'ETH', outputCount: 1 },
    ])
    const [first, second, ether] = body.data.map(({ id }) => id)
    expect(body.rows[99]).toEqual({ line: 101, transferId: first, output: 99 })
    expect(body.rows.slice(119)).toEqual([
      { line: 121, transferId: second, output: 19 },
      { line: 122, transferId: ether, output: 0 },
      { line: 123, transferId: second, output: 20 },
    ])
  })

  test('that was cut off goes on where it stopped', async () => {
    const platform = await newSender('platform')
    await credit(platform, 'BTC', 1_000_000n)
    await credit(platform, 'USDC', 10_000_000n)
    const csv = `address,amount,asset\n${TO},0.001,BTC\n${TO_EVM},2,USDC\n`
    const frozen = 'a person looks at it'
    await testEnv.WALLETS.getByName(platform.evm).freezeSending(frozen)
    const key = newKey()
    const half = made(await pay(platform, key, csv))
    expect([half.data.length, half.refused]).toEqual([1, [{ line: 3, detail: frozen }]])
    await testEnv.WALLETS.getByName(platform.evm).allowSending('test')
    const whole = made(await pay(platform, key, csv))
    expect([whole.data.map(({ asset }) => asset), whole.refused]).toEqual([['BTC', 'USDC'], []])
    expect(whole.data[0]?.id).toBe(half.data[0]?.id)
  })
})

describe('rows that are not right', () => {
  test('are all told with their lines, and nothing is done', async () => {
    const key = newKey()
    const csv = [
      'address,amount,asset,reference',
      `${TO},0.001,BTC,fine`,
      `${TO},0.000000001,BTC,`,
      '"broken\r\nline",1,BTC,',
      `${TO_EVM},1,XYZ,`,
      `bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4,1,BTC,`,
      `,1,BTC,`,
      `${TO},1,BTC,${'x'.repeat(101)}`,
      `${TO},5,EUR,`,
    ].join('\r\n')
    const problem = refused(await pay(sender, key, csv))
    expect(problem.code).toBe('payout_rows_invalid')
    expect(problem.errors.map(({ line, param }) => [line, param])).toEqual([
      [3, 'amount'],
      [4, 'address'],
      [6, 'asset'],
      [7, 'address'],
      [8, 'address'],
      [9, 'reference'],
      [10, 'asset'],
    ])
    expect(problem.detail).toContain('7 of 8 rows')
    expect(problem.errors.at(-1)?.detail).toContain('EUR is sent by POST /v1/bank/transfers')
    // The key is still free.
    expect(made(await pay(sender, key, csv.split('\r\n').slice(0, 2).join('\r\n'))).data).toHaveLength(1)
  })

  test('of JSON are counted from 1', async () => {
    const rows = [{ address: TO, amount: '0.001', asset: 'BTC' }, { address: TO, amount: 1, asset: 'BTC' }, 'row', { amuont: '1' }]
    const { errors } = refused(await payRows(sender, newKey(), rows))
    expect(errors.map(({ line, param }) => [line, param])).toEqual([
      [2, 'amount'],
      [3, null],
      [4, 'amuont'],
    ])
  })

  test.each([
    ['no header', `${TO},1,BTC\n`, 1, 'header'],
    ['a column missing', 'address,amount\nx,1\n', 1, 'no column asset'],
    ['a column that is not known', 'address,amount,asset,amuont\n', 1, '"amuont" is not known'],
    ['a column twice', 'address,amount,asset,asset\n', 1, 'there twice'],
    ['semicolons', `address;amount;asset\n${TO};1;BTC\n`, 1, 'commas between'],
    ['tabs', `address\tamount\tasset\n${TO}\t1\tBTC\n`, 1, 'commas between'],
    ['nothing but the header', 'address,amount,asset\n\n', 1, 'no row'],
    ['nothing', '', 1, 'header'],
    ['an uneven line', `address,amount,asset\n${TO},1,BTC,x\n`, 2, '4 cells, the header 3: a cell with a comma'],
    ['nothing but empty rows', 'address,amount,asset\n,,\n ,\n', 1, 'no row'],
    ['an open quote', `address,amount,asset\n"${TO},1,BTC\n`, 2, 'never closed'],
  ])('with %s the file is refused in words', async (_what, csv, line, words) => {
    expect(refused(await pay(sender, newKey(), csv)).errors).toMatchObject([{ line, detail: expect.stringContaining(words) }])
  })

  test.each([
    ['0,001', 'a decimal comma'],
    ['1,000.5', 'a separator of thousands'],
    ["1'000", 'an apostrophe'],
    ['1e-3', 'an exponent'],
    ['-1', 'a sign'],
    ['+1', 'a sign'],
    ['0x1', 'hexadecimal'],
    ['1.', 'a point and nothing'],
    ['.5', 'nothing and a point'],
    ['٣', 'digits of another script'],
    ['0.00', 'nothing'],
    ['1'.repeat(80), 'more than there is'],
    ['=1', 'a formula'],
  ])('an amount of %s is none (%s)', async (amount) => {
    const csv = `address,amount,asset\n${TO},"${amount}",BTC\n`
    expect(refused(await pay(sender, newKey(), csv)).errors).toMatchObject([{ line: 2, param: 'amount' }])
  })

  test('what spreadsheets add is not in the way: a byte order mark, quotes around everything, spaces, empty lines and rows', async () => {
    const csv = `\ufeff"address","amount","asset","reference"\r\n\r\n" ${TO} ","0.0010","BTC",""\r\n\r\n${',,,\r\n'.repeat(1_001)}  \r\n`
    expect(made(await pay(sender, newKey(), csv)).data[0]).toMatchObject({ amount: '0.00100000', reference: null })
  })

  test('no file makes it fail otherwise than in words', async () => {
    const cell = fc.constantFrom(
      TO,
      TO_EVM,
      '0.001',
      '1',
      'BTC',
      'USDC',
      '',
      '"',
      'a"b',
      '=1+1',
      '__proto__',
      'constructor',
      '-1',
      ',',
      '\r',
      '\n',
    )
    const line = fc.array(cell, { maxLength: 5 }).map((cells) => cells.join(','))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('address,amount,asset,reference', 'address,amount,asset', '__proto__,amount,asset', ''),
        fc.array(line, { maxLength: 4 }),
        async (header, lines) => {
          const reply = await pay(sender, newKey(), [header, ...lines].join('\n'))
          expect([201, 422], reply.text).toContain(reply.status)
          if (reply.status === 201) made(reply)
          else refused(reply)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('text that a spreadsheet would run is kept as text, and written so that it is not run', async () => {
    const csv = `address,amount,asset,reference\n${TO},0.001,BTC,"=HYPERLINK(""http://x"")"\n`
    expect(made(await pay(sender, newKey(), csv)).data[0]?.reference).toBe('=HYPERLINK("http://x")')
  })
})

describe('a batch that was made', () => {
  test('is read page by page, with how many are in which status, by its own store', async () => {
    const { merchant } = sender
    const { id, data } = made(await pay(sender, newKey(), CSV))
    const read = async (query = '') => {
      const { status, text, json } = await merchant.call('GET', `/v1/payouts/${id}${query}`)
      expect(status, text).toBe(200)
      expect(violations('Payout', json)).toEqual([])
      return json as unknown as { transfers: number; statuses: object; data: TransferResource[]; nextCursor: string | null }
    }
    await vi.waitFor(async () => expect((await read()).statuses).toEqual({ queued: 3 }), 15_000)
    const first = await read('?limit=2')
    const rest = await read(`?limit=2&cursor=${first.nextCursor}`)
    expect([...first.data, ...rest.data].map((transfer) => transfer.id).sort()).toEqual(data.map((transfer) => transfer.id).sort())
    expect([first.transfers, rest.nextCursor]).toEqual([3, null])
    const other = await newSender()
    for (const path of [id, 'po_x']) {
      const notThere = { status: 404, json: { code: 'payout_not_found' } }
      expect(await other.merchant.call('GET', `/v1/payouts/${path}`)).toMatchObject(notThere)
    }
  }, 20_000)
})
