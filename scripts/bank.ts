/** `npm run bank -- <command>`: a bank account of the running development system. See docs/development.md. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readBankAddress } from '../src/gateways/sepa/address.ts'
import { readIban } from '../src/gateways/sepa/iban.ts'
import type { InvoiceResource } from '../src/invoice/resource.ts'
import { parseDecimal } from '../src/money/amount.ts'
import { fileText, makeFile, pay, playBank } from './bank/money-out.ts'
import { writeCamt } from './bank/statement.ts'
import type { DevFile } from './stack/dev-file.ts'
import { readJson, writePrivate } from './stack/processes.ts'
import { askJson, Refusal, runningSystem, runTool, writeOut } from './stack/tool.ts'

const USAGE = `usage: npm run bank -- <command>

  store [--iban DE…] [--holder "…"]   makes a store with a bank account; the other commands speak for it
  invoice <amount>                    an invoice in euro, with its bank details shown
  pay <invoice id> [--amount 12.34]   imports the bank's word that it was paid; --pending: not booked yet;
      [--pending] [--return]          --return: taken back
  import <file>                       takes a camt.052, .053 or .054 file in
  accounts                            how far statements have come
  unmatched                           what fits no invoice
  assign <entry id> <invoice id>      says which invoice it is for
  clear <difference>                  says that you have looked at what does not agree (accounts lists it)

  pay <iban> <amount> --name "…"      sends money to an account; [--text "…"] for the recipient to read
  file [--out <path>]                 puts what waits into a payment file (pain.001), and shows or writes it
  file <file id> [--out <path>]       shows or writes one of before
  files                               the payment files so far
  status <path>                       takes the bank's answer to a file in (pain.002)
  transfer <transfer id>              how it is doing
  book [--accept|--reject|--return]   plays the bank with the newest file: books its transfers in the next statement;
                                      or before that takes or refuses them; or sends back what it has booked`

/** How many words follow each command, at least and at most. */
const WORDS = {
  store: [0, 0],
  invoice: [1, 1],
  pay: [1, 2],
  import: [1, 1],
  accounts: [0, 0],
  unmatched: [0, 0],
  assign: [2, 2],
  clear: [1, 1],
  file: [0, 1],
  files: [0, 0],
  status: [1, 1],
  transfer: [1, 1],
  book: [0, 0],
} as const

/** An IBAN that every bank knows as an example. */
const EXAMPLE_IBAN = 'DE89370400440532013000'

/** `<state>/bank.json`, mode 600. */
interface BankStore {
  readonly apiKey: string
  readonly iban: string
}

await runTool(USAGE, async () => {
  await main()
  return 0
})

async function main(): Promise<void> {
  const { values, positionals } = readArguments()
  const [command = '', first, second] = positionals
  const fault = faultOf(command, positionals.length - 1)
  if (fault !== null) throw new Refusal(`${fault}\n\n${USAGE}`)
  const { dev, stateDir } = runningSystem()
  const path = join(stateDir, 'bank.json')
  if (command === 'store') {
    const iban = readIban(values.iban ?? EXAMPLE_IBAN) ?? ''
    if (iban === '') throw new Refusal(`${values.iban} is no IBAN.`)
    const { apiKey } = await makeStore(dev, iban, values.holder ?? 'Corner Kiosk GmbH')
    writePrivate(path, `${JSON.stringify({ apiKey, iban } satisfies BankStore)}\n`)
    return console.log(`A store with the account ${iban}. Its API key: ${apiKey}`)
  }
  const store = readJson<BankStore>(path)
  if (store === null) throw new Refusal('There is no store with a bank account yet: run "npm run bank -- store".')
  const door = { url: dev.origin, token: store.apiKey }
  const call = <T>(method: 'GET' | 'POST', path: string, body?: string, type?: string) =>
    askJson<T>(door, { method, path, body, type })
  const importFile = async (text: string) => show(await call('POST', '/v1/bank/statements', text, 'application/xml'))
  const importReport = async (text: string) => show(await call('POST', '/v1/bank/status_reports', text, 'application/xml'))

  if (command === 'import' && first !== undefined) return importFile(readFile(first))
  if (command === 'accounts') return show(await call('GET', '/v1/bank/accounts'))
  if (command === 'unmatched') return show(await call('GET', '/v1/bank/unmatched?limit=100'))
  if (command === 'clear' && first !== undefined)
    return show(await call('POST', `/v1/bank/differences/${encodeURIComponent(first)}/clear`))
  if (command === 'assign' && first !== undefined && second !== undefined) {
    const body = JSON.stringify({ invoiceId: second })
    return show(await call('POST', `/v1/bank/unmatched/${encodeURIComponent(first)}/assignment`, body))
  }
  if (command === 'invoice' && first !== undefined) {
    const made = await call<InvoiceResource>('POST', '/v1/invoices', JSON.stringify({ amount: first, currency: 'EUR' }))
    await call('POST', `/v1/invoices/${made.id}/payment_methods/EUR`)
    return console.log(`${made.id}\n${made.checkoutUrl}`)
  }
  if (command === 'pay' && first !== undefined && second !== undefined) {
    if (values.name === undefined) throw new Refusal('Whose account is it? Say it with --name "…".')
    return show(await pay(door, first, second, values.name, values.text))
  }
  if (command === 'file') {
    const { id, xml } = first === undefined ? await makeFile(door) : { id: first, xml: await fileText(door, first) }
    if (values.out === undefined) return console.log(xml)
    // It is made, whether it can be written there or not.
    console.log(`Payment file ${id}`)
    writeOut(values.out, xml)
    return console.log(`  is in ${values.out}: bring it to your bank.`)
  }
  if (command === 'files') return show(await call('GET', '/v1/bank/payment_files'))
  if (command === 'transfer' && first !== undefined)
    return show(await call('GET', `/v1/bank/transfers/${encodeURIComponent(first)}`))
  if (command === 'status' && first !== undefined) return importReport(readFile(first))
  if (command === 'book') {
    const deed = (['accept', 'reject', 'return'] as const).find((name) => values[name]) ?? 'book'
    const word = await playBank(door, deed)
    return deed === 'accept' || deed === 'reject' ? importReport(word) : importFile(word)
  }
  if (command === 'pay' && first !== undefined) {
    const invoice = await call<InvoiceResource>('POST', `/v1/invoices/${encodeURIComponent(first)}/payment_methods/EUR`)
    return importFile(wordOfPayment(invoice, store.iban, values))
  }
  throw new Refusal(USAGE)
}

