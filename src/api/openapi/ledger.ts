import { CAUSES } from '../../ledger/accounts.ts'
import { CAUSE_NAMES } from '../ledger.ts'
import { assetCode, decimal, flag, list, page, record, type Schema, signed, text, textOrNull, time } from './json-schema.ts'
import { CURSOR, ID, LIMIT, type Operations, QUERY } from './operation.ts'

const account: Schema = { ...text, description: 'Of the chart of accounts: docs/ledger.md.' }
const cause: Schema = { enum: Object.keys(CAUSES) }
const phase: Schema = { enum: ['single', 'pending', 'post', 'void'] }
const transactionId: Schema = { ...text, description: '`ltx_<no>`: unique in your merchant account’s ledger; never changes.' }

const transaction = record({
  id: transactionId,
  object: { const: 'ledger_transaction' },
  no: { type: 'integer', minimum: 1, description: 'Numbers of your other stores’ transactions lie between.' },
  at: time,
  cause,
  phase,
  key: { ...text, description: 'Natural key: the same movement is posted once.' },
  pendingKey: { ...textOrNull, description: '`key` of the pending transaction that this one posts or voids.' },
  invoiceId: textOrNull,
  payment: { ...textOrNull, description: '`<chain>/<txid>/<index>`' },
  transferId: textOrNull,
  by: { ...textOrNull, description: 'Who, for what a person did.' },
  reason: textOrNull,
  postings: list(record({ from: account, to: account, amount: decimal, asset: assetCode })),
  hash: { ...text, pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of all of it, `previous` included.' },
  previous: { ...text, description: '`hash` of the transaction before.' },
})

export const LEDGER_SCHEMAS = {
  Balances: record({
    object: { const: 'balances' },
    storeId: text,
    at: time,
    frozen: { ...flag, description: 'Money out is stopped until a person has looked; as of now, also with `at`.' },
    differences: list(record({ id: text, kind: { enum: ['book', 'shard', 'chain', 'wallet'] }, detail: text, since: time })),
    data: list(
      record({
        asset: assetCode,
        custody: { enum: ['platform', 'self'], description: 'Who holds the keys.' },
        available: decimal,
        pending: { ...decimal, description: 'Seen, not final.' },
        reserved: { ...decimal, description: 'The sum of `reservedFor`.' },
        reservedFor: record({ held: decimal, locked: decimal, inTransit: decimal }),
        owed: { ...decimal, description: 'What the merchant owes: after a reorganisation, or in fees.' },
      }),
    ),
    accounts: list(record({ account, asset: assetCode, balance: signed })),
  }),
  LedgerTransaction: transaction,
  LedgerTransactionList: page({ $ref: '#/components/schemas/LedgerTransaction' }),
  InvoicePostings: record({ data: list({ $ref: '#/components/schemas/LedgerTransaction' }) }),
  Statement: record({
    object: { const: 'statement' },
    storeId: text,
    from: time,
    to: time,
    account,
    asset: textOrNull,
    balances: list(record({ account, asset: assetCode, opening: signed, closing: signed })),
    lines: list(
      record({
        transaction: transactionId,
        at: time,
        cause,
        phase,
        invoiceId: textOrNull,
        payment: textOrNull,
        transferId: textOrNull,
        reason: textOrNull,
        account,
        asset: assetCode,
        amount: { ...signed, description: 'Below zero when it went out.' },
        balance: { ...signed, description: 'Of the account, after it.' },
      }),
    ),
  }),
} as const satisfies Record<string, Schema>

const moment = (name: string, description: string, required = false): Schema => {
  return { name, in: 'query', ...(required ? { required } : {}), schema: { type: 'string', format: 'date-time' }, description }
}
const ACCOUNT: Schema = {
  name: 'account',
  in: 'query',
  schema: { type: 'string' },
  description: 'An account such as `available` or `wallet:wal_…`, or a kind such as `wallet`; under either custody.',
}
const OF_ASSET: Schema = { name: 'asset', in: 'query', schema: { type: 'string' }, description: 'A code such as BTC.' }

export const LEDGER_OPERATIONS: Operations<keyof typeof LEDGER_SCHEMAS> = {
  '/v1/balances': {
    get: {
      id: 'readBalances',
      summary: 'What the store has, now or at a moment',
      parameters: [moment('at', 'A moment in the past; now when left out.')],
      status: 200,
      answer: 'Balances',
      refuses: QUERY,
    },
  },
  '/v1/ledger/transactions': {
    get: {
      id: 'listLedgerTransactions',
      summary: 'Every movement of money, newest first',
      parameters: [
        ACCOUNT,
        { name: 'cause', in: 'query', schema: { enum: CAUSE_NAMES } },
        OF_ASSET,
        moment('from', 'Inclusive.'),
        moment('to', 'Exclusive.'),
        { name: 'invoiceId', in: 'query', schema: { type: 'string' } },
        LIMIT,
        CURSOR,
      ],
      status: 200,
      answer: 'LedgerTransactionList',
      refuses: QUERY,
    },
  },
  '/v1/ledger/statement': {
    get: {
      id: 'readStatement',
      summary: 'What moved on an account in a period, with opening and closing balances',
      parameters: [
        moment('from', 'Inclusive.', true),
        moment('to', 'Exclusive.', true),
        { ...ACCOUNT, schema: { type: 'string', default: 'available' } },
        OF_ASSET,
        { name: 'format', in: 'query', schema: { enum: ['json', 'csv'] }, description: 'Or by `Accept: text/csv`.' },
      ],
      status: 200,
      answer: 'Statement',
      answerTypes: ['text/csv'],
      refuses: [...QUERY, 'period_too_long'],
    },
  },
  '/v1/invoices/{id}/postings': {
    get: {
      id: 'listInvoicePostings',
      summary: 'What an invoice did in the ledger, oldest first',
      parameters: [ID],
      status: 200,
      answer: 'InvoicePostings',
      refuses: ['invoice_not_found'],
    },
  },
}
