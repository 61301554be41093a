import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { HDKey } from '@scure/bip32'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { RefundWish, RequestRefund } from '../../src/invoice/refund-rpc.ts'
import type { StoreMethod } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import type { CreateTransfer, TransferRefusal } from '../../src/wallet/transfers/rpc.ts'
import type { Transfer, TransferStatus } from '../../src/wallet/transfers/types.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import { migrateDatabases } from '../storage/databases.ts'
import { createRequest, observation } from './builders.ts'
import { ADDRESS, btc, OTHER_ADDRESS, settled } from './refund-builders.ts'

const env = testEnv as unknown as CoreEnv
const WALLET = 'wal_refunds_test'
const rawInvoice = (id: string) => (testEnv as unknown as { INVOICES: DurableObjectNamespace }).INVOICES.getByName(id)

beforeAll(async () => {
  await migrateDatabases()
  const versions = { private: 0x04358394, public: 0x043587cf }
  const xpub = HDKey.fromMasterSeed(new Uint8Array(32).fill(9), versions).derive("m/84'/1'/0'").publicExtendedKey
  expect((await env.WALLETS.getByName(WALLET).configure({ xpub, script: 'p2wpkh' })).ok).toBe(true)
})

/** An invoice of 100,000 satoshi that is paid and final. */
async function paid(custody: StoreMethod['custody'] = 'self') {
  const base = createRequest()
  const method: StoreMethod = { asset: 'BTC', walletId: WALLET, custody }
  const store = { ...base.store, storeId: randomId('st'), merchantId: randomId('mer'), methods: [method] }
  const id = randomId('inv')
  const object = env.INVOICES.getByName(id)
  expect((await object.create({ ...base, id, store })).ok).toBe(true)
  await object.observe([settled('t1')])
  return { id, object, store }
}

function wish(rule: RefundWish, changes: Partial<RequestRefund> = {}): RequestRefund {
  return { id: randomId('tr'), fingerprint: 'f', asset: null, rule, reason: null, by: 'test', ...changes }
}

async function asked(object: ReturnType<typeof env.INVOICES.getByName>, rule: RefundWish = { type: 'full' }): Promise<string> {
  const request = wish(rule)
  const made = await object.requestRefund(request)
  if (!made.ok) throw new Error(made.error.reason)
  return request.id
}

/** A wallet object of its word: it keeps transfers, and tells nobody of them by itself. */
class StandIn {
  readonly transfers = new Map<string, Transfer>()
  readonly asked: string[] = []
  refusal: TransferRefusal | null = null
  /** How many calls are lost before they are done, and how many answers after. */
  lost = 0
  unanswered = 0

  async createTransfer(request: CreateTransfer): Promise<Result<Transfer, TransferRefusal>> {
    this.#call(`create ${request.outputs[0]?.address}`)
    const known = this.transfers.get(request.id)
    if (!known && this.refusal) return err(this.refusal)
    const transfer =
      known ??
      ({
        ...request,
        version: 1,
        status: 'queued',
        reason: null,
        challenge: null,
        signed: [],
        included: null,
      } as unknown as Transfer)
    this.transfers.set(request.id, transfer)
    return this.#answer(ok(transfer))
  }

  async cancelTransfer(id: string): Promise<Result<Transfer, unknown>> {
    this.#call('cancel')
    const known = this.transfers.get(id)
    if (!known) return err({ reason: 'transfer_not_found' })
    if (['broadcast', 'confirmed', 'failed'].includes(known.status))
      return err({ reason: 'wrong_status', status: known.status, detail: '' })
    return this.#answer(ok(this.move(id, 'failed')))
  }

  async transfer(id: string): Promise<Transfer | null> {
    return this.transfers.get(id) ?? null
  }

  move(id: string, status: TransferStatus): Transfer {
    const known = this.transfers.get(id)
    if (!known) throw new Error('no such transfer')
    const moved = { ...known, version: known.version + 1, status }
    this.transfers.set(id, moved)
    return moved
  }

  #call(what: string): void {
    this.asked.push(what)
    if (this.lost-- > 0) throw new Error('the wallet is away')
  }

  #answer<T>(answer: T): T {
    if (this.unanswered-- > 0) throw new Error('the answer was lost')
    return answer
  }

  /** While it stands in, the invoice's wallets are this one. To be done again after an eviction. */
  async at(id: string): Promise<void> {
    await runInDurableObject(rawInvoice(id), (object) => {
      const own = (object as unknown as { env: { WALLETS: unknown } }).env
      const { WALLETS } = own
      own.WALLETS = { getByName: () => this }
      // The environment is one for all objects, of other tests too.
      onTestFinished(() => void Object.assign(own, { WALLETS }))
    })
  }
}

