import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPain001 } from '../../scripts/bank/payment-file.ts'
import { type WrittenEntry, writeCamt } from '../../scripts/bank/statement.ts'
import { writePain002 } from '../../scripts/bank/status-report.ts'
import { migrate, openBook, referenceFor } from '../../src/bank/tables.ts'
import { takeStatement } from '../../src/bank/take.ts'
import { cancelTransfer, createTransfer } from '../../src/bank/transfers/create.ts'
import { heedEntry, makePaymentFile, takeReport, withdrawPaymentFile } from '../../src/bank/transfers/files.ts'
import { statusOf, transferOf } from '../../src/bank/transfers/state.ts'
import { paymentFileAt, transferAt } from '../../src/bank/transfers/tables.ts'
import { readCamt } from '../../src/gateways/sepa/camt.ts'
import { nameAtBanks } from '../../src/gateways/sepa/pain001.ts'
import { readPain002 } from '../../src/gateways/sepa/pain002.ts'
import { base32 } from '../../src/lib/ids.ts'
import type { TransferStatus } from '../../src/wallet/transfers/types.ts'
import { openRows, PowerCut, type Rows } from '../ledger/sqlite.ts'
import { bankWish } from './wish.ts'

const IBAN = 'DE89370400440532013000'
const DAY = '2026-11-20'
const ACCOUNT = { iban: IBAN, bic: null, holder: 'Corner Kiosk GmbH', merchantId: 'mer_1' }

/** Where a transfer by bank may go (docs/sepa.md). What a bank has done goes before what anybody has said. */
const EDGES: Readonly<Record<string, readonly TransferStatus[]>> = {
  queued: ['signing', 'failed'],
  signing: ['broadcast', 'confirmed', 'failed'],
  broadcast: ['signing', 'confirmed', 'failed'],
  confirmed: ['failed'],
  failed: ['broadcast', 'confirmed'],
}

const idOf = (number: number) => `tr_${base32(new Uint8Array(20).fill(number))}`
const centsOf = (number: number) => BigInt(1_000 + number)

class Bank {
  readonly rows: Rows = openRows()
  readonly files = new Map<string, string[]>()

  constructor() {
    migrate(this.rows.sql)
  }

  create(number: number): void {
    const outputs = [{ address: 'NL91ABNA0417164300', units: centsOf(number) }]
    const request = bankWish({ id: idOf(number), outputs })
    expect(createTransfer(this.rows.sql, ACCOUNT, request, 1)).toMatchObject({ ok: true })
  }

  file(): void {
    const made = makePaymentFile(this.rows.sql, ACCOUNT, 1)
    if (!made.ok) return
    const order = readPain001(paymentFileAt(this.rows.sql, made.value.id)?.xml ?? '')
    this.files.set(made.value.id, order?.transfers.map(({ endToEndId }) => endToEndId) ?? [])
  }

  fileOf(number: number): string | null {
    return transferAt(this.rows.sql, idOf(number))?.facts.fileId ?? null
  }

  report(number: number, code: string, reason?: string): void {
    const transfers = [{ endToEndId: nameAtBanks(idOf(number)), code, reason }]
    const report = readPain002(writePain002({ fileId: nameAtBanks(this.fileOf(number) ?? ''), transfers }))
    if (report.ok) takeReport(this.rows.sql, report.value, 1)
  }

  statement(entry: WrittenEntry): void {
    const read = readCamt(writeCamt({ kind: 'camt.054', id: 'S', iban: IBAN, entries: [entry] }))
    if (!read.ok) throw new Error(read.error.detail)
    const book = openBook(this.rows.sql, (changed) => heedEntry(this.rows.sql, changed, 1))
    for (const statement of read.value) takeStatement(statement, book)
  }

  status(number: number): TransferStatus | null {
    const kept = transferAt(this.rows.sql, idOf(number))
    return kept && statusOf(kept.facts)
  }
}

const TRANSFERS = 4

/** What may happen, each with a transfer that it happens to. */
const NEWS = {
  accepted: (bank: Bank, number: number) => bank.report(number, 'ACSP'),
  rejected: (bank: Bank, number: number) => bank.report(number, 'RJCT', 'AC04'),
  duplicate: (bank: Bank, number: number) => bank.report(number, 'RJCT', 'AM05'),
  unknown: (bank: Bank, number: number) => bank.report(number, 'XXXX'),
  announced: (bank: Bank, number: number) => bank.statement(debit(number, { status: 'PDNG' })),
  booked: (bank: Bank, number: number) => bank.statement(debit(number)),
  bookedOtherwise: (bank: Bank, number: number) => bank.statement(debit(number, { bankReference: `B${number}` })),
  returned: (bank: Bank, number: number) => bank.statement({ ...debit(number), direction: 'CRDT', returnReason: 'AC04' }),
} as const

const ACTS = {
  ...NEWS,
  create: (bank: Bank, number: number) => bank.create(number),
  file: (bank: Bank) => bank.file(),
  cancel: (bank: Bank, number: number) => void cancelTransfer(bank.rows.sql, idOf(number), 'me', 1),
  withdraw: (bank: Bank, number: number) => void withdrawPaymentFile(bank.rows.sql, bank.fileOf(number) ?? '', 'me', 1),
} as const

