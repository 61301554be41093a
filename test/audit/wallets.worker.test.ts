import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import { createAdmin } from '../../src/audit/admin.ts'
import { faultOfWallet } from '../../src/audit/coins.ts'
import type { StoreConfig } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { encodeJson } from '../../src/lib/json.ts'
import { READING_LEASE_MS_MAX } from '../../src/wallet/balances.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { auditor, chain, FINAL, GRACE_MS, newInvoice, newShop, payment, reserve, tamper, untilBooked } from './system.ts'

beforeAll(async () => {
  await migrateDatabases()
  await chain.mine(1)
})
beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  for (const table of ['merchants', 'wallets', 'wallet_stores']) await testEnv.DIRECTORY.prepare(`DELETE FROM ${table}`).run()
  await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, 'DELETE FROM payments')
})

/** Over any pause between two readings. */
const PAUSE_MS = 60_000
let nowMs = Date.now()

/** The objects' clock; it never goes back. */
function later(ms: number): void {
  nowMs += ms
  vi.setSystemTime(nowMs)
}

afterAll(() => void vi.useRealTimers())

const walletOf = (store: StoreConfig) => store.wallets[0]?.id ?? ''

/** A shop whose books say that 100,000 sat are in a wallet of the platform. */
async function paidShop(changes: object = {}) {
  const store = await newShop({ shard: 0, ...changes })
  await pay(store, 100_000n)
  return { store, walletId: walletOf(store), ledger: testEnv.LEDGERS.getByName(store.merchantId) }
}

async function pay(store: StoreConfig, available: bigint): Promise<void> {
  const invoiceId = await newInvoice(store)
  await chain.mine(1, [payment(invoiceId)])
  await chain.mine(FINAL - 1)
  await untilBooked(store, available)
}

/** The reading that the wallet waits for, as the gateways Worker would bring it; null when it waits for none. */
async function read(walletId: string, confirmed: bigint): Promise<boolean> {
  const [row] = await tamper('WALLETS', walletId, 'SELECT body FROM balances')
  const running = JSON.parse(String((row as { body?: string } | undefined)?.body ?? '{}')).running as { id: string } | null
  if (!running) return false
  const page = { from: 0, count: await testEnv.WALLETS.getByName(walletId).used(), pending: [] }
  const block = { height: chain.height, hash: `hash ${chain.height}`, timeMs: 0 }
  const balances = confirmed > 0n ? [{ position: 0, assetCode: 'BTC', confirmed, leaving: 0n, coins: [] }] : []
  const taken = await testEnv.WALLETS.getByName(walletId).takeReading(BITCOIN_REGTEST, running.id, { ...page, block, balances })
  expect(taken.ok).toBe(true)
  return true
}

/** One look: the books noted, the wallet read, the books read again. Answers what was suspected and raised. */
async function look(audit: ReturnType<typeof auditor>, walletId: string, confirmed: bigint, afterMs = GRACE_MS) {
  // The next reading may begin.
  later(PAUSE_MS)
  await audit.after(afterMs)
  expect(await read(walletId, confirmed)).toBe(true)
  const report = await audit.after(1)
  const ofWallets = (found: readonly { id: string }[]) => found.filter(({ id }) => id.startsWith('coins/'))
  return { suspects: ofWallets(report.suspects), raised: ofWallets(report.raised) }
}

async function clear(store: StoreConfig, id: string): Promise<number> {
  const path = `/admin/ledgers/${store.merchantId}/differences/${encodeURIComponent(id)}/clear`
  const body = JSON.stringify({ by: 'test', reason: 'looked' })
  return (await createAdmin().request(path, { method: 'POST', body }, testEnv)).status
}

test('a wallet that holds what the books say, or more, is not accused', async () => {
  const { store, walletId } = await paidShop()
  const audit = auditor('wallets honest')
  for (const holds of [100_000n, 100_001n, 5_000_000n]) {
    expect(await look(audit, walletId, holds)).toEqual({ suspects: [], raised: [] })
  }
  expect((await reserve(store)).ok).toBe(true)
  expect(await audit.status()).toMatchObject({ error: null, differences: 0 })
})

