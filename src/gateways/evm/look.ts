import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError } from '../gateway.ts'
import type { LookQuestion, Sighting } from '../send.ts'
import type { Sight } from '../sightings.ts'
import type { AccountPlan } from '../spend.ts'
import { meaningOf, PAID_MANY_TOPIC } from './calls.ts'
import { readTransferLog } from './erc20.ts'
import { operatorFeeCall } from './gas.ts'
import { isRecord, type RpcNode } from './rpc.ts'
import {
  lie,
  malformed,
  readBlock,
  readLogs,
  readNumber,
  readQuantity,
  readReceipt,
  readRef,
  readTransaction,
  readWord,
  type WireLog,
} from './wire.ts'

/** One node's word on where the transactions of an intent are. */
export async function lookAt(node: RpcNode, chain: ChainConfig, question: LookQuestion): Promise<Result<Sight, NodeError>> {
  const { txids, plan, payer } = question
  if (plan.kind !== 'account') throw new Error('a plan of an EVM chain')
  const tag = chain.finality
  const heads = await node.call([
    { method: 'eth_getBlockByNumber', params: ['latest', false] },
    ...(tag ? [{ method: 'eth_getBlockByNumber', params: [tag, false], optional: true as const }] : []),
  ])
  if (!heads.ok) return heads
  const head = readRef(heads.value[0])
  const tagged = tag ? readRef(heads.value[1]) : null
  if (head === null) return err(malformed('the latest block'))
  if (tagged !== null && tagged.height > head.height) return err(lie(`block ${tagged.height} is ${tag} and above the head`))
  const finalHeight = tag ? (tagged?.height ?? -1) : head.height - Math.max(1, chain.confirmations) + 1

  const state = { blockHash: head.hash, requireCanonical: true }
  const answer = await node.call([
    { method: 'eth_getTransactionCount', params: [payer, state] },
    // A node that no longer has the state of that block refuses: then nothing is known of it.
    { method: 'eth_getTransactionCount', params: [payer, `0x${Math.max(finalHeight, 0).toString(16)}`], optional: true },
    { method: 'eth_getTransactionCount', params: [payer, 'pending'], optional: true },
    ...txids.map((txid) => ({ method: 'eth_getTransactionReceipt', params: [txid] })),
    ...txids.map((txid) => ({ method: 'eth_getTransactionByHash', params: [txid] })),
  ])
  if (!answer.ok) return answer
  const count = readNumber(answer.value[0])
  if (count === null) return err(malformed(`the number of ${payer}`))
  const finalCount = finalHeight < 0 ? null : readNumber(answer.value[1])
  // What waits counts too: if it is none of ours, something else is about to use the number.
  const pendingCount = readNumber(answer.value[2]) ?? count
  const receipts = answer.value.slice(3, 3 + txids.length)
  const found = readIncluded(receipts, txids)
  if (!found.ok) return found
  if (found.value !== null) {
    const sighting = await confirm(node, { chain, plan, payer, headHeight: head.height, finalHeight }, found.value)
    return sighting.ok ? ok({ headHeight: head.height, sighting: sighting.value }) : sighting
  }
  const waiting = readWaiting(answer.value.slice(3 + txids.length), txids)
  if (!waiting.ok) return waiting
  const taker = count > plan.nonce ? await takerOf(node, plan, question, head.height) : ok(null)
  if (!taker.ok) return taker
  const taken = taker.value
  if (taken && txids.includes(taken.txid)) return err({ reason: 'node_refused', detail: `${taken.txid} has no receipt yet` })
  const behind = pendingCount < plan.nonce ? { behind: pendingCount } : {}
  const sighting: Sighting =
    count > plan.nonce
      ? {
          status: 'conflict',
          byTxid: taken?.txid ?? null,
          final: finalCount !== null && finalCount > plan.nonce,
          // Its taker is looked for from where the number was not used yet.
          searchedHeight: question.searchedHeight,
          ...(taken && { pays: taken.pays }),
        }
      : waiting.value !== null
        ? { status: 'waiting', txid: waiting.value, ...behind }
        : pendingCount > plan.nonce
          ? { status: 'conflict', byTxid: null, final: false, searchedHeight: head.height }
          : { status: 'absent', searchedHeight: head.height, ...behind }
  return ok({ headHeight: head.height, sighting })
}

/**
 * The transaction that has used the number of a plan, and that nobody here has seen signed: found by going back from the
 * newest block, ever further, then by halving what is between, for a node tells how many an account has sent up to each, and
 * many nodes do so of the newest blocks alone. Whoever signed it may have chosen another fee: it pays what the plan pays when
 * it is the same call. Null where the node no longer has the state of those blocks; one that is away, or asked too often, may
 * have it.
 */
