import { PROBLEMS } from '../problems.ts'
import { ASSET_SCHEMAS } from './assets.ts'
import { BANK_SCHEMAS } from './bank.ts'
import { INVOICE_SCHEMAS } from './invoices.ts'
import { list, record, type Schema, text, textOrNull } from './json-schema.ts'
import { LEDGER_SCHEMAS } from './ledger.ts'
import { PAYOUT_SCHEMAS } from './payouts.ts'
import { REFUND_SCHEMAS } from './refunds.ts'
import { TRANSFER_SCHEMAS } from './transfers.ts'
import { WALLET_SCHEMAS } from './wallets.ts'
import { WEBHOOK_SCHEMAS } from './webhooks.ts'

const problem = record(
  {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: { enum: [...new Set(Object.values(PROBLEMS).map(({ code }) => code))] },
    param: { ...text, description: 'The field, parameter or header at fault.' },
    errors: {
      ...list(record({ line: { type: 'integer', minimum: 1 }, param: textOrNull, detail: text })),
      description: 'Of a file or list: everything that is wrong, by line.',
    },
    requestId: text,
  },
  ['param', 'errors'],
)

export const SCHEMAS = {
  ...INVOICE_SCHEMAS,
  ...REFUND_SCHEMAS,
  ...WEBHOOK_SCHEMAS,
  ...LEDGER_SCHEMAS,
  ...WALLET_SCHEMAS,
  ...TRANSFER_SCHEMAS,
  ...PAYOUT_SCHEMAS,
  ...BANK_SCHEMAS,
  ...ASSET_SCHEMAS,
  Problem: problem,
} as const satisfies Record<string, Schema>

export type SchemaName = keyof typeof SCHEMAS

export function ref(name: SchemaName): Schema {
  return { $ref: `#/components/schemas/${name}` }
}