test('coins that are missing are raised once they have been missing for long enough, and freeze the money of all who have the wallet', async () => {
  const wallets = [{ account: bitcoinAccount('shared hot wallet'), assets: ['BTC'], custody: 'platform' }]
  const { store: one, walletId } = await paidShop({ wallets })
  const { store: other } = await paidShop({ wallets })
  expect(walletOf(other)).toBe(walletId)
  const audit = auditor('wallets missing')
  const first = await look(audit, walletId, 199_999n)
  expect(first.raised).toEqual([])
  expect(first.suspects.map(({ id }) => id)).toEqual([`coins/${walletId}/BTC`, `coins/${walletId}/BTC`])
  // Other figures, and still too little: the same finding.
  await pay(one, 200_000n)
  const second = await look(audit, walletId, 190_000n)
  expect(second.raised).toHaveLength(2)
  for (const store of [one, other]) {
    expect(await reserve(store)).toMatchObject({ error: { reason: 'ledger_frozen', differences: [`coins/${walletId}/BTC`] } })
    const [difference] = (await testEnv.LEDGERS.getByName(store.merchantId).standing()).differences
    expect(difference).toMatchObject({ kind: 'wallet', storeId: null })
    expect(difference?.detail).toContain('must hold 200000 BTC by the books, and holds 199999 at block')
  }
  const third = await look(audit, walletId, 300_000n)
  expect(third).toEqual({ suspects: [], raised: [] })
  // Nothing leaves the wallet either, until a person has looked; what a person stopped, a person allows.
  const wallet = testEnv.WALLETS.getByName(walletId)
  expect(await wallet.sendingFrozen()).toMatchObject({ reason: expect.stringContaining(`coins/${walletId}/BTC: wallet`) })
  expect(await clear(one, `coins/${walletId}/BTC`)).toBe(200)
  expect(await wallet.sendingFrozen()).toBeNull()
  await wallet.freezeSending('a person says so')
  expect(await clear(other, `coins/${walletId}/BTC`)).toBe(200)
  expect(await wallet.sendingFrozen()).toMatchObject({ reason: 'a person says so' })
})

test('what is missing for a moment is forgotten', async () => {
  const { store, walletId } = await paidShop()
  const audit = auditor('wallets for a moment')
  expect((await look(audit, walletId, 0n)).suspects).toHaveLength(1)
  expect((await look(audit, walletId, 100_000n)).suspects).toEqual([])
  expect((await look(audit, walletId, 0n)).raised).toEqual([])
  expect((await reserve(store)).ok).toBe(true)
})

test('what is missing is forgotten when the books want nothing of the wallet any more', async () => {
  const { store, walletId, ledger } = await paidShop()
  const audit = auditor('wallets empty')
  expect((await look(audit, walletId, 0n)).suspects).toHaveLength(1)
  const { merchantId, storeId, shard } = store
  const gone = { from: 'available', to: `wallet:${walletId}`, amount: 100_000n, asset: 'BTC' }
  const order = { key: 'gone', merchantId, storeId, shard, cause: 'adjustment', by: 'test', reason: 'written off' } as const
  expect((await ledger.book({ ...order, postings: [gone], invoiceId: null, transferId: null })).ok).toBe(true)
  later(PAUSE_MS)
  await audit.after(1)
  await read(walletId, 0n)
  for (let runs = 0; runs < 2; runs++) await audit.after(1)
  expect((await audit.after(GRACE_MS)).suspects.filter(({ id }) => id.startsWith('coins/'))).toEqual([])
})

test('a payment that is booked while the wallet is read makes no difference', async () => {
  const { store, walletId } = await paidShop()
  const audit = auditor('wallets in use')
  for (let looks = 1; looks <= 3; looks++) {
    later(PAUSE_MS)
    await audit.after(GRACE_MS)
    const before = 100_000n * BigInt(looks)
    expect(await read(walletId, before)).toBe(true)
    await pay(store, before + 100_000n)
    expect((await audit.after(1)).suspects).toEqual([])
  }
})

