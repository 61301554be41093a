import { toHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { BlockRef, NodeError, Transfer } from '../gateway.ts'
import type { LookQuestion, Sighting } from '../send.ts'
import type { Sight } from '../sightings.ts'
import type { CoinPlan } from '../spend.ts'
import { merkleFault } from './block.ts'
import { askHash, readBlock, readRef } from './chain-reads.ts'
import { recipientScript } from './recipient.ts'
import type { BitcoinRpc } from './rpc.ts'
import { conflictsIn, type Transactions, transactionId, transfersAt } from './scan.ts'
import { lostAncestors, NONE_LOST } from './sender-ancestors.ts'
import { areUnspent, depthOf, waitingOf } from './whereabouts.ts'

/** Blocks read in one look; what is above them waits for the next. */
const BLOCKS_MAX = 20
/** How often a look starts again because a block came in the middle of it. */
const TRIES = 3

/** The newest block, as of which all is told. */
type Tip = Pick<BlockRef, 'height'>

/** What a transaction of ours cost, by its block and its id: both name their content, so it is read once. */
const fees = new Map<string, bigint>()
const FEES_KEPT = 256

/**
 * Where the transactions of an intent are, by one node. Of what they spend it asks whether it is spent in a block: if
 * nothing is, none of them is in one, and nothing else that excludes them. Else the block with the transaction that spends
 * it is read, proven (merkle root), and told.
 *
 * A conflict is final when a transaction that is none of ours spends the first input, in a block of the best chain as deep
 * as a payment must be: by the rule of `bump`, every transaction of the intent spends that input. So is one with what it
 * hangs on: of an acceleration, another transaction that spends what its parent spends.
 */
export async function lookFrom(rpc: BitcoinRpc, chain: ChainConfig, question: LookQuestion): Promise<Result<Sight, NodeError>> {
  const { plan } = question
  assert(plan.kind === 'coins', 'a plan of coins')
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const best = await askHash(rpc, 'getbestblockhash')
    if (!best.ok) return best
    const tip = await readRef(rpc, best.value)
    if (!tip.ok) return tip
    const sighting = await sightAt(rpc, chain, { ...question, plan }, tip.value)
    if (!sighting.ok) return sighting
    const after = await askHash(rpc, 'getbestblockhash')
    if (!after.ok) return after
    if (after.value === best.value) return ok({ headHeight: tip.value.height, sighting: sighting.value })
  }
  return err({ reason: 'node_refused', detail: 'new blocks came faster than they could be looked at' })
}

type CoinQuestion = LookQuestion & { readonly plan: CoinPlan }

async function sightAt(
  rpc: BitcoinRpc,
  chain: ChainConfig,
  question: CoinQuestion,
  tip: Tip,
): Promise<Result<Sighting, NodeError>> {
  const { plan, txids, ancestors = [] } = question
  const inBlocks = await areUnspent(rpc, plan.inputs, false)
  if (!inBlocks.ok) return inBlocks
  const withMempool = await areUnspent(rpc, plan.inputs, true)
  if (!withMempool.ok) return withMempool
  // Asked last: what came into the mempool in between is ours rather than another's.
  const waiting = await waitingOf(rpc, txids)
  if (!waiting.ok) return waiting
  const newest = waiting.value.at(-1)
  if (newest !== undefined) return ok({ status: 'waiting', txid: newest })

  // A coin that is in no block and yet unspent has lost its own block to a reorganisation, and waits.
  const missing = plan.inputs.filter((_, i) => !inBlocks.value[i] && !withMempool.value[i])
  const lost = missing.length > 0 ? await lostAncestors(rpc, ancestors) : ok(NONE_LOST)
  if (!lost.ok) return lost
  const isSpentInBlock = missing.some(({ txid }) => !lost.value.open.has(txid))
  if (isSpentInBlock) return findSpender(rpc, chain, question, tip)
  const searchedHeight = tip.height
  // What may come back with its parent is there as soon as that is, if nothing that waits spends it.
  const isThere = plan.inputs.every(({ txid }, i) => withMempool.value[i] || (!inBlocks.value[i] && lost.value.gone.has(txid)))
  const orphan = withMempool.value.includes(false)
  if (isThere && !lost.value.isReplaced) return ok({ status: 'absent', searchedHeight, ...(orphan && { orphan }) })
  return ok({ status: 'conflict', byTxid: null, final: false, searchedHeight })
}

/** Something in a block spends an input: one of ours, or another. */
async function findSpender(
  rpc: BitcoinRpc,
  chain: ChainConfig,
  question: CoinQuestion,
  tip: Tip,
): Promise<Result<Sighting, NodeError>> {
  const known = await heightOfOurs(rpc, question, tip)
  if (!known.ok) return known
  const from = known.value ?? question.searchedHeight + 1
  const to = known.value ?? Math.min(tip.height, question.searchedHeight + BLOCKS_MAX)
  let conflict: Extract<Sighting, { status: 'conflict' }> | null = null
  for (let height = from; height <= to; height++) {
    const sighting = await sightInBlock(rpc, chain, question, height, tip)
    if (!sighting.ok) return sighting
    if (sighting.value === null) continue
    if (sighting.value.status !== 'conflict') return ok(sighting.value)
    if (sighting.value.final || sighting.value.searchedHeight < height) return ok(sighting.value)
    // It spends a coin that was added by a bump: a transaction before the bump may still be further on.
    conflict = sighting.value
  }
  // All searched, and it is nowhere: a reorganisation has put it below. The next look begins there.
  const open = to < tip.height
  const searchedHeight = open ? to : Math.max(0, question.searchedHeight - chain.reorgDepthMax)
  return ok({ status: 'conflict', byTxid: conflict?.byTxid ?? null, final: false, searchedHeight, ...(open && { open }) })
}

