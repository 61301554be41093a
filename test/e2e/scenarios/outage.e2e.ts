import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import type { InvoiceResource } from '../../../src/invoice/resource.ts'
import { waitFor } from '../harness.ts'
import { audit } from './audit.ts'
import { endScene, errorsLogged, killNow, mine, open, readHealth, type Scene, startScene } from './scene.ts'

/**
 * Parts that go away: Workers killed at any moment, nodes that stop, a shop that does not answer. Whatever a killed
 * Worker had under way is done again, so a webhook may come twice here, and one that was just leaving comes only when
 * its lease has run out, a minute later: the invoices of the kills are audited last.
 */

const ASSETS = ['BTC', 'ETH', 'USDC'] as const
const INVOICES = 30
const CLIENTS = 5
/** The longest pause of a customer between two steps. */
const THINKING_MS = 800
/** Kills while the shops buy are as many as come; so many follow while their payments are being confirmed. */
const LAST_KILLS = 2
/** Over a commit of the follower, so that catching up takes several. */
const BLOCKS_MISSED = 45

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})

afterAll(() => endScene(scene))

/** What a client has been told, and so may rely on. */
interface Entry {
  readonly key: string
  readonly orderId: string
  readonly asset: string
  /** The first answer to the creation, byte for byte. */
  answer: string
  id: string
  address: string
  txid: string
}

const journal: Entry[] = []

describe('Workers killed at random moments', () => {
  it('lose nothing that was acknowledged and credit every payment once', async () => {
    const { stack } = scene
    let running = true
    const killing = (async () => {
      while (running) {
        await pause(Math.random() * 1_200)
        await killNow(scene)
      }
    })()
    const mining = (async () => {
      while (running) {
        await pause(300 + Math.random() * 600)
        await Promise.all([mine(scene, 'BTC', 1), mine(scene, 'ETH', 1)])
      }
    })()
    const todo = Array.from({ length: INVOICES }, (_, at) => ASSETS[at % ASSETS.length] ?? 'BTC')
    const client = async () => {
      for (let asset = todo.pop(); asset; asset = todo.pop()) journal.push(await buy(asset))
    }
    // Whatever fails, nothing is killed any more when the next test begins.
    const others = Promise.allSettled([killing, mining])
    try {
      await Promise.all(Array.from({ length: CLIENTS }, client))
    } finally {
      running = false
      await others
    }
    await Promise.all([killing, mining])
    for (let kill = 0; kill < LAST_KILLS; kill++) {
      await Promise.all([mine(scene, 'BTC', 1), mine(scene, 'ETH', 2)])
      await pause(Math.random() * 400)
      await killNow(scene)
    }

    for (const { id, txid, address, asset } of journal) {
      const settled = await stack.untilInvoice(id, ({ status }) => status === 'settled')
      expect(settled).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null, short: false } })
      expect(settled.payments).toMatchObject([{ txid, asset, status: 'confirmed', decision: 'counted' }])
      expect(settled.paymentMethods.find((method) => method.asset === asset)?.address).toBe(address)
    }
    expect(new Set(journal.map(({ id }) => id)).size).toBe(INVOICES)
    expect(new Set(journal.map(({ address }) => address)).size).toBe(INVOICES)
  })

  it('answer a creation that is sent again as they did the first time, and have made no other invoice', async () => {
    for (const entry of journal) {
      const again = await create(entry)
      expect(again.status).toBe(201)
      expect(again.text).toBe(entry.answer)
      expect(again.headers.get('idempotent-replayed')).toBe('true')
    }
    const made = new Set(journal.map(({ id }) => id))
    await waitFor(async () => {
      const { body } = await scene.stack.api<{ data: InvoiceResource[]; nextCursor: null }>('GET', '/v1/invoices?limit=100')
      const listed = body.data.map(({ id }) => id)
      expect(listed.filter((id) => !made.has(id))).toEqual([])
      return new Set(listed).size === made.size && listed.length === made.size
    })
  })
})