test('a reading from before the books were noted proves nothing; the next one does', async () => {
  const { store, walletId } = await paidShop()
  const wallet = testEnv.WALLETS.getByName(walletId)
  await wallet.refresh(BITCOIN_REGTEST)
  expect(await read(walletId, 100_000n)).toBe(true)
  await pay(store, 200_000n)
  const audit = auditor('wallets old reading')
  // Asked for a moment ago, so no other begins: what is there is from before the second payment.
  await audit.after(0)
  expect((await audit.after(GRACE_MS)).suspects).toEqual([])
  later(PAUSE_MS)
  expect((await audit.after(GRACE_MS)).suspects).toEqual([])
  expect(await read(walletId, 150_000n)).toBe(true)
  expect((await audit.after(1)).suspects.map(({ id }) => id)).toEqual([`coins/${walletId}/BTC`])
})

test('a wallet that cannot be read keeps no other waiting for ever, and what it was suspected of stays', async () => {
  const { walletId } = await paidShop()
  const audit = auditor('wallets unread')
  await look(audit, walletId, 1n)
  later(PAUSE_MS)
  await audit.after(1)
  for (let runs = 0; runs < 3; runs++) {
    later(READING_LEASE_MS_MAX)
    const { suspects } = await audit.after(READING_LEASE_MS_MAX)
    expect(suspects.map(({ id }) => id)).toEqual([`coins/${walletId}/BTC`])
  }
})

test('wallets are gone through once an hour, five at a time, and one that is suspected in every run', async () => {
  const shops: Awaited<ReturnType<typeof paidShop>>[] = []
  for (let count = 0; count < 7; count++) shops.push(await paidShop())
  shops.sort((one, other) => (one.walletId < other.walletId ? -1 : 1))
  const audit = auditor('wallets by the hour', {}, { walletsMs: 3_600_000 })
  const asked = async () => {
    const found = await Promise.all(shops.map(({ walletId }) => tamper('WALLETS', walletId, 'SELECT body FROM balances')))
    return found.filter((rows) => rows.length > 0).length
  }
  await audit.after(0)
  expect(await asked()).toBe(5)
  const readAll = (missing: string | null) =>
    Promise.all(shops.map(({ walletId }) => read(walletId, walletId === missing ? 1n : 100_000n)))
  await readAll(null)
  await audit.after(60_000)
  expect(await asked()).toBe(7)
  const thief = shops[0]?.walletId ?? ''
  later(PAUSE_MS)
  expect((await readAll(thief)).filter(Boolean)).toHaveLength(2)
  for (let runs = 0; runs < 3; runs++) {
    expect((await audit.after(60_000)).suspects).toEqual([])
    later(PAUSE_MS)
    expect((await readAll(thief)).filter(Boolean)).toEqual([])
  }
  // The next pass finds it, and from then on every run looks.
  later(10 * PAUSE_MS)
  await audit.after(3_600_000)
  await readAll(thief)
  expect((await audit.after(60_000)).suspects.map(({ id }) => id)).toEqual([`coins/${thief}/BTC`])
  await readAll(null)
  later(PAUSE_MS)
  await audit.after(1)
  expect((await readAll(thief)).filter(Boolean)).toHaveLength(1)
  expect((await audit.after(GRACE_MS)).raised.map(({ id }) => id)).toEqual([`coins/${thief}/BTC`])
})

test('wallets of merchants are their own business, and one beside another on a chain proves nothing', async () => {
  const own = await newShop({ wallets: [{ account: bitcoinAccount('own key'), assets: ['BTC'], custody: 'self' }] })
  const invoiceId = await newInvoice(own)
  await chain.mine(1, [payment(invoiceId)])
  const { walletId, store } = await paidShop()
  const config = { ...store, methods: [...store.methods, { asset: 'BTC', walletId: 'wal_beside', custody: 'platform' }] }
  await testEnv.DIRECTORY.prepare('UPDATE stores SET config = ? WHERE id = ?').bind(encodeJson(config), store.storeId).run()
  await auditor('wallets of others').after(0)
  for (const id of [walletOf(own), walletId]) expect(await tamper('WALLETS', id, 'SELECT * FROM balances')).toEqual([])
})

