import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import type { StoreConfig } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { provisionStore } from '../../src/storage/provision.ts'
import { auditor, project } from '../audit/system.ts'
import { createRequest } from '../invoice/builders.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { accountOf, bankWallet, fileOf, newIban, newStore, referenceIn } from './builders.ts'

const DAY = new Date().toISOString().slice(0, 10)
const DAY_MS = 86_400_000
const later = (days: number) => new Date(Date.parse(DAY) + days * DAY_MS).toISOString().slice(0, 10)
const raw = (name: string) => (testEnv as unknown as { BANKS: DurableObjectNamespace }).BANKS.getByName(name)

beforeAll(migrateDatabases)

/** An invoice over 60.00 EUR with its bank details shown. */
async function newInvoice(store: StoreConfig, changes: object = {}) {
  const id = randomId('inv')
  const invoice = testEnv.INVOICES.getByName(id)
  const created = await invoice.create({ ...createRequest(), id, store, price: 6_000n, toleranceBps: 0, ...changes })
  if (!created.ok) throw new Error(created.error.reason)
  const activated = await invoice.activate('EUR')
  if (!activated.ok) throw new Error(activated.error.reason)
  const reference = referenceIn(activated.value.activations[0]?.address)
  const status = async () => (await invoice.read())?.status
  return { id, invoice, reference, status }
}

/** What the merchant's ledger has of an invoice: cause and amount of every transaction, oldest first. */
async function postings(store: StoreConfig, invoiceId: string): Promise<string[]> {
  const entries = await testEnv.LEDGERS.getByName(store.merchantId).ofInvoice(store.storeId, invoiceId, 0)
  return entries.map(({ transaction: { cause, postings } }) => {
    return `${cause}: ${postings.map(({ from, to, amount }) => `${from.split(':')[0]} > ${to.split(':')[0]} ${amount}`).join(', ')}`
  })
}

const settled = (status: () => Promise<string | undefined>, wanted: string) => expect.poll(status, { timeout: 20_000 }).toBe(wanted)