/** The height of a transaction of ours that has an output nobody spent. */
async function heightOfOurs(rpc: BitcoinRpc, { plan, txids }: CoinQuestion, tip: Tip): Promise<Result<number | null, NodeError>> {
  for (const txid of txids.toReversed()) {
    const depth = await depthOf(rpc, txid, plan.change ? [plan.change.position] : [])
    if (!depth.ok) return depth
    if (depth.value !== null) return ok(tip.height - depth.value + 1)
  }
  return ok(null)
}

/** What spends our inputs in the block at this height; null when nothing does. */
async function sightInBlock(
  rpc: BitcoinRpc,
  chain: ChainConfig,
  { plan, txids, ancestors = [] }: CoinQuestion,
  height: number,
  tip: Tip,
): Promise<Result<Exclude<Sighting, { status: 'waiting' | 'absent' }> | null, NodeError>> {
  const hash = await askHash(rpc, 'getblockhash', height)
  if (!hash.ok) return hash
  const blockHash = hash.value
  const confirmations = tip.height - height + 1
  const isDeep = confirmations >= chain.confirmations
  const included = (txid: string, fee: bigint) =>
    ok({ status: 'included', txid, height, blockHash, confirmations, final: isDeep, reverted: false, fee } as const)
  for (const txid of txids) {
    const fee = fees.get(`${blockHash}/${txid}`)
    if (fee !== undefined) return included(txid, fee)
  }

  const block = await readTransactions(rpc, blockHash)
  if (!block.ok) return block
  const outpoints = plan.inputs.map(({ txid, vout }) => `${txid}:${vout}`)
  const spenders = conflictsIn(
    block.value,
    outpoints.map((outpoint) => ({ txid: outpoint, spends: [outpoint] })),
  )
  const ours = spenders.find(({ byTxid }) => txids.includes(byTxid))
  if (ours) {
    const fee = feeIn(block.value, ours.byTxid, plan, chain.native.code)
    keepFee(`${blockHash}/${ours.byTxid}`, fee)
    return included(ours.byTxid, fee)
  }
  // What it hangs on can never come: so neither can any transaction of the intent.
  const [rival] = conflictsIn(block.value, ancestors)
  if (rival) return ok({ status: 'conflict', byTxid: rival.byTxid, final: isDeep, searchedHeight: height - 1, pays: false })
  const [other] = spenders
  if (!other) return ok(null)
  const certain = txids.length === 1 ? other : spenders.find(({ txid }) => txid === outpoints[0])
  if (!certain) return ok({ status: 'conflict', byTxid: other.byTxid, final: false, searchedHeight: height })
  const pays = paysAs(chain, block.value, certain.byTxid, plan)
  return ok({ status: 'conflict', byTxid: certain.byTxid, final: isDeep, searchedHeight: height - 1, pays })
}

/** A block's transactions, which its header's hash proves. */
async function readTransactions(rpc: BitcoinRpc, hash: string): Promise<Result<Transactions, NodeError>> {
  const block = await readBlock(rpc, hash)
  if (!block.ok) return block
  const fault = merkleFault(block.value)
  return fault === null ? ok(block.value.transactions) : err({ reason: 'node_lied', detail: `block ${hash}: ${fault}` })
}

/** Whether it has every output of the plan but its change. */
function paysAs(chain: ChainConfig, transactions: Transactions, txid: string, plan: CoinPlan): boolean {
  const left = outputsIn(transactions, txid, chain.native.code).map(({ watchKey, units }) => `${toHex(watchKey)} ${units}`)
  return plan.outputs.every(({ address, units }, position) => {
    if (position === plan.change?.position) return true
    const script = recipientScript(chain, address)
    const at = script.ok ? left.indexOf(`${toHex(script.value)} ${units}`) : -1
    return at >= 0 && left.splice(at, 1).length > 0
  })
}

function outputsIn(transactions: Transactions, txid: string, assetCode: string): Transfer[] {
  const n = Array.from({ length: transactions.count }, (_, i) => i).find((i) => transactionId(transactions, i) === txid) ?? 0
  const { firstOutputs } = transactions
  const [first = 0, end = 0] = [firstOutputs[n], firstOutputs[n + 1]]
  return transfersAt(
    transactions,
    Array.from({ length: end - first }, (_, i) => first + i),
    assetCode,
  )
}

/** What the coins that it spends hold, less its outputs. */
function feeIn(transactions: Transactions, txid: string, plan: CoinPlan, assetCode: string): bigint {
  const outputs = outputsIn(transactions, txid, assetCode)
  const spends = new Set(outputs[0]?.spends)
  const spent = plan.inputs.filter(({ txid: from, vout }) => spends.has(`${from}:${vout}`))
  const sum = (some: readonly { readonly units: bigint }[]) => some.reduce((total, { units }) => total + units, 0n)
  return sum(spent) - sum(outputs)
}

function keepFee(key: string, fee: bigint): void {
  const oldest = fees.size >= FEES_KEPT ? fees.keys().next().value : undefined
  if (oldest !== undefined) fees.delete(oldest)
  fees.set(key, fee)
}
