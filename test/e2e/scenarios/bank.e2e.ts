import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readPain001 } from '../../../scripts/bank/payment-file.ts'
import { type WrittenEntry, type WrittenStatement, writeCamt } from '../../../scripts/bank/statement.ts'
import { writePain002 } from '../../../scripts/bank/status-report.ts'
import { readBankAddress } from '../../../src/gateways/sepa/address.ts'
import { printReference } from '../../../src/gateways/sepa/reference.ts'
import type { InvoiceResource } from '../../../src/invoice/resource.ts'
import { waitFor } from '../harness.ts'
import { checkBooks, postingsOf } from './books.ts'
import { endScene, errorsLogged, open, openStore, type Scene, startScene } from './scene.ts'

/** Invoices paid by bank transfer, and money sent, by the files of a merchant’s own account. */

const IBAN = 'DE89370400440532013000'
const DAY_MS = 86_400_000

let scene: Scene
let shop: Scene
/** The account as its bank keeps it. */
let balance = 1_000_00n
let statements = 0

beforeAll(async () => {
  scene = await startScene()
  const account = { iban: IBAN, bic: 'COBADEFFXXX', holder: 'Corner Kiosk GmbH' }
  shop = await openStore(scene, [{ account, assets: ['EUR'] }], { latePolicy: 'accept_locked_rate' })
})

afterAll(async () => {
  const errors = shop ? errorsLogged(shop) : []
  await shop?.receiver.stop()
  await endScene(scene)
  // The balances that did not join, for a while.
  expect(errors.map((line) => /bank_difference/.exec(line)?.[0] ?? line)).toEqual(['bank_difference'])
})

/** Statements follow one another day by day, from some days ago. */
function day(no: number): string {
  return new Date(Date.now() + (no - 20) * DAY_MS).toISOString().slice(0, 10)
}

/** The next daily statement: opens with what the one before closed with. */
function nextStatement(entries: readonly Omit<WrittenEntry, 'date'>[]): WrittenStatement {
  const no = ++statements
  const opening = { cents: balance, date: day(no - 1) }
  for (const { cents, direction } of entries) balance += direction === 'DBIT' ? -cents : cents
  const closing = { cents: balance, date: day(no) }
  return {
    id: `S-${no}`,
    iban: IBAN,
    sequence: no,
    opening,
    closing,
    entries: entries.map((entry) => ({ ...entry, date: day(no) })),
  }
}

interface Import {
  readonly replayed: boolean
  readonly statements: readonly {
    matched: number
    unmatched: number
    returned: number
    transfers: number
    duplicates: number
    gap: string | null
  }[]
}

