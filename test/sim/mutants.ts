import { OUT_MUTANTS } from './out-mutants.ts'
import { OUT_EVERY, OUT_FIRST } from './seeds.ts'

/** A defect put into the real code by text, to see that histories find it. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Found exactly once in the file. */
  readonly find: string
  readonly put: string
  /** Found within so many seeds from 1. */
  readonly within: number
  /** Only histories with money out are looked at. */
  readonly isOut?: true
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'outbox rows are acknowledged before their invoice has heard',
    file: 'src/chain/teller.ts',
    find: 'const answer = await within(',
    put: 'transaction(() => { for (const { key, revision } of rows) acknowledge(sql, key, revision) })\n        const answer = await within(',
    within: 2_000,
  },
  {
    name: 'the cursor moves before the payments are committed',
    file: 'src/chain/take.ts',
    find: 'for (const row of changed) putPayment(sql, row, revision, batch.startedAtMs, Boolean(chain.finality))',
    put: 'void Promise.resolve().then(() => undefined).then(() => { for (const row of changed) putPayment(sql, row, revision, batch.startedAtMs, Boolean(chain.finality)) })',
    within: 100,
  },
  {
    name: 'an invoice takes an older word on a payment',
    file: 'src/invoice/decide.ts',
    find: 'if (known && seen.revision <= known.revision) return ok([])',
    put: 'if (known && seen.revision === known.revision) return ok([])',
    within: 2_000,
  },
  {
    name: 'an older sight of the mempool is taken',
    file: 'src/chain/take.ts',
    find: 'if (batch.mempool && facts.syncedAtMs !== null && batch.startedAtMs < facts.syncedAtMs)',
    put: 'if (batch.startedAtMs < 0)',
    within: 2_000,
  },
  {
    name: 'the ledger does not remember a word that had nothing to post',
    file: 'src/ledger/ledger.ts',
    find: 'if (Math.max(before?.positions.version ?? 0, heard) >= version) return ok(null)',
    put: 'if ((before?.positions.version ?? 0) >= version || heard < 0) return ok(null)',
    within: 2_000,
  },
  {
    name: 'an address is watched after it is shown',
    file: 'src/chain/watch.ts',
    find: 'await shard.watch([{ key: watchKey, invoiceId }])',
    put: 'void shard.watch([{ key: watchKey, invoiceId }]).catch(() => undefined)',
    within: 100,
  },
  {
    name: 'D1 takes an older version of an invoice',
    file: 'src/storage/invoice-projection.ts',
    find: 'setWhere: sql`excluded.version > ',
    put: 'setWhere: sql`excluded.version <> ',
    within: 100,
  },
  {
    name: 'a reservation that is asked for again is made again',
    file: 'src/ledger/ledger.ts',
    find: 'const replay = this.#replay(draft)\n    if (replay) return replay',
    put: 'const replay = null',
    within: 2_000,
  },
  {
    name: 'the log is marked as told when the webhook alone is',
    file: 'src/invoice/announcer.ts',
    find: 'untold.some(({ webhook, project, book }) => webhook !== null || project || book)',
    put: 'untold.some(({ webhook, project, book }) => webhook !== null || (project && !book && false))',
    within: 100,
  },
  {
    name: 'a wallet gives an address to two invoices',
    file: 'src/wallet/object.ts',
    find: '.derive(on.value.chain, on.value.account, index)',
    put: '.derive(on.value.chain, on.value.account, index >> 1)',
    within: 100,
  },
  {
    name: 'a payment that comes back after a fork stays away',
    file: 'src/chain/follow.ts',
    find: 'if (row.height !== null && row.height > place.floor) change(row, NOWHERE)',
    put: 'if (row.height !== null && row.height > place.floor + 1) change(row, NOWHERE)',
    within: 2_000,
  },
  {
    name: 'an instance does not tell what the one before left untold',
    file: 'src/chain/object.ts',
    find: 'if (!facts || !depth || facts.toldRevision >= facts.revision) return',
    put: 'if (!facts || !depth || facts.toldRevision >= 0) return',
    within: 2_000,
  },
  {
    name: 'the next look is not armed before this one is sent',
    file: 'src/chain/object.ts',
    find: '    this.#arm()\n    if (lookDue) await this.#sendLook(chain, nowMs)',
    put: '    if (lookDue) await this.#sendLook(chain, nowMs)',
    within: 2_000,
  },
  {
    name: 'D1 is said to have a page of transactions before it has',
    file: 'src/storage/ledger-projection.ts',
    find: "await shard.batch(writeStatements(shard, entries, 'keep'))\n      await env.LEDGERS.getByName(merchantId).projected(last.transaction.no)",
    put: "await env.LEDGERS.getByName(merchantId).projected(last.transaction.no)\n      await shard.batch(writeStatements(shard, entries, 'keep'))",
    within: 100,
  },
  {
    name: 'a branch that one of several nodes has is followed',
    file: 'src/gateways/quorum.ts',
    find: 'return Math.max(Math.floor(voters / 2) + 1, configured >= 3 ? 2 : 1)',
    put: 'return configured > 0 ? 1 : voters',
    within: 100,
  },
  {
    name: 'a payment that one of several nodes tells of is credited',
    file: 'src/gateways/quorum-reader.ts',
    find: 'return failures.length === 0 ? transfers : err(worstOf(failures))',
    put: 'return transfers',
    within: 1_000,
  },
  ...OUT_MUTANTS,
]

/** The seeds that a mutant is looked for with. */
export function seedsFor({ within, isOut }: Mutant): { from: number; to: number; step: number } {
  return isOut ? { from: OUT_FIRST, to: within, step: OUT_EVERY } : { from: 1, to: within, step: 1 }
}
