import { runInDurableObject } from 'cloudflare:test'
import { vi } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import type { Patience } from '../../src/audit/books.ts'
import { type AuditReport, runAudit } from '../../src/audit/run.ts'
import { hashApiKey } from '../../src/auth/api-keys.ts'
import type { ChainBatch, MatchedTransfer } from '../../src/chain/rpc.ts'
import type { BlockRef } from '../../src/gateways/gateway.ts'
import type { StoreConfig } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { consumeProjections } from '../../src/storage/projection.ts'
import { provisionStore } from '../../src/storage/provision.ts'
import { storeByKeyHash } from '../../src/storage/stores.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { testEnv } from '../storage/databases.ts'

/** Confirmations at which a payment on the chain of these tests is final. */
export const FINAL = 2
export const GRACE_MS = 60_000
export const LAG_MS = 600_000

type Namespaces = Record<'LEDGERS' | 'CHAINS_FOLLOWED' | 'INVOICES' | 'WALLETS' | 'AUDITS', DurableObjectNamespace>
const raw = testEnv as unknown as Namespaces

/** Runs SQL in an object's own storage, as no code of ours would. */
export function tamper(namespace: keyof Namespaces, name: string, statement: string, ...bindings: unknown[]): Promise<unknown[]> {
  return runInDurableObject(raw[namespace].getByName(name), (_object, state) =>
    state.storage.sql.exec(statement, ...bindings).toArray(),
  )
}

let seeds = 0

/** A merchant with one store that takes bitcoin into a wallet of the platform. */
export async function newShop(changes: object = {}): Promise<StoreConfig> {
  const wallet = { account: bitcoinAccount(`audit ${seeds++}`), assets: ['BTC'], custody: 'platform' }
  const made = await provisionStore(testEnv, { name: 'Shop', wallets: [wallet], ...changes }, Date.now())
  if (!made.ok) throw new Error(made.error.detail)
  const found = await storeByKeyHash(testEnv.DIRECTORY, await hashApiKey(made.value.apiKey))
  if (!found) throw new Error('the store was made')
  return found.store
}

/** An invoice over 60 EUR, with its bitcoin address shown: 100,000 sat. */
export async function newInvoice(store: StoreConfig): Promise<string> {
  const id = randomId('inv')
  const invoice = testEnv.INVOICES.getByName(id)
  const created = await invoice.create({
    id,
    store,
    currency: 'EUR',
    price: 6_000n,
    orderId: null,
    description: null,
    metadata: {},
    redirectUrl: null,
    expiresInMs: 3_600_000,
    confirmationTiers: null,
    toleranceBps: null,
    latePolicy: null,
    assets: null,
    fingerprint: null,
  })
  if (!created.ok) throw new Error(created.error.reason)
  const activated = await invoice.activate('BTC')
  if (!activated.ok) throw new Error(activated.error.reason)
  return id
}

/** Asks the books for one satoshi to go out: refused while money out is frozen. */
export function reserve(store: StoreConfig) {
  const { merchantId, shard, storeId } = store
  const request = { cause: 'payout', asset: 'BTC', amount: 1n, transferId: 'po_1', invoiceId: null } as const
  const times = { wantedAtMs: 1, expiresAtMs: null }
  return testEnv.LEDGERS.getByName(merchantId).reserve({ key: randomId('evt'), merchantId, shard, storeId, ...request, ...times })
}

