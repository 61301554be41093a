import { CAUSE_NAMES } from '../ledger.ts'
import { PROBLEMS, type Reason } from '../problems.ts'
import type { Schema } from './json-schema.ts'
import { ref, type SCHEMAS } from './schemas.ts'

type SchemaName = keyof typeof SCHEMAS

interface Operation {
  readonly id: string
  readonly summary: string
  readonly parameters?: readonly Schema[]
  readonly body?: SchemaName
  /** Another body than JSON: its content type. */
  readonly bodyType?: string
  readonly status: 200 | 201
  readonly answer: SchemaName
  /** Beside JSON, when it is asked for. */
  readonly alsoCsv?: true
  /** What this operation refuses beside what every one does. */
  readonly refuses: readonly Reason[]
}

/** A key, a path or a dependency can be wrong in every call. */
const ALWAYS: readonly Reason[] = [
  'api_key_missing',
  'api_key_invalid',
  'route_not_found',
  'method_not_allowed',
  'defect',
  'unavailable',
]
const BODY: readonly Reason[] = ['malformed_json', 'invalid_field', 'unknown_field', 'body_too_large', 'unsupported_media_type']
const QUERY: readonly Reason[] = ['invalid_field', 'unknown_field']
const KEYED: readonly Reason[] = ['idempotency_key_malformed', 'idempotency_key_reused']

const ID: Schema = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
const ASSET: Schema = { name: 'asset', in: 'path', required: true, schema: { type: 'string' }, description: 'A code such as BTC.' }
const ADDRESS: Schema = { name: 'address', in: 'path', required: true, schema: { type: 'string' } }
const REFRESH: Schema = {
  name: 'refresh',
  in: 'query',
  schema: { enum: ['true', 'false'] },
  description: 'Has the addresses read anew; the figures of this answer are still those of the reading before.',
}
const CURSOR: Schema = {
  name: 'cursor',
  in: 'query',
  schema: { type: 'string' },
  description: 'The nextCursor of the page before.',
}
const LIMIT: Schema = { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100, default: 20 } }
const time = (name: string, description: string, required = false): Schema => {
  return { name, in: 'query', ...(required ? { required } : {}), schema: { type: 'string', format: 'date-time' }, description }
}
const ACCOUNT: Schema = {
  name: 'account',
  in: 'query',
  schema: { type: 'string' },
  description: 'An account such as `available` or `wallet:wal_…`, or a kind such as `wallet`; under either custody.',
}
const OF_ASSET: Schema = { name: 'asset', in: 'query', schema: { type: 'string' }, description: 'A code such as BTC.' }

const IDEMPOTENCY_KEY: Schema = {
  name: 'Idempotency-Key',
  in: 'header',
  schema: { type: 'string', minLength: 1, maxLength: 257 },
  description:
    '1 to 255 visible ASCII characters of your choice, bare or quoted. The same key and body give the same answer byte for byte, for ever.',
}

