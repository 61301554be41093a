/** A JSON Schema (2020-12), as OpenAPI 3.1 takes it. */
export type Schema = { readonly [keyword: string]: unknown }

export const text: Schema = { type: 'string' }
export const textOrNull: Schema = { type: ['string', 'null'] }
export const flag: Schema = { type: 'boolean' }
export const count: Schema = { type: 'integer', minimum: 0 }
export const countOrNull: Schema = { type: ['integer', 'null'], minimum: 0 }
export const time: Schema = { type: 'string', format: 'date-time' }
export const timeOrNull: Schema = { type: ['string', 'null'], format: 'date-time' }
export const address: Schema = { type: 'string', format: 'uri', maxLength: 2048 }
export const decimal: Schema = {
  type: 'string',
  pattern: '^\\d+(\\.\\d+)?$',
  description: 'A decimal, never a float: read it as text.',
}
export const decimalOrNull: Schema = { ...decimal, type: ['string', 'null'] }
/** A balance that may be below zero. */
export const signed: Schema = { ...decimal, pattern: '^-?\\d+(\\.\\d+)?$' }
export const signedOrNull: Schema = { ...signed, type: ['string', 'null'] }
export const assetCode: Schema = { type: 'string', pattern: '^[A-Z0-9-]{2,20}$' }

/** An object with exactly these fields, all required but the optional ones. */
export function record(properties: Record<string, Schema>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, ...(required.length > 0 ? { required } : {}), additionalProperties: false }
}

/** An object of a request: only `required` must be there; null is the same as leaving a field out. */
export function wish(properties: Record<string, Schema>, required: readonly string[]): Schema {
  return record(
    properties,
    Object.keys(properties).filter((name) => !required.includes(name)),
  )
}

export function list(items: Schema): Schema {
  return { type: 'array', items }
}

export function orNull(schema: Schema): Schema {
  return { oneOf: [schema, { type: 'null' }] }
}

export function page(items: Schema): Schema {
  return record({
    data: list(items),
    nextCursor: { ...textOrNull, description: 'Give it as `cursor` for the next page; null on the last.' },
  })
}
