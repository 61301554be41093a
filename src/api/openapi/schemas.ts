import { PROBLEMS } from '../problems.ts'
import { EVENT_TYPES } from '../webhooks.ts'
import { BANK_SCHEMAS } from './bank.ts'
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
import { LEDGER_SCHEMAS } from './ledger-schemas.ts'
import { WALLET_SCHEMAS } from './wallet-schemas.ts'

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
  type: { enum: ['created', 'method_activated', 'payment_changed', 'deadline_passed', 'status_changed', 'marked'] },
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
      record({}),
    ],
  },
})

const endpointFields = {
  id: text,
  object: { const: 'webhook_endpoint' },
  url: address,
  events: list({ enum: EVENT_TYPES }),
  description: text,
  status: { enum: ['enabled', 'disabled'] },
  disabledReason: textOrNull,
  createdAt: time,
}

const asset = record({
  code: assetCode,
  object: { const: 'asset' },
  id: { ...text, description: 'CAIP-19, or `iso4217:EUR`' },
  kind: { enum: ['native', 'erc20', 'fiat'] },
  chain: textOrNull,
  name: text,
  decimals: count,
})

const problem = record(
  {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: { enum: [...new Set(Object.values(PROBLEMS).map(({ code }) => code))] },
    param: { ...text, description: 'The field, parameter or header at fault.' },
    requestId: text,
  },
  ['param'],
)

export const SCHEMAS = {
  Invoice: invoice,
  InvoiceList: page({ $ref: '#/components/schemas/Invoice' }),
  CreateInvoice: createInvoice,
  PaymentMethod: paymentMethod,
  Payment: payment,
  InvoiceEventList: page(event),
  Resolution: record({ action: { enum: ['accept_late', 'refuse_late', 'mark_invalid', 'reopen'] } }),
  WebhookEndpoint: record(endpointFields),
  WebhookEndpointList: record({ data: list({ $ref: '#/components/schemas/WebhookEndpoint' }) }),
  WebhookEndpointCreated: record({ ...endpointFields, secret: { ...text, description: '`whsec_…`, shown here only.' } }),
  CreateWebhookEndpoint: wish(
    {
      url: { ...address, maxLength: 2000, description: 'HTTPS, not a private address.' },
      events: { type: ['array', 'null'], items: { enum: EVENT_TYPES }, uniqueItems: true, description: 'Empty for all.' },
      description: { ...textOrNull, maxLength: 200 },
    },
    ['url'],
  ),
  DeliveryList: record({
    data: list(
      record({
        id: text,
        object: { const: 'delivery' },
        eventId: text,
        eventType: text,
        invoiceId: text,
        endpointId: text,
        state: { enum: ['pending', 'delivered', 'failed'] },
        attempts: count,
        nextAttemptAt: timeOrNull,
        lastStatus: countOrNull,
        lastError: textOrNull,
      }),
    ),
  }),
  AssetList: record({ data: list(asset) }),
  ...BANK_SCHEMAS,
  ...LEDGER_SCHEMAS,
  ...WALLET_SCHEMAS,
  Problem: problem,
} as const satisfies Record<string, Schema>

export function ref(name: keyof typeof SCHEMAS): Schema {
  return { $ref: `#/components/schemas/${name}` }
}
