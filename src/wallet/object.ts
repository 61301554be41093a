import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { AccountKey } from '../gateways/gateway.ts'
import { addressBookOf } from '../gateways/registry.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import { registryOf } from '../money/registry.ts'
import type { Approval } from '../signer/rpc.ts'
import {
  accountOf,
  give,
  givenFrom,
  givenKey,
  indexOf,
  indicesOfInvoices,
  keysFrom,
  migrateAddresses,
  nextIndex,
  putAccount,
} from './addresses.ts'
import { BALANCE_TABLES, balanceOn, beginReading, endReading, hearReading, holdingsOn, nextPage, takePage } from './balances.ts'
import {
  ADDRESSES_MAX,
  type AllocatedAddress,
  type AllocateRefusal,
  type GivenIndex,
  type Holding,
  type ReadingPage,
  type ReadingRefusal,
  type ReadPage,
  type Refresh,
  type RefreshRefusal,
  type WalletBalance,
  type WalletRpc,
} from './rpc.ts'
import { TransferDesk } from './transfers/desk.ts'
import type { Word } from './transfers/record.ts'
import type { CreateTransfer, Frozen, Step, TransferRefusal, TransferStepRefusal, WalletPayer } from './transfers/rpc.ts'
import { TRANSFER_TABLES } from './transfers/tables.ts'
import type { Transfer } from './transfers/types.ts'

const GIVEN_MAX = 1_000
const ERROR_TEXT_MAX = 300

/**
 * A store's wallet, named by its id: the one place that gives out indices of an account key, knows what their addresses
 * held when they were last read, and says which of their coins a transfer spends. It holds no private key and asks no node.
 */
export class WalletObject extends DurableObject<CoreEnv> implements WalletRpc {
  /** Replaced in tests. */
  clock: Clock = systemClock

