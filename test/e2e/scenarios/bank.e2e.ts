import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type WrittenEntry, type WrittenStatement, writeCamt } from '../../../scripts/bank/statement.ts'
import { readBankAddress } from '../../../src/gateways/sepa/address.ts'
import { printReference } from '../../../src/gateways/sepa/reference.ts'
import type { InvoiceResource } from '../../../src/invoice/resource.ts'
import { waitFor } from '../harness.ts'
import { checkBooks, postingsOf } from './books.ts'
import { endScene, errorsLogged, open, openStore, type Scene, startScene } from './scene.ts'

/** Invoices paid by bank transfer, from the statements of a merchant’s own account. */

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
  expect(errors).toEqual([])
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
  readonly statements: readonly { matched: number; unmatched: number; returned: number; duplicates: number; gap: string | null }[]
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
  // What a statement says is true whatever is missing before it.
  await untilStatus(invoice.id, 'settled')
  expect(await send(missing)).toMatchObject({ statements: [{ unmatched: 1, gap: null }] })
  const accounts = await shop.stack.api<{ data: { gap: string | null; balance: { amount: string } }[] }>('GET', '/v1/bank/accounts')
  expect(accounts.body.data).toMatchObject([{ gap: null, unmatched: 1 }])
})

it('is worked from the command line', async () => {
  const root = join(import.meta.dirname, '../../..')
  const env = { ...process.env, PAYTOMAT_STATE: shop.stack.stateDir }
  const bank = async (...words: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['scripts/bank.ts', ...words], { cwd: root, env })
    return stdout
  }
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