describe('an invoice paid by statement', () => {
  test('is settled, in the ledger, and the audit finds nothing wrong with it', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { id, invoice, reference, status } = await newInvoice(store)
    const report = await account.take({ id: 'S1', entries: [{ cents: 60_00n, date: DAY, reference, name: 'Payer' }] })
    expect(report).toMatchObject({ replayed: false, statements: [{ id: 'S1', matched: 1, unmatched: 0, duplicates: 0 }] })
    await settled(status, 'settled')
    expect((await invoice.read())?.payments).toMatchObject([
      {
        asset: 'EUR',
        units: 60_00n,
        status: 'confirmed',
        confirmations: 1,
        chainId: 'sepa:eur',
        index: account.id,
        decision: 'counted',
      },
    ])
    await expect.poll(() => postings(store, id)).toEqual(['payment_settled: self.wallet > self.available 6000'])

    await project(store)
    const audit = auditor(`bank ${id}`)
    await audit.run()
    const { suspects } = await audit.after(3_600_000)
    expect(suspects.filter(({ merchantId, invoiceId }) => merchantId === store.merchantId || invoiceId === id)).toEqual([])
  })

  test('that the books have and the account does not is found by the audit', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { id, reference, status } = await newInvoice(store)
    await account.take({ id: 'S1', entries: [{ cents: 60_00n, date: DAY, reference }] })
    await settled(status, 'settled')
    await expect.poll(() => postings(store, id)).toHaveLength(1)
    await project(store)
    await runInDurableObject(raw(account.id), (_object, state) => {
      state.storage.sql.exec('DELETE FROM entries')
    })
    const audit = auditor(`lost ${id}`)
    await audit.run()
    const { suspects } = await audit.after(3_600_000)
    expect(suspects.filter(({ invoiceId }) => invoiceId === id)).toMatchObject([
      { kind: 'chain', id: expect.stringContaining(`/${account.id}`) },
    ])
  })

  test('in parts, and with too much', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { id, invoice, reference, status } = await newInvoice(store)
    await account.take({ kind: 'camt.054', id: 'N1', entries: [{ cents: 20_00n, date: DAY, reference }] })
    await expect.poll(async () => (await invoice.read())?.payments.length).toBe(1)
    expect(await status()).toBe('new')
    await account.take({ kind: 'camt.054', id: 'N2', entries: [{ cents: 45_00n, date: DAY, text: `rest ${reference}` }] })
    await settled(status, 'settled')
    await expect
      .poll(() => postings(store, id))
      .toEqual([
        'payment_settled: self.wallet > self.available 2000',
        'payment_settled: self.wallet > self.available 4000',
        'over_payment: self.wallet > self.available 500',
      ])
  })

  test('pending first: seen, then settled when it is booked', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { id, reference, status } = await newInvoice(store)
    await account.take({ kind: 'camt.052', id: 'R1', entries: [{ cents: 60_00n, date: DAY, status: 'PDNG', reference }] })
    await settled(status, 'processing')
    await account.take({ id: 'S1', entries: [{ cents: 60_00n, date: DAY, reference }] })
    await settled(status, 'settled')
    await expect
      .poll(() => postings(store, id))
      .toEqual([
        'payment_seen: self.incoming > self.pending 6000',
        'payment_settled: self.pending > self.incoming 6000, self.wallet > self.available 6000',
      ])
  })

  test('returned after settlement: the invoice hears it, the ledger posts it back, fees too', async () => {
    const plan = { currency: 'EUR', default: { percentBps: 100 } }
    const store = await newStore({ plan })
    const account = accountOf(store)
    const { id, invoice, reference, status } = await newInvoice(store)
    await account.take({ id: 'S1', entries: [{ cents: 60_00n, date: DAY, reference }] })
    await settled(status, 'settled')
    const back = { cents: 60_00n, date: DAY, direction: 'DBIT', returnReason: 'MS03', reference } as const
    await account.take({ id: 'S2', entries: [back] })
    await settled(status, 'new')
    const read = await invoice.read()
    expect(read?.payments).toMatchObject([{ status: 'returned' }])
    const events = await invoice.events(0)
    expect(events.findLast(({ type }) => type === 'status_changed')).toMatchObject({
      from: 'settled',
      to: 'new',
      cause: 'bank_return',
    })
    await expect
      .poll(() => postings(store, id))
      .toEqual([
        'payment_settled: self.wallet > self.available 6000',
        'processing_fee: fees_due > fees 60',
        'bank_return: fees > fees_due 60',
        'bank_return: self.available > self.wallet 6000',
      ])
    await project(store)
    const audit = auditor(`returned ${id}`)
    await audit.run()
    expect((await audit.after(3_600_000)).suspects.filter(({ merchantId }) => merchantId === store.merchantId)).toEqual([])
  })

  test('a part of it returned: the rest is still there', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { id, reference, status } = await newInvoice(store)
    await account.take({ id: 'S1', entries: [{ cents: 60_00n, date: DAY, reference }] })
    await settled(status, 'settled')
    await account.take({ id: 'S2', entries: [{ cents: 10_00n, date: DAY, direction: 'DBIT', reversal: true, reference }] })
    await settled(status, 'new')
    await expect
      .poll(() => postings(store, id))
      .toEqual([
        'payment_settled: self.wallet > self.available 6000',
        'bank_return: self.available > self.wallet 6000',
        'payment_settled: self.wallet > self.available 5000',
      ])
  })
})