async function send(text: string): Promise<Import> {
  const answer = await shop.stack.api<Import>('POST', '/v1/bank/statements', text, { 'content-type': 'application/xml' })
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

async function openByBank(): Promise<{ invoice: InvoiceResource; reference: string }> {
  const invoice = await open(shop)
  const { address } = await shop.stack.activate(invoice.id, 'EUR')
  const reference = readBankAddress(address)?.reference
  if (reference === undefined) throw new Error(`${address} is no bank address`)
  return { invoice, reference }
}

const untilStatus = (id: string, status: string) => shop.stack.untilInvoice(id, (invoice) => invoice.status === status)

it('shows a shopper where to transfer, and settles from a statement; the same file again changes nothing', async () => {
  const { invoice, reference } = await openByBank()
  const page = await fetch(new URL(`/i/${invoice.id}`, shop.stack.origin))
  const html = await page.text()
  for (const value of ['Corner Kiosk GmbH', IBAN, 'COBADEFFXXX', '20.00', reference]) expect(html).toContain(`data-copy="${value}"`)
  expect(html).toContain('class="qr"')
  expect(html).toContain(printReference(reference))

  const file = writeCamt(nextStatement([{ cents: 20_00n, reference, name: 'A Shopper' }]))
  expect(await send(file)).toMatchObject({ replayed: false, statements: [{ matched: 1, gap: null }] })
  const settled = await untilStatus(invoice.id, 'settled')
  const lines = await checkBooks(shop, settled)
  expect(await send(file)).toMatchObject({ replayed: true, statements: [{ matched: 1 }] })
  expect(await send(file.replace('MSG-1', 'MSG-2'))).toMatchObject({ replayed: false, statements: [{ matched: 0, duplicates: 1 }] })
  expect(await shop.stack.readInvoice(invoice.id)).toEqual(settled)
  expect(await postingsOf(shop, invoice.id)).toEqual(lines)
  await waitFor(() => shop.receiver.of(invoice.id).some(({ type, verified }) => type === 'invoice.settled' && verified))
})

it('takes parts and too much, and takes a returned payment out again', async () => {
  const { invoice, reference } = await openByBank()
  await send(writeCamt(nextStatement([{ cents: 5_00n, reference }])))
  const part = await shop.stack.untilInvoice(invoice.id, ({ facts }) => facts.short)
  expect(part).toMatchObject({ status: 'new', amountPaid: '5.00' })
  await send(writeCamt(nextStatement([{ cents: 18_00n, text: `the rest of ${printReference(reference)}` }])))
  const settled = await untilStatus(invoice.id, 'settled')
  expect(settled.facts.over).toEqual({ asset: 'EUR', amount: '3.00' })
  await checkBooks(shop, settled)

  const back = { cents: 18_00n, direction: 'DBIT', returnReason: 'MS03', reference } as const
  expect(await send(writeCamt(nextStatement([back])))).toMatchObject({ statements: [{ returned: 1 }] })
  const reopened = await untilStatus(invoice.id, 'new')
  expect(reopened).toMatchObject({ amountPaid: '5.00', payments: [{ status: 'confirmed' }, { status: 'returned' }] })
  const lines = await checkBooks(shop, reopened)
  expect(lines.filter(({ cause }) => cause === 'bank_return').length).toBeGreaterThan(0)
})

it('tells a gap, and goes on when it is filled', async () => {
  const missing = writeCamt(nextStatement([{ cents: 1_00n, text: 'no reference' }]))
  const { invoice, reference } = await openByBank()
  const late = await send(writeCamt(nextStatement([{ cents: 20_00n, reference }])))
  expect(late.statements[0]?.gap).toContain('the next statement')
  // What a statement says is true whatever is missing before it; but no money goes out.
  await untilStatus(invoice.id, 'settled')
  const standing = () => shop.stack.api<{ data: object[] }>('GET', '/v1/bank/accounts').then(({ body }) => body.data)
  expect(await standing()).toMatchObject([{ frozen: true, differences: [{ detail: late.statements[0]?.gap }] }])
  const refused = await shop.stack.api<{ code: string }>('POST', '/v1/bank/payment_files')
  expect([refused.status, refused.body.code]).toEqual([409, 'sending_frozen'])
  expect(await send(missing)).toMatchObject({ statements: [{ unmatched: 1, gap: null }] })
  expect(await standing()).toMatchObject([{ gap: null, unmatched: 1, frozen: false, differences: [] }])
})

interface Payout {
  readonly id: string
  readonly status: string
  readonly bank: { readonly bookedOn: string | null; readonly returned: unknown }
}

it('sends money: a payment file to the bank, its answer, the statement that books it, and one that brings it back', async () => {
  const { api } = shop.stack
  const wish = JSON.stringify({ iban: 'NL91 ABNA 0417 1643 00', amount: '12.34', name: 'Ana Müller', text: 'Thanks & bye' })
  const key = { 'idempotency-key': 'payout-1' }
  const made = await api<Payout>('POST', '/v1/bank/transfers', wish, key)
  expect(made.status, made.text).toBe(201)
  expect((await api<Payout>('POST', '/v1/bank/transfers', wish, key)).body.id).toBe(made.body.id)
  const file = await api<{ id: string }>('POST', '/v1/bank/payment_files')
  const written = await api('GET', `/v1/bank/payment_files/${file.body.id}`)
  const order = readPain001(written.text)
  const [transfer] = order?.transfers ?? []
  if (!order || !transfer) throw new Error(`the file cannot be read: ${written.text}`)
  expect(order.transfers).toMatchObject([{ cents: 12_34n, name: 'Ana Mueller', iban: 'NL91ABNA0417164300', text: 'Thanks + bye' }])

  const payout = async () => (await api<Payout>('GET', `/v1/bank/transfers/${made.body.id}`)).body
  const report = writePain002({ fileId: order.id, file: { code: 'ACTC' } })
  const xml = { 'content-type': 'application/xml' }
  expect((await api('POST', '/v1/bank/status_reports', report, xml)).body).toMatchObject({ accepted: 1, changed: 1 })
  expect((await api('POST', '/v1/bank/status_reports', report, xml)).body).toMatchObject({ accepted: 1, changed: 0 })
  expect(await payout()).toMatchObject({ status: 'broadcast' })

  const debit = { cents: 12_34n, direction: 'DBIT', endToEndId: transfer.endToEndId } as const
  expect(await send(writeCamt(nextStatement([debit])))).toMatchObject({ statements: [{ transfers: 1, gap: null }] })
  expect(await payout()).toMatchObject({ status: 'confirmed', bank: { bookedOn: day(statements) } })
  const back = { cents: 12_34n, endToEndId: transfer.endToEndId, returnReason: 'AC04' } as const
  expect(await send(writeCamt(nextStatement([back])))).toMatchObject({ statements: [{ transfers: 1, gap: null }] })
  expect(await payout()).toMatchObject({ status: 'failed', bank: { returned: { amount: '12.34', reason: 'AC04' } } })
  // Its copy in the list, and the shop's webhooks, follow.
  await waitFor(async () => {
    const { body } = await api<{ data: Payout[] }>('GET', '/v1/transfers')
    return body.data.some(({ id, status }) => id === made.body.id && status === 'failed')
  })
})

it('refunds to the account that paid, and not a cent more', async () => {
  const { api } = shop.stack
  const { invoice, reference } = await openByBank()
  await send(writeCamt(nextStatement([{ cents: 20_00n, reference, name: 'Ana Müller', iban: 'NL91ABNA0417164300' }])))
  await untilStatus(invoice.id, 'settled')
  const ask = () =>
    api<{ id: string; address: string; claimUrl: string | null }>(
      'POST',
      `/v1/invoices/${invoice.id}/refunds`,
      { type: 'full' },
      { 'idempotency-key': randomUUID() },
    )
  const asked = await Promise.all([ask(), ask(), ask()])
  const [refund, ...others] = asked.filter(({ status }) => status === 201)
  expect(others).toEqual([])
  expect(refund?.body).toMatchObject({ address: 'NL91ABNA0417164300', claimUrl: null })
  const file = await api<{ id: string; amount: string }>('POST', '/v1/bank/payment_files')
  expect(file.body.amount).toBe('20.00')
  const order = readPain001((await api('GET', `/v1/bank/payment_files/${file.body.id}`)).text)
  expect(order?.transfers).toMatchObject([{ iban: 'NL91ABNA0417164300', text: `Refund ${reference}` }])
  const debit = { cents: 20_00n, direction: 'DBIT', endToEndId: order?.transfers[0]?.endToEndId } as const
  await send(writeCamt(nextStatement([debit])))
  await waitFor(async () => {
    const { body } = await api<{ status: string }>('GET', `/v1/invoices/${invoice.id}/refunds/${refund?.body.id}`)
    return body.status === 'confirmed'
  })
  expect((await ask()).status).toBe(409)
})

it('is worked from the command line', async () => {
  const root = join(import.meta.dirname, '../../..')
  const env = { ...process.env, PAYTOMAT_STATE: shop.stack.stateDir }
  const run = async (script: string, words: readonly string[], more: object = {}) => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...words], { cwd: root, env: { ...env, ...more } })
    return stdout
  }
  const bank = (...words: string[]) => run('scripts/bank.ts', words)
  await expect(bank('accounts')).rejects.toThrow('There is no store with a bank account yet')
  const apiKey = /API key: (\S+)/.exec(await bank('store', '--iban', 'NL91 ABNA 0417 1643 00'))?.[1] ?? ''
  const merchant = shop.stack.as(apiKey)
  const [id = ''] = (await bank('invoice', '12.34')).split('\n')
  expect(JSON.parse(await bank('pay', id, '--amount', '2.34', '--pending'))).toMatchObject({ statements: [{ matched: 1 }] })
  await bank('pay', id)
  await merchant.untilInvoice(id, ({ status }) => status === 'processing')
  await bank('pay', id, '--amount', '2.34')
  await merchant.untilInvoice(id, ({ status }) => status === 'settled')
  const file = join(shop.stack.stateDir, 'statement.xml')
  writeFileSync(file, writeCamt({ id: 'S', iban: 'NL91ABNA0417164300', entries: [{ cents: 5n, date: day(20), text: 'hello' }] }))
  expect(JSON.parse(await bank('import', file))).toMatchObject({ replayed: false, statements: [{ unmatched: 1 }] })
  const { data } = JSON.parse(await bank('unmatched')) as { data: { id: string }[] }
  expect(JSON.parse(await bank('assign', data[0]?.id ?? '', id))).toMatchObject({ invoiceId: id, amount: '0.05' })
  await expect(bank('import', '/no/such/file')).rejects.toThrow("can't be read")
  await expect(bank('dance')).rejects.toThrow('usage')

  await expect(bank('book')).rejects.toThrow('There is no payment file yet')
  const sent = JSON.parse(await bank('pay', 'DE89 3704 0044 0532 0130 00', '1.50', '--name', 'Kiosk')) as Payout
  const out = join(shop.stack.stateDir, 'payment.xml')
  expect(await bank('file', '--out', out)).toContain('bring it to your bank')
  const status = async () => (JSON.parse(await bank('transfer', sent.id)) as Payout).status
  const answer = join(shop.stack.stateDir, 'answer.xml')
  writeFileSync(answer, writePain002({ fileId: readPain001(readFileSync(out, 'utf8'))?.id ?? '', file: { code: 'RCVD' } }))
  expect(JSON.parse(await bank('status', answer))).toMatchObject({ pending: 1 })
  await bank('book', '--accept')
  expect(await status()).toBe('broadcast')
  await bank('book')
  expect(await status()).toBe('confirmed')
  await expect(bank('book')).rejects.toThrow('nothing for the bank to do')
  await bank('book', '--return')
  expect(await status()).toBe('failed')
  expect(JSON.parse(await bank('files'))).toMatchObject({ data: [{ transfers: 1, word: { code: 'RCVD' } }] })

  // The same account in the words of every wallet.
  const wallet = (...words: string[]) => run('scripts/wallet.ts', words, { PAYTOMAT_API_KEY: apiKey })
  expect(await wallet('list')).toMatch(
    /sepa, your own account, 1 of its addresses given out\n {2}SEPA: EUR\n {4}NL91ABNA0417164300/,
  )
  expect(await wallet('balance', 'EUR', '--refresh')).toMatch(
    /SEPA: as of .*\n.*confirmed +pending +leaving +reserved\n +EUR +-?\d+\.\d\d/,
  )
  const given = await wallet('addresses', 'EUR')
  const address = /payto:\S+/.exec(given)?.[0] ?? ''
  expect(given).toContain(`${id}  12.39 EUR`)
  expect(await wallet('address', 'EUR', address)).toMatch(/EUR +12\.39 +2\.34/)
  expect(await wallet('receive', 'EUR', '--amount', '5')).toContain('payto://iban/NL91ABNA0417164300')
  expect(await wallet('send', 'EUR', 'DE89 3704 0044 0532 0130 00', '2.50', '--name', 'Kiosk')).toContain('payout of 2.50 EUR')
  expect(await wallet('balance', 'EUR')).toMatch(/EUR .* 2\.50\n/)
  await expect(bank('clear', 'nothing')).rejects.toThrow('no such open difference')
})

it('loses nothing to kill -9 while files come in', async () => {
  const opened = await Promise.all([1, 2, 3, 4].map(openByBank))
  const { workers } = shop.stack
  for (const [index, { reference }] of opened.entries()) {
    const file = writeCamt(nextStatement([{ cents: 20_00n, reference }]))
    const { pid } = workers
    const sending = send(file).catch(() => null)
    await new Promise((resolve) => setTimeout(resolve, index * 4))
    process.kill(pid, 'SIGKILL')
    await sending
    await waitFor(async () => workers.pid !== pid && (await send(file).catch(() => null)) !== null)
  }
  for (const { invoice } of opened) {
    const settled = await untilStatus(invoice.id, 'settled')
    expect(settled.payments).toHaveLength(1)
    await checkBooks(shop, settled)
  }
})
