import {
  assetCode,
  count,
  decimal,
  flag,
  list,
  orNull,
  page,
  record,
  type Schema,
  text,
  textOrNull,
  timeOrNull,
  wish,
} from './json-schema.ts'

const day: Schema = { type: 'string', format: 'date' }
const signed: Schema = { ...decimal, pattern: '^-?\\d+(\\.\\d+)?$' }
const balance: Schema = orNull(record({ amount: signed, date: day }))
const gap: Schema = { ...textOrNull, description: 'Where statements are missing, in words.' }

const entry: Schema = record({
  id: text,
  object: { const: 'bank_entry' },
  direction: { enum: ['credit', 'debit'] },
  amount: decimal,
  currency: assetCode,
  date: day,
  status: { enum: ['booked', 'pending'] },
  reference: { ...textOrNull, description: 'Creditor reference (ISO 11649) that came with it.' },
  text: { ...text, description: 'What the payer wrote.' },
  endToEndId: textOrNull,
  counterparty: record({ name: textOrNull, iban: textOrNull }),
  returnReason: textOrNull,
  invoiceId: textOrNull,
})

export const BANK_SCHEMAS = {
  BankImport: record({
    object: { const: 'bank_import' },
    replayed: { ...flag, description: 'This very file had been taken in before: the answer is the one of then.' },
    skipped: { ...count, description: 'Statements in the file that are of other accounts.' },
    statements: list(
      record({
        id: text,
        kind: { enum: ['camt.052', 'camt.053', 'camt.054'] },
        closing: balance,
        balance: {
          enum: ['ok', 'none'],
          description: '`ok`: opening balance and booked entries are the closing balance. `none`: it does not have both.',
        },
        gap,
        entries: count,
        matched: { ...count, description: 'New, and for an invoice.' },
        unmatched: { ...count, description: 'New, and for a person to look at.' },
        returned: { ...count, description: 'New, and takes back what an invoice had.' },
        duplicates: { ...count, description: 'Known already.' },
        other: { ...count, description: 'Money out and announcements: nothing of ours.' },
      }),
    ),
  }),
  BankAccountList: record({
    data: list(
      record({
        id: { ...text, description: 'The wallet id.' },
        object: { const: 'bank_account' },
        iban: text,
        holder: text,
        balance: { ...balance, description: 'Of the newest statement that joins the ones before.' },
        statementsUntil: { ...timeOrNull, description: 'Everything booked up to here is known.' },
        gap,
        unmatched: count,
      }),
    ),
  }),
  BankEntry: entry,
  BankEntryList: page({ $ref: '#/components/schemas/BankEntry' }),
  BankAssignment: wish({ invoiceId: text }, ['invoiceId']),
} as const satisfies Record<string, Schema>
