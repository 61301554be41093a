import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { HDKey } from '@scure/bip32'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import type { CreateInvoice } from '../../src/invoice/rpc.ts'
import type { StoreMethod } from '../../src/invoice/types.ts'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import { randomId } from '../../src/lib/ids.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { NO_FEES } from '../../src/money/fee.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import { createRequest, observation, percent } from './builders.ts'

const env = testEnv as unknown as CoreEnv
const WALLET = 'wal_invoice_object_test'
const METHOD: StoreMethod = { asset: 'BTC', walletId: WALLET, custody: 'platform' }
/** The same objects, typed for the test tools. */
const rawInvoice = (id: string) => (testEnv as unknown as { INVOICES: DurableObjectNamespace }).INVOICES.getByName(id)

beforeAll(async () => {
  const versions = { private: 0x04358394, public: 0x043587cf }
  const account = HDKey.fromMasterSeed(new Uint8Array(32).fill(7), versions).derive("m/84'/1'/0'").publicExtendedKey
  const configured = await env.WALLETS.getByName(WALLET).configure({ xpub: account, script: 'p2wpkh' })
  expect(configured.ok).toBe(true)
})

function request(changes: Partial<CreateInvoice> = {}): CreateInvoice {
  const base = createRequest()
  return {
    ...base,
    id: randomId('inv'),
    store: { ...base.store, storeId: randomId('st'), merchantId: randomId('mer'), methods: [METHOD] },
    ...changes,
  }
}

async function create(changes: Partial<CreateInvoice> = {}) {
  const made = request(changes)
  const object = env.INVOICES.getByName(made.id)
  const created = await object.create(made)
  if (!created.ok) throw new Error(created.error.reason)
  return { id: made.id, request: made, object, invoice: created.value.invoice }
}

/** Up to which version everyone has heard, as it is written. */
function toldVersion(id: string): Promise<number> {
  return runInDurableObject(
    rawInvoice(id),
    (_object, state) =>
      state.storage.sql.exec('SELECT COALESCE(MAX(version), 0) AS told FROM commits WHERE told = 1').one().told as number,
  )
}

describe('create', () => {
  test('locks a rate and its sources, and says when the rate is made up', async () => {
    const { invoice } = await create()
    expect(invoice.terms.methods[0]).toMatchObject({
      asset: 'BTC',
      whole: 100_000n,
      rate: { base: 'BTC', quote: 'EUR', fixed: true },
    })
  })

  test('the same key and body again is the invoice as it was made, whatever has happened since', async () => {
    const { object, request: first, invoice } = await create({ fingerprint: 'same' })
    await object.observe([observation('t1')])
    expect(await object.create(first)).toEqual({ ok: true, value: { invoice, replayed: true } })
    expect(await object.create({ ...first, fingerprint: 'other' })).toEqual({
      ok: false,
      error: { reason: 'idempotency_key_reused' },
    })
  })

  test('a hundred at once with one key make one invoice', async () => {
    const one = request({ fingerprint: 'same' })
    const object = env.INVOICES.getByName(one.id)
    const answers = await Promise.all(Array.from({ length: 100 }, () => object.create(one)))
    expect(answers.filter((answer) => answer.ok && !answer.value.replayed)).toHaveLength(1)
    expect(await object.events(0)).toHaveLength(1)
  })
})

test('asking for an unknown invoice leaves no trace', async () => {
  const id = randomId('inv')
  const object = env.INVOICES.getByName(id)
  expect(await object.read()).toBeNull()
  expect(await object.observe([observation('t1')])).toEqual({ known: false })
  expect(await object.activate('BTC')).toEqual({ ok: false, error: { reason: 'invoice_not_found' } })
  expect(await object.events(0)).toEqual([])
  const tables = await runInDurableObject(rawInvoice(id), (_object, state) =>
    state.storage.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
  )
  expect(tables).toEqual([])
})

