import {
  address,
  assetCode,
  count,
  countOrNull,
  decimal,
  flag,
  list,
  orNull,
  page,
  record,
  type Schema,
  text,
  textOrNull,
  time,
  timeOrNull,
  wish,
} from './json-schema.ts'
import { BODY, CURSOR, ID, IDEMPOTENCY_KEY, KEYED, LIMIT, NO_BODY, type Operations, QUERY } from './operation.ts'

const latePolicy: Schema = {
  enum: ['accept_locked_rate', 'accept_current_rate', 'hold'],
  description: 'What happens to money that comes after expiry: counted at the locked rate, at the rate then, or left for a person.',
}
const status: Schema = { enum: ['new', 'processing', 'settled', 'expired', 'invalid'] }
const toleranceBps: Schema = {
  type: 'integer',
  minimum: 0,
  maximum: 1000,
  description: 'Basis points of the price that may be missing.',
}

const metadata: Schema = {
  type: 'object',
  maxProperties: 20,
  propertyNames: { pattern: '^[A-Za-z0-9_.-]{1,40}$' },
  additionalProperties: { type: 'string', maxLength: 500 },
}

const payment = record({
  id: { ...text, description: '`<chain>/<txid>/<index>`' },
  chain: text,
  txid: text,
  index: text,
  asset: assetCode,
  amount: decimal,
  status: { enum: ['unconfirmed', 'confirmed', 'missing', 'replaced', 'double_spent', 'returned'] },
  confirmations: count,
  confirmationsRequired: count,
  final: { ...flag, description: 'By the invoice’s own policy: confirmations, or the chain’s finality tag where that decides.' },
  height: countOrNull,
  seenAt: time,
  late: flag,
  decision: { enum: ['counted', 'held', 'refused', 'unexpected'] },
  replacedBy: textOrNull,
})

const partnerShare = orNull(record({ id: text, amount: { ...decimal, description: 'The partner’s part, contained in the fee.' } }))

const paymentMethod = record({
  asset: assetCode,
  chain: { ...text, description: 'CAIP-2' },
  name: text,
  amount: { ...decimal, description: 'Pays the whole price.' },
  amountDue: { ...decimal, description: 'Still to be paid; zero once enough has been seen.' },
  rate: orNull(
    record({
      pair: text,
      value: decimal,
      sources: list(text),
      at: time,
      fixed: { ...flag, description: 'A made-up rate, in development only.' },
    }),
  ),
  fee: orNull(
    record({
      model: { enum: ['fee', 'margin'], description: 'fee: out of the price. margin: on top of it, contained in the rate.' },
      amount: { ...decimal, description: 'What paying the whole price in this asset costs the merchant.' },
      marginBps: { ...countOrNull, description: 'Basis points by which `rate` is worse than the market’s; null for `fee`.' },
      partner: partnerShare,
    }),
  ),
  custody: { enum: ['self', 'platform'], description: 'Who holds the key of the wallet: the merchant, or the platform.' },
  confirmationsRequired: count,
  address: { ...textOrNull, description: 'Null until the method is activated.' },
  uri: { ...textOrNull, description: 'BIP 21 or EIP-681 for what is due; null when nothing should be sent.' },
})

const invoice = record({
  id: text,
  object: { const: 'invoice' },
  storeId: text,
  status,
  amount: decimal,
  currency: assetCode,
  orderId: textOrNull,
  description: textOrNull,
  metadata,
  redirectUrl: textOrNull,
  checkoutUrl: address,
  createdAt: time,
  expiresAt: time,
  watchedUntil: time,
  settledAt: timeOrNull,
  updatedAt: time,
  version: { type: 'integer', minimum: 1, description: 'Grows by one with each event; of two copies the higher is newer.' },
  amountPaid: { ...decimal, description: 'Seen, in the currency of the invoice.' },
  amountConfirmed: { ...decimal, description: 'Final by the invoice’s own policy, in its currency.' },
  facts: record({
    short: { ...flag, description: 'Something is paid and it is not enough.' },
    over: orNull(record({ asset: assetCode, amount: decimal })),
    late: { ...flag, description: 'Something came after the deadline.' },
    held: { ...flag, description: 'Late money waits for a person.' },
  }),
  toleranceBps,
  latePolicy,
  paymentMethods: list({ $ref: '#/components/schemas/PaymentMethod' }),
  payments: list({ $ref: '#/components/schemas/Payment' }),
  refunds: list({ $ref: '#/components/schemas/InvoiceRefund' }),
  fees: {
    ...list(record({ asset: assetCode, amount: decimal, partner: partnerShare })),
    description: 'What the merchant owes for the final payments so far, by asset.',
  },
})

