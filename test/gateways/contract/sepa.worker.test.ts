import { readPain001 } from '../../../scripts/bank/payment-file.ts'
import type { WrittenEntry } from '../../../scripts/bank/statement.ts'
import { type WrittenReport, writePain002 } from '../../../scripts/bank/status-report.ts'
import { readBankAddress } from '../../../src/gateways/sepa/address.ts'
import { nameAtBanks } from '../../../src/gateways/sepa/pain001.ts'
import { readPain002 } from '../../../src/gateways/sepa/pain002.ts'
import type { StoreConfig } from '../../../src/invoice/types.ts'
import { randomId } from '../../../src/lib/ids.ts'
import { ok, type Result } from '../../../src/lib/result.ts'
import { accountOf, newIban, newStore } from '../../bank/builders.ts'
import { createRequest } from '../../invoice/builders.ts'
import { migrateDatabases, testEnv } from '../../storage/databases.ts'
import { type Refusal, runContract, type Sending, type World } from './suite.ts'

/** The four operations of a bank account, in files: camt.052 and .053 in, pain.001 out, pain.002 in. */
runContract('sepa', async () => {
  await migrateDatabases()
  return bankWorld(await newStore())
})

interface Credit extends WrittenEntry {
  readonly order: string | null
}

const DAY_MS = 86_400_000
const FIRST_DAY_MS = Date.UTC(2026, 0, 5)