describe('a follower that was away', () => {
  it('catches up block by block, and credits what was paid in each', async () => {
    const { stack } = scene
    const paid: { id: string; txid: string; asset: string; behind: number }[] = []
    const shown = await Promise.all(
      [...ASSETS, ...ASSETS].map(async (asset) => {
        const { id } = await open(scene)
        return { id, method: await stack.activate(id, asset) }
      }),
    )
    await stack.killWorkers()
    for (const [at, { id, method }] of shown.entries()) {
      const { asset, address, unitsDue } = method
      paid.push({ id, asset, txid: await stack.wallets.pay({ asset, address, units: unitsDue }), behind: at })
      const blocks = Math.ceil(BLOCKS_MISSED / shown.length)
      await Promise.all([mine(scene, 'BTC', blocks), mine(scene, 'ETH', blocks)])
    }
    const heights = { bitcoin: await stack.wallets.bitcoin.height(), evm: await stack.wallets.evm.height() }
    await stack.restartWorkers()

    for (const { id, txid, asset } of paid) {
      const invoice = await stack.untilInvoice(id, ({ status }) => status === 'settled')
      expect(invoice.payments).toMatchObject([{ txid, asset, status: 'confirmed' }])
      const { statuses } = await audit(scene, id, { repeats: true })
      expect(statuses).toEqual(['new', 'settled'])
      expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null, late: false } })
    }
    for (const gateway of ['bitcoin', 'evm'] as const)
      await waitFor(async () => {
        const { status, height } = await readHealth(scene, gateway)
        return status === 'ok' && height === heights[gateway]
      })
  })
})

describe('a node that stops and comes back', () => {
  it('holds up no other chain, and what waited in it is settled', async () => {
    const { stack } = scene
    const waiting = await open(scene)
    const txid = await stack.pay(waiting.id, 'BTC')
    await stack.untilInvoice(waiting.id, ({ status }) => status === 'processing')
    await stack.stopBitcoin()
    await waitFor(async () => (await readHealth(scene, 'bitcoin')).status === 'down')
    const unpaid = await open(scene)
    const { address } = await stack.activate(unpaid.id, 'BTC')
    expect(address).toMatch(/^bcrt1q/)
    const other = await open(scene)
    await stack.pay(other.id, 'ETH')
    await stack.untilInvoice(other.id, ({ status }) => status === 'processing')
    await mine(scene, 'ETH', 3)
    await stack.untilInvoice(other.id, ({ status }) => status === 'settled')
    expect(await stack.readInvoice(waiting.id)).toMatchObject({ status: 'processing', payments: [{ txid, status: 'unconfirmed' }] })

    await stack.startBitcoin()
    // Paid and buried before the follower has found the node again, or not: the same comes of it.
    await stack.pay(unpaid.id, 'BTC')
    await mine(scene, 'BTC', 5)
    for (const { id } of [waiting, unpaid, other]) {
      await stack.untilInvoice(id, ({ status }) => status === 'settled')
      const { invoice } = await audit(scene, id, { repeats: true })
      expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
      expect(invoice.payments).toHaveLength(1)
    }
    await waitFor(async () => (await readHealth(scene, 'bitcoin')).status === 'ok')
  })

  it('may have put what waited into a block meanwhile', async () => {
    const { stack } = scene
    const waiting = await Promise.all(['ETH', 'USDC'].map(async (asset) => ({ asset, ...(await open(scene)) })))
    for (const { id, asset } of waiting) {
      await stack.pay(id, asset)
      await stack.untilInvoice(id, ({ status }) => status === 'processing')
    }
    await stack.stopEvm()
    await waitFor(async () => (await readHealth(scene, 'evm')).status === 'down')
    await stack.startEvm()
    await mine(scene, 'ETH', 3)
    for (const { id } of waiting) {
      await stack.untilInvoice(id, ({ status }) => status === 'settled')
      const { statuses, invoice } = await audit(scene, id, { repeats: true })
      expect(statuses).toEqual(['new', 'processing', 'settled'])
      expect(invoice).toMatchObject({ amountPaid: '20.00', facts: { over: null } })
    }
  })
})