const createInvoice = wish(
  {
    amount: { ...decimal, description: 'Over zero, with no more digits than the currency has.' },
    currency: { ...assetCode, description: 'A code of GET /v1/assets.' },
    orderId: { ...textOrNull, minLength: 1, maxLength: 100 },
    description: { ...textOrNull, minLength: 1, maxLength: 500 },
    metadata: orNull(metadata),
    redirectUrl: { ...textOrNull, maxLength: 2048, description: 'HTTPS. Where the shopper returns to.' },
    expiresInSeconds: { type: ['integer', 'null'], minimum: 60, maximum: 86400, default: 900 },
    confirmations: {
      description: 'One number for any price, or tiers in rising order of price. Default: each chain’s own.',
      oneOf: [
        { type: 'integer', minimum: 0, maximum: 100 },
        {
          type: 'array',
          minItems: 1,
          maxItems: 10,
          items: wish({ upTo: orNull(decimal), confirmations: { type: 'integer', minimum: 0, maximum: 100 } }, ['confirmations']),
        },
        { type: 'null' },
      ],
    },
    toleranceBps: { ...toleranceBps, type: ['integer', 'null'] },
    latePolicy: orNull(latePolicy),
    paymentMethods: { type: ['array', 'null'], items: assetCode, minItems: 1, maxItems: 50, uniqueItems: true },
  },
  ['amount', 'currency'],
)

const event = record({
  object: { const: 'invoice_event' },
  version: { type: 'integer', minimum: 1 },
  type: {
    enum: [
      'created',
      'method_activated',
      'payment_changed',
      'deadline_passed',
      'status_changed',
      'marked',
      'refund_requested',
      'refund_claimed',
      'refund_changed',
      'refund_cancelled',
    ],
  },
  at: time,
  data: {
    anyOf: [
      record({ amount: decimal, currency: assetCode, expiresAt: time }),
      record({ asset: assetCode, address: text }),
      record({
        change: {
          enum: [
            'seen',
            'included',
            'progressed',
            'confirmed',
            'missing',
            'reappeared',
            'replaced',
            'double_spent',
            'returned',
            'reorged',
            'accepted',
            'refused',
            'released',
          ],
        },
        payment: { $ref: '#/components/schemas/Payment' },
      }),
      record({
        from: status,
        to: status,
        cause: { enum: ['enough_seen', 'enough_confirmed', 'deadline', 'payment_lost', 'reorg', 'bank_return', 'person'] },
      }),
      record({ as: { enum: ['invalid', 'open'] }, by: text }),
      record({ refund: text, status: text, detail: textOrNull, address: textOrNull, txid: textOrNull }),
      record({}),
    ],
  },
})

export const INVOICE_SCHEMAS = {
  Invoice: invoice,
  InvoiceList: page({ $ref: '#/components/schemas/Invoice' }),
  CreateInvoice: createInvoice,
  PaymentMethod: paymentMethod,
  Payment: payment,
  InvoiceEventList: page(event),
  Resolution: record({ action: { enum: ['accept_late', 'refuse_late', 'mark_invalid', 'reopen'] } }),
} as const satisfies Record<string, Schema>

const ASSET: Schema = { name: 'asset', in: 'path', required: true, schema: { type: 'string' }, description: 'A code such as BTC.' }

export const INVOICE_OPERATIONS: Operations<keyof typeof INVOICE_SCHEMAS> = {
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
  '/v1/invoices/{id}/payment_methods/{asset}': {
    post: {
      id: 'activatePaymentMethod',
      summary: 'Get the address to pay an invoice in one asset',
      parameters: [ID, ASSET],
      status: 200,
      answer: 'Invoice',
      refuses: [...NO_BODY, 'invoice_not_found', 'asset_not_offered', 'invoice_closed', 'not_configured', 'method_unavailable'],
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
}
