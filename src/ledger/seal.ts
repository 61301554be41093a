import { err, ok, type Result } from '../lib/result.ts'
import { MAX_UNITS } from '../money/amount.ts'
import { accountKind, CAUSES, signOf } from './accounts.ts'
import { applyPostings, balanceOf } from './balances.ts'
import { hashOf } from './hash.ts'
import type { BookRefusal } from './rpc.ts'
import type { Balances, Draft, LedgerEntry, Posting } from './types.ts'

/** Where a ledger ends: what the next transaction follows. */
export interface Head {
  readonly no: number
  readonly hash: string
  readonly atMs: number
}

export type PostingRefusal = Exclude<BookRefusal, { reason: 'ledger_key_reused' }>

/**
 * Gives drafts of one store their places after `head`, each with the balances after it. All or none: the first posting
 * that the chart of accounts does not allow, or that would take more than there is, refuses everything.
 */
export function seal(
  head: Head,
  before: Balances,
  drafts: readonly Draft[],
  nowMs: number,
): Result<{ entries: LedgerEntry[]; head: Head; balances: Balances }, PostingRefusal> {
  const entries: LedgerEntry[] = []
  let { no, hash, atMs } = head
  let balances = before
  atMs = Math.max(atMs, nowMs)
  for (const draft of drafts) {
    balances = applyPostings(balances, draft.postings)
    const refusal = faultOf(draft, balances, before)
    if (refusal) return err(refusal)
    no++
    const numbered = { ...draft, no, atMs, previous: hash }
    hash = hashOf(numbered)
    entries.push({ transaction: { ...numbered, hash }, balances })
  }
  return ok({ entries, head: { no, hash, atMs }, balances })
}

/** What is wrong with a transaction and the balances it leaves, or null. */
export function faultOf(draft: Draft, after: Balances, before: Balances): PostingRefusal | null {
  if (draft.postings.length === 0) return bad('a transaction has at least one posting')
  for (const posting of draft.postings) {
    const words = wordsAgainst(posting, draft)
    if (words !== null) return bad(words)
  }
  for (const { from, to, asset } of draft.postings) {
    for (const account of [from, to]) {
      const units = balanceOf(after, account, asset)
      const sign = signOf(account)
      if (sign === 'claim' && units < 0n)
        return { reason: 'insufficient_funds', account, asset, available: balanceOf(before, account, asset) }
      if (sign === 'backing' && units > 0n) return bad(`${account} would stand at ${units} ${asset}: it is never above zero`)
      if (sign === 'zero' && units !== 0n) return bad(`${account} would stand at ${units} ${asset}: it stays at zero`)
    }
  }
  return null
}

function wordsAgainst({ from, to, amount, asset }: Posting, { cause }: Draft): string | null {
  if (amount <= 0n || amount > MAX_UNITS) return `${amount} ${asset} is no amount to post`
  if (from === to) return `a posting goes from one account to another, not from ${from} to itself`
  for (const account of [from, to]) {
    if (signOf(account) === null) return `there is no account ${account}`
    if (!CAUSES[cause].includes(accountKind(account))) return `${cause} does not touch ${account}`
  }
  return null
}

function bad(detail: string): PostingRefusal {
  return { reason: 'bad_posting', detail }
}
