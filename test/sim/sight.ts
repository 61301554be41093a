import type { LookQuestion, Sighting } from '../../src/gateways/send.ts'
import type { Sight } from '../../src/gateways/sightings.ts'
import type { SimChain } from './chain.ts'
import type { SimNode } from './node.ts'
import { contradicts, isForeign, makerOf, type SimBlock, type SimTransaction } from './transactions.ts'

/** A node that looks, and the block that it takes for the newest. */
interface View {
  readonly chain: SimChain
  readonly node: SimNode
  readonly head: SimBlock
}

interface Found {
  readonly block: SimBlock
  readonly transaction: SimTransaction
}

/** What one node knows of the transactions of an intent, by the rules that the gateways' own look has. */
export function lookAt(chain: SimChain, node: SimNode, question: LookQuestion, isBehind: boolean): Sight {
  const head = isBehind ? (node.head.parent ?? node.head) : node.head
  return { headHeight: head.ref.height, sighting: sightingAt({ chain, node, head }, question) }
}

function sightingAt(view: View, question: LookQuestion): Sighting {
  const { chain, node, head } = view
  const { txids, plan, payer, ancestors = [] } = question
  const searchedHeight = head.ref.height
  const isDeep = (block: SimBlock) => head.ref.height - block.ref.height + 1 >= chain.config.confirmations
  const first = plan.kind === 'coins' ? plan.inputs[0] : null
  const spends =
    plan.kind === 'coins'
      ? plan.inputs.map(({ txid, vout }) => `${txid}:${vout}`)
      : [`${payer.slice(2).toLowerCase()}:${plan.nonce}`]
  let spender: Found | null = null
  let rival: Found | null = null
  for (let block: SimBlock | null = head; block; block = block.parent) {
    const ours = block.transactions.find(({ txid }) => txids.includes(txid))
    if (ours) return inclusion(ours, block, head, isDeep(block))
    const other = block.transactions.find((one) => one.spends.some((coin) => spends.includes(coin)))
    if (other) spender = { block, transaction: other }
    const excluding = block.transactions.find((one) =>
      ancestors.some((ancestor) => contradicts({ ...ancestor, outputs: [], bornAtMs: 0 }, one)),
    )
    if (excluding) rival = { block, transaction: excluding }
  }
  const waiting = txids.findLast((txid) => node.mempool.has(txid))
  if (waiting !== undefined) return { status: 'waiting', txid: waiting }
  if (spender) {
    const isCertain = !first || spender.transaction.spends.includes(`${first.txid}:${first.vout}`)
    return { status: 'conflict', byTxid: spender.transaction.txid, final: isCertain && isDeep(spender.block), searchedHeight }
  }
  if (rival) return { status: 'conflict', byTxid: rival.transaction.txid, final: isDeep(rival.block), searchedHeight, pays: false }
  return sightOfCoins(view, plan.kind === 'coins' ? spends : [], spends, ancestors)
}

function inclusion({ txid }: SimTransaction, { ref, fees, failed }: SimBlock, head: SimBlock, final: boolean): Sighting {
  const confirmations = head.ref.height - ref.height + 1
  const told = { txid, height: ref.height, blockHash: ref.hash, confirmations, final }
  return { status: 'included', ...told, reverted: failed.has(txid), fee: fees.get(txid) ?? 0n }
}

/** In no block, and nothing that excludes it: whether it may be sent again. `spends`: also numbers of accounts. */
function sightOfCoins(
  { chain, node, head }: View,
  coins: readonly string[],
  spends: readonly string[],
  ancestors: NonNullable<LookQuestion['ancestors']>,
): Sighting {
  const searchedHeight = head.ref.height
  const state = chain.branches.stateOf(head)
  const taken = new Set([...node.mempool.values()].flatMap((one) => one.spends))
  const isInBlock = (coin: string) => (isForeign(coin) ? !chain.isSpentIn(head, { spends: [coin] }) : state.coins.has(coin))
  const isThere = (coin: string) => (isInBlock(coin) || node.mempool.has(makerOf(coin))) && !taken.has(coin)
  const open = new Set<string>()
  for (const one of ancestors) if (one.spends.every((coin) => isInBlock(coin) || open.has(makerOf(coin)))) open.add(one.txid)
  const gone = ancestors.filter(({ txid }) => open.has(txid) && !node.mempool.has(txid))
  const isReplaced = gone.some((one) => one.spends.some((coin) => isInBlock(coin) && taken.has(coin)))
  const mayCome = (coin: string) => isThere(coin) || (!isInBlock(coin) && gone.some(({ txid }) => txid === makerOf(coin)))
  if (spends.some((coin) => taken.has(coin)) || !coins.every(mayCome) || (!coins.every(isThere) && isReplaced))
    return { status: 'conflict', byTxid: null, final: false, searchedHeight }
  return { status: 'absent', searchedHeight, ...(!coins.every(isThere) && { orphan: true }) }
}
