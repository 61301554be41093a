import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { creditsOfInvoice, sumsOfInvoice } from '../src/bank/credits.ts'
import { openDifferences } from '../src/bank/differences.ts'
import * as bank from '../src/bank/tables.ts'
import * as bankTransfers from '../src/bank/transfers/tables.ts'
import * as facts from '../src/chain/payment-facts.ts'
import * as payments from '../src/chain/payment-rows.ts'
import * as chain from '../src/chain/tables.ts'
import * as delivery from '../src/delivery/store.ts'
import * as invoice from '../src/invoice/store.ts'
import { claimKey } from '../src/ledger/keys.ts'
import { Refusals } from '../src/ledger/refusals.ts'
import * as ledger from '../src/ledger/tables.ts'
import type { Sql } from '../src/lib/outbox.ts'
import * as outbox from '../src/lib/outbox.ts'
import * as lightning from '../src/lightning/tables.ts'
import * as lightningTransfers from '../src/lightning/transfers/tables.ts'
import * as signer from '../src/signer/tables.ts'
import * as addresses from '../src/wallet/addresses.ts'
import * as balances from '../src/wallet/balances.ts'
import * as hearers from '../src/wallet/transfers/hearers.ts'
import * as walletTransfers from '../src/wallet/transfers/tables.ts'

/**
 * What an object asks its rows at alarms, messages and requests, and what of it is read whole: tables of one row, those read
 * from one end up to a limit, and indexes that hold only what waits. Objects live for years: any other table that is read
 * whole costs more with each row it ever got.
 */
