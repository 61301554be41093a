import { sha256 } from '@noble/hashes/sha2.js'
import type { AccountKey, AddressBalance } from '../../../src/gateways/gateway.ts'
import type { Sender } from '../../../src/gateways/send.ts'
import type { CoinPlan, SpendPlan } from '../../../src/gateways/spend.ts'
import { spenderOf } from '../../../src/gateways/spenders.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { canonicalJson } from '../../../src/lib/json.ts'
import type { Sql } from '../../../src/lib/outbox.ts'
import { err, ok } from '../../../src/lib/result.ts'
import { registryOf } from '../../../src/money/registry.ts'
import { addressAt, give, migrateAddresses, nextIndex, putAccount } from '../../../src/wallet/addresses.ts'
import { BALANCE_TABLES, beginReading, nextPage, takePage } from '../../../src/wallet/balances.ts'
import { ADDRESSES_MAX } from '../../../src/wallet/rpc.ts'
import { carryOut } from '../../../src/wallet/transfers/carry-out.ts'
import * as decide from '../../../src/wallet/transfers/decide.ts'
import { TransferDesk } from '../../../src/wallet/transfers/desk.ts'
import { waiting } from '../../../src/wallet/transfers/move.ts'
import type { CreateTransfer, TransferMessage } from '../../../src/wallet/transfers/rpc.ts'
import { insertTransfer, TRANSFER_TABLES } from '../../../src/wallet/transfers/tables.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'
import type { CoreEnv } from '../../../workers/core/env.ts'
import { openRows } from '../../ledger/sqlite.ts'

interface Of extends Pick<DeskWorld, 'chainId' | 'account' | 'chains' | 'sender'> {
  readonly made?: ReadonlyMap<string, { readonly txid: string; readonly plan: SpendPlan }>
}

/**
 * The transfers of one wallet on Node's own SQLite, without workerd: thousands of them take seconds. Books that never refuse,
 * a signer of whatever it is given, and listeners that have heard at once; each call is counted.
 */
export class DeskWorld {
  nowMs = Date.UTC(2026, 10, 22, 12)
  sender: Sender
  /** What a reading tells of the address at an index. */
  balancesOf: (index: number) => readonly Omit<AddressBalance, 'position'>[] = () => []
  height = 100
  /** What a reading is asked for is never answered. */
  isReadingLost = false
  readonly calls: Record<string, number> = {}
  /** By their bytes, what was signed. */
  readonly made: Map<string, { txid: string; plan: SpendPlan }>
  readonly chainId: string
  readonly account: AccountKey
  readonly chains: string
  readonly rows = openRows()
  desk: TransferDesk
  #sent: TransferMessage[] = []
  #beside: Promise<unknown>[] = []
  #alarmMs: number | null = null
  #count = 0
  #reading: string | null = null

  constructor({ chainId, account, chains, sender, made = new Map() }: Of) {
    this.chainId = chainId
    this.account = account
    this.chains = chains
    this.sender = sender
    this.made = made as DeskWorld['made']
    migrateAddresses(this.sql)
    for (const tables of [BALANCE_TABLES, TRANSFER_TABLES]) this.sql.exec(tables)
    putAccount(this.sql, account)
    this.desk = this.#open()
  }

  /** Counts what is written and read. */
  get sql(): Sql {
    return {
      exec: (statement, ...bindings) => {
        this.#counted(/^\s*(SELECT|PRAGMA)/i.test(statement) ? 'rows read' : 'rows written')
        // Node prepares one statement at a time.
        const [last = '', ...before] = statement.split(/;\s*(?=CREATE)/).reverse()
        for (const one of before.reverse()) this.rows.sql.exec(one)
        return this.rows.sql.exec(last, ...bindings)
      },
    }
  }

  /** As after a crash: what was in memory is gone. */
  restart(): void {
    this.#sent = []
    this.desk = this.#open()
    this.desk.begin()
  }

