import { expect } from 'vitest'
import { createApi } from '../../src/api/app.ts'
import type { InvoiceResource } from '../../src/invoice/resource.ts'
import { type ProvisionedStore, provisionStore } from '../../src/storage/provision.ts'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { bitcoinAccount, evmAccount } from '../storage/accounts.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { violations } from './schema.ts'

export const apiEnv = { ...testEnv, ID_SECRET: 'test-only-id-secret' } as unknown as EdgeEnv

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: ReplyJson
}

/** Every field an answer may have, so that a test can look at the ones it means; what is there is checked by schema. */
export interface ReplyJson extends Omit<InvoiceResource, 'status'> {
  readonly status: unknown
  readonly code: string
  readonly param?: string
  readonly requestId: string
  readonly secret: string
  readonly data: readonly (Omit<InvoiceResource, 'status'> & {
    readonly code: string
    readonly type: string
    readonly data: unknown
  })[]
  readonly nextCursor: string | null
}

/** A merchant with a store of their own, talking to the API over the core Worker's real objects and databases. */
export interface Merchant extends ProvisionedStore {
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
}

let seeds = 0

export async function newMerchant(env: EdgeEnv = apiEnv, api = createApi(), changes: object = {}): Promise<Merchant> {
  await migrateDatabases()
  const seed = `merchant ${seeds++}`
  const made = await provisionStore(
    testEnv,
    {
      name: 'Test shop',
      wallets: [
        { account: bitcoinAccount(seed), assets: ['BTC'] },
        { account: evmAccount(seed), assets: ['ETH', 'USDC'] },
      ],
      latePolicy: 'hold',
      ...changes,
    },
    Date.now(),
  )
  if (!made.ok) throw new Error(made.error.detail)
  const { apiKey } = made.value
  return {
    ...made.value,
    async call(method, path, body, headers = {}) {
      const sent = typeof body === 'string' || body === undefined ? body : JSON.stringify(body)
      const all = new Headers({ authorization: `Bearer ${apiKey}` })
      if (sent !== undefined) all.set('content-type', 'application/json')
      for (const [name, value] of Object.entries(headers)) all.set(name, value)
      const reply = await readReply(await api.request(path, { method, headers: all, body: sent }, env))
      checkReply(reply)
      return reply
    },
  }
}

export async function readReply(response: Response): Promise<Reply> {
  const text = await response.text()
  const isJson = text !== '' && !isFile(response.headers)
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null }
}

/** What a route answers beside JSON. */
const FILES = ['text/csv; charset=utf-8', 'application/xml; charset=utf-8', 'text/plain; charset=utf-8', 'application/octet-stream']

function isFile(headers: Headers): boolean {
  return FILES.includes(headers.get('content-type') ?? '')
}

/** What holds for every answer of the API. */
export function checkReply({ status, headers, json }: Reply): void {
  expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{32}$/)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  if (status < 400) {
    if (!isFile(headers)) expect(headers.get('content-type')).toBe('application/json')
    return
  }
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(violations('Problem', json)).toEqual([])
  expect(json).toMatchObject({ status, type: `/docs/errors#${json.code}`, requestId: headers.get('x-request-id') })
}
