import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import type { AddressBalance, BalanceReader, BlockStamp, NodeError } from '../../src/gateways/gateway.ts'
import { addressBookOf, watchKeyOf } from '../../src/gateways/registry.ts'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { err, ok } from '../../src/lib/result.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { CHUNK, COINS_MAX, READING_LEASE_MS, READING_LEASE_MS_MAX } from '../../src/wallet/balances.ts'
import { type BalancePorts, readBalance } from '../../src/wallet/read-balance.ts'
import type { BalanceMessage, Holding, WaitingPayment } from '../../src/wallet/rpc.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import { bitcoinAccount, evmAccount } from '../storage/accounts.ts'

const env = testEnv as unknown as CoreEnv
const chains = createRegistry(DEVELOPMENT_CHAINS)
const raw = (name: string) => (testEnv as unknown as { WALLETS: DurableObjectNamespace }).WALLETS.getByName(name)
const block = (height: number): BlockStamp => ({ height, hash: `hash ${height}`, timeMs: height })

/** Over any pause between two readings. */
const PAUSE_MS = 60_000
let names = 0

/** A wallet with so many addresses given out. */
async function walletWith(addresses: number, chainId = BITCOIN_REGTEST) {
  const name = `wal_balances_${names++}`
  const account = chainId === BITCOIN_REGTEST ? bitcoinAccount(name) : evmAccount(name)
  const wallet = env.WALLETS.getByName(name)
  await wallet.configure(account)
  if (addresses <= 50) for (let n = 0; n < addresses; n++) await wallet.allocate(chainId, `inv_${n}`)
  else await giveMany(name, addresses)
  const sent = await messagesOf(name)
  return { name, account, wallet, sent, chainId }
}

type World = Awaited<ReturnType<typeof walletWith>>