describe('activate', () => {
  test('gives one address, watched before it is answered, however often and at once it is asked', async () => {
    const { object, id } = await create()
    const answers = await Promise.all(Array.from({ length: 20 }, () => object.activate('BTC')))
    const addresses = new Set(answers.map((answer) => answer.ok && answer.value.activations[0]?.address))
    expect(addresses.size).toBe(1)
    expect([...addresses][0]).toMatch(/^bcrt1q/)
    expect((await object.read())?.activations).toHaveLength(1)
    const watched = await Promise.all(
      [0, 1, 2, 3].map((shard) =>
        runInDurableObject(
          (testEnv as unknown as { WATCH: DurableObjectNamespace }).WATCH.getByName(`${BITCOIN_REGTEST}#${shard}`),
          (_object, state) =>
            state.storage.sql
              .exec("SELECT name FROM sqlite_master WHERE name = 'watch'")
              .toArray()
              .flatMap(() => state.storage.sql.exec('SELECT 1 FROM watch WHERE invoice_id = ?', id).toArray()).length,
        ),
      ),
    )
    expect(watched.reduce((sum, count) => sum + count, 0)).toBe(1)
  })

  test('different invoices never share an address', async () => {
    const made = await Promise.all(Array.from({ length: 30 }, () => create()))
    const answers = await Promise.all(made.map(({ object }) => object.activate('BTC')))
    expect(new Set(answers.map((answer) => answer.ok && answer.value.activations[0]?.address)).size).toBe(30)
  })

  test('refuses an asset that is not offered and an invoice that is over', async () => {
    const { object } = await create()
    expect(await object.activate('ETH')).toEqual({ ok: false, error: { reason: 'asset_not_offered', asset: 'ETH' } })
    await object.resolve('mark_invalid', 'test')
    expect(await object.activate('BTC')).toEqual({ ok: false, error: { reason: 'invoice_closed', status: 'invalid' } })
  })
})

describe('observe', () => {
  test('survives eviction at any point, counts once, and logs each version', async () => {
    const { object, id } = await create()
    const confirmed = observation('t1', { revision: 2, status: 'confirmed', confirmations: 2, height: 9, blockHash: 'aa' })
    for (const seen of [observation('t1'), observation('t1'), confirmed, observation('t1'), confirmed]) {
      await object.observe([seen])
      await evictDurableObject(rawInvoice(id))
    }
    const invoice = await object.read()
    expect(invoice).toMatchObject({ status: 'settled', payments: [{ units: 100_000n, status: 'confirmed' }] })
    const events = await object.events(0)
    expect(events.map((event) => event.version)).toEqual(events.map((_, i) => i + 1))
    expect(events.at(-1)?.version).toBe(invoice?.version)
  })
})

describe('telling others', () => {
  test('is done only when D1 has the newest version, and the alarm asks again until then', async () => {
    const { object, id } = await create()
    await object.observe([observation('t1')])
    await object.projected(1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await toldVersion(id)).toBeLessThan(3)
    await object.projected(3)
    await expect.poll(() => toldVersion(id)).toBe(3)
  })

  test('goes on after an eviction, from the log alone', async () => {
    const { object, id } = await create()
    await object.observe([observation('t1', { units: 1n })])
    await evictDurableObject(rawInvoice(id))
    await object.projected(2)
    expect(await toldVersion(id)).toBe(0)
    await runDurableObjectAlarm(rawInvoice(id))
    await expect.poll(() => toldVersion(id)).toBe(2)
  })

  test('hands one webhook a commit to the delivery object, by a stable id, with the invoice as it was then', async () => {
    const made = request()
    const { storeId } = made.store
    const deliveries = env.DELIVERIES.getByName(storeId)
    const endpoint = { endpointId: randomId('we'), url: 'http://localhost:1/hook', events: [], description: '', fingerprint: null }
    expect((await deliveries.createEndpoint({ ...endpoint, storeId, nowMs: Date.now() })).ok).toBe(true)
    const object = env.INVOICES.getByName(made.id)
    await object.create(made)
    await object.observe([observation('t1', { units: 1n })])
    await object.observe([observation('t2')])
    await object.observe([observation('t2', { revision: 2, status: 'confirmed', confirmations: 1, height: 9, blockHash: 'aa' })])
    await object.observe([observation('t2', { revision: 3, status: 'confirmed', confirmations: 2, height: 9, blockHash: 'aa' })])
    const types = async () => (await deliveries.listDeliveries({ invoiceId: made.id })).map(({ eventType }) => eventType).sort()
    const expected = ['invoice.created', 'invoice.payment_detected', 'invoice.processing', 'invoice.settled']
    await expect.poll(types).toEqual(expected)
    const ids = (await deliveries.listDeliveries({ invoiceId: made.id })).map(({ eventId }) => eventId).sort()
    expect(ids).toEqual([1, 2, 4, 7].map((version) => `evt_${made.id.slice(4)}_${version}`))
  })
})

