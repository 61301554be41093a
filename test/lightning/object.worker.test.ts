import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { DurableObject } from 'cloudflare:workers'
import { beforeAll, describe, expect, test } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import { decodeBolt11 } from '../../src/gateways/lightning/bolt11.ts'
import { invoiceResource } from '../../src/invoice/resource.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import type { LightningRpc } from '../../src/lightning/rpc.ts'
import { registryOf } from '../../src/money/registry.ts'
import { provisionStore } from '../../src/storage/provision.ts'
import { auditor, project } from '../audit/system.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { newInvoice, openTill, shownAt, type Till, walletsOf } from './till.ts'

const raw = (name: string) => (testEnv as unknown as { LIGHTNINGS: DurableObjectNamespace }).LIGHTNINGS.getByName(name)
const settled = (status: () => Promise<string>, wanted: string) => expect.poll(status, { timeout: 20_000 }).toBe(wanted)
/** What is polled for is of the node's doing: it is served for as long as that takes. */
const served = <T>(till: Till, poll: PromiseLike<T>) => till.serve(Promise.resolve(poll))

beforeAll(migrateDatabases)

function methodOf(invoice: Invoice, asset: string) {
  const { paymentMethods } = invoiceResource(invoice, registryOf(testEnv), 'https://pay.example')
  const method = paymentMethods.find((one) => one.asset === asset)
  if (!method) throw new Error(`the invoice has no method ${asset}`)
  return method
}

async function postings({ store }: Till, invoiceId: string): Promise<string[]> {
  const entries = await testEnv.LEDGERS.getByName(store.merchantId).ofInvoice(store.storeId, invoiceId, 0)
  return entries.map(({ transaction: { cause, postings } }) => {
    return `${cause}: ${postings.map(({ from, to, amount }) => `${from.split(':')[0]} > ${to.split(':')[0]} ${amount}`).join(', ')}`
  })
}

/** Somebody pays so many satoshi to the invoice's bitcoin address; a part, unless told otherwise. */
async function payOnChain({ id, invoice }: Awaited<ReturnType<typeof newInvoice>>, units: bigint, changes: object = {}) {
  const txid = `${id.slice(-16)}${units}`
  await invoice.observe([
    {
      key: `${BITCOIN_REGTEST}/${txid}/0`,
      revision: 1,
      chainId: BITCOIN_REGTEST,
      txid,
      index: '0',
      assetCode: 'BTC',
      units,
      status: 'unconfirmed',
      confirmations: 0,
      height: null,
      blockHash: null,
      seenAtMs: Date.now(),
      replacedBy: null,
      ...changes,
    },
  ])
}

describe.each(['phoenixd', 'lnd', 'cln'] as const)('an invoice paid by Lightning to %s', (kind) => {
  test('is settled at once, in the books, and the audit finds nothing wrong with it', async () => {
    const till = await openTill(kind)
    const { id, invoice, read, status } = await newInvoice(till)
    const activated = await till.serve(invoice.activate('BTC-LN'))
    if (!activated.ok) throw new Error(activated.error.reason)
    const { address, uri, amount, confirmationsRequired, custody } = methodOf(activated.value, 'BTC-LN')
    expect({ amount, uri, confirmationsRequired, custody }).toEqual({
      amount: '0.00100000',
      uri: `lightning:${address}`,
      confirmationsRequired: 1,
      custody: 'self',
    })
    expect(decodeBolt11(address ?? '')).toMatchObject({
      ok: true,
      value: { network: 'regtest', msat: 100_000_000n, description: 'Northwind: order-1' },
    })

    till.node.pay(shownAt(till).paymentHash)
    await till.look()
    await settled(status, 'settled')
    const { paymentHash } = shownAt(till)
    expect((await read()).payments).toMatchObject([
      {
        key: `lightning:regtest/${paymentHash}/${till.walletId}`,
        units: 100_000n,
        status: 'confirmed',
        decision: 'counted',
        late: false,
      },
    ])
    await expect.poll(() => postings(till, id)).toEqual(['payment_settled: self.wallet > self.available 100000'])
    await project(till.store)
    const audit = auditor(`lightning ${id}`)
    await audit.run()
    const { suspects } = await audit.after(3_600_000)
    expect(suspects.filter(({ merchantId, invoiceId }) => merchantId === till.store.merchantId || invoiceId === id)).toEqual([])
  })
})

