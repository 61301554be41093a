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
  signed,
  text,
  textOrNull,
  time,
  timeOrNull,
  wish,
} from './json-schema.ts'
import { BODY, CURSOR, ID, IDEMPOTENCY_KEY_NEEDED, LIMIT, MONEY, NO_BODY, type Operations, QUERY } from './operation.ts'
import { TRANSFER_SCHEMAS } from './transfers.ts'

const day: Schema = { type: 'string', format: 'date' }
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

const word: Schema = {
  ...orNull(
    record({
      code: { ...text, description: 'ISO 20022: `ACSP`, `RJCT`, …' },
      reasons: { ...list(text), description: 'Codes: `AC04`, …' },
      detail: textOrNull,
    }),
  ),
  description: 'What the bank said last; null before it has said anything.',
}

const paymentFile: Schema = record({
  id: text,
  object: { const: 'payment_file' },
  transfers: { ...count, description: 'How many are in it.' },
  amount: { ...decimal, description: 'Their sum.' },
  currency: assetCode,
  word,
  withdrawn: { ...flag, description: 'You said that the bank never got it: do not bring it there.' },
  createdAt: time,
})

const FILE_REFUSALS = ['body_too_large', 'unsupported_media_type', 'not_xml', 'xml_not_allowed', 'xml_too_large'] as const

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
        transfers: { ...count, description: 'New, and of transfers of ours: carried out, announced, or sent back.' },
        duplicates: { ...count, description: 'Known already.' },
        other: { ...count, description: 'Other money out, and announcements: nothing of ours.' },
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
        frozen: { ...flag, description: 'No payment file is made: something below has to be looked at.' },
        differences: {
          ...list(record({ id: text, detail: { ...text, description: 'In words, with both figures.' }, since: time })),
          description: 'What does not agree in what the bank says, oldest first, until it does or somebody has looked.',
        },
      }),
    ),
  }),
  BankDifference: record({ object: { const: 'bank_difference' }, id: text, cleared: { const: true } }),
  BankEntry: entry,
  BankEntryList: page({ $ref: '#/components/schemas/BankEntry' }),
  BankAssignment: wish({ invoiceId: text }, ['invoiceId']),
  CreateBankTransfer: wish(
    {
      iban: { ...text, maxLength: 60, description: 'Who gets it; spaces are allowed.' },
      amount: { ...decimal, description: 'Euro, over zero.' },
      name: { ...text, minLength: 1, maxLength: 70, description: 'Whose account it is.' },
      bic: { ...textOrNull, maxLength: 11, description: 'Some banks want it for accounts outside of the EEA.' },
      text: { ...textOrNull, minLength: 1, maxLength: 140, description: 'For the recipient to read.' },
      reference: { ...textOrNull, minLength: 1, maxLength: 100, description: 'Your name for it; the bank does not see it.' },
    },
    ['iban', 'amount', 'name'],
  ),
  BankTransfer: record({
    ...(TRANSFER_SCHEMAS.TransferDetail.properties as Record<string, Schema>),
    bank: record({
      recipientName: text,
      recipientBic: textOrNull,
      text,
      endToEndId: { ...text, description: 'What it is called on statements and in status reports.' },
      paymentFileId: { ...textOrNull, description: 'Null until it is in a file.' },
      word,
      bookedOn: { ...day, type: ['string', 'null'] },
      returned: {
        ...orNull(record({ on: day, amount: decimal, reason: textOrNull })),
        description: 'It was carried out and has come back.',
      },
    }),
  }),
  PaymentFile: paymentFile,
  PaymentFileList: record({ data: list({ $ref: '#/components/schemas/PaymentFile' }) }),
  BankStatusReport: record({
    object: { const: 'bank_status_report' },
    paymentFileId: text,
    accepted: { ...count, description: 'Transfers of the file that the bank has taken.' },
    rejected: { ...count, description: 'Those it will not carry out.' },
    pending: { ...count, description: 'Those it says anything else of.' },
    changed: { ...count, description: 'Those whose status this report has changed.' },
  }),
} as const satisfies Record<string, Schema>

