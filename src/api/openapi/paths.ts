import { PROBLEMS, type Reason } from '../problems.ts'
import { ASSET_OPERATIONS } from './assets.ts'
import { BANK_OPERATIONS } from './bank.ts'
import { INVOICE_OPERATIONS } from './invoices.ts'
import type { Schema } from './json-schema.ts'
import { LEDGER_OPERATIONS } from './ledger.ts'
import type { Operation, Operations } from './operation.ts'
import { PAYOUT_OPERATIONS } from './payouts.ts'
import { REFUND_OPERATIONS } from './refunds.ts'
import { ref, type SchemaName } from './schemas.ts'
import { TRANSFER_OPERATIONS } from './transfers.ts'
import { WALLET_OPERATIONS } from './wallets.ts'
import { WEBHOOK_OPERATIONS } from './webhooks.ts'

const OPERATIONS: Operations<SchemaName> = {
  ...INVOICE_OPERATIONS,
  ...REFUND_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...LEDGER_OPERATIONS,
  ...WALLET_OPERATIONS,
  ...TRANSFER_OPERATIONS,
  ...PAYOUT_OPERATIONS,
  ...BANK_OPERATIONS,
  ...ASSET_OPERATIONS,
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

export function openApiPaths(): Schema {
  const paths: Record<string, Schema> = {}
  for (const [path, operations] of Object.entries(OPERATIONS)) {
    paths[path] = Object.fromEntries(Object.entries(operations).map(([method, operation]) => [method, describe(operation)]))
  }
  return paths
}

function describe({
  id,
  summary,
  parameters,
  body,
  bodyType,
  status,
  answer,
  answerTypes,
  refuses,
}: Operation<SchemaName>): Schema {
  const bodies = contentOf(body, bodyType === undefined ? [] : [bodyType])
  return {
    operationId: id,
    summary,
    ...(parameters ? { parameters } : {}),
    ...(bodies ? { requestBody: { required: true, content: bodies } } : {}),
    responses: {
      [status]: {
        description:
          status === 201 ? 'Created, or created before under this Idempotency-Key (then Idempotent-Replayed: true)' : 'OK',
        content: contentOf(answer, answerTypes ?? []),
      },
      ...problems([...ALWAYS, ...refuses]),
    },
  }
}

/** JSON by its schema, and text or bytes of other types. Null when there is neither. */
function contentOf(schema: SchemaName | undefined, types: readonly string[]): Schema | null {
  if (schema === undefined && types.length === 0) return null
  const others = types.map((type) => [type, { schema: { type: 'string' } }] as const)
  return { ...(schema === undefined ? {} : { 'application/json': { schema: ref(schema) } }), ...Object.fromEntries(others) }
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