describe('a Lightning invoice', () => {
  test('is one, however often and however much at once it is asked for', async () => {
    const till = await openTill()
    const { invoice } = await newInvoice(till)
    const all = await till.serve(Promise.all(Array.from({ length: 5 }, () => invoice.activate('BTC-LN'))))
    const addresses = all.map((answer) => answer.ok && methodOf(answer.value, 'BTC-LN').address)
    expect(new Set(addresses).size).toBe(1)
    expect(till.node.invoices()).toHaveLength(1)
    expect((await till.serve(invoice.activate('BTC-LN'))).ok).toBe(true)
    expect(till.node.invoices()).toHaveLength(1)
  })

  test('is not there while the node is away, and other methods are; it is when the node is back', async () => {
    const till = await openTill()
    const { invoice } = await newInvoice(till)
    const rail = testEnv.LIGHTNINGS.getByName('lightning:regtest')
    const down = async () => (await rail.summary()).down
    const before = await down()
    till.node.behave('away')
    expect(await till.serve(invoice.activate('BTC-LN'))).toMatchObject({ ok: false, error: { reason: 'method_unavailable' } })
    expect(await testEnv.LIGHTNINGS.getByName(till.walletId).health()).toMatchObject({ status: 'down' })
    const onChain = await till.serve(invoice.activate('BTC'))
    expect(onChain.ok && methodOf(onChain.value, 'BTC').uri).toMatch(/^bitcoin:bcrt1\w+\?amount=0\.001$/)
    till.node.behave('well')
    expect((await till.serve(invoice.activate('BTC-LN'))).ok).toBe(true)
    await expect.poll(down).toBe(before + 1)
    await till.look()
    expect(await testEnv.LIGHTNINGS.getByName(till.walletId).health()).toMatchObject({ status: 'ok', error: null })
    await expect.poll(down).toBe(before)
  })

  test('that is not what was asked for is shown to nobody', async () => {
    const till = await openTill()
    const { invoice, read } = await newInvoice(till)
    till.node.behave('lying')
    const answer = await till.serve(invoice.activate('BTC-LN'))
    expect(answer).toMatchObject({ ok: false, error: { reason: 'method_unavailable', detail: expect.stringContaining('msat') } })
    expect((await read()).activations).toEqual([])
  })

  test('whose answer was lost is made once', async () => {
    const till = await openTill()
    const { invoice } = await newInvoice(till)
    till.node.behave('lost')
    expect((await till.serve(invoice.activate('BTC-LN'))).ok).toBe(false)
    till.node.behave('well')
    expect((await till.serve(invoice.activate('BTC-LN'))).ok).toBe(true)
    expect(till.node.invoices()).toHaveLength(1)
  })

  test('is shown with the Bitcoin address in one code, and either pays', async () => {
    const till = await openTill()
    for (const way of ['chain', 'lightning'] as const) {
      const made = await newInvoice(till)
      const activated = await till.serve(made.invoice.activate('BTC'))
      if (!activated.ok) throw new Error(activated.error.reason)
      const { bolt11, paymentHash } = shownAt(till)
      const [chain, beside] = [methodOf(activated.value, 'BTC'), methodOf(activated.value, 'BTC-LN')]
      expect(chain.uri).toBe(`bitcoin:${chain.address}?amount=0.001&lightning=${bolt11.toUpperCase()}`)
      expect(beside.address).toBe(bolt11)
      // What the shopper chose is what the page opens with.
      expect(activated.value.activations.at(-1)?.asset).toBe('BTC')
      if (way === 'chain') {
        await payOnChain(made, 100_000n)
        await settled(made.status, 'processing')
        // Nobody is to pay again by Lightning.
        await served(till, expect.poll(() => shownAt(till).state).toBe('cancelled'))
      } else {
        till.node.pay(paymentHash)
        await till.look()
        await settled(made.status, 'settled')
      }
      expect(methodOf(await made.read(), 'BTC').uri).toBeNull()
    }
  })

  test('asks for the rest when a part is paid, and the one before is cancelled', async () => {
    const till = await openTill()
    const made = await newInvoice(till)
    await till.serve(made.invoice.activate('BTC'))
    const first = shownAt(till)
    await payOnChain(made, 40_000n)
    await served(till, expect.poll(() => [first.state, till.node.invoices().length]).toEqual(['cancelled', 2]))
    const rest = shownAt(till)
    expect([rest.state, rest.msat]).toEqual(['open', 60_000_000n])
    await served(till, expect.poll(async () => methodOf(await made.read(), 'BTC-LN').address).toBe(rest.bolt11))
    expect(methodOf(await made.read(), 'BTC').uri).toContain(`amount=0.0006&lightning=${rest.bolt11.toUpperCase()}`)
    till.node.pay(rest.paymentHash)
    await till.look()
    await expect.poll(async () => (await made.read()).payments.length).toBe(2)
    expect(await made.status()).toBe('processing')
  })

  test('that was cancelled since all was paid is made anew when that payment is lost', async () => {
    const till = await openTill()
    const made = await newInvoice(till)
    await till.serve(made.invoice.activate('BTC'))
    const first = shownAt(till)
    await payOnChain(made, 100_000n)
    await served(till, expect.poll(() => first.state).toBe('cancelled'))
    await payOnChain(made, 100_000n, { revision: 2, status: 'double_spent' })
    expect(await made.status()).toBe('new')
    await served(till, expect.poll(async () => methodOf(await made.read(), 'BTC-LN').address).not.toBe(first.bolt11))
    const second = shownAt(till)
    expect([second.state, second.msat, methodOf(await made.read(), 'BTC-LN').address]).toEqual([
      'open',
      100_000_000n,
      second.bolt11,
    ])
    expect(till.node.invoices()).toHaveLength(2)
  })

  test('that was paid though it was overtaken counts, and what is too much is said', async () => {
    const till = await openTill('phoenixd')
    const made = await newInvoice(till)
    await till.serve(made.invoice.activate('BTC'))
    const first = shownAt(till)
    await payOnChain(made, 40_000n)
    await served(till, expect.poll(() => till.node.invoices().length).toBe(2))
    // phoenixd cannot cancel.
    till.node.pay(first.paymentHash)
    await till.look()
    await settled(made.status, 'settled')
    const { facts } = invoiceResource(await made.read(), registryOf(testEnv), '')
    expect(facts.over).toEqual({ asset: 'BTC-LN', amount: '0.00040000' })
  })
})

