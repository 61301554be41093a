import type { Reason } from '../problems.ts'
import type { Schema } from './json-schema.ts'

/** By path, then by method. `Name`: the schemas it may speak of. */
export type Operations<Name extends string> = Readonly<Record<string, Readonly<Record<string, Operation<Name>>>>>

export interface Operation<Name extends string> {
  readonly id: string
  readonly summary: string
  readonly parameters?: readonly Schema[]
  readonly body?: Name
  /** A body that is not JSON, instead of one that is or beside it: its content type. */
  readonly bodyType?: string
  readonly status: 200 | 201
  /** Absent when it never answers JSON. */
  readonly answer?: Name
  /** Content types of answers that are not JSON, when they are asked for. */
  readonly answerTypes?: readonly string[]
  /** What this operation refuses beside what every one does. */
  readonly refuses: readonly Reason[]
}

export const BODY: readonly Reason[] = [
  'malformed_json',
  'invalid_field',
  'unknown_field',
  'body_too_large',
  'unsupported_media_type',
]
/** Of actions that take none. */
export const NO_BODY: readonly Reason[] = ['malformed_json', 'body_too_large']
export const QUERY: readonly Reason[] = ['invalid_field', 'unknown_field']
export const KEYED: readonly Reason[] = ['idempotency_key_malformed', 'idempotency_key_reused']

export const ID: Schema = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
export const CURSOR: Schema = {
  name: 'cursor',
  in: 'query',
  schema: { type: 'string' },
  description: 'The nextCursor of the page before.',
}
export const LIMIT: Schema = { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100, default: 20 } }

/** With `IDEMPOTENCY_KEY_NEEDED`. */
export const MONEY: readonly Reason[] = [...KEYED, 'idempotency_key_missing']

/** Of calls that make a transfer in a wallet. */
export const NEW_TRANSFER: readonly Reason[] = [
  ...BODY,
  ...MONEY,
  'wallet_not_configured',
  'bad_transfer',
  'too_many_transfers',
  'sending_frozen',
]

export const IDEMPOTENCY_KEY: Schema = {
  name: 'Idempotency-Key',
  in: 'header',
  schema: { type: 'string', minLength: 1, maxLength: 257 },
  description:
    '1 to 255 visible ASCII characters of your choice, bare or quoted. The same key and body give the same answer byte for byte, for ever.',
}

/** Of calls that move money. */
export const IDEMPOTENCY_KEY_NEEDED: Schema = {
  ...IDEMPOTENCY_KEY,
  required: true,
  description:
    '1 to 255 visible ASCII characters of your choice, bare or quoted. What is sent again under the same key is done once.',
}