async function takerOf(
  node: RpcNode,
  plan: AccountPlan,
  { payer, searchedHeight }: LookQuestion,
  headHeight: number,
): Promise<Result<{ txid: string; pays: boolean } | null, NodeError>> {
  let [low, high, back] = [searchedHeight, headHeight, 1]
  // Twice 53 turns for any height there can be.
  while (high - low > 1) {
    const middle = Math.max(high - back, Math.floor((low + high) / 2))
    const answer = await node.call([{ method: 'eth_getTransactionCount', params: [payer, `0x${middle.toString(16)}`] }])
    if (!answer.ok && answer.error.reason === 'node_unreachable') return answer
    const count = answer.ok ? readNumber(answer.value[0]) : null
    // Of a block that it has forgotten: what is below it is not known, and what is found must have the number.
    if (count !== null && count > plan.nonce) [high, back] = [middle, back * 2]
    else low = middle
  }
  const answer = await node.call([{ method: 'eth_getBlockByNumber', params: [`0x${high.toString(16)}`, true] }])
  if (!answer.ok && answer.error.reason === 'node_unreachable') return answer
  const block = answer.ok ? readBlock(answer.value[0]) : null
  const [sender, nonce] = [payer.toLowerCase(), BigInt(plan.nonce)]
  const found = block?.transactions.find((transaction) => transaction.from === sender && transaction.nonce === nonce)
  if (!found) return ok(null)
  return ok({ txid: found.txid, pays: found.to === plan.to && found.value === plan.value && found.input === plan.data })
}

interface Included {
  readonly txid: string
  readonly height: number
  readonly blockHash: string
  readonly succeeded: boolean
  /** Without what the operator of an OP-stack chain took, if it took anything. */
  readonly fee: bigint
  readonly operatorGas: bigint | null
  readonly logs: readonly WireLog[]
}

/** The one that is in a block, if any is. */
function readIncluded(receipts: readonly unknown[], txids: readonly string[]): Result<Included | null, NodeError> {
  for (const [at, txid] of txids.entries()) {
    const json = receipts[at]
    if (json === null) continue
    const receipt = readReceipt(json)
    const rest = isRecord(json) ? json : {}
    const height = readNumber(rest.blockNumber)
    const [used, price] = [readQuantity(rest.gasUsed), readQuantity(rest.effectiveGasPrice)]
    const logs = readLogs(rest.logs)
    if (receipt === null || height === null || used === null || price === null || logs === null)
      return err(malformed(`receipt of ${txid}`))
    if (receipt.txid !== txid) return err(lie(`asked for the receipt of ${txid}, got ${receipt.txid}`))
    // The OP stack takes the data's part beside the gas, and says so in the receipt.
    const fee = used * price + (readQuantity(rest.l1Fee) ?? 0n)
    const takes = (readQuantity(rest.operatorFeeScalar) ?? 0n) + (readQuantity(rest.operatorFeeConstant) ?? 0n) > 0n
    const { blockHash, succeeded } = receipt
    return ok({ txid, height, blockHash, succeeded, fee, operatorGas: takes ? used : null, logs })
  }
  return ok(null)
}

/** A receipt may be of a block that has left the chain: its height must still have its hash. */
async function confirm(
  node: RpcNode,
  of: { chain: ChainConfig; plan: AccountPlan; payer: string; headHeight: number; finalHeight: number },
  { txid, height, blockHash, succeeded, fee, operatorGas, logs }: Included,
): Promise<Result<Sighting, NodeError>> {
  const answer = await node.call([
    { method: 'eth_getBlockByNumber', params: [`0x${height.toString(16)}`, false] },
    // A node that no longer has the state of that block tells by what is asked now, which hardly ever changes.
    ...(operatorGas === null ? [] : [operatorFeeCall(operatorGas, { blockHash }), operatorFeeCall(operatorGas, 'latest')]),
  ])
  if (!answer.ok) return answer
  if (readRef(answer.value[0])?.hash !== blockHash) {
    return err({ reason: 'node_refused', detail: `${txid} is no longer in block ${blockHash}` })
  }
  const operatorFee = operatorGas === null ? 0n : (readWord(answer.value[1]) ?? readWord(answer.value[2]))
  if (operatorFee === null) return err({ reason: 'node_refused', detail: `what the operator took for ${txid} is not told` })
  return ok({
    status: 'included',
    txid,
    height,
    blockHash,
    confirmations: Math.max(1, of.headHeight - height + 1),
    final: height <= of.finalHeight,
    reverted: !succeeded || movedNothing(of.chain, of.plan, of.payer, logs),
    fee: fee + operatorFee,
  })
}

/**
 * A token may answer `false` where others fail, and an account that has not delegated does nothing that it is asked: the
 * transaction succeeds, and nothing has moved. What has is in the log.
 */
function movedNothing(chain: ChainConfig, plan: AccountPlan, payer: string, logs: readonly WireLog[]): boolean {
  const from = payer.toLowerCase()
  const meaning = meaningOf(chain, from, plan)
  if (meaning?.does !== 'pay') return false
  if (meaning.many) return !logs.some(({ contract, topics }) => contract === from && topics[0] === PAID_MANY_TOPIC)
  const { contract } = meaning.asset
  return contract !== null && !logs.some((log) => log.contract === contract && readTransferLog(log)?.from === from)
}

/** The newest of those that wait. */
function readWaiting(answers: readonly unknown[], txids: readonly string[]): Result<string | null, NodeError> {
  let waiting: string | null = null
  for (const [at, txid] of txids.entries()) {
    const json = answers[at]
    if (json === null) continue
    const transaction = readTransaction(json)
    if (transaction === null) return err(malformed(`transaction ${txid}`))
    if (transaction.txid !== txid) return err(lie(`asked for ${txid}, got ${transaction.txid}`))
    // It has come into a block since its receipt was asked for, or the node has yet to make the receipt.
    if (transaction.height !== null) return err({ reason: 'node_refused', detail: `${txid} has no receipt yet` })
    waiting = txid
  }
  return ok(waiting)
}