  #transfers: TransferDesk
  #alarmAtMs: number | null = null

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    migrateAddresses(ctx.storage.sql)
    ctx.storage.sql.exec(BALANCE_TABLES)
    ctx.storage.sql.exec(TRANSFER_TABLES)
    this.#transfers = new TransferDesk({
      sql: ctx.storage.sql,
      walletId: ctx.id.name ?? '',
      env: () => this.env,
      clock: () => this.clock(),
      atOnce: (work) => ctx.storage.transactionSync(work),
      beside: (work) => ctx.waitUntil(work),
      arm: (atMs) => this.#arm(atMs),
      account: () => this.#account(),
      refresh: (chainId) => this.refresh(chainId),
    })
    ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await ctx.storage.getAlarm()
      this.#transfers.begin()
    })
  }

  async configure(account: AccountKey): Promise<Result<null, { reason: 'already_configured' }>> {
    const known = this.#account()
    if (known && (known.xpub !== account.xpub || known.script !== account.script)) return err({ reason: 'already_configured' })
    if (!known) putAccount(this.#sql, account)
    // Of no meaning to addresses: it may be known later, or better. Where it is not told it stays.
    else if (account.origin !== undefined && account.origin !== known.origin) putAccount(this.#sql, account)
    return ok(null)
  }

  async allocate(chainId: string, invoiceId: string): Promise<Result<AllocatedAddress, AllocateRefusal>> {
    const on = this.#on(chainId)
    if (!on.ok) return on
    const known = indexOf(this.#sql, invoiceId)
    const index = known ?? nextIndex(this.#sql)
    const derived = addressBookOf(on.value.chain).derive(on.value.chain, on.value.account, index)
    if (known === null) give(this.#sql, index, invoiceId, derived.ok ? derived.value.watchKey : null)
    return derived.ok ? ok({ ...derived.value, index }) : derived
  }

  async ownerOf(index: number): Promise<string | null> {
    const [given] = givenFrom(this.#sql, index, 1)
    return given?.index === index ? given.invoiceId : null
  }

  async used(): Promise<number> {
    return nextIndex(this.#sql)
  }

  async given(fromIndex: number, limit: number): Promise<GivenIndex[]> {
    return givenFrom(this.#sql, fromIndex, Math.min(limit, GIVEN_MAX))
  }

  async find(watchKey: Uint8Array): Promise<GivenIndex | null> {
    return givenKey(this.#sql, watchKey)
  }

  async balance(chainId: string): Promise<WalletBalance> {
    return balanceOn(this.#sql, chainId, this.clock())
  }

  async holdings(chainId: string, indices: readonly number[]): Promise<Holding[]> {
    return holdingsOn(this.#sql, chainId, indices.slice(0, GIVEN_MAX))
  }

  async refresh(chainId: string): Promise<Result<Refresh, RefreshRefusal>> {
    const on = this.#on(chainId)
    if (!on.ok) return on
    const first = addressBookOf(on.value.chain).derive(on.value.chain, on.value.account, 0)
    if (!first.ok) return first
    const addresses = nextIndex(this.#sql)
    if (addresses > ADDRESSES_MAX) {
      const detail = `the wallet has given out ${addresses} addresses; at most ${ADDRESSES_MAX} are read`
      return err({ reason: 'too_many_addresses', detail })
    }
    const readingId = crypto.randomUUID()
    // No oftener than the chain is looked at.
    const pauseMs = 2 * on.value.chain.pollMs
    const begun = this.ctx.storage.transactionSync(() =>
      beginReading(this.#sql, chainId, readingId, addresses, pauseMs, this.clock()),
    )
    if (begun === 'asked') await this.#askForPage(chainId, readingId)
    return ok(begun)
  }

  async readingPage(chainId: string, readingId: string, keysMax: number): Promise<ReadingPage | null> {
    const page = nextPage(this.#sql, chainId, readingId, keysMax)
    const on = this.#on(chainId)
    if (page === null || !on.ok) return null
    const { chain, account } = on.value
    const packed = this.ctx.storage.transactionSync(() => {
      hearReading(this.#sql, chainId, readingId, this.clock())
      return keysFrom(this.#sql, chain, account, page.from, page.count)
    })
    return { from: page.from, block: page.block, ...packed }
  }

  async stillReading(chainId: string, readingId: string): Promise<void> {
    hearReading(this.#sql, chainId, readingId, this.clock())
  }

  async takeReading(chainId: string, readingId: string, page: ReadPage): Promise<Result<null, ReadingRefusal>> {
    const indices = (invoiceIds: readonly string[]) => indicesOfInvoices(this.#sql, invoiceIds)
    const taken = this.ctx.storage.transactionSync(() => takePage(this.#sql, chainId, readingId, page, indices, this.clock()))
    if (!taken.ok) return taken
    if (taken.value === 'more') await this.#askForPage(chainId, readingId)
    else this.#transfers.wasRead(chainId, { height: page.block.height, addresses: page.from + page.count })
    return ok(null)
  }

  async failReading(chainId: string, readingId: string, { reason, detail }: { reason: string; detail: string }): Promise<void> {
    endReading(this.#sql, chainId, readingId, { reason, detail: detail.slice(0, ERROR_TEXT_MAX), atMs: this.clock() })
    logEvent('warn', 'balance_not_read', { walletId: this.#id, chainId, reason, detail: detail.slice(0, ERROR_TEXT_MAX) })
  }

  createTransfer(request: CreateTransfer): Promise<Result<Transfer, TransferRefusal>> {
    return this.#transfers.create(request)
  }

  async transfer(id: string): Promise<Transfer | null> {
    return this.#transfers.read(id)
  }

  async approveTransfer(id: string, approval: Approval): Promise<Result<Transfer, TransferStepRefusal>> {
    return this.#transfers.approve(id, approval)
  }

  async cancelTransfer(id: string, by: string): Promise<Result<Transfer, TransferStepRefusal>> {
    return this.#transfers.cancel(id, by)
  }

  async callBackTransfer(id: string, by: string): Promise<Result<Transfer, TransferStepRefusal>> {
    return this.#transfers.callBack(id, by)
  }

  async settleTransfer(id: string, word: Word): Promise<Result<Transfer, TransferStepRefusal>> {
    return this.#transfers.settle(id, word)
  }

  async submitSigned(id: string, text: string): Promise<Result<Transfer, TransferStepRefusal>> {
    return this.#transfers.submit(id, text)
  }

  async bumpTransfer(id: string, targetBlocks: number): Promise<Result<Transfer, TransferStepRefusal>> {
    return this.#transfers.bump(id, targetBlocks)
  }

  async outgoing(chainId: string): Promise<Record<string, bigint>> {
    return this.#transfers.outgoing(chainId)
  }

  async reserved(chainId: string): Promise<Record<string, bigint>> {
    return this.#transfers.reserved(chainId)
  }

  async unread(chainId: string): Promise<Record<string, bigint>> {
    return this.#transfers.unread(chainId)
  }

  async payer(chainId: string): Promise<WalletPayer | null> {
    return this.#transfers.payer(chainId)
  }

  async projectedTransfer(id: string, version: number): Promise<void> {
    this.#transfers.projected(id, version)
  }

  async freezeSending(reason: string): Promise<void> {
    this.#transfers.freeze(reason)
  }

  async allowSending(by: string): Promise<void> {
    this.#transfers.allow(by)
  }

  async sendingFrozen(): Promise<Frozen | null> {
    return this.#transfers.frozen()
  }

  nextStep(id: string): Promise<Step> {
    return this.#transfers.steps.next(id)
  }

  takeFacts(id: string, facts: Parameters<WalletRpc['takeFacts']>[1]): Promise<Step> {
    return this.#transfers.steps.takeFacts(id, facts)
  }

  takeSignature(id: string, version: number, answer: Parameters<WalletRpc['takeSignature']>[2], askedAtMs?: number): Promise<Step> {
    return this.#transfers.steps.takeSignature(id, version, answer, askedAtMs)
  }

  takeBroadcast(id: string, txid: string, answer: Parameters<WalletRpc['takeBroadcast']>[2]): Promise<Step> {
    return this.#transfers.steps.takeBroadcast(id, txid, answer)
  }

  takeSighting(id: string, sighting: Parameters<WalletRpc['takeSighting']>[1], named: number): Promise<Step> {
    return this.#transfers.steps.takeSighting(id, sighting, named)
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = null
    await this.#transfers.ring()
  }

  /** It only ever moves earlier, and finds the next time itself when it rings. */
  #arm(atMs: number): void {
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= atMs) return
    this.#alarmAtMs = atMs
    this.ctx.storage.setAlarm(atMs)
  }

  /** Whatever is lost ends with the lease of the reading. */
  async #askForPage(chainId: string, readingId: string): Promise<void> {
    try {
      await this.env.WALLET_BALANCES.send({ kind: 'balance', chainId, walletId: this.#id, readingId })
    } catch (thrown) {
      await this.failReading(chainId, readingId, { reason: 'not_sent', detail: reasonOf(thrown) })
    }
  }

  #on(chainId: string): Result<{ chain: ChainConfig; account: AccountKey }, AllocateRefusal> {
    const account = this.#account()
    if (!account) return err({ reason: 'not_configured', detail: 'the wallet has no account key' })
    const chain = registryOf(this.env).findChain(chainId)
    if (!chain) return err({ reason: 'wrong_network', detail: `chain ${chainId} is not configured` })
    return ok({ chain, account })
  }

  #account(): AccountKey | null {
    return accountOf(this.#sql)
  }

  get #sql(): SqlStorage {
    return this.ctx.storage.sql
  }

  get #id(): string {
    return this.ctx.id.name ?? ''
  }
}