/** What is wrong with a command and the number of words after it. */
function faultOf(command: string, given: number): string | null {
  if (command === '') return 'Say what to do.'
  if (!Object.hasOwn(WORDS, command)) return `There is no command "${command}".`
  const [least, most] = WORDS[command as keyof typeof WORDS]
  if (given > most) return `"${command}" takes fewer words.`
  return given < least ? `"${command}" takes more words.` : null
}

/** A camt.054 as the bank would send it: of what is due, unless told otherwise. */
function wordOfPayment(
  invoice: InvoiceResource,
  iban: string,
  wish: { amount?: string; pending?: boolean; return?: boolean },
): string {
  const method = invoice.paymentMethods.find(({ asset }) => asset === 'EUR')
  const address = readBankAddress(method?.address ?? '')
  if (!method || !address) throw new Refusal('The invoice shows no bank details.')
  const amount = wish.amount ?? (wish.return ? invoice.amountPaid : method.amountDue)
  const cents = parseDecimal(amount, 2)
  if (wish.amount !== undefined && (!cents.ok || cents.value === 0n))
    throw new Refusal('--amount must be a decimal such as 12.34, over zero, with at most 2 digits after the point.')
  if (!cents.ok || cents.value === 0n) throw new Refusal('Nothing is left of it: say how much with --amount.')
  const date = new Date().toISOString().slice(0, 10)
  const entry = {
    cents: cents.value,
    date,
    reference: address.reference,
    bankReference: randomUUID().slice(0, 18),
    name: 'A Shopper',
  }
  const direction = wish.return ? ({ direction: 'DBIT', returnReason: 'MS03' } as const) : {}
  const status = wish.pending ? ({ status: 'PDNG' } as const) : {}
  return writeCamt({ kind: 'camt.054', id: randomUUID().slice(0, 18), iban, entries: [{ ...entry, ...direction, ...status }] })
}

function makeStore(dev: DevFile, iban: string, holder: string): Promise<{ apiKey: string }> {
  const body = { name: 'Kiosk with a bank account', wallets: [{ account: { iban, holder }, assets: ['EUR'] }] }
  return askJson(dev.admin, { method: 'POST', path: '/admin/stores', body: JSON.stringify(body) })
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Refusal(`${path} can't be read: ${error instanceof Error ? error.message : error}`)
  }
}

function readArguments() {
  try {
    const text = { type: 'string' } as const
    const flag = { type: 'boolean' } as const
    const texts = { iban: text, holder: text, amount: text, name: text, text, out: text }
    const flags = { pending: flag, return: flag, accept: flag, reject: flag }
    return parseArgs({ allowPositionals: true, options: { ...texts, ...flags } })
  } catch (error) {
    throw new Refusal(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
  }
}

function show(answer: unknown): void {
  console.log(JSON.stringify(answer, null, 2))
}
