import { DurableObject } from 'cloudflare:workers'
import type { SignerEnv } from '../../workers/signer/env.ts'
import type { AccountKey } from '../gateways/gateway.ts'
import { keySignerOf } from '../gateways/key-signers.ts'
import type { SignedTransaction } from '../gateways/spend.ts'
import { spaceOf, walletIdOf } from '../gateways/wallet-id.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { logEvent } from '../lib/log.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import { type Registry, registryOf } from '../money/registry.ts'
import { approvedBy, membersOf } from './approvals.ts'
import { SignerBook, type SignerWallet, type Word } from './book.ts'
import { coverOf } from './cover.ts'
import type { Ask, Facts } from './decide.ts'
import { challengeOf, faultOfIntent } from './intent.ts'
import type { LogEntry } from './log.ts'
import { ALL_WALLETS, type ImportRefusal, LOG_PAGE_MAX, type SignerObjectRpc, type SignerStanding } from './object-rpc.ts'
import { callsBack, faultOfPlan, planHash } from './plans.ts'
import type { Policy } from './policy.ts'
import type { SignRefusal, SignRequest } from './rpc.ts'
import { openSeed, readKek, type SealedSeed } from './seal.ts'

type NotHot = { readonly reason: 'wallet_not_hot' }

/**
 * The signer of one wallet, named by the wallet id; the one named `all` is the switch for all of them. What it decides is
 * in decide.ts over the rows of book.ts; here are the questions to other Workers, and the seed for as long as it is open.
 */
export class SignerObject extends DurableObject<SignerEnv> implements SignerObjectRpc {
  /** Replaced in tests. */
  clock: Clock = systemClock

  #book = new SignerBook(this.ctx.storage.sql, this.#registry)

  async sign(request: SignRequest): Promise<Result<SignedTransaction, SignRefusal>> {
    const wallet = this.#book.wallet()
    if (!wallet) return err({ reason: 'wallet_not_hot', detail: 'the signer has no seed of this wallet' })
    const signed = await this.#sign(wallet, request)
    if (!signed.ok) this.#refused(wallet, request, signed.error)
    return signed
  }

