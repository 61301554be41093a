import { EVENT_TYPES } from '../webhooks.ts'
import { address, count, countOrNull, list, record, type Schema, text, textOrNull, time, timeOrNull, wish } from './json-schema.ts'
import { BODY, ID, IDEMPOTENCY_KEY, KEYED, type Operations } from './operation.ts'

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

export const WEBHOOK_SCHEMAS = {
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
        invoiceId: { ...textOrNull, description: 'Null when the event is about a transfer.' },
        transferId: textOrNull,
        endpointId: text,
        state: { enum: ['pending', 'delivered', 'failed'] },
        attempts: count,
        nextAttemptAt: timeOrNull,
        lastStatus: countOrNull,
        lastError: textOrNull,
      }),
    ),
  }),
} as const satisfies Record<string, Schema>

export const WEBHOOK_OPERATIONS: Operations<keyof typeof WEBHOOK_SCHEMAS> = {
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
}
