import { expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { EVENT_TYPES } from '../../../src/api/webhooks.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { TRANSFER_EVENT_TYPES, webhookOfTransfer } from '../../../src/wallet/transfers/events.ts'
import { OUTPUTS_SHOWN_MAX } from '../../../src/wallet/transfers/resource.ts'
import type { Transfer, TransferStatus } from '../../../src/wallet/transfers/types.ts'
import { TRANSFER_AT_MS, transferOf } from './transfer-of.ts'

const registry = createRegistry(DEVELOPMENT_CHAINS)
/** What a queue message holds, less its address and headers (`BODY_BYTES_MAX` of the delivery object). */
const BODY_BYTES_MAX = 120_000
const typeOf = (before: Transfer | null, after: Transfer) => webhookOfTransfer(before, after, registry)?.type ?? null

test('each status is told when it is reached, and nothing else', () => {
  const made = transferOf()
  const at = (status: TransferStatus, changes: Partial<Transfer> = {}) => ({ ...made, version: 2, status, ...changes })
  expect(typeOf(null, made)).toBe('transfer.created')
  const told = (['needs_approval', 'broadcast', 'confirmed', 'failed', 'unknown'] as const).map((status) =>
    typeOf(made, at(status)),
  )
  expect(told).toEqual([
    'transfer.needs_approval',
    'transfer.broadcast',
    'transfer.confirmed',
    'transfer.failed',
    'transfer.unknown',
  ])
  expect(typeOf(made, { ...made, version: 2, reason: 'it waits for coins' })).toBeNull()
  expect(typeOf(at('needs_approval'), at('queued', { version: 3 }))).toBeNull()
})

test('the merchant hears of what they have to sign, not of what we sign', () => {
  const made = transferOf()
  expect(typeOf(made, { ...made, status: 'signing', version: 2 })).toBe('transfer.needs_signature')
  expect(typeOf(made, { ...made, status: 'signing', version: 2, custody: 'platform' })).toBeNull()
})

test('of a sweep, which pays nobody, nobody hears', () => {
  const made = transferOf({ kind: 'sweep', outputs: [] })
  expect([typeOf(null, made), typeOf(made, { ...made, version: 2, status: 'confirmed' })]).toEqual([null, null])
})

test('of one that a merchant asked for, to hurry what waits, they hear each step: their own wallet has to sign it', () => {
  const made = transferOf({ kind: 'sweep', outputs: [], parentTxid: 'ab'.repeat(32) })
  const signing = { ...made, version: 2, status: 'signing' } as const
  expect([typeOf(null, made), typeOf(made, signing)]).toEqual(['transfer.created', 'transfer.needs_signature'])
})

test('an event is named by transfer and version and shows the transfer as it was', () => {
  const made = transferOf({ version: 7, storeId: 'st_9' })
  const event = webhookOfTransfer(null, made, registry)
  expect(event).toMatchObject({
    id: `evt_${made.id.slice(3)}_7`,
    storeId: 'st_9',
    invoiceId: null,
    transferId: made.id,
    atMs: TRANSFER_AT_MS,
  })
  expect(webhookOfTransfer(null, made, registry)).toEqual(event)
  const body = JSON.parse(event?.body ?? '')
  expect(body).toMatchObject({ type: 'transfer.created', timestamp: '2026-11-22T12:00:00.000Z' })
  expect(body.data.transfer).toMatchObject({ id: made.id, status: 'queued', amount: '0.00100000', version: 7 })
  expect(body.data.transfer).not.toHaveProperty('unsigned')
})

test('a transfer of a thousand outputs fits into a message', () => {
  const address = `bcrt1p${'q'.repeat(58)}`
  const outputs = Array.from({ length: 1_000 }, () => ({ address, units: 12_345_678_12345678n }))
  const references = outputs.map(() => '€'.repeat(100))
  const event = webhookOfTransfer(null, transferOf({ outputs, batch: { id: 'po_1', size: 1, references } }), registry)
  const { data } = JSON.parse(event?.body ?? '')
  expect(data.transfer.outputs).toHaveLength(OUTPUTS_SHOWN_MAX)
  expect(data.transfer).toMatchObject({ outputCount: 1_000, payoutId: 'po_1' })
  expect(new TextEncoder().encode(JSON.stringify(event?.body)).length).toBeLessThan(BODY_BYTES_MAX)
})

test('every type can be subscribed to', () => {
  expect(EVENT_TYPES).toEqual(expect.arrayContaining([...TRANSFER_EVENT_TYPES]))
})
