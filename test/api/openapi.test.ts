import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openApiDocument } from '../../src/api/openapi/document.ts'
import { COLUMNS } from '../../src/api/payout-rows.ts'
import { PROBLEMS } from '../../src/api/problems.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { violations } from './schema.ts'

interface Operation {
  operationId: string
  parameters?: { name: string; in: string }[]
  requestBody?: { content: Record<string, { schema?: { $ref: string } }> }
  responses: Record<string, { description: string }>
}

const document = openApiDocument('https://pay.example') as {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, method, operation })),
)

test('every route is described, and nothing else', () => {
  const routes = ROUTES.map(({ method, path }) => `${method} /v1${path.replace(/:(\w+)/g, '{$1}')}`)
  expect(operations.map(({ name }) => name).sort()).toEqual([...routes].sort())
})

test('every operation has a name of its own, its path parameters and a body when it is a POST that takes one', () => {
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
  for (const { path, operation, name } of operations) {
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name)
    expect(inPath, name).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter))
  }
})

test('every error code is in the document, at its status, and every operation says how it can fail', () => {
  for (const { status, code } of Object.values(PROBLEMS)) {
    const named = operations.filter(({ operation }) => operation.responses[status]?.description.split(', ').includes(code))
    expect(named.length, code).toBeGreaterThan(0)
  }
  for (const { operation, name } of operations)
    expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining(['401', '404', '405', '500', '503']))
})

test('every reference leads somewhere, and every schema is used', () => {
  const text = JSON.stringify(document)
  const used = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name))
  expect([...used].sort()).toEqual(Object.keys(document.components.schemas).sort())
})

test('codes and titles are words for people and programs, one status each', () => {
  const statusOf = new Map<string, number>()
  for (const { code, status, title } of Object.values(PROBLEMS)) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(title.length).toBeGreaterThan(10)
    expect(statusOf.get(code) ?? status).toBe(status)
    statusOf.set(code, status)
  }
})

test('what docs/api.md sends is what the document takes', () => {
  const page = readFileSync('docs/api.md', 'utf8')
  const sent = [...page.matchAll(/curl https:\/\/pay\.example(\/v1\/[\w/…]+)[^`]*? -d '([^']+)'/g)].map(
    ([, path = '', body = '']) => {
      return { path: path.replace(/inv_[^/]+/, '{id}'), body }
    },
  )
  expect(sent.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['/v1/invoices', '/v1/invoices/{id}/refunds', '/v1/transfers', '/v1/webhook_endpoints']),
  )
  for (const { path, body } of sent) {
    const { schema } =
      operations.find((one) => one.name === `POST ${path}`)?.operation.requestBody?.content['application/json'] ?? {}
    const name = schema?.$ref.split('/').at(-1) ?? ''
    expect(violations(name, JSON.parse(body)), path).toEqual([])
  }
  const [, columns = ''] = /```csv\n(.*)\n/.exec(page) ?? []
  expect(columns.split(',').every((column) => COLUMNS.some((known) => known === column))).toBe(true)
})

test('what docs/api.md shows as answers has only fields that answers have', () => {
  const known = new Set<string>(['…'])
  const walk = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return
    for (const name of Object.keys('properties' in schema ? (schema.properties as object) : {})) known.add(name)
    for (const inner of Object.values(schema)) walk(inner)
  }
  walk(document.components.schemas)
  const shown = [...readFileSync('docs/api.md', 'utf8').matchAll(/```json\n([^`]*)```/g)].map(([, text = '']) => text)
  expect(shown.length).toBeGreaterThan(5)
  for (const text of shown) for (const [, name = ''] of text.matchAll(/"([^"]+)":/g)) expect(known, text).toContain(name)
})

test('docs/api.md tells of every route and every error code', () => {
  const page = readFileSync('docs/api.md', 'utf8')
  for (const { method, path } of ROUTES) expect(page).toContain(`\`${method} /v1${path}\``)
  const rows = page.slice(page.indexOf('## Errors')).split('\n')
  for (const { code, status } of Object.values(PROBLEMS)) {
    const row = rows.find((one) => one.startsWith('|') && one.includes(`\`${code}\``))
    expect(row?.split('|')[1], code).toContain(String(status))
  }
})