describe('the ledger', () => {
  const FEES = { ...NO_FEES, default: percent(100), partner: { id: 'acme', shareBps: 2_500 } }
  const included = { status: 'confirmed', height: 9, blockHash: 'aa' } as const
  const settled = (txid: string) => observation(txid, { ...included, revision: 3, confirmations: 2 })

  async function openWithFees(changes: Partial<CreateInvoice> = {}) {
    const { store } = request()
    const made = await create({ store: { ...store, plan: FEES }, ...changes })
    const ledger = () => env.LEDGERS.getByName(store.merchantId)
    return { ...made, ledger, balances: async () => (await ledger().balances(store.storeId)).balances }
  }

  /** While `during` runs, the invoice's ledgers answer by this instead. */
  async function withLedgers(id: string, record: LedgerRpc['record'], during: () => Promise<void>): Promise<void> {
    const put = (ledgers: unknown) =>
      runInDurableObject(rawInvoice(id), (object) => {
        const own = (object as unknown as { env: { LEDGERS: unknown } }).env
        const before = own.LEDGERS
        own.LEDGERS = ledgers
        return before
      })
    const before = await put({ getByName: () => ({ record }) })
    try {
      await during()
    } finally {
      await put(before)
    }
  }
  const failing = async () => {
    throw new Error('the ledger is away')
  }

  /** Runs the alarm as if so much time had passed. */
  async function ring(id: string, inMs: number): Promise<void> {
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + inMs)
    try {
      await runDurableObjectAlarm(rawInvoice(id))
    } finally {
      clock.mockRestore()
    }
  }

  test('hears of a payment when it is seen, and of its fee when it is final', async () => {
    const { object, balances } = await openWithFees()
    await object.observe([observation('t1')])
    await expect.poll(balances).toMatchObject({ pending: { BTC: 100_000n }, [`incoming:${WALLET}`]: { BTC: -100_000n } })
    await object.observe([observation('t1', { ...included, revision: 2, confirmations: 1 })])
    await object.observe([settled('t1')])
    await expect.poll(balances).toEqual({
      available: { BTC: 99_000n },
      [`wallet:${WALLET}`]: { BTC: -100_000n },
      fees: { BTC: 750n },
      'partner:acme': { BTC: 250n },
    })
  })

  test('hears of money that becomes final while the status stays', async () => {
    const { object, balances } = await openWithFees()
    await object.observe([settled('t1'), observation('t2', { units: 5_000n })])
    await expect.poll(balances).toMatchObject({ available: { BTC: 99_000n }, pending: { BTC: 5_000n } })
    await object.observe([settled('t2')].map((seen) => ({ ...seen, units: 5_000n })))
    await expect.poll(balances).toMatchObject({ available: { BTC: 104_000n } })
    expect(await balances()).not.toHaveProperty('pending')
  })

  test('hears of a reorganisation after settlement, and of the payment coming back', async () => {
    const { object, balances, ledger, id } = await openWithFees()
    await object.observe([settled('t1')])
    await expect.poll(balances).toMatchObject({ available: { BTC: 99_000n } })
    await object.observe([observation('t1', { revision: 4 })])
    await expect.poll(balances).toEqual({ pending: { BTC: 100_000n }, [`incoming:${WALLET}`]: { BTC: -100_000n } })
    await object.observe([{ ...settled('t1'), revision: 5 }])
    await expect.poll(balances).toMatchObject({ available: { BTC: 99_000n }, 'partner:acme': { BTC: 250n } })
    const { storeId } = (await object.read())?.terms ?? { storeId: '' }
    const causes = (await ledger().ofInvoice(storeId, id, 0)).map(({ transaction }) => transaction.cause)
    expect(causes.filter((cause) => cause === 'reorg').length).toBeGreaterThan(0)
  })

  test.each([
    ['does not answer', failing],
    ['refuses', async () => err({ reason: 'bad_posting', detail: 'a defect' })],
  ])('that %s is told again by the alarm, of how things are by then', async (_what, record) => {
    const { object, id, balances } = await openWithFees()
    await object.projected(1)
    await withLedgers(id, record, async () => {
      await object.observe([observation('t1')])
      await object.observe([settled('t1')])
      await object.projected(5)
      await ring(id, 6_000)
    })
    expect(await toldVersion(id)).toBe(1)
    expect(await balances()).toEqual({})
    await ring(id, 60_000)
    expect(await toldVersion(id)).toBe(5)
    expect(await balances()).toMatchObject({ available: { BTC: 99_000n } })
  })

  test('that is slow is not told beside the first time, nor is a queue that has it, before that is as good as lost', async () => {
    const { object, id, balances } = await openWithFees()
    await object.projected(1)
    let asked = 0
    const sent: number[] = []
    const slow = () => {
      asked++
      return new Promise<never>(() => {})
    }
    const send = vi.spyOn(env.PROJECTIONS, 'send').mockImplementation(async (message) => {
      if (message.kind === 'invoice' && message.invoiceId === id) sent.push(message.version)
      return undefined as never
    })
    await withLedgers(id, slow, async () => {
      await object.observe([settled('t1')])
      await expect.poll(() => asked).toBe(1)
      for (const inMs of [6_000, 17_000, 28_000]) await ring(id, inMs)
    })
    expect(asked).toBe(1)
    expect(new Set(sent).size).toBe(sent.length)
    const before = sent.length
    await ring(id, 60_000)
    expect(sent.slice(before)).toEqual([sent.at(-1)])
    send.mockRestore()
    await expect.poll(balances).toMatchObject({ available: { BTC: 99_000n } })
  })

  test('hears of it after a restart between commit and telling, from the log alone', async () => {
    const { object, id, balances } = await openWithFees()
    await withLedgers(id, failing, async () => {
      await object.observe([settled('t1')])
    })
    await evictDurableObject(rawInvoice(id))
    await runDurableObjectAlarm(rawInvoice(id))
    expect(await balances()).toMatchObject({ available: { BTC: 99_000n } })
  })

  test('told the same again books nothing again', async () => {
    const { object, id, ledger, balances, request: made } = await openWithFees()
    await object.observe([settled('t1')])
    await expect.poll(balances).toMatchObject({ available: { BTC: 99_000n } })
    const booked = await ledger().ofInvoice(made.store.storeId, id, 0)
    await evictDurableObject(rawInvoice(id))
    await runDurableObjectAlarm(rawInvoice(id))
    expect(await ledger().ofInvoice(made.store.storeId, id, 0)).toEqual(booked)
  })

  test('keeps no webhook waiting, however long it takes', async () => {
    const { object, id, request: made } = await openWithFees()
    const deliveries = env.DELIVERIES.getByName(made.store.storeId)
    const endpoint = { endpointId: randomId('we'), url: 'http://localhost:1/hook', events: [], description: '', fingerprint: null }
    await deliveries.createEndpoint({ ...endpoint, storeId: made.store.storeId, nowMs: Date.now() })
    let answer = () => {}
    const slow = new Promise<Result<null, never>>((resolve) => {
      answer = () => resolve(ok(null))
    })
    await withLedgers(
      id,
      () => slow,
      async () => {
        await object.observe([settled('t1')])
        const types = async () => (await deliveries.listDeliveries({ invoiceId: id })).map(({ eventType }) => eventType)
        await expect.poll(types).toContain('invoice.settled')
        await object.projected(3)
        expect(await toldVersion(id)).toBe(0)
        answer()
        await expect.poll(() => toldVersion(id)).toBe(3)
      },
    )
  })
})