describe('a shop that does not answer', () => {
  it('hears of everything when it is back', async () => {
    const { stack, receiver } = scene
    receiver.answerWith(500)
    const { id } = await open(scene)
    await stack.pay(id, 'ETH')
    await waitFor(() => receiver.of(id).some(({ type }) => type === 'invoice.processing'))
    receiver.answerWith(204)
    await mine(scene, 'ETH', 3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    await audit(scene, id, { repeats: true })
    const created = () => receiver.of(id).filter(({ type }) => type === 'invoice.created')
    await waitFor(() => created().length === 2)
    expect(new Set(created().map((webhook) => webhook.id)).size).toBe(1)
  })
})

describe('looks asked for many times at once', () => {
  it('credit a payment once', async () => {
    const { stack } = scene
    const invoices = await Promise.all(ASSETS.map(async (asset) => ({ asset, ...(await open(scene)) })))
    await Promise.all(invoices.map(({ id, asset }) => stack.activate(id, asset)))
    let running = true
    const asking = (async () => {
      while (running) {
        const looks = DEVELOPMENT_CHAINS.flatMap(({ id: chainId, gateway }) =>
          Array.from({ length: 5 }, () =>
            stack.workers.send(gateway === 'bitcoin' ? 'GATEWAY_BITCOIN' : 'GATEWAY_EVM', {
              kind: 'look',
              chainId,
              sentAtMs: Date.now(),
            }),
          ),
        )
        await Promise.all([...looks, stack.workers.sweep()])
        await pause(20)
      }
    })()
    try {
      for (const { id, asset } of invoices) {
        await stack.pay(id, asset)
        await stack.untilInvoice(id, ({ status }) => status === 'processing')
        await mine(scene, asset, 1)
        await mine(scene, asset, 1)
        await mine(scene, asset, 1)
        await stack.untilInvoice(id, ({ status }) => status === 'settled')
      }
    } finally {
      running = false
      await asking
    }
    for (const { id } of invoices) {
      const { invoice, statuses } = await audit(scene, id, { repeats: true })
      expect(statuses).toEqual(['new', 'processing', 'settled'])
      expect(invoice).toMatchObject({ amountPaid: '20.00', facts: { over: null } })
      expect(invoice.payments).toHaveLength(1)
    }
  })
})

describe('every invoice of the kills', () => {
  it('has a whole log, the money that is on the chain, its row in the list and all its webhooks', async () => {
    await Promise.all(journal.map(({ id }) => audit(scene, id, { repeats: true })))
  })

  it('no Worker has spoken of a defect', () => {
    expect(errorsLogged(scene)).toEqual([])
  })
})

/** What a shop and its customer do, whatever becomes of the system meanwhile: ask again until there is an answer. */
async function buy(asset: string): Promise<Entry> {
  const entry: Entry = { key: randomUUID(), orderId: randomUUID(), asset, answer: '', id: '', address: '', txid: '' }
  const created = await waitFor(() => tried(() => create(entry)))
  entry.answer = created.text
  await pause(Math.random() * THINKING_MS)
  entry.id = created.body.id
  const method = await waitFor(() => tried(() => scene.stack.activate(entry.id, asset)))
  entry.address = method.address
  await pause(Math.random() * THINKING_MS)
  entry.txid = await scene.stack.wallets.pay({ asset, address: method.address, units: method.unitsDue })
  return entry
}

async function create({ key, orderId }: Entry) {
  const answer = await scene.stack.api<InvoiceResource>(
    'POST',
    '/v1/invoices',
    { amount: '20.00', currency: 'EUR', orderId },
    { 'idempotency-key': key },
  )
  if (answer.status !== 201) throw new Error(answer.text)
  return answer
}

/** The answer, or null when there was none. */
async function tried<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask()
  } catch {
    return null
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
