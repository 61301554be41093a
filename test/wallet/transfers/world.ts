import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { sha256 } from '@noble/hashes/sha2.js'
import { expect } from 'vitest'
import { BITCOIN_REGTEST } from '../../../config/development.ts'
import type { WebhookEvent } from '../../../src/delivery/rpc.ts'
import type { AccountKey, AddressBalance } from '../../../src/gateways/gateway.ts'
import { keySignerOf } from '../../../src/gateways/key-signers.ts'
import { watchKeyOf } from '../../../src/gateways/registry.ts'
import type { Sender } from '../../../src/gateways/send.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import type { RefundChange } from '../../../src/invoice/refund-rpc.ts'
import type { Custody } from '../../../src/ledger/types.ts'
import { randomId } from '../../../src/lib/ids.ts'
import { ok } from '../../../src/lib/result.ts'
import { registryOf } from '../../../src/money/registry.ts'
import type { SignerRpc, SignRequest } from '../../../src/signer/rpc.ts'
import type { ProjectionMessage } from '../../../src/storage/rpc.ts'
import { type CarryPorts, carryOut } from '../../../src/wallet/transfers/carry-out.ts'
import type { CreateTransfer, TransferMessage } from '../../../src/wallet/transfers/rpc.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'
import { bitcoinAccount } from '../../storage/accounts.ts'
import { testEnv } from '../../storage/databases.ts'
import { CoinChain } from './coin-chain.ts'

type Names = Record<'WALLETS' | 'LEDGERS', DurableObjectNamespace>
const raw = testEnv as unknown as Names
const names = { count: 0 }

/** Where payouts of these tests go. */
export const PAYEE = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
export const FAR_MS = 30 * 24 * 3_600_000

/**
 * One wallet with its ledger, real objects; around it a chain, a signer with the real keys, and listeners that remember.
 * Time stands until it is moved, so that alarms ring only when the test lets them.
 */
export class World {
  readonly walletId: string
  readonly merchantId = randomId('mer')
  readonly storeId = randomId('st')
  readonly chainId: string
  readonly account: AccountKey
  readonly chain = new CoinChain()
  readonly sent: TransferMessage[] = []
  readonly projections: ProjectionMessage[] = []
  readonly webhooks: WebhookEvent[] = []
  readonly refunds: RefundChange[] = []
  readonly signed: SignRequest[] = []
  /** By their bytes, what was signed for accounts. */
  readonly made = new Map<string, { txid: string; plan: AccountPlan }>()
  /** Around every call of a carrier's ports, and of the ledger: for crashes. */
  around: (name: string, call: () => Promise<unknown>) => Promise<unknown> = (_name, call) => call()
  sender: Sender = this.chain.sender
  /** What a reading tells of an address, by asset. */
  balancesOf = (key: Uint8Array): Omit<AddressBalance, 'position'>[] => {
    const held = this.chain.balanceOf(key)
    return held ? [held] : []
  }
  nowMs = Date.now() + FAR_MS
  chains = testEnv.CHAINS
  readonly seed: Uint8Array

  constructor({
    chainId = BITCOIN_REGTEST,
    account = bitcoinAccount,
  }: { chainId?: string; account?: (seed: string) => AccountKey } = {}) {
    this.walletId = `wal_transfers_${names.count++}_${randomId('wal').slice(4, 12)}`
    this.chainId = chainId
    this.account = account(this.walletId)
    this.seed = sha256(new TextEncoder().encode(this.walletId))
  }

  get wallet() {
    return testEnv.WALLETS.getByName(this.walletId)
  }

  get ledger() {
    return testEnv.LEDGERS.getByName(this.merchantId)
  }