  give(owner: string): number {
    const index = nextIndex(this.sql)
    give(this.sql, index, owner, addressAt(registryOf(this.#env).chain(this.chainId), this.account, index).watchKey)
    return index
  }

  async pay(units: bigint, asset: string, changes: Partial<CreateTransfer> = {}): Promise<Transfer> {
    const made = await this.desk.create(this.#request(units, asset, changes))
    if (!made.ok) throw new Error(JSON.stringify(made.error))
    return made.value
  }

  /** So many payouts that wait for coins already, one a millisecond: quicker than having each of them look in vain. */
  fill(count: number, units: bigint, asset: string, changes: Partial<CreateTransfer>): void {
    for (let made = 0; made < count; made++) {
      const begun = decide.begun(this.#request(units, asset, changes), 'wal_1', 100_000n, this.nowMs++)
      const wait = { reason: 'waiting for other transfers of the wallet', waitsFor: 'funds', untilMs: this.nowMs } as const
      const record = waiting({ ...begun, holds: begun.holds.map((hold) => ({ ...hold, is: 'held' as const })) }, wait, this.nowMs)
      insertTransfer(this.rows.sql, { ...record, toldVersion: record.transfer.version })
    }
    this.restart()
  }

  #request(units: bigint, asset: string, changes: Partial<CreateTransfer>): CreateTransfer {
    const id = `tr_${String(this.#count++).padStart(8, '0')}`
    const whose = { merchantId: 'mer_1', shard: 0, storeId: 'st_1', custody: 'platform' } as const
    const what = { invoiceId: null, reference: null, targetBlocks: 2, feeMax: null } as const
    const request: CreateTransfer = { id, kind: 'payout', ...whose, ...what, chainId: this.chainId, asset, outputs: [], ...changes }
    return { ...request, outputs: request.outputs.map((output) => ({ ...output, units })) }
  }

  /** Whatever was asked for is done, as the gateways Worker would. */
  async work(): Promise<void> {
    await this.#settled()
    for (let message = this.#sent.shift(); message !== undefined; message = this.#sent.shift()) {
      const ports = {
        wallet: this.#counting('wallet', this.#steps()),
        sender: this.#counting('sender', this.sender),
        signer: this.#signer,
      }
      await carryOut(ports, message)
      await this.#settled()
      if (this.#sent.length === 0 && this.#reading !== null && !this.isReadingLost) this.#take(this.#reading)
      await this.#settled()
    }
  }

  /** Time goes by, alarm by alarm. */
  async later(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms
    for (;;) {
      const atMs = this.#alarmMs
      if (atMs === null || atMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, atMs)
      this.#alarmMs = null
      this.#counted('alarms')
      await this.desk.ring()
      await this.work()
    }
    this.nowMs = untilMs
  }

  /** The wallet is read now. */
  read(): void {
    if (!this.#begin(0)) throw new Error('it was read just now')
    this.#take(this.#reading ?? '')
  }

  /** As `WalletObject.refresh`: no oftener than a node is asked. */
  #begin(pauseMs: number): boolean {
    const id = `reading ${this.#count++}`
    const begun = beginReading(this.rows.sql, this.chainId, id, nextIndex(this.sql), pauseMs, this.nowMs) === 'asked'
    if (begun) this.#reading = id
    return begun
  }

  #take(id: string): void {
    this.#reading = null
    const addresses = nextPage(this.rows.sql, this.chainId, id, ADDRESSES_MAX)?.count ?? 0
    const balances = Array.from({ length: addresses }, (_, position) =>
      this.balancesOf(position).map((balance) => ({ ...balance, position })),
    ).flat()
    const block = { height: this.height, hash: `hash ${this.height}`, timeMs: 0 }
    const page = { from: 0, count: addresses, block, balances, pending: [] }
    const taken = takePage(this.rows.sql, this.chainId, id, page, () => new Map(), this.nowMs)
    if (!taken.ok) throw new Error(taken.error.detail)
    this.desk.wasRead(this.chainId, { height: this.height, addresses })
  }

  transfers(): Transfer[] {
    const rows = this.rows.sql.exec('SELECT id FROM transfers ORDER BY id').toArray()
    return rows.flatMap(({ id }) => this.desk.read(String(id)) ?? [])
  }

  readonly #signer = {
    sign: async ({ plan }: { readonly plan: SpendPlan }) => {
      this.#counted('signer.sign')
      const raw = toHex(sha256(new TextEncoder().encode(canonicalJson(plan))))
      const chain = registryOf(this.#env).chain(this.chainId)
      const txid = spenderOf(chain).txidOf(chain, this.account, plan) ?? raw
      this.made.set(raw, { txid, plan })
      return ok({ txid, raw })
    },
  }

  readonly #ledger = {
    reserve: async () => this.#counted('ledger.reserve', ok(null)),
    post: async () => this.#counted('ledger.post', ok(null)),
    release: async () => this.#counted('ledger.release', ok(null)),
    book: async () => this.#counted('ledger.book', ok(null)),
    balances: async () => this.#counted('ledger.balances', { frozen: false }),
  }

  get #env(): CoreEnv {
    return {
      CHAINS: this.chains,
      LEDGERS: { getByName: () => this.#ledger },
      INVOICES: { getByName: () => ({ refundChanged: async () => this.#counted('invoice') }) },
      DELIVERIES: { getByName: () => ({ enqueue: async () => this.#counted('webhook') }) },
      TRANSFERS: { send: async (message: TransferMessage) => void this.#sent.push(message) },
      PROJECTIONS: {
        send: async ({ transferId }: { transferId: string }) => {
          this.#counted('projection')
          const transfer = this.desk.read(transferId)
          if (transfer) this.desk.projected(transferId, transfer.version)
        },
      },
    } as unknown as CoreEnv
  }

  #open(): TransferDesk {
    const env = this.#env
    return new TransferDesk({
      sql: this.sql,
      walletId: 'wal_1',
      env: () => env,
      clock: () => this.nowMs,
      atOnce: (work) => work(),
      beside: (work) => void this.#beside.push(work),
      arm: (atMs) => {
        this.#alarmMs = Math.min(atMs, this.#alarmMs ?? atMs)
      },
      account: () => this.account,
      refresh: async () => {
        if (this.#begin(8_000)) this.#counted('readings')
      },
    })
  }

  #steps() {
    const { steps } = this.desk
    return {
      nextStep: (id: string) => steps.next(id),
      takeFacts: (...args: Parameters<typeof steps.takeFacts>) => steps.takeFacts(...args),
      takeSignature: (...args: Parameters<typeof steps.takeSignature>) => steps.takeSignature(...args),
      takeBroadcast: (...args: Parameters<typeof steps.takeBroadcast>) => steps.takeBroadcast(...args),
      takeSighting: (...args: Parameters<typeof steps.takeSighting>) => steps.takeSighting(...args),
    }
  }

  #counting<T extends object>(what: string, port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const methods = target as Record<PropertyKey, (...args: unknown[]) => Promise<unknown>>
        return async (...args: unknown[]) => {
          this.#counted(`${what}.${String(name)}`)
          return methods[name]?.(...args)
        }
      },
    })
  }

  #counted<T>(name: string, answer?: T): T {
    this.calls[name] = (this.calls[name] ?? 0) + 1
    return answer as T
  }

  async #settled(): Promise<void> {
    while (this.#beside.length > 0) await Promise.all(this.#beside.splice(0))
  }
}

/** A chain of coins that keeps plans, and looks at nobody's keys. Final two deep. */
export class PlanChain {
  readonly sent = new Map<string, { readonly plan: CoinPlan; height: number | null }>()
  readonly #world: () => DeskWorld

  constructor(world: () => DeskWorld) {
    this.#world = world
  }

  mine(): void {
    const height = ++this.#world().height
    for (const tx of this.sent.values()) tx.height ??= height
  }

  readonly sender: Sender = {
    facts: async () => ok({ fees: { kind: 'coins', satsPerKvb: 2_000n }, height: this.#world().height, payer: null }),
    broadcast: async (raw) => {
      const made = this.#world().made.get(raw)
      if (made?.plan.kind !== 'coins') return err({ reason: 'node_refused', detail: 'nobody signed it' })
      this.sent.set(made.txid, { plan: made.plan, height: null })
      return ok({ answer: 'taken' })
    },
    look: async ({ txids, searchedHeight }) => {
      const { height: top } = this.#world()
      const txid = txids.find((id) => this.sent.has(id))
      const tx = this.sent.get(txid ?? '')
      if (txid === undefined || !tx) return ok({ status: 'absent', searchedHeight: Math.max(searchedHeight, top) })
      const { height, plan } = tx
      if (height === null) return ok({ status: 'waiting', txid })
      const confirmations = top - height + 1
      const place = { txid, height, blockHash: `hash ${height}`, confirmations, final: confirmations >= 2 }
      return ok({ status: 'included', ...place, reverted: false, fee: plan.fee })
    },
  }
}
