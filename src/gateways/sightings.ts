import { logEvent } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { NodeError } from './gateway.ts'
import { neededOf } from './quorum.ts'
import type { Sighting } from './send.ts'

/** What one node sees, and how far it has come. */
export interface Sight {
  readonly headHeight: number
  readonly sighting: Sighting
}

/**
 * What all nodes together say of where the transactions of an intent are; an answer for each node. In a block for one of
 * them is in a block: nothing is ever paid again because another does not know it yet. What ends the intent for good needs
 * more: that it is final in its block, enough of those that have come as far, and none that says otherwise; that something
 * else has taken its place for ever, the word of every node.
 */
export function mergeSights(chain: ChainConfig, answers: readonly Result<Sight, NodeError>[]): Result<Sighting, NodeError> {
  const sights = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
  const told = sights.map(({ sighting }) => sighting)
  const [deepest] = told
    .flatMap((one) => (one.status === 'included' ? [one] : []))
    .sort((one, other) => other.confirmations - one.confirmations)
  if (deepest) {
    const voters = sights.filter(({ headHeight }) => headHeight >= deepest.height)
    const other = voters.find(({ sighting }) => !isSame(sighting, deepest))?.sighting
    if (other) logEvent('warn', 'nodes_disagree_on_transaction', { chainId: chain.id, txid: deepest.txid, other: other.status })
    return ok({ ...deepest, final: deepest.final && !other && voters.length >= neededOf(answers.length, voters.length) })
  }
  const conflicts = told.flatMap((one) => (one.status === 'conflict' ? [one] : []))
  if (conflicts.length > 0) {
    // Who takes it for paid must be heard before it is taken for not paid.
    const paying = conflicts.find((one) => one.pays === true)
    const byTxid = (paying ?? conflicts.find((one) => one.byTxid !== null))?.byTxid ?? null
    const pays = paying ? true : conflicts.every((one) => one.pays === false) ? false : undefined
    const isWhole = conflicts.length === answers.length && !conflicts.some(({ open }) => open)
    const final = isWhole && conflicts.every((one) => one.final)
    const word = isWhole ? { byAll: true } : conflicts.length === told.length ? { open: true } : {}
    // What any of them has not searched is not searched.
    const searchedHeight = Math.min(...conflicts.map((one) => one.searchedHeight))
    return ok({ status: 'conflict', byTxid, final, searchedHeight, ...(pays !== undefined && { pays }), ...word })
  }
  const waits = told.flatMap((one) => (one.status === 'waiting' ? [one] : []))
  if (waits[0]) return ok({ status: 'waiting', txid: waits[0].txid, ...behindOf(waits) })
  const absent = told.flatMap((one) => (one.status === 'absent' ? [one] : []))
  const searchedHeight = Math.max(...absent.map((one) => one.searchedHeight))
  const orphan = absent.length === answers.length && absent.every((one) => one.orphan)
  if (absent.length > 0) return ok({ status: 'absent', searchedHeight, ...behindOf(absent), ...(orphan && { orphan }) })
  const failure = answers.find((answer) => !answer.ok)
  return failure && !failure.ok ? failure : err({ reason: 'protocol', detail: 'no node is configured for this chain' })
}

/** Whoever knows of more transactions knows better. */
function behindOf(sightings: readonly { readonly behind?: number }[]): { behind: number } | null {
  const numbers = sightings.flatMap(({ behind }) => behind ?? [])
  return numbers.length < sightings.length ? null : { behind: Math.max(...numbers) }
}

/** The same block, and the same of all that ends a transfer: which of its transactions it is, and what became of the money. */
function isSame(sighting: Sighting, deepest: Extract<Sighting, { status: 'included' }>): boolean {
  if (sighting.status !== 'included' || sighting.blockHash !== deepest.blockHash) return false
  return sighting.txid === deepest.txid && sighting.reverted === deepest.reverted && sighting.fee === deepest.fee
}