/** The bank of an account: what it was asked to do, what it has announced, and the statement of one day after another. */
function bankWorld(store: StoreConfig): World {
  const { object, take } = accountOf(store)
  const { merchantId, shard, storeId } = store
  const orders = new Map<string, { invoiceId: string; address: string }>()
  const payers = new Map<string, string>()
  const transfers = new Map<string, string>()
  /** Announced, and booked by the next statement. */
  let credits: Credit[] = []
  let debits: (WrittenEntry & { readonly iban: string })[] = []
  let booked: Credit[] = []
  const paid = new Map<string, bigint>()
  let days = 0
  let closing = 0n

  const today = () => new Date(FIRST_DAY_MS + days * DAY_MS).toISOString().slice(0, 10)

  /** The day's statement with all that was announced, and then the next day. */
  async function book(entries: readonly WrittenEntry[]): Promise<void> {
    const date = today()
    const opening = closing
    for (const { cents, direction } of entries) closing += direction === 'DBIT' ? -cents : cents
    const balances = { opening: { cents: opening, date }, closing: { cents: closing, date } }
    await take({ id: `S${days}`, sequence: days + 1, entries, ...balances })
    days++
  }

  async function receive(order: string, units: bigint): Promise<string> {
    const known = orders.get(order)
    const invoiceId = known?.invoiceId ?? randomId('inv')
    const invoice = testEnv.INVOICES.getByName(invoiceId)
    if (!known) {
      const created = await invoice.create({ ...createRequest(), id: invoiceId, store, price: units, toleranceBps: 0 })
      if (!created.ok) throw new Error(created.error.reason)
    }
    const activated = await invoice.activate('EUR')
    const address = activated.ok ? activated.value.activations[0]?.address : undefined
    if (address === undefined) throw new Error('the invoice gave no bank details')
    orders.set(order, { invoiceId, address })
    return address
  }

  async function transferOf(
    name: string,
    { asset, address, units }: Sending,
    invoiceId: string | null,
  ): Promise<Result<null, Refusal>> {
    const id = transfers.get(name) ?? randomId('tr')
    const asked = {
      kind: invoiceId === null ? 'payout' : 'refund',
      merchantId,
      shard,
      storeId,
      custody: 'self',
      invoiceId,
    } as const
    const about = {
      reference: null,
      targetBlocks: 1,
      feeMax: null,
      recipientName: 'Ana Müller',
      chainId: 'sepa:eur',
      asset,
    } as const
    const made = await object.createTransfer({ ...asked, ...about, id, outputs: [{ address, units }] })
    if (!made.ok) return made
    transfers.set(name, id)
    if (made.value.status === 'queued') await bringFile()
    return ok(null)
  }

  /** Brings what waits to the bank, which takes it. */
  async function bringFile(): Promise<void> {
    const file = await object.makePaymentFile(merchantId)
    if (!file.ok) throw new Error(file.error.detail)
    const order = readPain001((await object.paymentFile(merchantId, file.value.id))?.xml ?? '')
    if (!order) throw new Error('the bank cannot read the file')
    for (const { endToEndId, cents, iban } of order.transfers) debits.push({ direction: 'DBIT', cents, iban, endToEndId, date: '' })
    await say({ fileId: order.id, file: { code: 'ACSP' } })
  }

  async function say(report: WrittenReport): Promise<void> {
    const read = readPain002(writePain002(report))
    if (!read.ok) throw new Error(read.error.detail)
    const taken = await object.takeReport(merchantId, read.value)
    if (!taken.ok) throw new Error(taken.error.detail)
  }

  async function confirm(): Promise<void> {
    const date = today()
    const entries = [...credits, ...debits].map((entry) => ({ ...entry, date }))
    for (const { iban, cents } of debits) paid.set(iban, (paid.get(iban) ?? 0n) + cents)
    booked = credits
    credits = []
    debits = []
    await book(entries)
  }

  const orderOf = (order: string) => {
    const known = orders.get(order)
    if (!known) throw new Error(`${order} was never asked for`)
    return known
  }

  return {
    assets: ['EUR'],
    receive: (order, _asset, units) => receive(order, units),
    async balanceOf(address) {
      const found = await object.find(readBankAddress(address)?.reference ?? '')
      if (!found) throw new Error(`${address} was not given out`)
      return { confirmed: found.confirmed, pending: found.pending }
    },
    async walletBalance() {
      const { confirmed, pending, reserved } = (await object.balance(merchantId))?.sums ?? {}
      if (pending == null || reserved == null) throw new Error('nothing is known of the account')
      return { confirmed: confirmed ?? 0n, pending, reserved }
    },
    send: (id, sending) => transferOf(id, sending, null),
    refund: (id, order, asset, units) =>
      transferOf(id, { asset, address: payers.get(order) ?? '', units }, orderOf(order).invoiceId),
    async transfer(name) {
      const known = await object.transfer(transfers.get(name) ?? randomId('tr'))
      return known && { status: known.status, fee: null }
    },
    async pay(address, _asset, cents) {
      const reference = readBankAddress(address)?.reference ?? ''
      const order = [...orders].find(([, known]) => known.address === address)?.[0] ?? null
      const iban = newIban()
      if (order !== null) payers.set(order, iban)
      const credit = {
        cents,
        date: today(),
        reference,
        iban,
        name: 'Ana Müller',
        endToEndId: `E2E-${randomId('evt').slice(4, 30)}`,
        order,
      }
      credits.push(credit)
      await take({ kind: 'camt.052', id: `R${credit.endToEndId}`, entries: [{ ...credit, status: 'PDNG' }] })
    },
    confirm,
    async finalise() {},
    async takeBack() {
      const back = booked.map((credit): WrittenEntry => ({ ...credit, direction: 'DBIT', returnReason: 'MS03', date: today() }))
      booked = []
      await book(back)
    },
    async fund(_asset, cents) {
      credits.push({ cents, date: today(), text: 'own money', order: null })
      await confirm()
    },
    payee: async () => newIban(),
    paidTo: async (iban) => paid.get(iban) ?? 0n,
    payerOf: async (order) => payers.get(order) ?? '',
    async thwart(name) {
      const endToEndId = nameAtBanks(transfers.get(name) ?? '')
      const fileId = (await object.transfer(transfers.get(name) ?? ''))?.bank.fileId ?? ''
      debits = debits.filter((debit) => debit.endToEndId !== endToEndId)
      await say({ fileId: nameAtBanks(fileId), transfers: [{ endToEndId, code: 'RJCT', reason: 'AC04' }] })
    },
    // Check digits, a country out of reach, and no account at all.
    unreachable: ['DE00370400440532013000', 'BR1800360305000010009795493C1', 'bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'],
    balanceWhileAway: async () => ok(null),
    stop: async () => {},
  }
}