describe('the deadline', () => {
  test('expires an invoice that showed no address as soon as its time is up', async () => {
    const { object, id } = await create({ expiresInMs: 1 })
    await object.projected(1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await runDurableObjectAlarm(rawInvoice(id))
    expect((await object.read())?.status).toBe('expired')
  })

  test('waits while a chain that showed an address has not been read so far', async () => {
    const { object, id } = await create({ expiresInMs: 200 })
    expect((await object.activate('BTC')).ok).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 250))
    await runDurableObjectAlarm(rawInvoice(id))
    expect((await object.read())?.status).toBe('new')
    const chain = env.CHAINS_FOLLOWED.getByName(BITCOIN_REGTEST)
    const ref = { height: 1, hash: '11', parentHash: '00', timeMs: Date.now() }
    const mempool = { payments: [], conflicts: [], waiting: [], missing: [] }
    const base = (await chain.begin()).recent[0] ?? null
    const committed = await chain.commit({
      base,
      rollbackTo: null,
      blocks: base ? [] : [ref].map((block) => ({ ref: block, payments: [], conflicts: [] })),
      mempool,
      head: ref,
      startedAtMs: Date.now(),
      more: false,
    })
    expect(committed.ok).toBe(true)
    await runDurableObjectAlarm(rawInvoice(id))
    expect((await object.read())?.status).toBe('expired')
  })
})

describe('live updates', () => {
  test('a WebSocket hears of each version, and the first message only when it missed one', async () => {
    const { object, id } = await create()
    const open = async (since: number) => {
      const response = await rawInvoice(id).fetch(`http://invoice/live?since=${since}`, { headers: { upgrade: 'websocket' } })
      const socket = response.webSocket
      if (!socket) throw new Error('no WebSocket')
      const heard: unknown[] = []
      socket.addEventListener('message', (event) => {
        heard.push(JSON.parse(event.data as string))
      })
      socket.accept()
      return { heard, socket }
    }
    const fresh = await open(1)
    const behind = await open(0)
    await expect.poll(() => behind.heard).toEqual([{ version: 1, status: 'new' }])
    expect(fresh.heard).toEqual([])
    await object.observe([observation('t1')])
    await expect.poll(() => fresh.heard).toEqual([{ version: 3, status: 'processing' }])
    fresh.socket.close()
    behind.socket.close()
  })

  test('there is none for an unknown invoice', async () => {
    const response = await rawInvoice(randomId('inv')).fetch('http://invoice/live', { headers: { upgrade: 'websocket' } })
    expect(response.status).toBe(404)
  })
})