describe('files', () => {
  test('the same file again answers the same; the same entries in another file are duplicates', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { id, invoice, reference, status } = await newInvoice(store)
    const entries = [{ cents: 60_00n, date: DAY, reference, bankReference: 'BR-1' }]
    const first = await account.take({ id: 'S1', entries })
    expect(await account.take({ id: 'S1', entries })).toEqual({ ...first, replayed: true })
    expect(await account.take({ kind: 'camt.054', id: 'N1', entries })).toMatchObject({
      statements: [{ matched: 0, duplicates: 1 }],
    })
    await settled(status, 'settled')
    expect((await invoice.read())?.payments).toHaveLength(1)
    await expect.poll(() => postings(store, id)).toHaveLength(1)
  })

  test('one that does not add up is refused, and nothing of it is taken', async () => {
    const store = await newStore()
    const { object, iban } = accountOf(store)
    const { invoice, reference } = await newInvoice(store)
    const good = { id: 'S1', iban, entries: [{ cents: 60_00n, date: DAY, reference }] }
    const balances = { opening: { cents: 0n, date: DAY }, closing: { cents: 70_00n, date: DAY } }
    expect(await object.take(await fileOf(store, good, { ...good, id: 'S2', ...balances }))).toMatchObject({
      ok: false,
      error: { reason: 'balance_mismatch', detail: expect.stringContaining('10.00 EUR less') },
    })
    expect((await invoice.read())?.payments).toEqual([])
    expect(await object.take(await fileOf(store, { ...good, ...balances, closing: { cents: 60_00n, date: DAY } }))).toMatchObject({
      ok: true,
    })
  })

  test('a gap is told, and statements count as read up to it until it is filled', async () => {
    const store = await newStore()
    const { object, take } = accountOf(store)
    const day = (at: number, opening: bigint, closing: bigint) => ({
      id: `S${at}`,
      sequence: at,
      opening: { cents: opening, date: later(at - 1) },
      closing: { cents: closing, date: later(at) },
      entries: [{ cents: closing - opening, date: later(at), bare: true }],
    })
    await take(day(1, 0n, 10n))
    expect(await object.readUntil()).toBe(Date.parse(later(2)))
    const report = await take(day(3, 30n, 40n))
    expect(report.statements[0]?.gap).toContain('closed with 0.10 EUR')
    expect(await object.standing(store.merchantId)).toMatchObject({ readUntilMs: Date.parse(later(2)), balance: { cents: 10n } })
    expect((await take(day(2, 10n, 30n))).statements[0]?.gap).toBeNull()
    expect(await object.standing(store.merchantId)).toMatchObject({
      gap: null,
      readUntilMs: Date.parse(later(4)),
      balance: { cents: 40n },
    })
  })

  test('of another merchant or another account are not taken', async () => {
    const [store, other] = [await newStore(), await newStore()]
    const { object, iban } = accountOf(store)
    const { reference } = await newInvoice(store)
    const entries = [{ cents: 60_00n, date: DAY, reference }]
    const refused = { ok: false, error: { reason: 'account_not_found' } }
    expect(await object.take(await fileOf(other, { id: 'S', iban, entries }))).toMatchObject(refused)
    expect(await object.take(await fileOf(store, { id: 'S', iban: accountOf(other).iban, entries }))).toMatchObject(refused)
    expect(await object.standing(other.merchantId)).toBeNull()
    expect((await object.unmatched(other.merchantId, null, 10)).entries).toEqual([])
  })
})

describe('a reference', () => {
  test('shows the sums of all that came in on it, however many payments that is', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { reference } = await newInvoice(store)
    const credit = (n: number, more: object = {}) => ({ cents: 100n, date: DAY, reference, bankReference: `B${n}`, ...more })
    const many = Array.from({ length: 230 }, (_, n) => credit(n))
    const largest = { cents: 10n ** 18n - 1n, date: DAY, reference }
    await account.take({ id: 'S1', entries: [...many, { ...largest, bankReference: 'L1' }, { ...largest, bankReference: 'L2' }] })
    const announced = [credit(500, { cents: 25n, status: 'PDNG' }), credit(501, { cents: 50n, status: 'PDNG' })]
    const taken = credit(600, { direction: 'DBIT', returnReason: 'AC04', endToEndId: 'E1' })
    await account.take({ kind: 'camt.054', id: 'N1', entries: [credit(700, { endToEndId: 'E1' }), ...announced] })
    await account.take({ kind: 'camt.054', id: 'N2', entries: [taken] })
    const sums = { confirmed: 230n * 100n + 2n * (10n ** 18n - 1n), pending: 75n }
    expect(await account.object.find(reference)).toMatchObject(sums)
    expect(await account.object.given(0, 10)).toMatchObject([sums])
  })
})

describe('nothing is lost', () => {
  test('an invoice that cannot be told is told by the next instance', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const { reference, status, invoice } = await newInvoice(store)
    const entries = [{ cents: 60_00n, date: DAY, reference }]
    await runInDurableObject(raw(account.id), (object) => {
      const down = { getByName: () => ({ observe: () => Promise.reject(new Error('down')) }) }
      Object.assign(object, { env: { ...testEnv, INVOICES: down } })
    })
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await account.take({ id: 'S1', entries })
    expect((await invoice.read())?.payments).toEqual([])
    await evictDurableObject(raw(account.id))
    await expect
      .poll(
        async () => {
          await runDurableObjectAlarm(raw(account.id))
          return status()
        },
        { timeout: 20_000, interval: 300 },
      )
      .toBe('settled')
    const waiting = await runInDurableObject(raw(account.id), (_object, state) =>
      state.storage.sql.exec('SELECT COUNT(*) AS n FROM outbox').one(),
    )
    expect(waiting.n).toBe(0)
  })

  test('asking about an account that does not exist writes nothing', async () => {
    const name = randomId('wal')
    const bank = testEnv.BANKS.getByName(name)
    expect(await bank.allocate('sepa:eur', randomId('inv'))).toMatchObject({ ok: false, error: { reason: 'not_configured' } })
    expect(await bank.readUntil()).toBeNull()
    expect(await bank.ownerOf(0)).toBeNull()
    expect(await bank.paymentsAt(['sepa:eur/x/y'])).toEqual([])
    expect(await bank.standing('mer_x')).toBeNull()
    const tables = await runInDurableObject(raw(name), (_object, state) =>
      state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    )
    expect(tables).toEqual([])
  })

  test('an invoice has one reference for ever, and nobody else has it', async () => {
    const store = await newStore()
    const { object } = accountOf(store)
    const [one, two] = [await newInvoice(store), await newInvoice(store)]
    expect(one.reference).not.toBe(two.reference)
    const again = await object.allocate('sepa:eur', one.id)
    expect(again.ok && referenceIn(again.value.address)).toBe(one.reference)
    expect(again.ok && (await object.ownerOf(again.value.index))).toBe(one.id)
  })
})

