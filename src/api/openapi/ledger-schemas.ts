import { CAUSES } from '../../ledger/accounts.ts'
import { assetCode, decimal, flag, list, page, record, type Schema, text, textOrNull, time } from './json-schema.ts'

const signed: Schema = { ...decimal, pattern: '^-?\\d+(\\.\\d+)?$' }
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
