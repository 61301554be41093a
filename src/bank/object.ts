import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { PaymentFact } from '../chain/rpc.ts'
import { Teller } from '../chain/teller.ts'
import { type BankAccount, formatBankAddress } from '../gateways/sepa/address.ts'
import type { StatusReport } from '../gateways/sepa/pain002.ts'
import { logEvent } from '../lib/log.ts'
import { nextDueMs, OUTBOX_RETRY_MS } from '../lib/outbox.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { SEPA } from '../money/bank.ts'
import type { AllocateRefusal } from '../wallet/rpc.ts'
import { HEARERS, told } from '../wallet/transfers/hearers.ts'
import { HearersTeller } from '../wallet/transfers/hearers-teller.ts'
import type { TransferRefusal, TransferStepRefusal } from '../wallet/transfers/rpc.ts'
import { clearDifference } from './differences.ts'
import { type Entry, observationOf, paymentKey } from './entries.ts'
import {
  type AccountBalance,
  type AccountStanding,
  type AssignRefusal,
  type BankRpc,
  type GivenReference,
  type ImportRefusal,
  type ImportReport,
  REFERENCES_PAGE_MAX,
  type StatementFile,
  type UnmatchedEntry,
  type UnmatchedPage,
} from './rpc.ts'
import { balanceAt, readUntilMs, shown, standingAt, takeFile, unmatchedPage } from './statements.ts'
import { withSums } from './sums.ts'
import {
  countReferences,
  entryAt,
  factsOf,
  invoiceAt,
  migrate,
  openBook,
  readAccount,
  referenceAt,
  referenceFor,
  referencesFrom,
  writeAccount,
} from './tables.ts'
import { assignEntry, isUnmatched } from './take.ts'
import { cancelTransfer, createTransfer } from './transfers/create.ts'
import { heedEntry, makePaymentFile, takeReport, withdrawPaymentFile } from './transfers/files.ts'
import { type KeptTransfer, transferOf } from './transfers/state.ts'
import { newestFiles, paymentFileAt, transferAt } from './transfers/tables.ts'
import type {
  BankTransfer,
  CreateBankTransfer,
  Debtor,
  PaymentFileInfo,
  PaymentFileRefusal,
  ReportOutcome,
} from './transfers/types.ts'

/**
 * One bank account, named by its wallet id. What a file brings is one transaction: entries, the answer to the same file
 * again, and in the outbox what invoices are to hear. They are told at once, and again by the alarm until they have heard.
 */