  /** Puts this world around the object, also after it was evicted. */
  async enter(): Promise<void> {
    const listeners = {
      TRANSFERS: { send: async (message: TransferMessage) => void this.sent.push(message) },
      PROJECTIONS: { send: async (message: ProjectionMessage) => void this.projections.push(message) },
      DELIVERIES: { getByName: () => ({ enqueue: async (event: WebhookEvent) => void this.webhooks.push(event) }) },
      INVOICES: { getByName: () => ({ refundChanged: async (change: RefundChange) => void this.refunds.push(change) }) },
      WALLET_BALANCES: { send: async () => {} },
      LEDGERS: { getByName: (name: string) => this.#watched('ledger', testEnv.LEDGERS.getByName(name)) },
    }
    await runInDurableObject(raw.WALLETS.getByName(this.walletId), (object) => {
      Object.assign(object, { env: { ...testEnv, CHAINS: this.chains, ...listeners }, clock: () => this.nowMs })
    })
  }

  /** A wallet whose addresses hold these coins, one each, all read; and as much in the merchant's balance. */
  async open(coins: readonly bigint[], available = coins.reduce((sum, units) => sum + units, 0n)): Promise<this> {
    await this.wallet.configure(this.account)
    await this.enter()
    for (const [at, units] of coins.entries()) {
      const given = await this.wallet.allocate(this.chainId, `inv_${at}`)
      if (given.ok) this.chain.fund(given.value.watchKey, units)
    }
    if (coins.length > 0) await this.read()
    await this.earn(available)
    this.nowMs += 60_000
    return this
  }

  async earn(units: bigint, asset = 'BTC'): Promise<void> {
    if (units === 0n) return
    const postings = [{ from: `wallet:${this.walletId}`, to: 'available', amount: units, asset }]
    const whose = { merchantId: this.merchantId, storeId: this.storeId, shard: 0, invoiceId: null, transferId: null }
    const booked = await this.ledger.book({
      ...whose,
      key: randomId('evt'),
      cause: 'adjustment',
      by: 'test',
      reason: 'paid in',
      postings,
    })
    expect(booked.ok).toBe(true)
  }

  /** The wallet is read, as the gateways Worker would. */
  async read(): Promise<void> {
    await this.wallet.refresh(this.chainId)
    const [row] = await this.sql('SELECT body FROM balances')
    const { running } = JSON.parse(String(row?.body ?? '{}'))
    if (!running) return
    const page = await this.wallet.readingPage(this.chainId, running.id, 100_000)
    if (!page) return
    const count = page.keys.length / page.keyLength
    const balances = Array.from({ length: count }, (_, position) => {
      const held = this.balancesOf(page.keys.slice(position * page.keyLength, (position + 1) * page.keyLength))
      return held.map((balance) => ({ ...balance, position }))
    }).flat()
    const block = { height: this.chain.height, hash: `hash ${this.chain.height}`, timeMs: 0 }
    const taken = await this.wallet.takeReading(this.chainId, running.id, { from: 0, count, block, balances, pending: [] })
    expect(taken.ok).toBe(true)
  }

  sql(statement: string): Promise<Record<string, unknown>[]> {
    return runInDurableObject(raw.WALLETS.getByName(this.walletId), (_object, state) => state.storage.sql.exec(statement).toArray())
  }

  request(units: bigint, changes: Partial<CreateTransfer> = {}): CreateTransfer {
    return {
      id: randomId('tr'),
      kind: 'payout',
      merchantId: this.merchantId,
      shard: 0,
      storeId: this.storeId,
      custody: 'platform' as Custody,
      chainId: this.chainId,
      asset: 'BTC',
      outputs: [{ address: PAYEE, units }],
      invoiceId: null,
      reference: null,
      targetBlocks: 2,
      feeMax: null,
      ...changes,
    }
  }

  async pay(units: bigint, changes: Partial<CreateTransfer> = {}): Promise<Transfer> {
    const made = await this.wallet.createTransfer(this.request(units, changes))
    if (!made.ok) throw new Error(made.error.reason)
    return made.value
  }

  readonly signer: SignerRpc = {
    sign: async (request) => {
      this.signed.push(request)
      const chain = registryOf({ CHAINS: this.chains }).chain(this.chainId)
      const made = keySignerOf(chain).sign(chain, this.seed, this.account.script, request.plan)
      if (request.plan.kind === 'account') this.made.set(made.raw, { txid: made.txid, plan: request.plan })
      return ok(made)
    },
  }

  /** The gateways Worker, until the queue is empty. What throws is lost, as a killed Worker's work is. */
  async work(): Promise<void> {
    for (let message = this.sent.shift(); message !== undefined; message = this.sent.shift()) {
      const ports: CarryPorts = {
        wallet: this.#watched('wallet', this.wallet),
        sender: this.#watched('sender', this.sender),
        signer: this.#watched('signer', this.signer),
      }
      await carryOut(ports, message).catch(() => {})
    }
  }

  /** Time goes by: the alarm rings, and what it asks for is done. */
  async later(ms: number): Promise<void> {
    this.nowMs += ms
    await this.ring()
    await this.work()
  }

  async ring(): Promise<void> {
    await runDurableObjectAlarm(raw.WALLETS.getByName(this.walletId))
  }

  /** A stub of an object answers anything, `apply` too: a method is called as one. */
  #watched<T extends object>(what: string, port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const methods = target as Record<PropertyKey, (...args: unknown[]) => Promise<unknown>>
        return (...args: unknown[]) => this.around(`${what}.${String(name)}`, async () => methods[name]?.(...args))
      },
    })
  }

  /** D1 takes over what it was told of. */
  async project(): Promise<void> {
    for (let message = this.projections.shift(); message !== undefined; message = this.projections.shift()) {
      if (message.kind !== 'transfer') continue
      const transfer = await this.wallet.transfer(message.transferId)
      if (transfer) await this.wallet.projectedTransfer(transfer.id, transfer.version)
    }
  }

  /** Blocks come, and time goes by, until nothing is under way. */
  async untilOver(ids: readonly string[], rounds = 40): Promise<Transfer[]> {
    for (let round = 0; round < rounds; round++) {
      const transfers = await this.all(ids)
      if (transfers.every(({ status }) => status === 'confirmed' || status === 'failed')) break
      this.chain.mine()
      await this.later(60_000)
      await this.read()
      await this.project()
    }
    for (let round = 0; round < 4; round++) {
      await this.later(60_000)
      await this.read()
      await this.project()
    }
    return this.all(ids)
  }

  async all(ids: readonly string[]): Promise<Transfer[]> {
    const found = await Promise.all(ids.map((id) => this.wallet.transfer(id)))
    return found.filter((transfer): transfer is Transfer => transfer !== null)
  }

  async kill(): Promise<void> {
    await evictDurableObject(raw.WALLETS.getByName(this.walletId))
    await this.enter()
  }

  /** Balances of the merchant's store in one asset, by account; the wallet's as `wallet`. */
  async books(asset = 'BTC'): Promise<Record<string, bigint>> {
    const { balances } = await this.ledger.balances(this.storeId)
    return Object.fromEntries(
      Object.entries(balances).flatMap(([account, assets]) => (assets[asset] ? [[account.replace(/:.*/, ''), assets[asset]]] : [])),
    )
  }

  /** What the payee has, in blocks. */
  get received(): bigint {
    const key = watchKeyOf(registryOf(testEnv).chain(this.chainId), PAYEE)
    return key ? this.chain.paid(key) : 0n
  }
}