async function withWallet() {
  const made = await paid()
  const wallet = new StandIn()
  await wallet.at(made.id)
  const refund = async (id: string) => {
    const found = (await made.object.read())?.refunds?.find((one) => one.id === id)
    if (!found) throw new Error('no refund')
    return found
  }
  return { ...made, wallet, refund }
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

describe('asking for a refund', () => {
  test('a thousand at once are promised exactly what came in, each once', async () => {
    const { object } = await paid()
    const requests = Array.from({ length: 1_000 }, () => wish(btc(3_000n)))
    const answers = await Promise.all(requests.map((request) => object.requestRefund(request)))
    const refunds = (await object.read())?.refunds ?? []
    expect(answers.filter(({ ok }) => ok)).toHaveLength(33)
    expect(refunds.reduce((sum, { units }) => sum + units, 0n)).toBe(99_000n)
    const refusals = new Set(answers.map((answer) => (answer.ok ? 'ok' : answer.error.reason)))
    expect([...refusals].sort()).toEqual(['ok', 'refund_over_limit'])
  })

  test('a thousand at once for all of it promise it once, and a thousand under one id are one', async () => {
    const { object } = await paid()
    const all = await Promise.all(Array.from({ length: 500 }, () => object.requestRefund(wish({ type: 'full' }))))
    expect(all.filter(({ ok }) => ok)).toHaveLength(1)
    const { object: other } = await paid()
    const one = wish(btc(1_000n))
    const same = await Promise.all(Array.from({ length: 500 }, () => other.requestRefund(one)))
    expect(same.filter((answer) => answer.ok && !answer.value.replayed)).toHaveLength(1)
    expect(same.every(({ ok }) => ok)).toBe(true)
    expect((await other.read())?.refunds).toHaveLength(1)
  })

  test('the same again is answered as it was made, another under its id is refused, also after an eviction', async () => {
    const { object, id } = await paid()
    const first = wish(btc(1_000n))
    const made = await object.requestRefund(first)
    await object.cancelRefund(first.id, 'test')
    await evictDurableObject(rawInvoice(id))
    const again = await object.requestRefund(first)
    expect(again).toMatchObject({ ok: true, value: { replayed: true, refund: { status: 'awaiting_address' } } })
    expect(again.ok && made.ok && again.value.refund).toEqual(made.ok && made.value.refund)
    expect(await object.requestRefund({ ...first, fingerprint: 'other' })).toEqual({
      ok: false,
      error: { reason: 'idempotency_key_reused' },
    })
  })

  test('at the rate now asks the board once, and two under one id make one', async () => {
    const { object } = await paid()
    const now = wish({ type: 'part', amount: { asset: 'EUR', units: 1_200n }, at: 'now' })
    const answers = await Promise.all([object.requestRefund(now), object.requestRefund(now)])
    expect(answers.map((answer) => answer.ok && answer.value.replayed).sort()).toEqual([false, true])
    expect((await object.read())?.refunds).toMatchObject([{ units: 20_000n, rule: { at: 'now', rate: { fixed: true } } }])
  })

  test('of an invoice that does not exist leaves no trace', async () => {
    const object = env.INVOICES.getByName(randomId('inv'))
    const missing = { ok: false, error: { reason: 'invoice_not_found' } }
    expect(await object.requestRefund(wish({ type: 'full' }))).toEqual(missing)
    expect(await object.claimRefund(randomId('tr'), ADDRESS)).toEqual(missing)
    expect(await object.cancelRefund(randomId('tr'), 'test')).toEqual(missing)
    await object.refundChanged({
      refundId: randomId('tr'),
      version: 1,
      status: 'failed',
      reason: null,
      txid: null,
      challenge: null,
    })
    expect(await object.read()).toBeNull()
  })
})

describe('a claimed refund', () => {
  test('is made a transfer, once, and follows what its wallet tells', async () => {
    const { object, wallet, refund } = await withWallet()
    const id = await asked(object)
    expect((await object.claimRefund(id, ADDRESS)).ok).toBe(true)
    await object.claimRefund(id, ADDRESS)
    expect(wallet.asked).toEqual([`create ${ADDRESS}`])
    expect([...wallet.transfers.values()]).toMatchObject([
      { id, kind: 'refund', outputs: [{ address: ADDRESS, units: 100_000n }], asset: 'BTC', custody: 'self' },
    ])
    const change = { refundId: id, reason: null, txid: null, challenge: null }
    await object.refundChanged({ ...change, version: 2, status: 'needs_approval', challenge: 'c2lnbg' })
    expect(await refund(id)).toMatchObject({ status: 'needs_approval', challenge: 'c2lnbg' })
    await object.refundChanged({ ...change, version: 4, status: 'broadcast', txid: 'ab' })
    await object.refundChanged({ ...change, version: 3, status: 'signing' })
    expect(await refund(id)).toMatchObject({ status: 'broadcast', txid: 'ab', challenge: null })
    await object.refundChanged({ ...change, version: 5, status: 'confirmed', txid: 'ab' })
    expect(await refund(id)).toMatchObject({ status: 'confirmed' })
  })

  test('is told to its wallet again when the call or its answer was lost, also by the next instance', async () => {
    const { object, wallet, refund, id: invoiceId } = await withWallet()
    const id = await asked(object)
    wallet.lost = 1
    await object.claimRefund(id, ADDRESS)
    expect(wallet.transfers.size).toBe(0)
    wallet.unanswered = 1
    await ring(invoiceId, 6_000)
    expect(wallet.transfers.size).toBe(1)
    expect(await refund(id)).toMatchObject({ transfers: [{ status: 'wanted' }] })
    await evictDurableObject(rawInvoice(invoiceId))
    await wallet.at(invoiceId)
    await ring(invoiceId, 60_000)
    expect(await refund(id)).toMatchObject({ status: 'queued', transfers: [{ status: 'queued', version: 1 }] })
    expect(wallet.transfers.size).toBe(1)
  })

  test('waits for money ever longer, says so, and can be ended meanwhile', async () => {
    const { object, wallet, refund, id: invoiceId } = await withWallet()
    wallet.refusal = { reason: 'insufficient_funds', asset: 'BTC', available: 0n }
    const id = await asked(object)
    await object.claimRefund(id, ADDRESS)
    expect(await refund(id)).toMatchObject({ status: 'queued', detail: 'too little BTC is available; it is tried again by itself' })
    expect(wallet.asked).toHaveLength(1)
    await ring(invoiceId, 1_000)
    expect(wallet.asked).toHaveLength(1)
    await ring(invoiceId, 6_000)
    expect(wallet.asked).toHaveLength(2)
    await ring(invoiceId, 600_000)
    expect(wallet.asked).toHaveLength(3)
    await ring(invoiceId, 660_000)
    expect(wallet.asked).toHaveLength(3)
    expect(await object.cancelRefund(id, 'test')).toMatchObject({ ok: true, value: { refunds: [{ status: 'cancelled' }] } })
    wallet.refusal = null
    await ring(invoiceId, 9_000_000)
    expect(wallet.transfers.size).toBe(0)
    expect((await object.requestRefund(wish({ type: 'full' }))).ok).toBe(true)
  })

  test('whose payment left the chain meanwhile waits for it', async () => {
    const { object, wallet } = await withWallet()
    const id = await asked(object)
    await object.observe([observation('t1', { revision: 6 })])
    await object.claimRefund(id, ADDRESS)
    expect(wallet.asked).toEqual([])
    await object.observe([settled('t1', { revision: 7 })])
    await expect.poll(() => wallet.asked).toEqual([`create ${ADDRESS}`])
  })
})

describe('another address', () => {
  test('is paid by another transfer, after the first has ended', async () => {
    const { object, wallet, refund } = await withWallet()
    const id = await asked(object)
    await object.claimRefund(id, ADDRESS)
    await object.claimRefund(id, OTHER_ADDRESS)
    expect(wallet.asked).toEqual([`create ${ADDRESS}`, 'cancel', `create ${OTHER_ADDRESS}`])
    expect([...wallet.transfers.values()].map(({ status }) => status)).toEqual(['failed', 'queued'])
    expect(await refund(id)).toMatchObject({ status: 'queued', address: OTHER_ADDRESS })
    // A merchant may still sign what was prepared for the first, also when all of it is ended and asked for anew.
    await object.cancelRefund(id, 'test')
    await object.claimRefund(await asked(object), ADDRESS)
    const made = [...wallet.transfers.values()] as unknown as CreateTransfer[]
    expect(made.map(({ insteadOf }) => insteadOf)).toEqual([undefined, [id], [id, made[1]?.id]])
  })

  test('is not paid while nobody knows whether the first has ended', async () => {
    const { object, wallet, id: invoiceId } = await withWallet()
    const id = await asked(object)
    await object.claimRefund(id, ADDRESS)
    wallet.lost = 2
    await object.claimRefund(id, OTHER_ADDRESS)
    expect(wallet.transfers.size).toBe(1)
    await ring(invoiceId, 6_000)
    expect(wallet.transfers.size).toBe(1)
    await ring(invoiceId, 60_000)
    expect([...wallet.transfers.values()].map(({ status }) => status)).toEqual(['failed', 'queued'])
  })

  test('comes too late when the wallet has signed: the first address holds', async () => {
    const { object, wallet, refund } = await withWallet()
    const id = await asked(object)
    await object.claimRefund(id, ADDRESS)
    wallet.move(id, 'broadcast')
    await object.claimRefund(id, OTHER_ADDRESS)
    expect(await refund(id)).toMatchObject({ status: 'broadcast', address: ADDRESS })
    expect(wallet.transfers.size).toBe(1)
    expect(await object.cancelRefund(id, 'test')).toEqual({ ok: false, error: { reason: 'refund_closed', status: 'broadcast' } })
  })

  test('given a hundred times at once ends in one live transfer', async () => {
    const { object, wallet } = await withWallet()
    const id = await asked(object)
    await Promise.all(Array.from({ length: 100 }, (_, at) => object.claimRefund(id, at % 2 === 0 ? ADDRESS : OTHER_ADDRESS)))
    expect([...wallet.transfers.values()].filter(({ status }) => status !== 'failed')).toHaveLength(1)
  })
})

test('ending one that its wallet had signed meanwhile is refused', async () => {
  const { object, wallet, refund } = await withWallet()
  const id = await asked(object)
  await object.claimRefund(id, ADDRESS)
  wallet.move(id, 'broadcast')
  expect(await object.cancelRefund(id, 'test')).toEqual({ ok: false, error: { reason: 'refund_closed', status: 'broadcast' } })
  expect(await refund(id)).toMatchObject({ status: 'broadcast', cancelledBy: null })
})

test('each step a merchant can act on is one webhook, with the refund in it', async () => {
  const { object, store, wallet } = await withWallet()
  const deliveries = env.DELIVERIES.getByName(store.storeId)
  const endpoint = { endpointId: randomId('we'), url: 'http://localhost:1/hook', events: [], description: '', fingerprint: null }
  expect((await deliveries.createEndpoint({ ...endpoint, storeId: store.storeId, nowMs: Date.now() })).ok).toBe(true)
  const id = await asked(object)
  await object.claimRefund(id, ADDRESS)
  const { version } = wallet.move(id, 'broadcast')
  await object.refundChanged({ refundId: id, version, status: 'broadcast', reason: null, txid: 'ab', challenge: null })
  const other = await asked(object, btc(330n)).catch(() => null)
  expect(other).toBeNull()
  const invoiceId = (await object.read())?.terms.id ?? ''
  const types = async () => (await deliveries.listDeliveries({ invoiceId })).map(({ eventType }) => eventType).sort()
  await expect.poll(types).toEqual(['invoice.refund_changed', 'invoice.refund_claimed', 'invoice.refund_requested'])
})

test('refused late money leaves what is held before it is sent', async () => {
  const base = createRequest()
  const method: StoreMethod = { asset: 'BTC', walletId: WALLET, custody: 'platform' }
  const store = { ...base.store, storeId: randomId('st'), merchantId: randomId('mer'), methods: [method] }
  const id = randomId('inv')
  const object = env.INVOICES.getByName(id)
  await object.create({ ...base, id, store, latePolicy: 'hold' })
  await object.observe([settled('t1', { seenAtMs: Date.now() + 1_000_000 })])
  const ledger = env.LEDGERS.getByName(store.merchantId)
  const balances = async () => (await ledger.balances(store.storeId)).balances
  await expect.poll(balances).toMatchObject({ held: { BTC: 100_000n } })
  expect(await object.requestRefund(wish({ type: 'full' }))).toMatchObject({ error: { reason: 'nothing_to_refund', held: true } })
  await object.resolve('refuse_late', 'test')
  expect((await object.requestRefund(wish({ type: 'full' }))).ok).toBe(true)
  await expect.poll(balances).toMatchObject({ available: { BTC: 100_000n } })
  expect(await balances()).not.toHaveProperty('held')
})

test('with the real wallet: a refund is recorded there under its id, changed, and ended with it', async () => {
  const { object } = await paid()
  const id = await asked(object)
  const wallet = env.WALLETS.getByName(WALLET)
  await object.claimRefund(id, ADDRESS)
  expect(await wallet.transfer(id)).toMatchObject({ kind: 'refund', outputs: [{ address: ADDRESS, units: 100_000n }] })
  await object.claimRefund(id, OTHER_ADDRESS)
  const refund = (await object.read())?.refunds?.[0]
  expect(await wallet.transfer(id)).toMatchObject({ status: 'failed' })
  const second = refund?.transfers[1]?.id ?? ''
  expect(await wallet.transfer(second)).toMatchObject({ outputs: [{ address: OTHER_ADDRESS, units: 100_000n }] })
  expect(await object.cancelRefund(id, 'test')).toMatchObject({ ok: true, value: { refunds: [{ status: 'cancelled' }] } })
  expect(await wallet.transfer(second)).toMatchObject({ status: 'failed' })
})
