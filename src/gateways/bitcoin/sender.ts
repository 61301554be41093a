import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import type { BroadcastAnswer, SenderFactory } from '../send.ts'
import { mergeSights } from '../sightings.ts'
import { type BitcoinRpc, createBitcoinRpc, type RpcRefusal, refusalError, toNodeError } from './rpc.ts'
import { lookFrom } from './sender-look.ts'
import { marketFrom, mergeMarkets } from './sender-market.ts'
import { mergeParents, parentFrom } from './sender-parent.ts'

/**
 * Nodes refuse what costs over 0.1 coin for 1,000 virtual bytes unless told otherwise (`maxfeerate`). A small child that
 * pays for a large parent may. Whatever is sent costs what its plan says, and `feeMax` has bounded that: the bytes are made
 * from the plan, whoever signed, and each signature commits to what the plan says that its coin holds.
 */
const ANY_FEE_RATE = 0

/** Refusals of `sendrawtransaction` (Bitcoin Core, `src/rpc/protocol.h`). */
const DECODE_FAILED = -22
const REJECTED_BY_NODE = -25
const REJECTED_BY_POLICY = -26
const ALREADY_IN_CHAIN = -27

/** Carries transactions of Bitcoin's family to their nodes and tells what became of them. Needs no index and no wallet of theirs. */
export const createBitcoinSender: SenderFactory = (chain, nodes, fetcher) => {
  // Each node is asked all of a question: what is in blocks and what waits must be of one node's world.
  const rpcs = nodes.map((node) => createBitcoinRpc([node], fetcher))
  return {
    async facts({ targetBlocks, parent }) {
      const market = mergeMarkets(chain, targetBlocks, await Promise.all(rpcs.map((rpc) => marketFrom(rpc, chain, targetBlocks))))
      if (!market.ok) return market
      const { satsPerKvb, height } = market.value
      const facts = { fees: { kind: 'coins', satsPerKvb }, height, payer: null } as const
      if (!parent) return ok(facts)
      const found = mergeParents(await Promise.all(rpcs.map((rpc) => parentFrom(rpc, chain, parent))))
      return found.ok ? ok({ ...facts, parent: found.value }) : found
    },

    async broadcast(raw) {
      assert(rpcs.length > 0, 'a chain with nodes')
      return sumUp(await Promise.all(rpcs.map((rpc) => sendTo(rpc, raw))))
    },

    look: async (question) => mergeSights(chain, await Promise.all(rpcs.map((rpc) => lookFrom(rpc, chain, question)))),
  }
}

async function sendTo(rpc: BitcoinRpc, raw: string): Promise<Result<BroadcastAnswer, NodeError>> {
  const answer = await rpc.call('sendrawtransaction', raw, ANY_FEE_RATE)
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