/** As if they had been given out: deriving thousands takes its time, and is not what is tested. */
function giveMany(name: string, count: number): Promise<unknown> {
  return runInDurableObject(raw(name), (_object, state) => {
    state.storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO addresses (idx, invoice_id, key) SELECT i, 'inv_' || i, randomblob(22) FROM n`,
      count - 1,
    )
  })
}

/** What the wallet puts into its queue. */
async function messagesOf(name: string): Promise<BalanceMessage[]> {
  const sent: BalanceMessage[] = []
  await runInDurableObject(raw(name), (object) => {
    const own = { ...env, WALLET_BALANCES: { send: async (message: BalanceMessage) => void sent.push(message) } }
    Object.assign(object, { env: own })
  })
  return sent
}

interface Chain {
  /** What addresses hold, by watch key in hexadecimal. */
  readonly held: Map<string, Omit<AddressBalance, 'position'>>
  readonly reader: BalanceReader
  readonly pending: WaitingPayment[]
  height: number
  refusal: NodeError | null
  readonly asked: { keys: number; at: string | null }[]
}

/** A chain that the test says everything about. */
function chainOf(keysMax: number): Chain {
  const chain: Chain = {
    held: new Map(),
    pending: [],
    height: 7,
    refusal: null,
    asked: [],
    reader: {
      keysMax,
      async read(keys, at) {
        chain.asked.push({ keys: keys.length, at: at?.hash ?? null })
        if (chain.refusal) return err(chain.refusal)
        const balances = keys.flatMap((key, position) => {
          const held = chain.held.get(toHex(key))
          return held ? [{ ...held, position }] : []
        })
        return ok({ block: block(chain.height), balances })
      },
    },
  }
  return chain
}

function portsOf(world: World, chain: Chain): BalancePorts {
  const follower = {
    health: async () => ({ height: chain.height, hash: `hash ${chain.height}` }),
    paymentsPage: async () => ({
      payments: chain.pending.map(({ txid, index, ...rest }) => ({
        ...rest,
        key: `${world.chainId}/${txid}/${index}`,
        status: 'unconfirmed',
        confirmations: 0,
      })),
      next: null,
    }),
  }
  return { wallet: world.wallet, reader: chain.reader, follower: follower as unknown as BalancePorts['follower'] }
}

/** The gateways Worker, until the queue is empty. */
async function work(world: World, chain: Chain): Promise<number> {
  let messages = 0
  for (let message = world.sent.shift(); message !== undefined; message = world.sent.shift()) {
    messages++
    await readBalance(portsOf(world, chain), message)
  }
  return messages
}

async function keyAt(world: World, index: number): Promise<string> {
  const [row] = await runInDurableObject(raw(world.name), (_object, state) =>
    state.storage.sql.exec('SELECT hex(key) AS key FROM addresses WHERE idx = ?', index).toArray(),
  )
  return String(row?.key).toLowerCase()
}

/** Bitcoin on an index: one coin for each of these amounts. */
async function put(world: World, chain: Chain, index: number, ...amounts: bigint[]): Promise<void> {
  const coins = amounts.map((units, vout) => {
    return { txid: `tx of ${index}`, vout, units, height: 5, coinbase: false, leaving: false }
  })
  const confirmed = amounts.reduce((sum, units) => sum + units, 0n)
  chain.held.set(await keyAt(world, index), { assetCode: 'BTC', confirmed, leaving: 0n, coins })
}

const rowsOf = (name: string) =>
  runInDurableObject(raw(name), (_object, state) => state.storage.sql.exec('SELECT chain_id, slot, chunk FROM holdings').toArray())

/** Lets the next refresh begin. */
async function later(ms: number = PAUSE_MS): Promise<void> {
  vi.setSystemTime(Date.now() + ms)
}

describe('the balance of a wallet', () => {
  test('is unknown until it was read; then it is what all its addresses hold, as of one block', async () => {
    const world = await walletWith(4)
    const chain = chainOf(100_000)
    await put(world, chain, 1, 30_000n, 12n)
    await put(world, chain, 3, 500n)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toEqual({
      chainId: BITCOIN_REGTEST,
      askedAtMs: null,
      reading: null,
      refreshing: false,
      error: null,
    })
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('asked'))
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({ reading: null, refreshing: true })
    expect(await work(world, chain)).toBe(1)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({
      refreshing: false,
      error: null,
      reading: { block: block(7), addresses: 4, coinsLeftOut: 0, sums: { BTC: { confirmed: 30_512n, leaving: 0n, pending: 0n } } },
    })
    const holdings = await world.wallet.holdings(BITCOIN_REGTEST, [0, 1, 2, 3, 900])
    expect(holdings.map(({ index, confirmed, coins }: Holding) => [index, confirmed, coins.length])).toEqual([
      [1, 30_012n, 2],
      [3, 500n, 1],
    ])
    await evictDurableObject(raw(world.name))
    expect(await world.wallet.holdings(BITCOIN_REGTEST, [1, 3])).toEqual(holdings)
    expect(await rowsOf(world.name)).toHaveLength(1)
  })

  test('has what waits beside it; a payment that is in the block by then is not told twice, and others’ are not ours', async () => {
    const world = await walletWith(3)
    const chain = chainOf(100_000)
    await put(world, chain, 0, 700n)
    chain.pending.push(
      { invoiceId: 'inv_0', assetCode: 'BTC', units: 700n, txid: 'tx of 0', index: '0' },
      { invoiceId: 'inv_2', assetCode: 'BTC', units: 40n, txid: 'waits', index: '1' },
      { invoiceId: 'inv_of_somebody', assetCode: 'BTC', units: 9n, txid: 'waits', index: '2' },
    )
    await world.wallet.refresh(BITCOIN_REGTEST)
    await work(world, chain)
    const { reading } = await world.wallet.balance(BITCOIN_REGTEST)
    expect(reading?.sums).toEqual({ BTC: { confirmed: 700n, leaving: 0n, pending: 40n } })
    expect(await world.wallet.holdings(BITCOIN_REGTEST, [0, 1, 2])).toMatchObject([
      { index: 0, confirmed: 700n, pending: 0n },
      { index: 2, confirmed: 0n, pending: 40n },
    ])
  })

  test('is asked for one at a time, and not all the time', async () => {
    const world = await walletWith(1)
    const chain = chainOf(100_000)
    const asked = await Promise.all([1, 2, 3].map(() => world.wallet.refresh(BITCOIN_REGTEST)))
    expect(asked.map((answer) => answer.ok && answer.value)).toEqual(['asked', 'running', 'running'])
    expect(world.sent).toHaveLength(1)
    await work(world, chain)
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('recent'))
    await later(2 * chains.chain(BITCOIN_REGTEST).pollMs)
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('asked'))
    // A reading that took long is not repeated soon: the node has other things to do.
    await later(100_000)
    await work(world, chain)
    await later(5 * 100_000 - 100_001)
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('recent'))
    await later(1)
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('asked'))
    vi.useRealTimers()
  })

  test('of another reading is the one before until the new one is whole, and nothing of the old one is in it', async () => {
    const world = await walletWith(3)
    const chain = chainOf(100_000)
    await put(world, chain, 0, 100n)
    await world.wallet.refresh(BITCOIN_REGTEST)
    await work(world, chain)
    for (const [index, units] of [
      [1, 200n],
      [2, 300n],
      [0, 400n],
    ] as const) {
      await later()
      chain.held.clear()
      chain.height++
      await put(world, chain, index, units)
      const before = (await world.wallet.balance(BITCOIN_REGTEST)).reading
      expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('asked'))
      expect((await world.wallet.balance(BITCOIN_REGTEST)).reading).toEqual(before)
      await work(world, chain)
      expect((await world.wallet.balance(BITCOIN_REGTEST)).reading?.sums.BTC?.confirmed).toBe(units)
      expect(await world.wallet.holdings(BITCOIN_REGTEST, [0, 1, 2])).toMatchObject([{ index, confirmed: units }])
    }
    // Two slots, used in turn: rows do not pile up.
    expect(await rowsOf(world.name)).toHaveLength(2)
    vi.useRealTimers()
  })
})

describe('a reading that fails', () => {
  test('leaves the one before, and says why', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const world = await walletWith(1)
    const chain = chainOf(100_000)
    await put(world, chain, 0, 100n)
    await world.wallet.refresh(BITCOIN_REGTEST)
    await work(world, chain)
    chain.refusal = { reason: 'node_refused', detail: 'scantxoutset: busy (-8)' }
    await later()
    await world.wallet.refresh(BITCOIN_REGTEST)
    await work(world, chain)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({
      refreshing: false,
      error: { reason: 'node_refused', detail: 'scantxoutset: busy (-8)' },
      reading: { sums: { BTC: { confirmed: 100n } } },
    })
    chain.refusal = null
    await later()
    await world.wallet.refresh(BITCOIN_REGTEST)
    await work(world, chain)
    expect((await world.wallet.balance(BITCOIN_REGTEST)).error).toBeNull()
    vi.useRealTimers()
  })

  test('whose pages are of two blocks is dropped whole', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const world = await walletWith(2 * CHUNK + 5)
    const chain = chainOf(CHUNK)
    await put(world, chain, 0, 100n)
    await world.wallet.refresh(BITCOIN_REGTEST)
    await readBalance(portsOf(world, chain), world.sent.shift() as BalanceMessage)
    chain.height++
    expect(await work(world, chain)).toBe(1)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({
      reading: null,
      refreshing: false,
      error: { reason: 'mixed' },
    })
    expect(await world.wallet.holdings(BITCOIN_REGTEST, [0])).toEqual([])
  })

  test('or is lost is replaced after its lease; what it brings later changes nothing', async () => {
    const world = await walletWith(1)
    const chain = chainOf(100_000)
    await put(world, chain, 0, 100n)
    await world.wallet.refresh(BITCOIN_REGTEST)
    const lost = world.sent.shift() as BalanceMessage
    await later(READING_LEASE_MS)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({ refreshing: false, error: { reason: 'lost' } })
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('asked'))
    await readBalance(portsOf(world, chain), lost)
    expect(chain.asked).toEqual([])
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({ reading: null, refreshing: true })
    await world.wallet.failReading(BITCOIN_REGTEST, lost.readingId, { reason: 'node_lied', detail: 'too late' })
    await work(world, chain)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({
      error: null,
      reading: { sums: { BTC: { confirmed: 100n } } },
    })
    vi.useRealTimers()
  })

  test('or is lost though the one before took long is replaced at once; one that is heard of is waited for', async () => {
    const world = await walletWith(1)
    const chain = chainOf(100_000)
    await put(world, chain, 0, 100n)
    await world.wallet.refresh(BITCOIN_REGTEST)
    // A node that scans for minutes, and a carrier that says so.
    for (let beats = 0; beats < 20; beats++) {
      await later((3 * READING_LEASE_MS) / 4)
      expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('running'))
      await world.wallet.stillReading(BITCOIN_REGTEST, world.sent[0]?.readingId ?? '')
    }
    expect(world.sent).toHaveLength(1)
    await work(world, chain)
    await later(5 * 20 * READING_LEASE_MS)
    await world.wallet.refresh(BITCOIN_REGTEST)
    const lost = world.sent.shift() as BalanceMessage
    await later(READING_LEASE_MS)
    await world.wallet.stillReading(BITCOIN_REGTEST, 'another')
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('asked'))
    await world.wallet.stillReading(BITCOIN_REGTEST, lost.readingId)
    expect(await work(world, chain)).toBe(1)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({ refreshing: false, error: null })
    vi.useRealTimers()
  })

  test('whose message waits long in the queue has twice as long each time, so that none is begun for ever', async () => {
    const world = await walletWith(1)
    const chain = chainOf(100_000)
    // One consumer, busy for ten minutes with another wallet: what waits for the reading asks all the time.
    let begun = 0
    for (let waitedMs = 0; waitedMs < 10 * 60_000; waitedMs += 5_000) {
      const asked = await world.wallet.refresh(BITCOIN_REGTEST)
      if (asked.ok && asked.value === 'asked') begun++
      await later(5_000)
    }
    expect(begun).toBe(5)
    expect(await work(world, chain)).toBe(5)
    expect(chain.asked).toHaveLength(1)
    expect((await world.wallet.balance(BITCOIN_REGTEST)).reading).not.toBeNull()
    // However often it is lost: never longer than this.
    await later(3_600_000)
    for (let losses = 0; losses < 12; losses++) {
      await world.wallet.refresh(BITCOIN_REGTEST)
      await later(READING_LEASE_MS_MAX)
    }
    expect(world.sent).toHaveLength(12)
    // One that is whole makes good.
    await work(world, chain)
    await later(3_600_000)
    await world.wallet.refresh(BITCOIN_REGTEST)
    await later(READING_LEASE_MS)
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toEqual(ok('asked'))
    vi.useRealTimers()
  })

  test('since the queue refuses is told, not waited for', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const world = await walletWith(1)
    await runInDurableObject(raw(world.name), (object) => {
      const send = async () => Promise.reject(new Error('the queue is full'))
      Object.assign(object, { env: { ...env, WALLET_BALANCES: { send } } })
    })
    await world.wallet.refresh(BITCOIN_REGTEST)
    expect(await world.wallet.balance(BITCOIN_REGTEST)).toMatchObject({
      refreshing: false,
      error: { reason: 'not_sent', detail: 'the queue is full' },
    })
  })
})

describe('a wallet of many addresses', () => {
  test('is read page by page at the block of the first, each page once though messages come twice', async () => {
    const count = 3 * CHUNK + 17
    const world = await walletWith(count)
    const chain = chainOf(CHUNK + 300)
    for (const index of [0, CHUNK - 1, CHUNK, count - 1]) await put(world, chain, index, 1_000n + BigInt(index))
    chain.pending.push({ invoiceId: `inv_${count - 2}`, assetCode: 'BTC', units: 40n, txid: 'waits', index: '1' })
    await world.wallet.refresh(BITCOIN_REGTEST)
    let pages = 0
    for (let message = world.sent.shift(); message !== undefined; message = world.sent.shift()) {
      const twice = message
      await Promise.all([readBalance(portsOf(world, chain), twice), readBalance(portsOf(world, chain), twice)])
      pages++
      // The second taking of a page asked for no further page.
      expect(world.sent.length).toBeLessThanOrEqual(1)
    }
    expect(pages).toBe(4)
    expect(new Set(chain.asked.map(({ keys }) => keys))).toEqual(new Set([CHUNK, 17]))
    expect(new Set(chain.asked.map(({ at }) => at))).toEqual(new Set(['hash 7']))
    const { reading } = await world.wallet.balance(BITCOIN_REGTEST)
    expect(reading).toMatchObject({ addresses: count })
    expect(reading?.sums.BTC).toEqual({ confirmed: 4_000n + BigInt(CHUNK - 1 + CHUNK + count - 1), leaving: 0n, pending: 40n })
    const ends = await world.wallet.holdings(BITCOIN_REGTEST, [CHUNK - 1, CHUNK, count - 2, count - 1])
    expect(ends.map(({ index }: Holding) => index)).toEqual([CHUNK - 1, CHUNK, count - 2, count - 1])
    expect(await rowsOf(world.name)).toHaveLength(3)
  })

  test('of 100,000 is one scan; more are refused by name', async () => {
    const world = await walletWith(100_000)
    const chain = chainOf(100_000)
    await put(world, chain, 99_999, 77n)
    await world.wallet.refresh(BITCOIN_REGTEST)
    expect(await work(world, chain)).toBe(1)
    expect(chain.asked).toEqual([{ keys: 100_000, at: 'hash 7' }])
    expect((await world.wallet.balance(BITCOIN_REGTEST)).reading?.sums.BTC?.confirmed).toBe(77n)
    await world.wallet.allocate(BITCOIN_REGTEST, 'inv_one_more')
    await later()
    expect(await world.wallet.refresh(BITCOIN_REGTEST)).toMatchObject({ error: { reason: 'too_many_addresses' } })
    vi.useRealTimers()
  })

  test('keeps the largest coins when there are too many, and every unit in the sums', async () => {
    const world = await walletWith(2)
    const chain = chainOf(100_000)
    const crumbs = Array.from({ length: COINS_MAX }, () => 1n)
    await put(world, chain, 0, ...crumbs, 50_000n)
    await put(world, chain, 1, 60_000n)
    await world.wallet.refresh(BITCOIN_REGTEST)
    await work(world, chain)
    const { reading } = await world.wallet.balance(BITCOIN_REGTEST)
    expect(reading?.sums.BTC?.confirmed).toBe(110_000n + BigInt(COINS_MAX))
    const kept = await world.wallet.holdings(BITCOIN_REGTEST, [0, 1])
    expect(kept.flatMap(({ coins }: Holding) => coins.map(({ units }) => units)).filter((units: bigint) => units > 1n)).toEqual([
      50_000n,
      60_000n,
    ])
    expect(reading?.coinsLeftOut).toBe(COINS_MAX + 2 - kept.flatMap(({ coins }: Holding) => coins).length)
    expect(reading?.coinsLeftOut).toBeGreaterThan(0)
  })
})

test('an address is found by its watch key, whatever chain it is written for, and only once it was given out', async () => {
  const world = await walletWith(3, EVM_LOCAL)
  const chain = chains.chain(EVM_LOCAL)
  for (const index of [0, 2]) {
    const derived = addressBookOf(chain).derive(chain, world.account, index)
    if (!derived.ok) throw new Error(derived.error.detail)
    const key = watchKeyOf(chain, derived.value.address.toLowerCase()) ?? new Uint8Array()
    expect(await world.wallet.find(key)).toEqual({ index, invoiceId: `inv_${index}` })
  }
  const next = addressBookOf(chain).derive(chain, world.account, 3)
  expect(await world.wallet.find(next.ok ? next.value.watchKey : new Uint8Array())).toBeNull()
  expect(await world.wallet.given(1, 10)).toEqual([
    { index: 1, invoiceId: 'inv_1' },
    { index: 2, invoiceId: 'inv_2' },
  ])
  expect(await world.wallet.used()).toBe(3)
})

test('a wallet from before balances were read gets its watch keys when it is first read', async () => {
  const world = await walletWith(3, EVM_LOCAL)
  const derived = addressBookOf(chains.chain(EVM_LOCAL)).derive(chains.chain(EVM_LOCAL), world.account, 1)
  const key = derived.ok ? toHex(derived.value.watchKey) : ''
  await runInDurableObject(raw(world.name), (_object, state) => {
    state.storage.sql.exec('DROP TABLE addresses')
    state.storage.sql.exec('CREATE TABLE addresses (idx INTEGER PRIMARY KEY, invoice_id TEXT NOT NULL UNIQUE)')
    state.storage.sql.exec("INSERT INTO addresses (idx, invoice_id) VALUES (0, 'inv_0'), (1, 'inv_1')")
  })
  await evictDurableObject(raw(world.name))
  const sent = await messagesOf(world.name)
  const chain = chainOf(CHUNK)
  chain.held.set(key, { assetCode: 'USDC', confirmed: 5n, leaving: 0n, coins: [] })
  await world.wallet.refresh(EVM_LOCAL)
  await work({ ...world, sent }, chain)
  expect((await world.wallet.balance(EVM_LOCAL)).reading?.sums).toEqual({ USDC: { confirmed: 5n, leaving: 0n, pending: 0n } })
  expect(await world.wallet.find(fromHex(key))).toEqual({ index: 1, invoiceId: 'inv_1' })
  expect(await world.wallet.allocate(EVM_LOCAL, 'inv_new')).toMatchObject({ value: { index: 2 } })
})

test('what has no account or no such chain is refused', async () => {
  expect(await env.WALLETS.getByName('wal_nothing').refresh(BITCOIN_REGTEST)).toMatchObject({ error: { reason: 'not_configured' } })
  const world = await walletWith(1, EVM_LOCAL)
  expect(await world.wallet.refresh(BITCOIN_REGTEST)).toMatchObject({ error: { reason: 'bad_account_key' } })
  expect(await world.wallet.refresh('bip122:unknown')).toMatchObject({ error: { reason: 'wrong_network' } })
  expect(world.sent).toEqual([])
})