export const BANK_OPERATIONS: Operations<keyof typeof BANK_SCHEMAS> = {
  '/v1/bank/statements': {
    post: {
      id: 'importStatements',
      summary: 'Take the statements of a bank account in: camt.052, .053 or .054, at most 4 MB; the same again changes nothing',
      bodyType: 'application/xml',
      status: 200,
      answer: 'BankImport',
      refuses: [
        ...FILE_REFUSALS,
        'not_a_statement',
        'other_currency',
        'too_many_entries',
        'date_in_future',
        'account_not_found',
        'balance_mismatch',
      ],
    },
  },
  '/v1/bank/accounts': {
    get: {
      id: 'listBankAccounts',
      summary: 'How far each account’s statements have come',
      status: 200,
      answer: 'BankAccountList',
      refuses: [],
    },
  },
  '/v1/bank/unmatched': {
    get: {
      id: 'listUnmatchedEntries',
      summary: 'Money that came or went back and fits no invoice, oldest first',
      parameters: [LIMIT, CURSOR],
      status: 200,
      answer: 'BankEntryList',
      refuses: QUERY,
    },
  },
  '/v1/bank/unmatched/{id}/assignment': {
    post: {
      id: 'assignEntry',
      summary: 'Say which invoice a credit is for',
      parameters: [ID],
      body: 'BankAssignment',
      status: 200,
      answer: 'BankEntry',
      refuses: [...BODY, 'entry_not_found', 'invoice_not_found', 'asset_not_offered', 'entry_not_open'],
    },
  },
  '/v1/bank/differences/{id}/clear': {
    post: {
      id: 'clearBankDifference',
      summary: 'Say that you have looked at something that does not agree: after the last, payment files are made again',
      parameters: [ID],
      status: 200,
      answer: 'BankDifference',
      refuses: [...NO_BODY, 'difference_not_found'],
    },
  },
  '/v1/bank/transfers': {
    post: {
      id: 'createBankTransfer',
      summary: 'Send euro to an account, with the next payment file',
      parameters: [IDEMPOTENCY_KEY_NEEDED],
      body: 'CreateBankTransfer',
      status: 201,
      answer: 'BankTransfer',
      refuses: [...BODY, ...MONEY, 'account_not_found', 'wallet_not_configured', 'bad_transfer', 'too_many_transfers'],
    },
  },
  '/v1/bank/transfers/{id}': {
    get: {
      id: 'readBankTransfer',
      summary: 'A transfer by bank: payout or refund',
      parameters: [ID],
      status: 200,
      answer: 'BankTransfer',
      refuses: ['transfer_not_found'],
    },
  },
  '/v1/bank/transfers/{id}/cancel': {
    post: {
      id: 'cancelBankTransfer',
      summary: 'End a transfer that is in no payment file yet',
      parameters: [ID],
      status: 200,
      answer: 'BankTransfer',
      refuses: [...NO_BODY, 'transfer_not_found', 'wrong_status'],
    },
  },
  '/v1/bank/payment_files': {
    post: {
      id: 'createPaymentFile',
      summary: 'Put all transfers that wait, at most 1,000, into one file for the bank',
      status: 201,
      answer: 'PaymentFile',
      refuses: [...NO_BODY, 'account_not_found', 'nothing_to_send', 'sending_frozen'],
    },
    get: {
      id: 'listPaymentFiles',
      summary: 'The newest 100 payment files, newest first',
      status: 200,
      answer: 'PaymentFileList',
      refuses: [],
    },
  },
  '/v1/bank/payment_files/{id}': {
    get: {
      id: 'readPaymentFile',
      summary: 'The file itself, pain.001.001.09: the same bytes each time',
      parameters: [ID],
      status: 200,
      answerTypes: ['application/xml'],
      refuses: ['payment_file_not_found', 'payment_file_withdrawn'],
    },
  },
  '/v1/bank/payment_files/{id}/withdrawal': {
    post: {
      id: 'withdrawPaymentFile',
      summary: 'Say that the bank never got a file, nor will: its transfers end',
      parameters: [ID],
      status: 200,
      answer: 'PaymentFile',
      refuses: [...NO_BODY, 'account_not_found', 'payment_file_not_found', 'payment_file_taken'],
    },
  },
  '/v1/bank/status_reports': {
    post: {
      id: 'importStatusReport',
      summary: 'Take the bank’s answer to a payment file in: pain.002, at most 4 MB; the same again changes nothing',
      bodyType: 'application/xml',
      status: 200,
      answer: 'BankStatusReport',
      refuses: [...FILE_REFUSALS, 'not_a_report', 'too_many_entries', 'account_not_found', 'payment_file_not_found'],
    },
  },
}