export class BankObject extends DurableObject<CoreEnv> implements BankRpc {
  readonly #sql = this.ctx.storage.sql
  readonly #teller: Teller
  readonly #transferTeller = new HearersTeller<KeptTransfer>({
    sql: this.#sql,
    env: () => this.env,
    show: (kept) => this.#shown(kept),
    home: { bank: true },
  })
  #isReady = false

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    this.#teller = new Teller({
      sql: this.#sql,
      transaction: (run) => ctx.storage.transactionSync(run),
      observe: (invoiceId, observations) => this.env.INVOICES.getByName(invoiceId).observe(observations),
      heed: () => {},
      done: () => this.#arm(),
    })
  }

  async configure(account: BankAccount, merchantId: string): Promise<Result<null, { reason: 'already_configured' }>> {
    const known = this.#account()
    if (known && (known.iban !== account.iban || known.merchantId !== merchantId)) return err({ reason: 'already_configured' })
    this.ctx.storage.transactionSync(() => {
      if (!known) migrate(this.#sql)
      writeAccount(this.#sql, { ...account, merchantId })
    })
    this.#isReady = true
    return ok(null)
  }

  async allocate(chainId: string, invoiceId: string): Promise<Result<{ address: string; index: number }, AllocateRefusal>> {
    const account = this.#account()
    if (!account) return err({ reason: 'not_configured', detail: 'there is no such bank account' })
    if (chainId !== SEPA.id) return err({ reason: 'wrong_network', detail: `a bank account has no addresses on ${chainId}` })
    const { reference, index } = this.ctx.storage.transactionSync(() => referenceFor(this.#sql, invoiceId))
    return ok({ address: formatBankAddress({ ...account, reference }), index })
  }

  async ownerOf(index: number): Promise<string | null> {
    return this.#account() && invoiceAt(this.#sql, index)
  }

  async readUntil(): Promise<number | null> {
    return this.#account() && readUntilMs(this.#sql)
  }

  async paymentsAt(keys: readonly string[]): Promise<PaymentFact[]> {
    return this.#account() ? factsOf(this.#sql, this.#walletId, keys) : []
  }

  async used(): Promise<number> {
    return this.#account() ? countReferences(this.#sql) : 0
  }

  async given(fromIndex: number, limit: number): Promise<GivenReference[]> {
    const account = this.#account()
    if (!account) return []
    const most = Math.min(Math.max(1, limit), REFERENCES_PAGE_MAX + 1)
    return referencesFrom(this.#sql, fromIndex, most).map((reference) => withSums(this.#sql, account, reference))
  }

  async find(text: string): Promise<GivenReference | null> {
    const account = this.#account()
    const reference = account && referenceAt(this.#sql, text)
    return reference && withSums(this.#sql, account, reference)
  }

  async take(file: StatementFile): Promise<Result<ImportReport, ImportRefusal>> {
    const account = this.#account()
    if (account?.merchantId !== file.merchantId || file.statements.some(({ iban }) => iban !== account.iban))
      return err({ reason: 'account_not_found', detail: 'the statements are of another account' })
    return this.#commit((nowMs) => takeFile(this.#sql, this.#walletId, file, this.#book(nowMs), nowMs))
  }

  async standing(merchantId: string): Promise<AccountStanding | null> {
    const account = this.#account()
    return account?.merchantId === merchantId ? standingAt(this.#sql, account) : null
  }

  async balance(merchantId: string): Promise<AccountBalance | null> {
    const account = this.#account()
    return account?.merchantId === merchantId ? balanceAt(this.#sql, account) : null
  }

  async clearDifference(merchantId: string, id: string, by: string): Promise<boolean> {
    if (this.#account()?.merchantId !== merchantId) return false
    const isCleared = this.ctx.storage.transactionSync(() => clearDifference(this.#sql, id))
    if (isCleared) logEvent('info', 'bank_difference_cleared', { walletId: this.#walletId, id, by })
    return isCleared
  }

  async unmatched(merchantId: string, after: string | null, limit: number): Promise<UnmatchedPage> {
    if (this.#account()?.merchantId !== merchantId) return { entries: [], next: null }
    return unmatchedPage(this.#sql, after, limit)
  }

  async assign(merchantId: string, entryId: string, invoiceId: string, by: string): Promise<Result<UnmatchedEntry, AssignRefusal>> {
    const entry = this.#account()?.merchantId === merchantId ? entryAt(this.#sql, entryId) : null
    if (!entry) return err({ reason: 'entry_not_found' })
    if (entry.invoiceId === invoiceId) return ok(shown(entry))
    if (!isUnmatched(entry) || entry.direction === 'debit' || entry.takesBack)
      return err({ reason: 'entry_not_open', invoiceId: entry.invoiceId })
    const assigned = this.#commit((nowMs) => assignEntry(entry, invoiceId, by, this.#book(nowMs)))
    logEvent('info', 'bank_entry_assigned', { walletId: this.#walletId, entryId, invoiceId, by })
    return ok(shown(assigned))
  }

  async createTransfer(request: CreateBankTransfer): Promise<Result<BankTransfer, TransferRefusal>> {
    const account = this.#account()
    if (!account) return err({ reason: 'wallet_not_configured', detail: 'there is no such bank account' })
    const made = this.#commit((nowMs) => createTransfer(this.#sql, account, request, nowMs))
    return made.ok ? ok(this.#shown(made.value)) : made
  }

  async transfer(id: string): Promise<BankTransfer | null> {
    const kept = this.#account() && transferAt(this.#sql, id)
    return kept && this.#shown(kept)
  }

  async cancelTransfer(id: string, by: string): Promise<Result<BankTransfer, TransferStepRefusal>> {
    if (!this.#account()) return err({ reason: 'transfer_not_found' })
    const ended = this.#commit((nowMs) => cancelTransfer(this.#sql, id, by, nowMs))
    return ended.ok ? ok(this.#shown(ended.value)) : ended
  }

  async projectedTransfer(id: string, version: number): Promise<void> {
    if (this.#account()) told(this.#sql, id, version, HEARERS.d1)
  }

  async debtorOf(key: string): Promise<Debtor | null> {
    const entry = this.#account() && entryAt(this.#sql, key.split('/')[1] ?? '')
    if (!entry || entry.invoiceId === null || paymentKey(entry.id, this.#walletId) !== key) return null
    const { iban, name } = entry.counterparty
    return iban === null || name === null ? null : { iban, name }
  }

  async makePaymentFile(merchantId: string): Promise<Result<PaymentFileInfo, PaymentFileRefusal>> {
    const account = this.#account()
    if (account?.merchantId !== merchantId) return notOurs()
    return this.#commit((nowMs) => makePaymentFile(this.#sql, account, nowMs))
  }

  async paymentFiles(merchantId: string): Promise<PaymentFileInfo[]> {
    return this.#account()?.merchantId === merchantId ? newestFiles(this.#sql) : []
  }

  async paymentFile(merchantId: string, id: string): Promise<{ info: PaymentFileInfo; xml: string | null } | null> {
    return this.#account()?.merchantId === merchantId ? paymentFileAt(this.#sql, id) : null
  }

  async withdrawPaymentFile(merchantId: string, id: string, by: string): Promise<Result<PaymentFileInfo, PaymentFileRefusal>> {
    if (this.#account()?.merchantId !== merchantId) return notOurs()
    const withdrawn = this.#commit((nowMs) => withdrawPaymentFile(this.#sql, id, by, nowMs))
    if (withdrawn.ok && withdrawn.value.withdrawnBy === by)
      logEvent('info', 'payment_file_withdrawn', { walletId: this.#walletId, fileId: id, by })
    return withdrawn
  }

  async takeReport(merchantId: string, report: StatusReport): Promise<Result<ReportOutcome, PaymentFileRefusal>> {
    if (this.#account()?.merchantId !== merchantId) return notOurs()
    return this.#commit((nowMs) => takeReport(this.#sql, report, nowMs))
  }

  override async alarm(): Promise<void> {
    if (!this.#account()) return
    this.#teller.tellDue(Date.now())
    await this.#transferTeller.tellDue(Date.now())
    this.#arm()
  }

  /** One decision, then whoever is concerned is told. */
  #commit<T>(decide: (nowMs: number) => T): T {
    const decided = this.ctx.storage.transactionSync(() => decide(Date.now()))
    this.#tell()
    return decided
  }

  /** Whatever is put is told to its invoice: the outbox is written with it. */
  #book(nowMs: number) {
    return openBook(this.#sql, (entry: Entry) => {
      const { invoiceId } = entry
      heedEntry(this.#sql, entry, nowMs)
      // What takes money back is told as the new state of what it takes back.
      if (invoiceId === null || entry.direction === 'debit') return
      this.#teller.keep(invoiceId, observationOf({ ...entry, invoiceId }, this.#walletId), nowMs)
    })
  }

  /** The alarm is set first, in the same block as the rows: whatever is lost, it comes. */
  #tell(): void {
    this.ctx.storage.setAlarm(Date.now() + OUTBOX_RETRY_MS)
    this.#teller.tellDue(Date.now())
    void this.#transferTeller.tellDue(Date.now())
  }

  #shown(kept: KeptTransfer): BankTransfer {
    return transferOf(kept, this.#walletId)
  }

  #arm(): void {
    const dueAtMs = this.#teller.busy ? null : nextDueMs(this.#sql)
    const times = [dueAtMs, this.#transferTeller.dueAtMs].filter((time) => time !== null)
    if (times.length > 0) this.ctx.storage.setAlarm(Math.min(...times))
  }

  /** Asking for an account that does not exist writes nothing. */
  #account() {
    if (!this.#isReady) {
      this.#isReady = this.#sql.exec("SELECT 1 AS found FROM sqlite_master WHERE name = 'account'").toArray().length > 0
      // Tables that have come since this account was configured.
      if (this.#isReady) migrate(this.#sql)
    }
    return this.#isReady ? readAccount(this.#sql) : null
  }

  get #walletId(): string {
    return this.ctx.id.name ?? ''
  }
}

function notOurs(): Result<never, PaymentFileRefusal> {
  return err({ reason: 'account_not_found', detail: 'there is no such bank account' })
}
