import type { ParentFacts } from '../../gateways/send.ts'
import type { PlanRefusal, WaitingParent } from '../../gateways/spend.ts'
import type { Sql } from '../../lib/outbox.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { indicesOfKeys } from '../addresses.ts'
import { coinsOn } from '../balances.ts'
import type { Claim } from './funds.ts'
import { UNPLANNED_MAX } from './limits.ts'
import { isSigned, outpoint, type TransferRecord } from './record.ts'
import type { CreateTransfer, TransferRefusal } from './rpc.ts'
import type { Transfer } from './types.ts'

/**
 * Accelerations: a transaction that waits with too low a fee, and pays this wallet, is brought into a block by a child that
 * spends what it pays (docs/accelerations.md). Whose its outputs are, only the wallet knows; what waits, only nodes do.
 */

/** "Topologically restricted until confirmation" (BIP 431): a child of it must be of that version too, and ours are of version 2. */
const ONE_CHILD_VERSION = 3

interface Place {
  readonly sql: Sql
  readonly chain: ChainConfig
  readonly others: readonly Claim[]
}

/**
 * What is known to be in vain before any node is asked. Another store's that has no plan is in nobody's way: it may ask for a
 * fee at which there never is one.
 */
export function refusalToAccelerate(place: Place, { parentTxid, storeId }: CreateTransfer): TransferRefusal | null {
  if (!parentTxid) return null
  const open = place.others.find((claim) => isHurrying(claim, parentTxid) && (isPlanned(claim) || claim.storeId === storeId))
  if (open) return { reason: 'already_accelerated', detail: hurries(open) }
  const unplanned = place.others.filter(
    (claim) => claim.hurries !== null && claim.storeId === storeId && !claim.isOver && !isPlanned(claim),
  )
  if (unplanned.length >= UNPLANNED_MAX)
    return { reason: 'too_many_transfers', detail: `${UNPLANNED_MAX} accelerations of this store have no plan yet` }
  return isInBlock(place, parentTxid) ? { reason: 'already_in_block', detail: IN_BLOCK } : null
}

/** What the child may spend, and what it has to pay for; or why there is none. Null of what is no acceleration. */
export function parentOf(
  place: Place,
  record: TransferRecord,
  facts: ParentFacts | undefined,
): Result<WaitingParent, PlanRefusal> | null {
  const { parentTxid: txid } = record.transfer
  if (!txid) return null
  if (isSigned(record)) return parentOfSigned(txid, facts)
  if (facts?.status === 'in_block' || isInBlock(place, txid)) return refused(IN_BLOCK)
  if (facts?.status !== 'waiting') return refused('no node has it waiting: it was replaced, is in a block, or is none at all')
  if (facts.version === ONE_CHILD_VERSION)
    return refused('nodes take no child of it that is made here: it is of version 3 (BIP 431)')
  // Who asked when there was no plan yet: a second child would pay for the same once more.
  const open = place.others.find((claim) => isHurrying(claim, txid) && isPlanned(claim))
  if (open) return refused(hurries(open))
  const indices = indicesOfKeys(
    place.sql,
    facts.outputs.map(({ script }) => script),
  )
  const own = facts.outputs.flatMap(({ vout, units, script, spent }) => {
    const index = indices.get(script)
    return index === undefined ? [] : [{ coin: { txid, vout, units, index }, spent }]
  })
  if (own.length === 0) return refused('nothing in it is paid to this wallet')
  const claimedBy = (coin: { txid: string; vout: number }) => place.others.find(({ coins }) => coins.includes(outpoint(coin)))
  const coins = own.filter(({ coin, spent }) => !spent && !claimedBy(coin)).map(({ coin }) => coin)
  if (coins.length > 0) return ok({ txid, coins, ancestors: facts.ancestors })
  const by = own.flatMap(({ coin }) => claimedBy(coin)?.id ?? [])[0] ?? 'another transaction that waits'
  return refused(`${by} spends what it pays this wallet`)
}

/** What spends what a transfer's own transactions make: another in their place would take it from the child. */
export function childOf({ signed }: Transfer, claims: readonly Claim[]): Claim | undefined {
  return claims.find((claim) => isPlanned(claim) && signed.some(({ txid }) => isHurrying(claim, txid)))
}

/** Why what a child hurries is left as it is. */
export function hurries({ id }: Claim): string {
  return `${id} hurries it: bump that one`
}

function isHurrying(claim: Claim, txid: string): boolean {
  return claim.hurries === txid && !claim.isOver
}

function isPlanned({ coins }: Claim): boolean {
  return coins.length > 0
}

/** The outputs that a child spends already. */
export function spentOfParent({ transfer: { parentTxid }, signedPlans }: TransferRecord): number[] {
  const [first] = signedPlans
  return first?.kind === 'coins' ? first.inputs.filter(({ txid }) => txid === parentTxid).map(({ vout }) => vout) : []
}

/** To be replaced: its coins are in the plan before it. */
function parentOfSigned(txid: string, facts: ParentFacts | undefined): Result<WaitingParent, PlanRefusal> {
  if (facts?.status === 'waiting') return ok({ txid, coins: [], ancestors: facts.ancestors })
  if (facts?.status === 'in_block') return ok({ txid, coins: [], ancestors: [] })
  return err({ reason: 'not_bumpable', detail: 'no node has the transaction that it hurries' })
}

const IN_BLOCK = 'it is in a block already: it needs not be hurried any more'

/** By what the wallet itself knows: its newest reading, and what it sent. */
function isInBlock({ sql, chain, others }: Place, txid: string): boolean {
  if (others.some(({ included }) => included?.txid === txid)) return true
  return coinsOn(sql, chain.id)?.held.some(({ coins }) => coins.some((coin) => coin.txid === txid)) ?? false
}

function refused(detail: string): Result<never, PlanRefusal> {
  return err({ reason: 'no_child', detail })
}