const OPERATIONS: Record<string, Record<string, Operation>> = {
  '/v1/invoices': {
    post: {
      id: 'createInvoice',
      summary: 'Create an invoice',
      parameters: [IDEMPOTENCY_KEY],
      body: 'CreateInvoice',
      status: 201,
      answer: 'Invoice',
      refuses: [...BODY, ...KEYED, 'rates_unavailable', 'asset_not_accepted', 'amount_too_small', 'amount_too_large'],
    },
    get: {
      id: 'listInvoices',
      summary: 'List invoices, newest first',
      parameters: [
        { name: 'status', in: 'query', schema: { enum: ['new', 'processing', 'settled', 'expired', 'invalid'] } },
        { name: 'orderId', in: 'query', schema: { type: 'string', maxLength: 100 } },
        LIMIT,
        CURSOR,
      ],
      status: 200,
      answer: 'InvoiceList',
      refuses: QUERY,
    },
  },
  '/v1/invoices/{id}': {
    get: {
      id: 'readInvoice',
      summary: 'Read an invoice',
      parameters: [ID],
      status: 200,
      answer: 'Invoice',
      refuses: ['invoice_not_found'],
    },
  },
  '/v1/invoices/{id}/events': {
    get: {
      id: 'listInvoiceEvents',
      summary: 'The log of an invoice, oldest first',
      parameters: [ID, CURSOR],
      status: 200,
      answer: 'InvoiceEventList',
      refuses: [...QUERY, 'invoice_not_found'],
    },
  },
  '/v1/invoices/{id}/deliveries': {
    get: {
      id: 'listInvoiceDeliveries',
      summary: 'Webhook deliveries of an invoice, the newest 100',
      parameters: [ID],
      status: 200,
      answer: 'DeliveryList',
      refuses: ['invoice_not_found'],
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
  '/v1/invoices/{id}/payment_methods/{asset}': {
    post: {
      id: 'activatePaymentMethod',
      summary: 'Get the address to pay an invoice in one asset',
      parameters: [ID, ASSET],
      status: 200,
      answer: 'Invoice',
      refuses: ['malformed_json', 'body_too_large', 'invoice_not_found', 'asset_not_offered', 'invoice_closed', 'not_configured'],
    },
  },
  '/v1/invoices/{id}/resolution': {
    post: {
      id: 'resolveInvoice',
      summary: 'Decide about late money, or close or reopen an invoice',
      parameters: [ID],
      body: 'Resolution',
      status: 200,
      answer: 'Invoice',
      refuses: [...BODY, 'invoice_not_found', 'nothing_to_resolve'],
    },
  },
  '/v1/webhook_endpoints': {
    post: {
      id: 'createWebhookEndpoint',
      summary: 'Create a webhook endpoint; the answer holds its secret',
      parameters: [IDEMPOTENCY_KEY],
      body: 'CreateWebhookEndpoint',
      status: 201,
      answer: 'WebhookEndpointCreated',
      refuses: [...BODY, ...KEYED, 'too_many_endpoints', 'address_not_allowed'],
    },
    get: { id: 'listWebhookEndpoints', summary: 'List webhook endpoints', status: 200, answer: 'WebhookEndpointList', refuses: [] },
  },
  '/v1/balances': {
    get: {
      id: 'readBalances',
      summary: 'What the store has, now or at a moment',
      parameters: [time('at', 'A moment in the past; now when left out.')],
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
        time('from', 'Inclusive.'),
        time('to', 'Exclusive.'),
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
        time('from', 'Inclusive.', true),
        time('to', 'Exclusive.', true),
        { ...ACCOUNT, schema: { type: 'string', default: 'available' } },
        OF_ASSET,
        { name: 'format', in: 'query', schema: { enum: ['json', 'csv'] }, description: 'Or by `Accept: text/csv`.' },
      ],
      status: 200,
      answer: 'Statement',
      alsoCsv: true,
      refuses: [...QUERY, 'period_too_long'],
    },
  },
  '/v1/wallets': {
    get: { id: 'listWallets', summary: 'The wallets the store is paid into', status: 200, answer: 'WalletList', refuses: [] },
  },
  '/v1/wallets/{id}/balance': {
    get: {
      id: 'readWalletBalance',
      summary: 'What all addresses of a wallet have together',
      parameters: [ID, REFRESH],
      status: 200,
      answer: 'WalletBalance',
      refuses: [...QUERY, 'wallet_not_found', 'not_configured', 'too_many_addresses'],
    },
  },
  '/v1/wallets/{id}/addresses': {
    get: {
      id: 'listWalletAddresses',
      summary: 'Addresses given to invoices of the store, the oldest first',
      parameters: [ID, LIMIT, CURSOR],
      status: 200,
      answer: 'WalletAddressList',
      refuses: [...QUERY, 'wallet_not_found'],
    },
  },
  '/v1/wallets/{id}/addresses/{address}/balance': {
    get: {
      id: 'readAddressBalance',
      summary: 'What one address has',
      parameters: [ID, ADDRESS, REFRESH],
      status: 200,
      answer: 'AddressBalance',
      refuses: [...QUERY, 'wallet_not_found', 'address_not_found', 'not_configured', 'too_many_addresses'],
    },
  },
  '/v1/bank/statements': {
    post: {
      id: 'importStatements',
      summary: 'Take the statements of a bank account in: camt.052, .053 or .054, at most 4 MB; the same again changes nothing',
      bodyType: 'application/xml',
      status: 200,
      answer: 'BankImport',
      refuses: [
        'body_too_large',
        'unsupported_media_type',
        'not_xml',
        'xml_not_allowed',
        'xml_too_large',
        'not_a_statement',
        'other_currency',
        'too_many_entries',
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
  '/v1/payment_methods': {
    get: { id: 'listPaymentMethods', summary: 'What the store can be paid in', status: 200, answer: 'AssetList', refuses: [] },
  },
  '/v1/assets': {
    get: { id: 'listAssets', summary: 'What an invoice can be priced in', status: 200, answer: 'AssetList', refuses: [] },
  },
}

export function openApiPaths(): Schema {
  const paths: Record<string, Schema> = {}
  for (const [path, operations] of Object.entries(OPERATIONS)) {
    paths[path] = Object.fromEntries(Object.entries(operations).map(([method, operation]) => [method, describe(operation)]))
  }
  return paths
}

function describe({ id, summary, parameters, body, bodyType, status, answer, alsoCsv, refuses }: Operation): Schema {
  return {
    operationId: id,
    summary,
    ...(parameters ? { parameters } : {}),
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: ref(body) } } } } : {}),
    ...(bodyType ? { requestBody: { required: true, content: { [bodyType]: { schema: { type: 'string' } } } } } : {}),
    responses: {
      [status]: {
        description:
          status === 201 ? 'Created, or created before under this Idempotency-Key (then Idempotent-Replayed: true)' : 'OK',
        content: {
          'application/json': { schema: ref(answer) },
          ...(alsoCsv ? { 'text/csv': { schema: { type: 'string' } } } : {}),
        },
      },
      ...problems([...ALWAYS, ...refuses]),
    },
  }
}

/** One response for each status, naming the codes that come with it. */
function problems(reasons: readonly Reason[]): Record<string, Schema> {
  const codes = new Map<number, Set<string>>()
  for (const reason of reasons) {
    const { status, code } = PROBLEMS[reason]
    codes.set(status, (codes.get(status) ?? new Set()).add(code))
  }
  const content = { 'application/problem+json': { schema: ref('Problem') } }
  return Object.fromEntries([...codes].map(([status, named]) => [status, { description: [...named].join(', '), content }]))
}