describe('accounts', () => {
  test('an IBAN is one merchant’s; the same merchant may correct the name', async () => {
    const iban = newIban()
    const store = await newStore({ wallets: [bankWallet(iban)] })
    const other = await provisionStore(testEnv, { name: 'Thief', wallets: [bankWallet(iban)] }, Date.now())
    expect(other).toMatchObject({ ok: false, error: { reason: 'conflict', param: 'wallets[0].account.iban' } })
    const account = { iban, holder: 'New Name GmbH', bic: 'COBADEFFXXX' }
    const again = await newStore({ merchantId: store.merchantId, wallets: [{ account, assets: ['EUR'] }] })
    expect(await accountOf(again).object.standing(store.merchantId)).toMatchObject({ holder: 'New Name GmbH' })
  })

  test.each([
    ['platform custody', { ...bankWallet('DE89370400440532013000'), custody: 'platform' }, 'wallets[0].custody'],
    ['a coin', { ...bankWallet('DE89370400440532013000'), assets: ['BTC'] }, 'wallets[0].assets[0]'],
    ['a wrong IBAN', bankWallet('DE88370400440532013000'), 'wallets[0].account.iban'],
    ['an IBAN outside of SEPA', bankWallet('UA213223130000026007233566001'), 'wallets[0].account.iban'],
    [
      'a wrong BIC',
      { account: { iban: 'DE89370400440532013000', holder: 'x', bic: 'x' }, assets: ['EUR'] },
      'wallets[0].account.bic',
    ],
    ['an account key for euro', { account: { xpub: 'xpub', script: 'evm' }, assets: ['EUR'] }, 'wallets[0].assets[0]'],
  ])('%s is refused', async (_what, wallet, param) => {
    expect(await provisionStore(testEnv, { name: 'Shop', wallets: [wallet] }, Date.now())).toMatchObject({
      ok: false,
      error: { param },
    })
  })
})

describe('time', () => {
  const short = { expiresInMs: 1_000, latePolicy: 'hold' as const }

  test('a transfer that is booked within five days of the deadline is in time, a later one is not', async () => {
    const store = await newStore()
    const account = accountOf(store)
    const [soon, late] = [await newInvoice(store, short), await newInvoice(store, short)]
    await account.take({ id: 'S1', entries: [{ cents: 60_00n, date: later(4), reference: soon.reference }] })
    await settled(soon.status, 'settled')
    await account.take({ id: 'S2', entries: [{ cents: 60_00n, date: later(7), reference: late.reference }] })
    await expect.poll(async () => (await late.invoice.read())?.payments[0]).toMatchObject({ late: true, decision: 'held' })
  })

  test('the invoice stays open after its own deadline, offers nothing new, and closes when statements cover the time', async () => {
    const coins = { account: bitcoinAccount('bank'), assets: ['BTC'] }
    const store = await newStore({ wallets: [bankWallet(newIban()), coins] })
    const account = accountOf(store)
    const { status, id } = await newInvoice(store, short)
    const other = await newInvoice(store, short)
    const object = (testEnv as unknown as { INVOICES: DurableObjectNamespace }).INVOICES.getByName(id)
    const nowMs = Date.now()
    vi.setSystemTime(nowMs + DAY_MS)
    try {
      await runDurableObjectAlarm(object)
      expect(await status()).toBe('new')
      // Its rates no longer hold.
      expect(await other.invoice.activate('BTC')).toMatchObject({ ok: false, error: { reason: 'invoice_closed' } })
      vi.setSystemTime(nowMs + 6 * DAY_MS)
      await runDurableObjectAlarm(object)
      expect(await status()).toBe('new')
      const balances = { opening: { cents: 0n, date: later(5) }, closing: { cents: 0n, date: later(6) } }
      await account.take({ id: 'S1', ...balances, entries: [] })
      await runDurableObjectAlarm(object)
      expect(await status()).toBe('expired')
    } finally {
      vi.useRealTimers()
    }
  })
})