/** Wallets that say so of what is on its way out of them. */
function sending(outgoing: () => Record<string, bigint>) {
  const getByName = (name: string) => {
    const wallet = testEnv.WALLETS.getByName(name) as unknown as Record<string, (...args: unknown[]) => unknown>
    const method = (key: string) => (key === 'outgoing' ? async () => outgoing() : (...args: unknown[]) => wallet[key]?.(...args))
    return new Proxy({}, { get: (_target, key) => method(String(key)) })
  }
  return { WALLETS: { getByName } }
}

test('a wallet that always has transfers on their way is compared all the same: honest it is not accused, and a theft is found', async () => {
  const { store, walletId, ledger } = await paidShop()
  let outgoing = 0n
  const audit = auditor(
    'wallets always busy',
    sending(() => ({ BTC: outgoing })),
  )
  const { merchantId, storeId, shard } = store
  const common = {
    merchantId,
    storeId,
    shard,
    cause: 'adjustment',
    by: 'test',
    reason: 'sent',
    invoiceId: null,
    transferId: null,
  } as const
  let inBooks = 100_000n
  const book = async (amount: bigint) => {
    const postings = [{ from: 'available', to: `wallet:${walletId}`, amount, asset: 'BTC' }]
    expect((await ledger.book({ ...common, key: randomId('evt'), postings })).ok).toBe(true)
    inBooks -= amount
  }
  /** One look at it, in which what was on its way is booked, and another is sent; `stolen` is missing on the chain. */
  const busy = async (stolen: bigint) => {
    later(PAUSE_MS)
    await audit.after(GRACE_MS)
    const wasOut = outgoing
    outgoing = wasOut + 7_000n
    // All that is signed is in a block already.
    expect(await read(walletId, inBooks - outgoing - stolen)).toBe(true)
    await book(wasOut)
    outgoing -= wasOut
    const { suspects, raised } = await audit.after(1)
    const ofWallets = (found: readonly { id: string }[]) => found.flatMap(({ id }) => (id.startsWith('coins/') ? [id] : []))
    return { suspects: ofWallets(suspects), raised: ofWallets(raised) }
  }
  outgoing = 5_000n
  for (let looks = 0; looks < 4; looks++) expect(await busy(0n)).toEqual({ suspects: [], raised: [] })
  expect(await busy(1n)).toEqual({ suspects: [`coins/${walletId}/BTC`], raised: [] })
  expect(await busy(1n)).toMatchObject({ raised: [`coins/${walletId}/BTC`] })
  expect(await reserve(store)).toMatchObject({ error: { reason: 'ledger_frozen' } })
})

test('what was sent and is not final has left the chain, and not yet the books', () => {
  const inWallet = { BTC: 100n }
  const leaving = { inTransit: { BTC: 40n }, outgoing: {}, gone: {}, unread: {} }
  expect(faultOfWallet('wal_1', 'BTC', inWallet, leaving, { units: 60n, height: 7 })).toBeNull()
  expect(faultOfWallet('wal_1', 'BTC', inWallet, leaving, { units: 59n, height: 7 })).toBe(
    'wallet wal_1 must hold 60 BTC by the books, and holds 59 at block 7',
  )
  expect(faultOfWallet('wal_1', 'ETH', inWallet, leaving, { units: 0n, height: 7 })).toBeNull()
  expect(faultOfWallet('wal_1', 'BTC', inWallet, leaving, null)).toBeNull()
  // Signed, and its reservation not posted yet; or gas that the platform pays and has not booked.
  const unposted = { ...leaving, outgoing: { BTC: 45n } }
  expect(faultOfWallet('wal_1', 'BTC', inWallet, unposted, { units: 55n, height: 7 })).toBeNull()
  expect(faultOfWallet('wal_1', 'BTC', inWallet, unposted, { units: 54n, height: 7 })).toContain('must hold 55 BTC')
  const less = { ...leaving, outgoing: { BTC: 5n } }
  expect(faultOfWallet('wal_1', 'BTC', inWallet, less, { units: 60n, height: 7 })).toBeNull()
})
