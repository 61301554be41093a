import { toHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import { greater } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError } from '../gateway.ts'
import type { ParentFacts, ParentOutput } from '../send.ts'
import type { WaitingTransaction } from '../spend.ts'
import { unitsOf } from './amounts.ts'
import { canonicalPart } from './mweb.ts'
import {
  askAll,
  type BitcoinRpc,
  decodeHex,
  isHash,
  NOT_FOUND,
  type RpcCall,
  type RpcRefusal,
  refusalError,
  toNodeError,
} from './rpc.ts'
import { bodyOf, scanTransactions } from './scan.ts'
import { areUnspent, depthOf, MEMPOOL_INFO, mempoolFault } from './whereabouts.ts'

/** More than nodes keep waiting in a row (Bitcoin Core: 25 ancestors, from version 31 on 64 in a cluster), in one batch. */
const ANCESTORS_MAX = 99
/** Over what the ancestors that nodes keep, 101,000 virtual bytes, can spend. */
const SPENDS_MAX = 4_000
/** The weight that nodes pass on (`MAX_STANDARD_TX_WEIGHT`), in virtual bytes. */
const VSIZE_MAX = 100_000

type Waiting = Extract<ParentFacts, { status: 'waiting' }>

/**
 * What one node knows of a transaction that is to be hurried. Outputs, and what it and its ancestors spend, are read from
 * their bytes, which their ids prove; fees and sizes are the node's word.
 */
export async function parentFrom(
  rpc: BitcoinRpc,
  chain: ChainConfig,
  { txid, vouts }: { readonly txid: string; readonly vouts: readonly number[] },
): Promise<Result<ParentFacts, NodeError>> {
  const entries = await entriesOf(rpc, chain, txid)
  if (!entries.ok) return entries
  if (entries.value === null) {
    // It does not wait. In the chain it is when a coin that it made is there.
    const depth = await depthOf(rpc, txid, vouts)
    return depth.ok ? ok({ status: depth.value === null ? 'unknown' : 'in_block' }) : depth
  }
  const bodies = await readBodies(
    rpc,
    entries.value.map((one) => one.txid),
  )
  if (!bodies.ok) return bodies
  const ancestors = parentsFirst(
    entries.value.map(({ txid: name, fee, vsize }, at) => ({ txid: name, spends: bodies.value[at]?.spends ?? [], fee, vsize })),
    txid,
  )
  if (ancestors.reduce((sum, { spends }) => sum + spends.length, 0) > SPENDS_MAX)
    return err({ reason: 'protocol', detail: `${txid} hangs on more than nodes keep` })
  const [body] = bodies.value
  assert(body, 'of every id that was asked for there is a body')
  const unspent = await areUnspent(
    rpc,
    body.outputs.map(({ vout }) => ({ txid, vout })),
    true,
  )
  if (!unspent.ok) return unspent
  const outputs = body.outputs.map((output, at) => ({ ...output, spent: !unspent.value[at] }))
  return ok({ status: 'waiting', version: body.version, outputs, ancestors })
}

/**
 * What several nodes know of it. What the first says that has it waiting is taken; of a fee the highest that any of them tells,
 * of a size the smallest, and what it hangs on only when all of them have that waiting: all honest nodes say the same, and a
 * child that pays too little can be bumped.
 */
export function mergeParents(answers: readonly Result<ParentFacts, NodeError>[]): Result<ParentFacts, NodeError> {
  const told = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
  const waiting = told.flatMap((one): Waiting[] => (one.status === 'waiting' ? [one] : []))
  const [first] = waiting
  if (first) {
    const said = Map.groupBy(
      waiting.flatMap(({ ancestors }) => ancestors),
      ({ txid }) => txid,
    )
    const cheapest = (one: WaitingTransaction, other: WaitingTransaction): WaitingTransaction => {
      return { ...one, fee: greater(one.fee, other.fee), vsize: Math.min(one.vsize, other.vsize) }
    }
    const ancestors = first.ancestors.flatMap((one) => {
      const each = said.get(one.txid) ?? []
      return each.length < waiting.length ? [] : [each.reduce(cheapest)]
    })
    return ok({ ...first, ancestors })
  }
  const known = told.find(({ status }) => status === 'in_block') ?? told[0]
  if (known) return ok(known)
  return answers.find((answer) => !answer.ok) ?? err({ reason: 'protocol', detail: 'no node is configured for this chain' })
}

type Entry = Pick<WaitingTransaction, 'txid' | 'fee' | 'vsize'>