describe('payments', () => {
  test('count once, whatever is told twice, and whoever is killed in between', async () => {
    const till = await openTill()
    const { id, invoice, read, status } = await newInvoice(till)
    await till.serve(invoice.activate('BTC-LN'))
    const { paymentHash } = shownAt(till)
    till.node.pay(paymentHash)
    const payment = { paymentHash, msat: 100_000_000n, atMs: Date.now() }
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    await object.commit({ base: null, cursor: '1', payments: [payment], closed: [], sending: null })
    await evictDurableObject(raw(till.walletId))
    await runDurableObjectAlarm(raw(till.walletId))
    await settled(status, 'settled')
    await object.commit({ base: null, cursor: '1', payments: [payment, payment], closed: [], sending: null })
    await till.look({ cursor: null })
    await till.look()
    expect((await read()).payments).toHaveLength(1)
    await expect.poll(() => postings(till, id)).toHaveLength(1)
  })

  test('with a part of a satoshi too much count without it', async () => {
    const till = await openTill('lnd')
    const { invoice, read, status } = await newInvoice(till)
    await till.serve(invoice.activate('BTC-LN'))
    till.node.pay(shownAt(till).paymentHash, { msat: 100_000_999n })
    await till.look()
    await settled(status, 'settled')
    expect((await read()).payments).toMatchObject([{ units: 100_000n }])
  })

  test('in time by the node’s clock are in time whenever they are told, and late ones find the store’s policy', async () => {
    for (const [afterMs, late, decision] of [
      [50_000, false, 'counted'],
      [62_000, true, 'held'],
    ] as const) {
      const till = await openTill('phoenixd')
      const { invoice, read } = await newInvoice(till)
      await till.serve(invoice.activate('BTC-LN'))
      const { paymentHash } = shownAt(till)
      const payment = { paymentHash, msat: 100_000_000n, atMs: (await read()).terms.expiresAtMs + afterMs }
      await testEnv.LIGHTNINGS.getByName(till.walletId).commit({
        base: null,
        cursor: '1',
        payments: [payment],
        closed: [],
        sending: null,
      })
      await expect.poll(async () => (await read()).payments).toMatchObject([{ late, decision }])
    }
  })

  test('at a time that cannot be are as of when they were told', async () => {
    const till = await openTill()
    const { invoice, read, status } = await newInvoice(till)
    await till.serve(invoice.activate('BTC-LN'))
    const payment = { paymentHash: shownAt(till).paymentHash, msat: 100_000_000n, atMs: 1e22 }
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    await object.commit({ base: null, cursor: '1', payments: [payment], closed: [], sending: null })
    await settled(status, 'settled')
    expect(invoiceResource(await read(), registryOf(testEnv), '').facts).toBeDefined()
    expect(Math.abs(((await read()).payments[0]?.seenAtMs ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  test('of others at the same node are none of ours', async () => {
    const till = await openTill()
    const { invoice, read } = await newInvoice(till)
    await till.serve(invoice.activate('BTC-LN'))
    const payment = { paymentHash: 'ab'.repeat(32), msat: 5_000_000n, atMs: Date.now() }
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    // Those that may be paid are told to who looks without a cursor, and to nobody else.
    expect((await object.begin())?.open).toMatchObject([{ paymentHash: shownAt(till).paymentHash }])
    await object.commit({ base: null, cursor: '7', payments: [payment], closed: [], sending: null })
    expect((await read()).payments).toEqual([])
    expect(await object.begin()).toMatchObject({ cursor: '7', open: [] })
  })

  test('that a follower has missed are found before the invoice closes', async () => {
    const till = await openTill()
    const [paid, unpaid] = [await newInvoice(till), await newInvoice(till)]
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    await till.serve(paid.invoice.activate('BTC-LN'))
    const { paymentHash } = shownAt(till)
    await till.serve(unpaid.invoice.activate('BTC-LN'))
    till.node.pay(paymentHash)
    const deadlineMs = (await paid.read()).terms.expiresAtMs + 60_000
    expect(await object.readUntil()).toBe(deadlineMs - 1)

    // The node is away when their time is over: nothing is said about it.
    const overMs = Date.now() - 1_000
    await runInDurableObject(raw(till.walletId), (_object, state) => {
      state.storage.sql.exec("UPDATE invoices SET closes_ms = ? WHERE state = 'open'", overMs)
    })
    till.node.behave('away')
    await till.look()
    expect(await object.readUntil()).toBe(overMs - 1)
    expect(await paid.status()).toBe('new')

    till.node.behave('well')
    // A cursor beyond the payment, as if it had been passed over.
    await till.look({ cursor: '1' })
    await settled(paid.status, 'settled')
    expect(await object.readUntil()).toBeGreaterThan(Date.now() - 5_000)
    expect(await unpaid.status()).toBe('new')
    expect((await object.begin())?.closing).toEqual([])
  })

  test('hold an invoice open for a week at most, of a node that never comes back; paid in time it counts all the same', async () => {
    const till = await openTill()
    const { invoice, status } = await newInvoice(till)
    await till.serve(invoice.activate('BTC-LN'))
    till.node.pay(shownAt(till).paymentHash)
    till.node.behave('away')
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    const close = (atMs: number) =>
      runInDurableObject(raw(till.walletId), (_object, state) => {
        state.storage.sql.exec('UPDATE invoices SET closes_ms = ?', atMs)
      })
    await close(Date.now() - 6 * 86_400_000)
    await till.look()
    expect(await object.readUntil()).toBeLessThan(Date.now() - 5 * 86_400_000)
    await close(Date.now() - 8 * 86_400_000)
    await till.look()
    expect(await object.readUntil()).toBeGreaterThan(Date.now() - 5_000)
    till.node.behave('well')
    await till.look()
    await settled(status, 'settled')
  })

  test('are found though the node cannot tell of an invoice that is over, and that one is asked for again', async () => {
    const till = await openTill()
    const [odd, over, paid] = [await newInvoice(till), await newInvoice(till), await newInvoice(till)]
    const hashes: string[] = []
    for (const { invoice } of [odd, over, paid]) {
      await till.serve(invoice.activate('BTC-LN'))
      hashes.push(shownAt(till).paymentHash)
    }
    const overMs = Date.now() - 1_000
    await runInDurableObject(raw(till.walletId), (_object, state) => {
      state.storage.sql.exec('UPDATE invoices SET closes_ms = ? WHERE idx < 2', overMs)
    })
    till.node.pay(hashes[2] ?? '')
    till.node.refuseLabel(`${odd.id}.0`)
    await till.look()
    await settled(paid.status, 'settled')
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    expect((await object.begin())?.closing).toMatchObject([{ index: 0 }])
    expect(await object.health()).toMatchObject({ status: 'down', error: expect.stringContaining('node_refused') })
    till.node.refuseLabel(null)
    await till.look()
    expect((await object.begin())?.closing).toEqual([])
    expect(await object.health()).toMatchObject({ status: 'ok' })
  })

  test('are not looked for by anybody who asks about a node that is not there', async () => {
    const nobody = testEnv.LIGHTNINGS.getByName('wal_nobody')
    expect(await nobody.readUntil()).toBeNull()
    expect(await nobody.begin()).toBeNull()
    expect(await nobody.errands()).toBeNull()
    expect(await nobody.health()).toBeNull()
    expect(await nobody.ownerOf(0)).toBeNull()
    expect(await nobody.paymentsAt(['lightning:regtest/00/wal_nobody'])).toEqual([])
    await nobody.commit({ base: null, cursor: '1', payments: [], closed: [], sending: null })
    await nobody.release('inv_x')
    expect(
      await nobody.allocate({ chainId: 'lightning:regtest', invoiceId: 'inv_x', units: 1n, memo: '', expiresAtMs: 1 }),
    ).toMatchObject({
      ok: false,
      error: { reason: 'not_configured' },
    })
    await runInDurableObject(raw('wal_nobody'), (_object, state) => {
      expect(state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'node'").toArray()).toEqual([])
    })
  })
})

describe('a node', () => {
  test('is asked once for each invoice, however many shoppers wait and messages come', async () => {
    const till = await openTill()
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    const wish = { chainId: 'lightning:regtest', memo: '', expiresAtMs: Date.now() + 900_000, units: 1n }
    const all = Array.from({ length: 30 }, () => object.allocate({ ...wish, invoiceId: randomId('inv') }))
    const asked: number[] = []
    await expect
      .poll(async () => {
        asked.push(...((await object.errands())?.make ?? []).map(({ index }) => index))
        return asked.length
      })
      .toBe(30)
    expect(await object.errands()).toMatchObject({ make: [] })
    expect(new Set(asked).size).toBe(30)
    await Promise.all(asked.map((index) => object.made(index, { ok: false, error: { reason: 'protocol', detail: 'away' } })))
    expect((await Promise.all(all)).every(({ ok }) => !ok)).toBe(true)
  })

  test('that gives the invoice of another is not believed: it would be paid for that one', async () => {
    const till = await openTill()
    const [one, other] = [await newInvoice(till), await newInvoice(till)]
    await till.serve(one.invoice.activate('BTC-LN'))
    const { bolt11, paymentHash } = shownAt(till)
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    const waiting = other.invoice.activate('BTC-LN')
    await expect.poll(async () => (await object.errands())?.make).toHaveLength(1)
    await object.made(1, { ok: true, value: { bolt11, paymentHash } })
    expect(await waiting).toMatchObject({ ok: false, error: { reason: 'method_unavailable' } })
  })

  test('belongs to the merchant who had it first, in all their stores', async () => {
    const till = await openTill()
    const name = till.store.lightningNodes?.[0]?.name ?? ''
    const again = await provisionStore(
      testEnv,
      { name: 'Second', wallets: walletsOf(name), merchantId: till.store.merchantId },
      Date.now(),
    )
    expect(again.ok).toBe(true)
    const other = await provisionStore(testEnv, { name: 'Other', wallets: walletsOf(name) }, Date.now())
    expect(other).toMatchObject({ ok: false, error: { reason: 'conflict', param: 'wallets[1].account.lightning' } })
  })

  test.each([
    ['coins of a chain', { account: { lightning: 'till' }, assets: ['BTC'] }, /does not take BTC/],
    ['another custody', { account: { lightning: 'till' }, assets: ['BTC-LN'], custody: 'platform' }, /own custody: self/],
    ['a name that is none', { account: { lightning: 'Till 1' }, assets: ['BTC-LN'] }, /name of a node/],
    ['an account key', { account: bitcoinAccount('x'), assets: ['BTC-LN'] }, /comes to a Lightning node/],
  ])('is not configured with %s', async (_name, wallet, detail) => {
    const made = await provisionStore(testEnv, { name: 'Shop', wallets: [wallet] }, Date.now())
    expect(made).toMatchObject({ ok: false, error: { detail: expect.stringMatching(detail) } })
  })

  test('tells its balance', async () => {
    const till = await openTill('phoenixd')
    const object = testEnv.LIGHTNINGS.getByName(till.walletId)
    expect(await till.serve(object.balance())).toEqual({ ok: true, value: 250_000n })
  })
})

test('a refund of what came by Lightning is refused by name', async () => {
  const till = await openTill()
  const { invoice, status } = await newInvoice(till)
  await till.serve(invoice.activate('BTC-LN'))
  till.node.pay(shownAt(till).paymentHash)
  await till.look()
  await settled(status, 'settled')
  const asked = await invoice.requestRefund({
    id: `tr_${'0'.repeat(32)}`,
    asset: null,
    rule: { type: 'full' },
    reason: null,
    by: 'test',
    fingerprint: 'x',
  })
  expect(asked).toMatchObject({ ok: false, error: { reason: 'rail_cannot_refund', rail: 'Lightning regtest' } })
})

test('a node’s object has no method that RPC reaches but those of its interface', async () => {
  const till = await openTill()
  await runInDurableObject(raw(till.walletId), (object) => {
    const names: string[] = []
    for (let shape = Object.getPrototypeOf(object); shape !== DurableObject.prototype; shape = Object.getPrototypeOf(shape))
      names.push(...Object.getOwnPropertyNames(shape))
    expect([...new Set(names)].sort()).toEqual(['alarm', 'constructor', ...ASKED].sort())
  })
})

/** Each of `LightningRpc`. */
const ASKED: readonly (keyof LightningRpc)[] = [
  'allocate',
  'balance',
  'begin',
  'cancelTransfer',
  'cancelled',
  'commit',
  'configure',
  'createTransfer',
  'errands',
  'failLook',
  'find',
  'given',
  'health',
  'made',
  'nextPayment',
  'outgoing',
  'ownerOf',
  'paymentsAt',
  'projectedTransfer',
  'readUntil',
  'release',
  'report',
  'sending',
  'settleTransfer',
  'summary',
  'takeAnswer',
  'takeSight',
  'told',
  'transfer',
]
