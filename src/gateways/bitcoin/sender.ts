import { assert, err, ok, type Result } from '../../lib/result.ts'
import { greater, lesser } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError } from '../gateway.ts'
import type { BroadcastAnswer, SenderFactory } from '../send.ts'
import { mergeSights } from '../sightings.ts'
import { unitsOf } from './amounts.ts'
import { MIN_RELAY_SATS_PER_KVB } from './fees.ts'
import { ask, type BitcoinRpc, createBitcoinRpc, type RpcRefusal, refusalError, toNodeError } from './rpc.ts'
import { lookFrom } from './sender-look.ts'
import { mergeParents, parentFrom } from './sender-parent.ts'

/** No place in a block is worth more to us, whatever a node says: 1,000 satoshi a byte. */
const RATE_MAX_SATS_PER_KVB = 1_000_000n
/** The farthest that nodes estimate for. */
const TARGET_BLOCKS_MAX = 1_008
const ANSWER_MS_MAX = 5_000

/** Refusals of `sendrawtransaction` (Bitcoin Core, `src/rpc/protocol.h`). */
const DECODE_FAILED = -22
const REJECTED_BY_NODE = -25
const REJECTED_BY_POLICY = -26
const ALREADY_IN_CHAIN = -27

/** What a node estimated last, by chain and target, as long as this isolate lives: better than none when it has none. */
const lastRates = new Map<string, bigint>()

/** Carries transactions of Bitcoin's family to their nodes and tells what became of them. Needs no index and no wallet of theirs. */
export const createBitcoinSender: SenderFactory = (chain, nodes, fetcher) => {
  const rpc = createBitcoinRpc(nodes, fetcher)
  return {
    async facts({ targetBlocks, parent }) {
      const rate = await rateFor(rpc, chain, targetBlocks)
      if (!rate.ok) return rate
      const height = await ask(rpc, 'getblockcount')
      if (!height.ok) return height
      if (typeof height.value !== 'number') return err({ reason: 'protocol', detail: 'getblockcount gave no height' })
      const facts = { fees: { kind: 'coins', satsPerKvb: rate.value }, height: height.value, payer: null } as const
      if (!parent) return ok(facts)
      const each = await Promise.all(nodes.map((node) => parentFrom(createBitcoinRpc([node], fetcher), chain, parent)))
      const found = mergeParents(each)
      return found.ok ? ok({ ...facts, parent: found.value }) : found
    },

    async broadcast(raw) {
      assert(nodes.length > 0, 'a chain with nodes')
      return sumUp(await Promise.all(nodes.map((node) => sendTo(createBitcoinRpc([node], fetcher), raw))))
    },

    async look(question) {
      // Each node is asked all of it: what is in blocks and what waits must be of one node's world.
      const each = nodes.map((node) => lookFrom(createBitcoinRpc([node], fetcher), chain, question))
      return mergeSights(chain, await Promise.all(each))
    },
  }
}

/** Satoshi for 1,000 virtual bytes: the node's estimate, else the last it had, but not below what it takes to be kept by it. */
async function rateFor(rpc: BitcoinRpc, chain: ChainConfig, targetBlocks: number): Promise<Result<bigint, NodeError>> {
  const target = Math.min(Math.max(Math.trunc(targetBlocks), 1), TARGET_BLOCKS_MAX)
  const estimate = await rpc.slow(ANSWER_MS_MAX, 'estimatesmartfee', target, 'ECONOMICAL')
  if (!estimate.ok) return err(toNodeError(estimate.error))
  const info = await rpc.slow(ANSWER_MS_MAX, 'getmempoolinfo')
  if (!info.ok) return err(toNodeError(info.error))
  if (!info.value.ok) return err(refusalError('getmempoolinfo', info.value.error))

  const read = (value: unknown) => unitsOf(value, chain.native.decimals)
  // A node that has seen too few blocks answers without a rate, or refuses.
  const rate = estimate.value.ok ? read((estimate.value.value as { feerate?: unknown } | null)?.feerate) : null
  const key = `${chain.id}/${target}`
  if (rate !== null) lastRates.set(key, rate)
  const { mempoolminfee, minrelaytxfee } = (info.value.value ?? {}) as { mempoolminfee?: unknown; minrelaytxfee?: unknown }
  const floor = greater(MIN_RELAY_SATS_PER_KVB, greater(read(mempoolminfee) ?? 0n, read(minrelaytxfee) ?? 0n))
  return ok(lesser(greater(rate ?? lastRates.get(key) ?? 0n, floor), RATE_MAX_SATS_PER_KVB))
}

async function sendTo(rpc: BitcoinRpc, raw: string): Promise<Result<BroadcastAnswer, NodeError>> {
  const answer = await rpc.call('sendrawtransaction', raw)
  if (!answer.ok) return err(toNodeError(answer.error))
  return answer.value.ok ? ok({ answer: 'taken' }) : readRefusal(answer.value.error)
}

/** What a node means by a refusal. One that will pass by itself says nothing about the transaction. */
function readRefusal(refusal: RpcRefusal): Result<BroadcastAnswer, NodeError> {
  const { code, message } = refusal
  const refuse = (why: 'spent' | 'fee_too_low' | 'invalid') =>
    ok({ answer: 'refused', why, detail: message.slice(0, 300) } as const)
  if (code === ALREADY_IN_CHAIN || /already[- ](in|known)|txn-same-nonwitness/.test(message)) return ok({ answer: 'taken' })
  if (/missing-?or-?spent|missing inputs|txn-mempool-conflict/i.test(message)) return refuse('spent')
  // A replacement that pays too little among them (BIP 125).
  if (/insufficient fee|insufficient priority|min (relay )?fee not met|mempool full/i.test(message)) return refuse('fee_too_low')
  // It waits for a block that this node has not seen, or for others of ours to leave the mempool.
  if (/non-final|too-long-mempool-chain|too-large-cluster/.test(message)) return err(refusalError('sendrawtransaction', refusal))
  if ([DECODE_FAILED, REJECTED_BY_NODE, REJECTED_BY_POLICY].includes(code)) return refuse('invalid')
  return err(refusalError('sendrawtransaction', refusal))
}

/** How much is lost by each refusal, the least first: where nodes differ, the one that leaves most to be done holds. */
const BY_WEIGHT = ['fee_too_low', 'spent', 'invalid']

function sumUp(answers: readonly Result<BroadcastAnswer, NodeError>[]): Result<BroadcastAnswer, NodeError> {
  const given = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
  const weightOf = (answer: BroadcastAnswer) => (answer.answer === 'taken' ? -1 : BY_WEIGHT.indexOf(answer.why))
  const [first] = given.sort((one, other) => weightOf(one) - weightOf(other))
  return first ? ok(first) : (answers[0] as Result<BroadcastAnswer, NodeError>)
}
