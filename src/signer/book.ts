import type { AccountKey } from '../gateways/gateway.ts'
import type { SignedTransaction } from '../gateways/spend.ts'
import { canonicalJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import type { Registry } from '../money/registry.ts'
import { type Ask, decide, destinationNames, type Facts, type Known, outflowOf, type Verdict } from './decide.ts'
import { unitsOf, wordsOf } from './intent.ts'
import { DAY_MS, type FeeOutflow, HOUR_MS, type Outflow } from './limits.ts'
import { EMPTY_LOG, type LogEntry, type LogHead, type LogKind, nextEntry } from './log.ts'
import { coinsOf } from './plans.ts'
import { type Policy, writePolicy } from './policy.ts'
import type { Intent, SignRefusal } from './rpc.ts'
import type { SealedSeed } from './seal.ts'
import * as tables from './tables.ts'

/** Refusals that are written down in an hour; whoever asks in vain more often fills no disk. */
export const REFUSALS_PER_HOUR_MAX = 1_000
const READ_AT_ONCE = 500
const ID_CHARS_MAX = 64

export interface SignerWallet {
  readonly walletId: string
  readonly space: string
  readonly account: AccountKey
  readonly envelope: SealedSeed
}

/** Who, and why. */
export interface Word {
  readonly by: string
  readonly reason: string
}

/** What the log says of the last day. */
interface Recent {
  outflows: Outflow[]
  fees: FeeOutflow[]
}

/** A `signed` entry's body, as canonical JSON has it. */
interface SignedBody {
  readonly intent: Omit<Intent, 'outputs'> & { readonly outputs: readonly { readonly address: string; readonly units: string }[] }
  readonly attempt: number
  readonly fee: string
  readonly feeAdded: string
}

/**
 * What one wallet's signer knows and has done, over its rows. Each method is one synchronous step; nothing is written
 * before a seed is there, or a word to the switch of all. Knows nothing of objects, keys and other Workers.
 */
export class SignerBook {
  readonly #sql: Sql
  readonly #registry: Registry
  #hasTables: boolean
  #recent: Recent | undefined
  /** Newest refusal of each intent, and how many were written since when. */
  readonly #refused = new Map<string, string>()
  #refusals = { fromMs: 0, count: 0 }

  constructor(sql: Sql, registry: Registry) {
    this.#sql = sql
    this.#registry = registry
    this.#hasTables = tables.hasTables(sql)
  }

  /** Null before its seed was imported. */
  wallet(): SignerWallet | null {
    const { envelope, xpub } = this.row()
    if (!envelope || !xpub) return null
    const { walletId, space, script } = envelope
    return { walletId, space, account: { xpub, script }, envelope }
  }

  row(): tables.SignerRow {
    const nothing = { envelope: null, xpub: null, policy: null, policyVersion: 0, stopped: null }
    return this.#hasTables ? tables.loadSigner(this.#sql) : nothing
  }

  head(): LogHead {
    return this.#hasTables ? tables.loadHead(this.#sql) : EMPTY_LOG
  }

  entriesAfter(no: number, limit: number): LogEntry[] {
    return this.#hasTables ? tables.entriesAfter(this.#sql, no, limit) : []
  }

  /** A seed that makes this account. The same account sealed anew, under another key, takes the place of its envelope. */
  importSeed(envelope: SealedSeed, xpub: string, by: string, nowMs: number): Result<null, 'another_seed'> {
    const known = this.row()
    if (known.xpub !== null && known.xpub !== xpub) return err('another_seed')
    if (known.envelope?.sealed === envelope.sealed) return ok(null)
    this.#ensureTables()
    tables.saveSeed(this.#sql, envelope, xpub)
    const { walletId, space, script } = envelope
    this.#write('seed_imported', { walletId, space, script, xpub, by }, nowMs)
    return ok(null)
  }

  /** Answers its version: 1, 2, 3, … */
  setPolicy(policy: Policy, by: string, nowMs: number): number {
    assert(this.wallet() !== null, 'a policy is of a wallet')
    const version = this.row().policyVersion + 1
    tables.savePolicy(this.#sql, policy, version)
    this.#write('policy_set', { version, by, policy: writePolicy(policy) }, nowMs)
    return version
  }

  stop(word: Word, nowMs: number): void {
    this.#ensureTables()
    tables.saveStopped(this.#sql, word.reason)
    this.#write('stopped', word, nowMs)
  }

  allow(word: Word, nowMs: number): void {
    this.#ensureTables()
    tables.saveStopped(this.#sql, null)
    this.#write('allowed', word, nowMs)
  }

  /** The bytes that were signed for this very plan; null when none were. An id that stood for another intent is refused. */
  find(intent: Intent, planHash: string): Result<SignedTransaction | null, SignRefusal> {
    const [first] = this.#signedEntries(intent.id)
    if (!first) return ok(null)
    if (canonicalJson(bodyOf(first).intent) !== wordsOf(intent))
      return err({ reason: 'bad_intent', detail: 'something else was signed under this id' })
    const kept = tables.signaturesFor(this.#sql, intent.id).find((signature) => signature.planHash === planHash)
    return ok(kept ? { txid: kept.txid, raw: kept.raw } : null)
  }

  /** Something was signed for this intent, so it was covered and approved. */
  isSigned(intentId: string): boolean {
    return this.#signedEntries(intentId).length > 0
  }

  decide(ask: Ask, facts: Facts | null, clockMs: number): Result<Verdict, SignRefusal> {
    return decide(ask, this.#known(ask.intent, Math.max(clockMs, this.head().atMs)), facts)
  }

  /** Keeps the bytes, and says so in the log: before anybody has them. */
  keep(
    ask: Ask,
    planHash: string,
    signed: SignedTransaction,
    verdict: Verdict,
    approvedBy: readonly string[],
    nowMs: number,
  ): void {
    const { intent, plan, chain } = ask
    const attempt = tables.signaturesFor(this.#sql, intent.id).length + 1
    const recent = this.#upToDate()
    tables.insertSignature(this.#sql, intent.id, { attempt, planHash, plan, ...signed })
    for (const { outpoint, units } of coinsOf(plan)) tables.insertCoin(this.#sql, outpoint, units)
    const { policyVersion } = this.row()
    const { fee } = plan
    const { feeAdded } = verdict
    const body = {
      intent: JSON.parse(wordsOf(intent)),
      attempt,
      planHash,
      txid: signed.txid,
      fee,
      feeAdded,
      approvedBy,
      policyVersion,
      ...(ask.paysNobody && { paysNobody: true }),
    }
    const isFirstRefund = attempt === 1 && intent.kind === 'refund'
    const subject = { intentId: intent.id, invoiceId: isFirstRefund ? intent.invoiceId : null }
    const { atMs } = this.#write('signed', body, nowMs, subject)
    this.#refused.delete(intent.id)
    recent.fees.push({ atMs, chainId: intent.chainId, fee: feeAdded })
    if (attempt === 1) recent.outflows.push(outflowOf(intent, chain, atMs))
  }

  /**
   * Writes a refusal down, the same one of the same intent once in a row. A payout that waits because its destination is
   * new has now been asked for. Answers whether anything was written.
   */
  refuse(intent: Intent, refusal: SignRefusal, nowMs: number): boolean {
    const id = String(intent.id).slice(0, ID_CHARS_MAX)
    if (nowMs - this.#refusals.fromMs >= HOUR_MS) {
      this.#refusals = { fromMs: nowMs, count: 0 }
      this.#refused.clear()
    }
    const why = refusal.reason === 'limit_reached' ? `${refusal.reason} ${refusal.limit}` : refusal.reason
    if (this.#refused.get(id) === why || this.#refusals.count >= REFUSALS_PER_HOUR_MAX) return false
    this.#refusals.count++
    this.#refused.set(id, why)
    const named = refusal.reason === 'bad_intent' ? {} : { kind: intent.kind, asset: intent.asset, units: unitsOf(intent) }
    const { atMs } = this.#write('refused', { intentId: id, ...named, refusal }, nowMs)
    if (refusal.reason === 'limit_reached' && refusal.limit === 'new_destination') {
      const chain = this.#registry.chain(intent.chainId)
      for (const name of destinationNames(intent, chain)) tables.insertDestination(this.#sql, name, atMs)
    }
    return true
  }

  #known(intent: Intent, nowMs: number): Known {
    const signatures = this.#hasTables ? tables.signaturesFor(this.#sql, intent.id) : []
    const { outflows, fees } = this.#upToDate()
    return {
      nowMs,
      policy: this.row().policy,
      before: signatures[0]?.plan ?? null,
      attempts: signatures.length,
      feeBefore: signatures.reduce((most: bigint, { plan }) => (plan.fee > most ? plan.fee : most), 0n),
      signaturesOfDay: fees.filter(({ atMs }) => atMs > nowMs - DAY_MS).length,
      outflows,
      fees,
      refunds: this.#refunds(intent),
      coinUnits: (outpoint) => tables.coinUnits(this.#sql, outpoint),
      askedSinceMs: (name) => tables.destinationSince(this.#sql, name),
    }
  }

  /** Signed refunds of the invoice in the asset, this intent left out. */
  #refunds({ id, invoiceId, asset }: Intent): Known['refunds'] {
    if (invoiceId === null || !this.#hasTables) return []
    return tables
      .refundEntries(this.#sql, invoiceId)
      .map((entry) => bodyOf(entry).intent)
      .filter((intent) => intent.asset === asset && intent.id !== id)
      .map((intent) => ({ id: intent.id, units: intent.outputs.reduce((sum, { units }) => sum + BigInt(units), 0n) }))
  }

  /**
   * From the log at first, from what is added to it afterwards. What is a day older than the newest entry can never count
   * again: no decision is made at an earlier time than that.
   */
  #upToDate(): Recent {
    const sinceMs = this.head().atMs - DAY_MS
    this.#recent ??= this.#readRecent(sinceMs)
    this.#recent.outflows = this.#recent.outflows.filter(({ atMs }) => atMs > sinceMs)
    this.#recent.fees = this.#recent.fees.filter(({ atMs }) => atMs > sinceMs)
    return this.#recent
  }

  #readRecent(sinceMs: number): Recent {
    const recent: Recent = { outflows: [], fees: [] }
    let before = Number.MAX_SAFE_INTEGER
    // As many pages as a day has at most: signatures and refusals are limited, and people write few words.
    for (;;) {
      const page = this.#hasTables ? tables.entriesBefore(this.#sql, before, READ_AT_ONCE) : []
      for (const entry of page) if (entry.kind === 'signed') addSigned(recent, entry, this.#registry)
      const oldest = page.at(-1)
      if (!oldest || page.length < READ_AT_ONCE || oldest.atMs <= sinceMs) break
      before = oldest.no
    }
    recent.outflows.reverse()
    recent.fees.reverse()
    return recent
  }

  #signedEntries(intentId: string): LogEntry[] {
    return this.#hasTables ? tables.signedEntries(this.#sql, intentId) : []
  }

  #write(kind: LogKind, body: object, nowMs: number, subject: tables.LogSubject = { intentId: null, invoiceId: null }): LogEntry {
    const entry = nextEntry(this.head(), kind, canonicalJson(body), nowMs)
    tables.insertEntry(this.#sql, entry, subject)
    return entry
  }

  #ensureTables(): void {
    if (this.#hasTables) return
    tables.createTables(this.#sql)
    this.#hasTables = true
  }
}

function bodyOf(entry: LogEntry): SignedBody {
  return JSON.parse(entry.body) as SignedBody
}

function addSigned(recent: Recent, entry: LogEntry, registry: Registry): void {
  const { intent, attempt, feeAdded } = bodyOf(entry)
  recent.fees.push({ atMs: entry.atMs, chainId: intent.chainId, fee: BigInt(feeAdded) })
  const chain = registry.findChain(intent.chainId)
  // Of a chain that is not configured any more: nothing on it can be signed for.
  if (attempt > 1 || !chain) return
  const outputs = intent.outputs.map(({ address, units }) => ({ address, units: BigInt(units) }))
  recent.outflows.push(outflowOf({ ...intent, outputs }, chain, entry.atMs))
}
