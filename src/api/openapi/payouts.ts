import { TRANSFER_STATUSES } from '../transfers.ts'
import { assetCode, count, list, record, type Schema, text, textOrNull, wish } from './json-schema.ts'
import { CURSOR, ID, IDEMPOTENCY_KEY_NEEDED, LIMIT, NEW_TRANSFER, type Operations, QUERY } from './operation.ts'
import { output } from './transfers.ts'

const line: Schema = { type: 'integer', minimum: 1, description: 'Of the file, its header included; of JSON the row’s place.' }
const transfer: Schema = { $ref: '#/components/schemas/Transfer' }

export const PAYOUT_SCHEMAS = {
  CreatePayout: record({
    rows: {
      type: 'array',
      minItems: 1,
      maxItems: 1_000,
      items: wish(
        {
          ...output,
          asset: assetCode,
          reference: { ...textOrNull, maxLength: 100 },
          walletId: textOrNull,
        },
        ['address', 'amount', 'asset'],
      ),
    },
  }),
  PayoutCreated: record({
    id: text,
    object: { const: 'payout' },
    rows: {
      ...list(record({ line, transferId: text, output: { ...count, description: 'Which output of the transfer.' } })),
      description: 'Which transfer pays which row.',
    },
    data: list(transfer),
    refused: {
      ...list(record({ line, detail: text })),
      description: 'Rows whose transfer could not be made. Sent again under the same key they are tried again.',
    },
    warnings: list(record({ line, sameAs: line, detail: text })),
  }),
  Payout: record({
    id: text,
    object: { const: 'payout' },
    transfers: { ...count, description: 'How many it has in all.' },
    statuses: {
      type: 'object',
      propertyNames: { pattern: `^(${TRANSFER_STATUSES.join('|')})$` },
      additionalProperties: count,
      description: 'How many are in which status.',
    },
    data: list(transfer),
    nextCursor: textOrNull,
  }),
} as const satisfies Record<string, Schema>

export const PAYOUT_OPERATIONS: Operations<keyof typeof PAYOUT_SCHEMAS> = {
  '/v1/payouts': {
    post: {
      id: 'createPayout',
      summary: 'Send many payments at once, as JSON or as CSV (address,amount,asset,reference)',
      parameters: [IDEMPOTENCY_KEY_NEEDED],
      body: 'CreatePayout',
      bodyType: 'text/csv',
      status: 201,
      answer: 'PayoutCreated',
      refuses: [...NEW_TRANSFER, 'insufficient_funds', 'bad_rows'],
    },
  },
  '/v1/payouts/{id}': {
    get: {
      id: 'readPayout',
      summary: 'A batch of payouts and its transfers',
      parameters: [ID, LIMIT, CURSOR],
      status: 200,
      answer: 'Payout',
      refuses: [...QUERY, 'payout_not_found'],
    },
  },
}