function debit(number: number, changes: Partial<WrittenEntry> = {}): WrittenEntry {
  return { cents: centsOf(number), date: DAY, direction: 'DBIT', endToEndId: nameAtBanks(idOf(number)), ...changes }
}

const act = fc.record({
  what: fc.constantFrom(...(Object.keys(ACTS) as (keyof typeof ACTS)[])),
  number: fc.nat(TRANSFERS - 1),
  /** Statements after which the power goes; most often never. */
  cutAfter: fc.option(fc.nat(12), { freq: 3, nil: undefined }),
})

describe('whatever happens, in any order, any number of times, with the power going at any moment', () => {
  test('each transfer is in one file at most, goes along the edges only, and what is not in a file is not with a bank', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const bank = new Bank()
        for (const { what, number, cutAfter } of acts) {
          const isNews = Object.hasOwn(NEWS, what)
          if (isNews && bank.fileOf(number) === null) continue
          const before = Array.from({ length: TRANSFERS }, (_, at) => bank.status(at))
          try {
            bank.rows.step(() => ACTS[what](bank, number), cutAfter)
          } catch (thrown) {
            if (!(thrown instanceof PowerCut)) throw thrown
            expect(Array.from({ length: TRANSFERS }, (_, at) => bank.status(at))).toEqual(before)
            continue
          }
          for (const [at, from] of before.entries()) {
            const to = bank.status(at)
            if (from !== null && to !== from) expect(EDGES[from], `${from} to ${to} by ${what}`).toContain(to)
            if (from !== to && what !== 'file' && what !== 'withdraw') expect(at, what).toBe(number)
          }
        }
        const filed = [...bank.files.values()].flat()
        expect(new Set(filed).size).toBe(filed.length)
        for (let number = 0; number < TRANSFERS; number++) {
          const name = nameAtBanks(idOf(number))
          const inFile = [...bank.files].find(([, names]) => names.includes(name))?.[0] ?? null
          expect(bank.fileOf(number)).toBe(inFile)
        }
      }),
      { numRuns: 100 },
    )
  }, 30_000)

  test('what a transfer ends as follows from what is known, not from when it came', () => {
    const news = fc.constantFrom(...(Object.keys(NEWS) as (keyof typeof NEWS)[]))
    fc.assert(
      fc.property(
        fc
          .array(news, { maxLength: 8 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        fc.nat(7),
        ([all, shuffled], again) => {
          const end = (order: readonly (keyof typeof NEWS)[]) => {
            const bank = new Bank()
            bank.create(0)
            bank.file()
            for (const what of order) NEWS[what](bank, 0)
            const kept = transferAt(bank.rows.sql, idOf(0))
            if (!kept) throw new Error('the transfer is kept')
            const { status, bank: leg } = transferOf(kept, 'wal_1')
            return { status, bookedOn: leg.bookedOn, returned: leg.returned }
          }
          expect(end([...shuffled, ...shuffled.slice(0, again)])).toEqual(end(all))
        },
      ),
      { numRuns: 100 },
    )
  }, 30_000)
})

test('a file of more transfers than one may have leaves the rest for the next', () => {
  const bank = new Bank()
  for (let number = 0; number < 1_001; number++) {
    const id = `tr_${base32(Uint8Array.from({ length: 20 }, (_, at) => (at === 0 ? number & 255 : at === 1 ? number >> 8 : 0)))}`
    const request = bankWish({ id, outputs: [{ address: 'NL91ABNA0417164300', units: 1n }] })
    createTransfer(bank.rows.sql, ACCOUNT, request, number)
  }
  bank.file()
  bank.file()
  bank.file()
  expect([...bank.files.values()].map(({ length }) => length)).toEqual([1_000, 1])
})

test('of a refund that came back less what the banks kept, only what came back may be sent again', () => {
  const { sql } = openRows()
  migrate(sql)
  const { reference } = referenceFor(sql, 'inv_1')
  const payer = 'NL91ABNA0417164300'
  const take = (...entries: WrittenEntry[]) => {
    const read = readCamt(writeCamt({ id: 'S', iban: IBAN, entries }))
    if (!read.ok) throw new Error(read.error.detail)
    for (const statement of read.value)
      takeStatement(
        statement,
        openBook(sql, (entry) => heedEntry(sql, entry, 1)),
      )
  }
  const refund = (number: number, units: bigint) =>
    createTransfer(
      sql,
      ACCOUNT,
      bankWish({ id: idOf(number), kind: 'refund', invoiceId: 'inv_1', outputs: [{ address: payer, units }] }),
      1,
    )

  take({ cents: 60_00n, date: DAY, reference, iban: payer, name: 'Ana' })
  expect(refund(1, 60_00n).ok).toBe(true)
  makePaymentFile(sql, ACCOUNT, 1)
  const endToEndId = nameAtBanks(idOf(1))
  take({ cents: 60_00n, date: DAY, direction: 'DBIT', endToEndId }, { cents: 55_00n, date: DAY, endToEndId, returnReason: 'FOCR' })
  expect(transferAt(sql, idOf(1))?.facts).toMatchObject({ credit: { cents: 55_00n } })
  expect(refund(2, 60_00n)).toMatchObject({ ok: false, error: { reason: 'insufficient_funds', available: 55_00n } })
  expect(refund(3, 55_00n).ok).toBe(true)
})
