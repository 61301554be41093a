import { REFUND_STATUSES } from '../../invoice/refund.ts'
import {
  address,
  assetCode,
  decimal,
  flag,
  list,
  orNull,
  record,
  type Schema,
  text,
  textOrNull,
  time,
  wish,
} from './json-schema.ts'
import { BODY, ID, IDEMPOTENCY_KEY, MONEY, NO_BODY, type Operations } from './operation.ts'

const type: Schema = {
  enum: ['full', 'part', 'over'],
  description: 'full: all of the asset that can be refunded. part: an amount. over: what was paid beyond the price.',
}
const rate: Schema = { enum: ['then', 'now'], description: 'then: the invoice’s own. now: the market’s.' }

const refund = {
  id: { ...text, description: 'Its first transfer has the same.' },
  object: { const: 'refund' },
  invoiceId: text,
  status: { enum: REFUND_STATUSES },
  detail: { ...textOrNull, description: 'Why it waits or failed.' },
  asset: assetCode,
  chain: { ...text, description: 'CAIP-2' },
  amount: { ...decimal, description: 'What the payer gets.' },
  rule: record({ type, amount: orNull(decimal), currency: orNull(assetCode), rate: orNull(rate) }),
  reason: { ...textOrNull, description: 'Your words to the payer.' },
  address: { ...textOrNull, description: 'Where the payer wants it; null until they have said so.' },
  cancelling: { ...flag, description: 'It ends as soon as its wallet says that it is not signed.' },
  transferId: { ...textOrNull, description: 'The newest transfer that carries it out: see GET /v1/transfers/:id.' },
  txid: textOrNull,
  createdAt: time,
  updatedAt: time,
}

export const REFUND_SCHEMAS = {
  InvoiceRefund: record(refund),
  Refund: record({
    ...refund,
    claimUrl: {
      oneOf: [address, { type: 'null' }],
      description: 'A secret for the payer: who has it says where the money goes. Null once that is decided.',
    },
  }),
  RefundList: record({
    data: list({ $ref: '#/components/schemas/Refund' }),
    refundable: { ...list(record({ asset: assetCode, amount: decimal })), description: 'What can still be refunded.' },
  }),
  CreateRefund: wish(
    {
      type,
      asset: orNull({ ...assetCode, description: 'Needed where several can be refunded.' }),
      amount: orNull({ ...decimal, description: 'Of a part. Converted amounts are rounded down.' }),
      currency: orNull({ ...assetCode, description: 'Of the amount: the asset (default) or the invoice’s currency.' }),
      rate: orNull(rate),
      reason: { ...textOrNull, minLength: 1, maxLength: 200 },
    },
    ['type'],
  ),
} as const satisfies Record<string, Schema>

const REFUND_ID: Schema = { name: 'refundId', in: 'path', required: true, schema: { type: 'string' } }

export const REFUND_OPERATIONS: Operations<keyof typeof REFUND_SCHEMAS> = {
  '/v1/invoices/{id}/refunds': {
    post: {
      id: 'createRefund',
      summary: 'Promise money back; the payer says where to by the link in the answer',
      parameters: [ID, { ...IDEMPOTENCY_KEY, required: true }],
      body: 'CreateRefund',
      status: 201,
      answer: 'Refund',
      refuses: [
        ...BODY,
        ...MONEY,
        'invoice_not_found',
        'nothing_to_refund',
        'refund_asset_needed',
        'refund_over_limit',
        'refund_too_small',
        'refund_currency_unknown',
        'refund_rate_unknown',
        'rates_unavailable',
        'rail_cannot_refund',
        'too_many_refunds',
      ],
    },
    get: {
      id: 'listRefunds',
      summary: 'Refunds of an invoice, and what can still be refunded',
      parameters: [ID],
      status: 200,
      answer: 'RefundList',
      refuses: ['invoice_not_found'],
    },
  },
  '/v1/invoices/{id}/refunds/{refundId}': {
    get: {
      id: 'readRefund',
      summary: 'Read a refund',
      parameters: [ID, REFUND_ID],
      status: 200,
      answer: 'Refund',
      refuses: ['invoice_not_found', 'refund_not_found'],
    },
  },
  '/v1/invoices/{id}/refunds/{refundId}/cancel': {
    post: {
      id: 'cancelRefund',
      summary: 'End a refund that is not signed',
      parameters: [ID, REFUND_ID],
      status: 200,
      answer: 'Refund',
      refuses: [...NO_BODY, 'invoice_not_found', 'refund_not_found', 'refund_closed'],
    },
  },
}