/** What nodes keep of it and of all that it hangs on, itself first; null when it does not wait. */
async function entriesOf(rpc: BitcoinRpc, chain: ChainConfig, txid: string): Promise<Result<Entry[] | null, NodeError>> {
  const answers = await rpc.exact([MEMPOOL_INFO, ['getmempoolentry', txid], ['getmempoolancestors', txid]])
  if (!answers.ok) return err(toNodeError(answers.error))
  const [info, own, listed] = answers.value
  assert(own && listed, 'each call has its answer')
  const fault = mempoolFault(info)
  if (fault) return err(fault)
  const entry = readEntry(chain, txid, own)
  if (!entry.ok) return entry
  if (entry.value === null || isGone(listed)) return ok(null)
  if (!listed.ok) return err(refusalError('getmempoolancestors', listed.error))
  const others: unknown = listed.value
  if (!Array.isArray(others) || !others.every(isHash) || others.length > ANCESTORS_MAX)
    return err({ reason: 'protocol', detail: 'getmempoolancestors gave no list of ids' })

  const told = await rpc.exact(others.map((one): RpcCall => ['getmempoolentry', one]))
  if (!told.ok) return err(toNodeError(told.error))
  const entries = [entry.value]
  for (const [at, answer] of told.value.entries()) {
    const other = readEntry(chain, others[at] as string, answer)
    if (!other.ok) return other
    // What is in a block by now asks nothing of a child.
    if (other.value) entries.push(other.value)
  }
  return ok(entries)
}

/** Null when it does not wait. Fees are digits as the node wrote them. */
function readEntry(chain: ChainConfig, txid: string, answer: Result<unknown, RpcRefusal>): Result<Entry | null, NodeError> {
  if (isGone(answer)) return ok(null)
  if (!answer.ok) return err(refusalError('getmempoolentry', answer.error))
  const { fees, fee, vsize, size } = (answer.value ?? {}) as Record<string, unknown>
  // Core has `fees.base` and `vsize`; bcoin, and Core before 0.19, `fee` and, virtual all the same, `size`.
  const units = unitsOf((fees as { base?: unknown } | undefined)?.base ?? fee, chain.native.decimals)
  const bytes = Number(vsize ?? size)
  if (units === null || !Number.isInteger(bytes) || bytes < 1 || bytes > VSIZE_MAX)
    return err({ reason: 'protocol', detail: 'getmempoolentry gave no fee or no size' })
  return ok({ txid, fee: units, vsize: bytes })
}

function isGone(answer: Result<unknown, RpcRefusal>): boolean {
  return !answer.ok && NOT_FOUND.includes(answer.error.code)
}

interface Body {
  readonly version: number
  readonly spends: readonly string[]
  readonly outputs: readonly Omit<ParentOutput, 'spent'>[]
}

/** In their order. */
async function readBodies(rpc: BitcoinRpc, txids: readonly string[]): Promise<Result<Body[], NodeError>> {
  const answers = await askAll(
    rpc,
    txids.map((txid): RpcCall => ['getrawtransaction', txid]),
  )
  if (!answers.ok) return answers
  const bodies: Body[] = []
  for (const [at, answer] of answers.value.entries()) {
    if (!answer.ok) return err(refusalError('getrawtransaction', answer.error))
    const raw = decodeHex(answer.value)
    const canonical = raw && canonicalPart(raw)
    const scanned = canonical && scanTransactions(canonical)
    if (!scanned?.ok || scanned.value.count !== 1)
      return err({ reason: 'protocol', detail: `transaction ${txids[at]} cannot be read` })
    const { txid, version, spends, outputs } = bodyOf(scanned.value, 0)
    if (txid !== txids[at]) return err({ reason: 'node_lied', detail: `transaction ${txid} came as ${txids[at]}` })
    bodies.push({ version, spends, outputs: outputs.map(({ units, script }, vout) => ({ vout, units, script: toHex(script) })) })
  }
  return ok(bodies)
}

/** The last one after all that it hangs on, each after what it spends of itself; what else a node lists is left out. */
function parentsFirst(all: readonly WaitingTransaction[], last: string): WaitingTransaction[] {
  const listed = new Map(all.map((one) => [one.txid, one]))
  const sorted = new Set<WaitingTransaction>()
  // They spend in no circle: their ids are hashes.
  const visit = (txid: string) => {
    const one = listed.get(txid)
    if (!one || sorted.has(one)) return
    for (const outpoint of one.spends) visit(outpoint.slice(0, outpoint.indexOf(':')))
    sorted.add(one)
  }
  visit(last)
  return [...sorted]
}