const ASKED: readonly (readonly [object: string, migrate: (sql: Sql) => void, ask: (sql: Sql) => unknown, wholes: string[]])[] = [
  [
    'bank account',
    bank.migrate,
    (sql) => {
      bank.readAccount(sql)
      bank.referenceFor(sql, 'inv_a')
      bank.referenceKnown(sql, 'inv_a')
      bank.countReferences(sql)
      bank.referencesFrom(sql, 3, 20)
      bank.referenceAt(sql, 'RF18')
      bank.invoiceAt(sql, 1)
      bank.readReport(sql, 'hash')
      bank.readLinks(sql)
      bank.entryAt(sql, 'e')
      bank.entriesUnmatched(sql, '2026-11-22/e', 20)
      bank.entriesUnstated(sql, '2026-11-01', '2026-11-22', 20)
      bank.entriesUnsettled(sql, '2026-11-22', 20)
      bank.countUnmatched(sql)
      openDifferences(sql)
      bank.factsOf(sql, 'wal_a', ['sepa:eur/e/wal_a'])
      sumsOfInvoice(sql, 'inv_a')
      creditsOfInvoice(sql, 'inv_a')
      const book = bank.openBook(sql, () => {})
      book.like('key')
      book.countLike('key')
      book.partsOf('key')
      book.invoiceOf('RF18')
      book.creditsFor({ cents: 5n, endToEndId: 'E', bankReference: 'B' } as Parameters<typeof book.creditsFor>[0], 'inv_a')
      book.countOf('inv_a')
      book.openReturns()
      book.pendingBefore('2026-11-01')
      bankTransfers.queuedTransfers(sql, 20)
      bankTransfers.openTransfers(sql, 20)
      bankTransfers.countQueued(sql)
      bankTransfers.transfersOfInvoice(sql, 'inv_a')
      bankTransfers.transfersOfFile(sql, 'pf_a', 20)
      bankTransfers.paymentFileAt(sql, 'pf_a')
      bankTransfers.newestFiles(sql)
      askHearers(sql)
      askOutbox(sql)
    },
    // The newest statements and payment files; `differences` has a hundred rows at most.
    [
      'account',
      'differences',
      'entries by entries_pending',
      'entries by entries_returns',
      'entries by entries_unmatched',
      'outbox',
      'payment_files by payment_files_newest',
      'statements',
      'transfers by transfers_open',
      'transfers by transfers_queued',
    ],
  ],
  [
    'chain',
    chain.migrate,
    (sql) => {
      const depth = { tipHeight: 100, tagHeight: null } as unknown as Parameters<typeof facts.paymentFacts>[2]
      chain.readFacts(sql)
      chain.recentBlocks(sql, 20)
      chain.hashAt(sql, 5)
      chain.putBlocks(sql, 5, [], 1, 20)
      for (const part of ['near', 'loose', 'all'] as unknown as Parameters<typeof facts.paymentsPage>[3][])
        facts.paymentsPage(sql, 'chain', depth, part, null, 20)
      facts.paymentFacts(sql, 'chain', depth, ['chain/tx/0'])
      payments.paymentsAbove(sql, 5)
      payments.paymentsOf(sql, ['tx'])
      payments.paymentsReplacedBy(sql, ['tx'])
      payments.paymentAt(sql, 'tx', '0')
      payments.paymentsUnderTag(sql, 5, 9)
      payments.paymentsToldAfter(sql, 3)
      payments.trackedTransactions(sql)
      payments.trackedAbove(sql, 5)
      payments.replacements(sql)
      payments.giveUpLost(sql, 5)
      askOutbox(sql)
    },
    // Of the blocks only the newest are kept.
    ['blocks', 'follower', 'outbox', 'payments by payments_tracked'],
  ],
  [
    'delivery',
    delivery.createTables,
    (sql) => {
      const key = { subject: 'inv_a', eventId: 'evt', endpointId: 'we' }
      delivery.readEndpoints(sql)
      delivery.hasEvent(sql, 'inv_a', 'evt')
      delivery.findDelivery(sql, key)
      delivery.dueDeliveries(sql, 5, 20)
      delivery.takeBack(sql, key, 1, 5)
      delivery.pruneDelivered(sql, 5, 20)
      delivery.nextDueMs(sql)
      delivery.deliveriesOf(sql, 'inv_a', null, 20)
    },
    ['endpoints'],
  ],
  [
    'invoice',
    (sql) =>
      invoice.insertInvoice(sql, { type: 'closed', version: 1 } as unknown as Parameters<typeof invoice.insertInvoice>[1], null),
    (sql) => {
      invoice.loadCommits(sql, 3)
      invoice.loadFingerprint(sql)
      invoice.loadToldVersion(sql)
      invoice.saveToldVersion(sql, 1)
    },
    [],
  ],
  [
    'ledger',
    ledger.createTables,
    (sql) => {
      const question = { key: 'k', wantedAtMs: 1 } as unknown as Parameters<Refusals['of']>[0]
      ledger.loadOwner(sql)
      ledger.commitsAfter(sql, 5, 20)
      ledger.commitsBetween(sql, 5, 9)
      ledger.commitByKey(sql, 'k')
      ledger.commitsUnder(sql, 'k', 5, 20)
      ledger.lastCommitUnder(sql, 'k')
      ledger.loadTold(sql)
      ledger.heardVersion(sql, 'inv_a')
      ledger.lastSnapshot(sql)
      ledger.findReservation(sql, 'k')
      ledger.closeReservation(sql, 'k', 'posted')
      ledger.expiredReservations(sql, 5, 20)
      ledger.nextExpiryMs(sql)
      ledger.openDifferences(sql)
      ledger.clearDifference(sql, 'd', 'me', 'why', 5)
      new Refusals(sql).of(question)
      claimKey(sql, { storeId: 'st_a', key: 'k', purpose: 'wal_a' })
    },
    // The newest commit and snapshot; what ever differed from the books is hardly any.
    ['commits', 'differences', 'ledger', 'snapshots'],
  ],
  [
    'Lightning node',
    lightning.migrate,
    (sql) => {
      lightning.readNode(sql)
      lightning.invoiceAt(sql, 1)
      lightning.invoicesOf(sql, 'inv_a', 20)
      lightning.invoicesFrom(sql, 1, 20)
      lightning.invoiceByHash(sql, 'hash')
      lightning.closingInvoices(sql, 5, 20)
      lightning.openInvoices(sql, 20)
      lightning.cancelInvoices(sql, 20)
      lightning.firstClosingMs(sql)
      lightning.countInvoices(sql)
      lightning.closeForgotten(sql, 5)
      lightningTransfers.readSending(sql)
      lightningTransfers.isHashTaken(sql, 'hash')
      lightningTransfers.countOpen(sql)
      lightningTransfers.takeDueIds(sql, 5, 9, 20)
      lightningTransfers.nextDueMs(sql)
      lightningTransfers.outflowBeside(sql, 'tr_a', 5)
      lightningTransfers.outgoingOf(sql)
      askHearers(sql)
      askOutbox(sql)
    },
    ['invoices by invoices_cancel', 'invoices by invoices_open', 'node', 'outbox', 'sending'],
  ],
  [
    'signer',
    signer.createTables,
    (sql) => {
      signer.loadSigner(sql)
      signer.loadHead(sql)
      signer.entriesAfter(sql, 5, 20)
      signer.entriesBefore(sql, 5, 20)
      signer.signedEntries(sql, 'tr_a')
      signer.refundEntries(sql, 'inv_a')
      signer.signaturesFor(sql, 'tr_a')
      signer.coinUnits(sql, 'tx:0')
      signer.destinationSince(sql, 'bc1')
    },
    ['log', 'signer'],
  ],
  [
    'wallet',
    (sql) => {
      for (const table of `${addresses.ADDRESS_TABLES};${balances.BALANCE_TABLES};${walletTransfers.TRANSFER_TABLES}`.split(';'))
        if (table.trim() !== '') sql.exec(table)
    },
    (sql) => {
      addresses.accountOf(sql)
      addresses.indexOf(sql, 'inv_a')
      addresses.nextIndex(sql)
      addresses.changeIndex(sql, 'tr_a')
      addresses.spareChange(sql, 'tr_a')
      addresses.givenFrom(sql, 5, 20)
      addresses.indicesOfInvoices(sql, ['inv_a'])
      balances.beginReading(sql, 'chain', 'id', 0, 5, 9)
      balances.balanceOn(sql, 'chain', 9)
      balances.holdingsOn(sql, 'chain', [1])
      balances.coinsOn(sql, 'chain')
      walletTransfers.loadTransfer(sql, 'tr_a')
      Array.from(walletTransfers.liveTransfers(sql))
      walletTransfers.forgetTransfer(sql, 'tr_a')
      walletTransfers.nextNonce(sql, 'chain', 0)
      walletTransfers.loadGas(sql, 'chain')
      walletTransfers.loadFrozen(sql)
    },
    ['account', 'sending'],
  ],
]