  async importSeed(envelope: SealedSeed, by: string): Promise<Result<AccountKey, ImportRefusal>> {
    const chain = this.#registry.chains.find((candidate) => spaceOf(candidate) === envelope.space)
    if (!chain) return err({ reason: 'no_such_chain', detail: `no chain of ${envelope.space} is configured here` })
    const seed = await openSeed(this.#kek(), envelope)
    if (!seed.ok) return err({ reason: 'cannot_open', detail: 'it was sealed under another SIGNER_KEK, or was changed since' })
    let account: AccountKey
    try {
      account = keySignerOf(chain).account(chain, seed.value, envelope.script)
    } finally {
      seed.value.fill(0)
    }
    const named = await walletIdOf(chain, account)
    assert(named.ok, 'a seed makes an account with addresses')
    if (named.value !== this.ctx.id.name || envelope.walletId !== named.value)
      return err({ reason: 'another_wallet', detail: `this seed makes the wallet ${named.value}` })
    const imported = this.#changing((book, nowMs) => book.importSeed(envelope, account.xpub, by, nowMs))
    if (!imported.ok) return err({ reason: 'another_seed', detail: 'the wallet has another seed already, which stays' })
    logEvent('info', 'signer_seed_imported', { walletId: named.value })
    return ok(account)
  }

  async setPolicy(policy: Policy, by: string): Promise<Result<number, NotHot>> {
    if (!this.#book.wallet()) return err({ reason: 'wallet_not_hot' })
    const version = this.#changing((book, nowMs) => book.setPolicy(policy, by, nowMs))
    logEvent('info', 'signer_policy_set', { walletId: this.ctx.id.name, version, by })
    return ok(version)
  }

  async stop(word: Word): Promise<Result<null, NotHot>> {
    return this.#switch('signer_stopped', word, (book, nowMs) => book.stop(word, nowMs))
  }

  async allow(word: Word): Promise<Result<null, NotHot>> {
    return this.#switch('signer_allowed', word, (book, nowMs) => book.allow(word, nowMs))
  }

  async stopped(): Promise<string | null> {
    return this.#book.row().stopped
  }

  async standing(): Promise<SignerStanding> {
    const { policy, policyVersion, stopped } = this.#book.row()
    return { account: this.#book.wallet()?.account ?? null, policy, policyVersion, stopped, head: this.#book.head() }
  }

  async log(afterNo: number): Promise<LogEntry[]> {
    return this.#book.entriesAfter(afterNo, LOG_PAGE_MAX)
  }

  async #sign(wallet: SignerWallet, request: SignRequest): Promise<Result<SignedTransaction, SignRefusal>> {
    const { intent, plan } = request
    const fault = faultOfIntent(intent, wallet, this.#registry)
    if (fault !== null) return err({ reason: 'bad_intent', detail: fault })
    const hash = await planHash(plan)
    const stopped = await this.#whyStopped()
    if (stopped) return err(stopped)
    const kept = this.#book.find(intent, hash)
    if (!kept.ok) return kept
    if (kept.value) return ok(kept.value)

    const chain = this.#registry.chain(intent.chainId)
    const isSigned = this.#book.isSigned(intent.id)
    const paysNobody = isSigned && callsBack(chain, wallet.account, intent, plan)
    const planFault = paysNobody ? null : faultOfPlan(chain, wallet.account, intent, plan)
    const ask: Ask = { intent, plan, chain, paysNobody, planFault }
    const { policyVersion } = this.#book.row()
    const facts = isSigned ? null : await this.#factsOf(request)
    const before = this.#book.decide(ask, facts, this.clock())
    if (!before.ok) return before
    // Who was asked may have taken their time, and people may have turned the switch of all meanwhile.
    const stoppedSince = facts && (await this.#whyStopped())
    if (stoppedSince) return err(stoppedSince)

    const seed = await openSeed(this.#kek(), wallet.envelope)
    if (!seed.ok) return err({ reason: 'wallet_not_hot', detail: 'the seed is sealed under another SIGNER_KEK' })
    try {
      return this.#changing((book, nowMs) => {
        // While the seed was opened others may have been served, and people may have changed their minds.
        const since = book.find(intent, hash)
        if (!since.ok || since.value) return since as Result<SignedTransaction, SignRefusal>
        const row = book.row()
        if (row.stopped !== null) return err({ reason: 'stopped', detail: row.stopped })
        if (row.policyVersion !== policyVersion) return err({ reason: 'unavailable', detail: 'the policy has just changed' })
        const verdict = book.decide(ask, facts, nowMs)
        if (!verdict.ok) return verdict
        const signed = keySignerOf(chain).sign(chain, seed.value, wallet.account.script, plan)
        book.keep(ask, hash, signed, verdict.value, approvedBy(facts?.members ?? []), nowMs)
        logEvent('info', 'signer_signed', { walletId: wallet.walletId, intentId: intent.id, kind: intent.kind, txid: signed.txid })
        return ok(signed)
      })
    } finally {
      seed.value.fill(0)
    }
  }

  #refused({ walletId }: SignerWallet, { intent }: SignRequest, refusal: SignRefusal): void {
    // Of what could not be asked there is nothing to tell: the next time may say yes.
    if (refusal.reason === 'unavailable') return
    const isNew = this.#changing((book, nowMs) => book.refuse(intent, refusal, nowMs))
    if (isNew) logEvent('warn', 'signer_refused', { walletId, intentId: String(intent.id).slice(0, 64), reason: refusal.reason })
  }

  /** What only others know of an intent that nothing was signed for yet. */
  async #factsOf({ intent, approvals }: SignRequest): Promise<Facts> {
    const challenge = await challengeOf(intent)
    const approvers = this.#book.row().policy?.approvers ?? []
    const [cover, members] = await Promise.all([coverOf(intent, this.env), membersOf(approvers, approvals, challenge)])
    return { cover, members, challenge }
  }

  /** Its own switch, and that of all. A switch that cannot be read counts as off. */
  async #whyStopped(): Promise<SignRefusal | null> {
    try {
      const all = await this.env.SIGNERS.getByName(ALL_WALLETS).stopped()
      // Its own last, since that may have been turned while the other was asked.
      const stopped = this.#book.row().stopped ?? all
      return stopped === null ? null : { reason: 'stopped', detail: stopped }
    } catch {
      return { reason: 'unavailable', detail: 'the switch for all wallets did not answer' }
    }
  }

  #switch(what: string, { by }: Word, step: (book: SignerBook, nowMs: number) => void): Result<null, NotHot> {
    if (this.ctx.id.name !== ALL_WALLETS && !this.#book.wallet()) return err({ reason: 'wallet_not_hot' })
    this.#changing(step)
    logEvent('warn', what, { walletId: this.ctx.id.name, by })
    return ok(null)
  }

  /** One synchronous block: the step, all of it or none. What it leaves is on disk before anybody hears of it. */
  #changing<T>(step: (book: SignerBook, nowMs: number) => T): T {
    try {
      return this.ctx.storage.transactionSync(() => step(this.#book, this.clock()))
    } catch (thrown) {
      // A defect. What it wrote is undone; what it left in memory goes too.
      this.#book = new SignerBook(this.ctx.storage.sql, this.#registry)
      throw thrown
    }
  }

  get #registry(): Registry {
    return registryOf(this.env)
  }

  #kek(): Uint8Array<ArrayBuffer> {
    const kek = readKek(this.env.SIGNER_KEK)
    if (!kek.ok) throw new Error(kek.error)
    return kek.value
  }
}
