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
    within: 100,
  },
  {
    name: 'a transfer is ended though the signer may be signing it',
    file: 'src/wallet/transfers/wishes.ts',
    find: 'if (attempt && outstanding(attempt, nowMs).length > 0)',
    put: 'if (attempt && attempt.version < 0)',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'a question to the signer whose answer was lost is never over',
    file: 'src/wallet/transfers/decide.ts',
    find: 'at !== (askedAtMs === undefined ? 0 : asked.indexOf(askedAtMs))',
    put: 'at !== 0',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'two transfers are given one number',
    file: 'src/wallet/transfers/funds.ts',
    find: 'some((one) => taken.has(one))',
    put: 'some((one) => taken.has(-one - 1))',
    within: 100,
    isOut: true,
  },
  {
    name: 'coins of a transfer in a block are free before a reading knows it',
    file: 'src/wallet/transfers/funds.ts',
    find: 'coins: isNowhere ? [] : isOver(record)',
    put: 'coins: isOver(record) ? [] : isOver(record)',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'a replacement is planned as if nothing had been signed',
    file: 'src/wallet/transfers/planner.ts',
    find: 'return replace(chain, account, before, request)',
    put: 'return spender.plan(chain, account, request)',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'what is booked is booked again when the answer is lost',
    file: 'src/wallet/transfers/settler.ts',
    find: 'await ledger.book(call.request)',
    put: 'await ledger.book({ ...call.request, key: call.request.key + Math.random() })',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'a failed transaction has cost nothing',
    file: 'src/wallet/transfers/books.ts',
    find: 'const ofFee = lesser(fee, reserved)',
    put: 'const ofFee = paid ? lesser(fee, reserved) : 0n',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'what moved nothing in its block is paid',
    file: 'src/wallet/transfers/follow.ts',
    find: "status: isPaid ? 'confirmed' : 'failed'",
    put: "status: 'confirmed'",
    within: 2_000,
    isOut: true,
  },
  {
    name: 'refunds that are asked for and not paid yet do not count',
    file: 'src/invoice/refundable.ts',
    find: 'return received > refunded ? received - refunded : 0n',
    put: 'return refunded < 0n ? 0n : received',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'the gas of sweeps is the merchant’s',
    file: 'src/wallet/transfers/books.ts',
    find: "transfer.custody === 'platform' && !isHouses && transfer.asset === feeAsset",
    put: "transfer.custody === 'platform' && transfer.asset === feeAsset",
    within: 2_000,
    isOut: true,
  },
  {
    name: 'what other transfers take from the treasury is spent again',
    file: 'src/wallet/transfers/planner.ts',
    find: 'const left = (have: bigint, code: string) => (have > (taken[code] ?? 0n) ? have - (taken[code] ?? 0n) : 0n)',
    put: 'const left = (have: bigint, code: string) => (have > (taken[code] ?? 0n) ? have : 0n)',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'an approval of something else counts',
    file: 'src/signer/approvals.ts',
    find: 'said.challenge !== challenge',
    put: "said.challenge === ''",
    within: 2_000,
    isOut: true,
  },
  {
    name: 'two passkeys of one member are two members',
    file: 'src/signer/approvals.ts',
    find: 'return [...new Set(members.filter((name) => name !== null))].sort()',
    put: 'return members.filter((name) => name !== null).sort()',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'whoever names a passkey of the policy has it',
    file: 'src/signer/approvals.ts',
    find: "return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, signed)",
    put: 'return key !== null',
    within: 2_000,
    isOut: true,
  },
  {
    name: 'the signer forgets what it signed a moment ago',
    file: 'src/signer/book.ts',
    find: 'if (attempt === 1) recent.outflows.push(',
    put: 'if (attempt === 0) recent.outflows.push(',
    within: 2_000,
    isOut: true,
  },
]

/** The seeds that a mutant is looked for with. */
export function seedsFor({ within, isOut }: Mutant): { from: number; to: number; step: number } {
  return isOut ? { from: OUT_FIRST, to: within, step: OUT_EVERY } : { from: 1, to: within, step: 1 }
}