function askHearers(sql: Sql): void {
  hearers.takeUntold(sql, 5, 9, 20)
  hearers.nextTellMs(sql)
  hearers.toldSteps(sql, 'tr_a', 1)
}

function askOutbox(sql: Sql): void {
  outbox.takeDue(sql, 5, 20)
  outbox.waitingUnder(sql, 'key', 20)
  outbox.acknowledge(sql, 'key', 1)
  outbox.nextDueMs(sql)
}

/** What SQLite reads whole for all that `ask` sends: tables, or indexes instead of them. */
function wholesOf(migrate: (sql: Sql) => void, ask: (sql: Sql) => unknown): string[] {
  const database = new DatabaseSync(':memory:')
  const wholes = new Set<string>()
  let isAsking = false
  const sql: Sql = {
    exec(statement, ...bindings) {
      const steps = isAsking ? database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all() : []
      for (const { detail } of steps) {
        const step = String(detail).replace('COVERING ', '')
        const [, table, index] = /^SCAN (?!json_each|asked)(\w+)(?: USING INDEX (\w+))?/.exec(step) ?? []
        if (table !== undefined) wholes.add(index === undefined ? table : `${table} by ${index}`)
        expect(step, statement).not.toContain('AUTOMATIC')
      }
      const values = bindings.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value))
      const rows = database.prepare(statement).all(...values) as Record<string, unknown>[]
      return { toArray: () => rows }
    },
  }
  migrate(sql)
  isAsking = true
  ask(sql)
  return [...wholes].sort()
}

test.each(ASKED)('a %s reads nothing whole that grows with all it ever had', (_object, migrate, ask, wholes) => {
  expect(wholesOf(migrate, ask)).toEqual(wholes)
})