/** The follower of the one chain, driven by the test as the gateways Worker would. */
export const chain = {
  height: 0,
  branch: 'a',

  get follower() {
    return testEnv.CHAINS_FOLLOWED.getByName(BITCOIN_REGTEST)
  },

  /** Blocks on top; the first holds these payments. */
  async mine(blocks: number, payments: readonly MatchedTransfer[] = []): Promise<void> {
    await this.commit(Array.from({ length: blocks }, (_, at) => ({ payments: at === 0 ? payments : [] })))
  },

  /** Takes blocks away, and puts as many empty ones in their place. */
  async reorganise(depth: number): Promise<void> {
    const [before] = [this.height]
    const rollbackTo = await this.blockAt(before - depth)
    const base = await this.blockAt(before)
    this.branch += 'x'
    this.height -= depth
    await this.commit(
      Array.from({ length: depth + 1 }, () => ({ payments: [] })),
      { rollbackTo, base },
    )
  },

  async commit(blocks: readonly { payments: readonly MatchedTransfer[] }[], changes: Partial<ChainBatch> = {}): Promise<void> {
    const base = this.height === 0 ? null : await this.blockAt(this.height)
    const refs: BlockRef[] = []
    let parentHash = (changes.rollbackTo ?? base)?.hash ?? 'genesis'
    for (const _block of blocks) {
      this.height++
      const hash = `${this.height}-${this.branch}`
      refs.push({ height: this.height, hash, parentHash, timeMs: Date.now() })
      parentHash = hash
    }
    const batch: ChainBatch = {
      base,
      rollbackTo: null,
      blocks: blocks.map(({ payments }, at) => ({ ref: refs[at] as BlockRef, payments: [...payments], conflicts: [] })),
      mempool: null,
      more: false,
      head: { height: this.height, hash: parentHash },
      startedAtMs: Date.now(),
      ...changes,
    }
    const committed = await this.follower.commit(batch)
    if (!committed.ok) throw new Error(`${committed.error.reason}: ${committed.error.detail}`)
  },

  /** In the mempool, in no block. */
  async show(payments: readonly MatchedTransfer[]): Promise<void> {
    await this.commit([], { mempool: { payments: [...payments], conflicts: [], waiting: [], missing: [] } })
  },

  /** A payment that the follower has, and has not told of yet. */
  async know({ transfer, invoiceId }: MatchedTransfer): Promise<void> {
    const { txid, index, assetCode, units } = transfer
    const columns = 'txid, idx, invoice_id, asset, units, spends, status, seen_at_ms, notify_until, tracked'
    const statement = `INSERT INTO payments (${columns}) VALUES (?, ?, ?, ?, ?, '[]', 'unconfirmed', ?, 2, 1)`
    await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, statement, txid, index, invoiceId, assetCode, String(units), Date.now())
  },

  /** Tells the invoice of it. */
  async tell(known: MatchedTransfer): Promise<void> {
    const { txid, index, assetCode, units } = known.transfer
    const place = { confirmations: 0, height: null, blockHash: null, seenAtMs: Date.now(), replacedBy: null }
    const key = keyOfPayment(known)
    await testEnv.INVOICES.getByName(known.invoiceId).observe([
      { key, revision: 1, chainId: BITCOIN_REGTEST, txid, index, assetCode, units, status: 'unconfirmed', ...place },
    ])
  },

  async blockAt(height: number): Promise<{ height: number; hash: string }> {
    const [row] = await tamper('CHAINS_FOLLOWED', BITCOIN_REGTEST, 'SELECT height, hash FROM blocks WHERE height = ?', height)
    return row as { height: number; hash: string }
  },
}

let txids = 0

export function payment(invoiceId: string, units = 100_000n): MatchedTransfer {
  const txid = `tx${String(txids++).padStart(4, '0')}`
  return { transfer: { txid, index: '0', assetCode: 'BTC', units, spends: [`coin ${txid}`] }, invoiceId }
}

export function keyOfPayment({ transfer }: MatchedTransfer): string {
  return `${BITCOIN_REGTEST}/${transfer.txid}/${transfer.index}`
}

/** Waits until the merchant's books have this much, and D1 all of it. */
export async function untilBooked(store: StoreConfig, available: bigint, pending = 0n): Promise<void> {
  const ledger = testEnv.LEDGERS.getByName(store.merchantId)
  await vi.waitFor(
    async () => {
      const { balances } = await ledger.balances(store.storeId)
      if ((balances.available?.BTC ?? 0n) !== available || (balances.pending?.BTC ?? 0n) !== pending)
        throw new Error(JSON.stringify(balances, (_key, value) => String(value)))
    },
    { timeout: 20_000, interval: 20 },
  )
  await project(store)
}

/** What the queue would bring. */
export async function project({ merchantId, shard }: StoreConfig): Promise<void> {
  const message = { id: 'm', timestamp: new Date(), attempts: 1, body: { kind: 'ledger', shard, merchantId }, ack() {}, retry() {} }
  await consumeProjections({ queue: 'projections', messages: [message] } as never, testEnv)
}

/** An audit of its own memory, at a time of its own. */
export function auditor(name: string, env: object = {}, patience: Partial<Patience> = {}) {
  const AUDITS = { getByName: () => testEnv.AUDITS.getByName(name) }
  let nowMs = Date.now()
  const run = (): Promise<AuditReport | null> =>
    runAudit({ ...testEnv, AUDITS, ...env } as never, nowMs, { graceMs: GRACE_MS, lagMs: LAG_MS, walletsMs: 0, ...patience })
  return {
    AUDITS,
    run,
    /** A run some time later. */
    async after(ms: number): Promise<AuditReport> {
      nowMs += ms
      const report = await run()
      if (!report) throw new Error('another run is under way')
      return report
    },
    status: () => testEnv.AUDITS.getByName(name).status(),
  }
}
