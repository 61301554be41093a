import { openApiDocument } from '../../src/api/openapi/document.ts'
import type { Schema } from '../../src/api/openapi/json-schema.ts'

/** Keywords this checker knows; another one in the document is a mistake here, not a pass. */
const KNOWN = new Set(
  'type enum const pattern format minimum maximum minLength maxLength properties required additionalProperties propertyNames maxProperties items minItems maxItems uniqueItems oneOf anyOf $ref description default'.split(
    ' ',
  ),
)

const { components } = openApiDocument('https://pay.example') as { components: { schemas: Record<string, Schema> } }

/** Everything in which `value` breaks the schema `name` of the OpenAPI document, as paths with words. Empty when it fits. */
export function violations(name: string, value: unknown): string[] {
  return check({ $ref: `#/components/schemas/${name}` }, value, '$')
}

function check(schema: Schema, value: unknown, path: string): string[] {
  const strange = Object.keys(schema).filter((keyword) => !KNOWN.has(keyword))
  if (strange.length > 0) throw new Error(`unknown keyword ${strange.join(', ')} at ${path}`)
  if (typeof schema.$ref === 'string') {
    const target = components.schemas[schema.$ref.replace('#/components/schemas/', '')]
    if (!target) throw new Error(`${schema.$ref} is nowhere`)
    return check(target, value, path)
  }
  return [
    ...checkAny(schema, value, path),
    ...(typeof value === 'string' ? checkText(schema, value, path) : []),
    ...(typeof value === 'number' ? checkNumber(schema, value, path) : []),
    ...(Array.isArray(value) ? checkList(schema, value, path) : []),
    ...(isRecord(value) ? checkRecord(schema, value, path) : []),
  ]
}

function checkAny(schema: Schema, value: unknown, path: string): string[] {
  const found: string[] = []
  const types = schema.type === undefined ? [] : [schema.type].flat()
  if (types.length > 0 && !types.some((type) => isOfType(type as string, value)))
    found.push(`${path} is not of type ${types.join(' or ')}`)
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) found.push(`${path} is none of ${schema.enum.join(', ')}`)
  if ('const' in schema && schema.const !== value) found.push(`${path} is not ${schema.const}`)
  const fitting = (schemas: unknown) => (schemas as Schema[]).filter((inner) => check(inner, value, path).length === 0).length
  if (schema.oneOf && fitting(schema.oneOf) !== 1) found.push(`${path} fits not exactly one of its schemas`)
  if (schema.anyOf && fitting(schema.anyOf) === 0) found.push(`${path} fits none of its schemas`)
  return found
}

function checkText(schema: Schema, value: string, path: string): string[] {
  const found: string[] = []
  if (typeof schema.pattern === 'string' && !new RegExp(schema.pattern).test(value))
    found.push(`${path} does not match ${schema.pattern}`)
  if (schema.format === 'date-time' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) found.push(`${path} is not a time`)
  if (schema.format === 'uri' && !URL.canParse(value)) found.push(`${path} is not a URI`)
  if (value.length < Number(schema.minLength ?? 0) || value.length > Number(schema.maxLength ?? Number.POSITIVE_INFINITY))
    found.push(`${path} has the wrong length`)
  return found
}

function checkNumber(schema: Schema, value: number, path: string): string[] {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema as {
    minimum?: number
    maximum?: number
  }
  return value < minimum || value > maximum ? [`${path} is out of range`] : []
}

function checkList(schema: Schema, value: unknown[], path: string): string[] {
  const {
    minItems = 0,
    maxItems = Number.POSITIVE_INFINITY,
    items,
  } = schema as { minItems?: number; maxItems?: number; items?: Schema }
  const found = value.length < minItems || value.length > maxItems ? [`${path} has the wrong length`] : []
  return items ? [...found, ...value.flatMap((item, index) => check(items, item, `${path}[${index}]`))] : found
}

function checkRecord(schema: Schema, value: Record<string, unknown>, path: string): string[] {
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  const rest = schema.additionalProperties as Schema | false | undefined
  const missing = ((schema.required ?? []) as string[])
    .filter((name) => !(name in value))
    .map((name) => `${path}.${name} is missing`)
  const inside = Object.entries(value).flatMap(([name, field]) => {
    const inner = properties[name] ?? rest
    if (inner === false) return [`${path}.${name} is not in the schema`]
    return inner ? check(inner, field, `${path}.${name}`) : []
  })
  return [...missing, ...inside]
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isRecord(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
