import { keccak_256 } from '@noble/hashes/sha3.js'
import { fromHex, toHex } from '../../lib/bytes.ts'
import { systemClock } from '../../lib/clock.ts'
import { reasonOf } from '../../lib/log.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import type { BroadcastAnswer, SenderFactory } from '../send.ts'
import { mergeSights } from '../sightings.ts'
import { agreedFacts } from './agree.ts'
import { readFacts } from './facts.ts'
import { lookAt } from './look.ts'
import { connectNodes, type RpcNode, type RpcNodes } from './rpc.ts'
import { lie, readTransaction } from './wire.ts'

type Answer = Result<BroadcastAnswer, NodeError>
type Refusal = Extract<BroadcastAnswer, { answer: 'refused' }>

/** Sends by JSON-RPC. Every node is asked and sent to at once, and what they say is put together. */
export const createEvmSender: SenderFactory = (chain, endpoints, fetcher) => {
  const each = endpoints.map((endpoint) => connectNodes([endpoint], fetcher, chain.id))
  return {
    async facts(question) {
      const answers = await Promise.all(each.map((one) => one.first((node) => readFacts(node, chain, question))))
      return agreedFacts(chain, answers, systemClock())
    },
    async broadcast(raw) {
      return mergeAnswers(await Promise.all(each.map((one) => sendTo(one, raw))))
    },
    async look(question) {
      return mergeSights(chain, await Promise.all(each.map((one) => one.first((node) => lookAt(node, chain, question)))))
    },
  }
}

/** Words of geth, and of Erigon, Nethermind, Besu, reth and anvil where theirs differ. */
const KNOWN = /already known|already imported|alreadyknown|known transaction|already exists|already in (the )?(mem)?pool/i
const SPENT = /nonce too low|nonce is too low|oldnonce|nonce.{0,20}(lower|already used)/i
const TOO_LOW =
  /underpriced|fee too low|feetoolow|fee cap.{0,20}less than|fee per gas.{0,20}less than|gas price.{0,20}(too low|below)|tip.{0,30}(too low|below|minimum)/i
/**
 * Of the node, not of the transaction; or of what waits beside it: an account that has delegated (EIP-7702) may have one
 * waiting transaction, and none above a gap.
 */
const PASSING =
  /internal error|pool is full|txpool.{0,10}full|syncing|unavailable|account limit|in-?flight|delegated account|already reserved|replace pending|gapped/i

async function sendTo(nodes: RpcNodes, raw: string): Promise<Answer> {
  const txid = `0x${toHex(keccak_256(fromHex(raw)))}`
  return await nodes.first(async (node): Promise<Answer> => {
    const sent = await node.call([{ method: 'eth_sendRawTransaction', params: [raw] }])
    if (sent.ok) return sent.value[0] === txid ? ok({ answer: 'taken' }) : err(lie(`sent ${txid}, got ${reasonOf(sent.value[0])}`))
    const { reason, detail } = sent.error
    if (reason !== 'node_refused' || PASSING.test(detail)) return sent
    if (KNOWN.test(detail)) return ok({ answer: 'taken' })
    if (SPENT.test(detail)) return await spentBy(node, txid, detail)
    return ok({ answer: 'refused', why: TOO_LOW.test(detail) ? 'fee_too_low' : 'invalid', detail })
  })
}

/** The number is used: by this very transaction, when the node has it in a block already. */
async function spentBy(node: RpcNode, txid: string, detail: string): Promise<Answer> {
  const found = await node.call([{ method: 'eth_getTransactionByHash', params: [txid] }])
  if (!found.ok) return found
  return ok(readTransaction(found.value[0])?.txid === txid ? { answer: 'taken' } : { answer: 'refused', why: 'spent', detail })
}

/** That it was spent can be looked up, and a fee be raised: so a node that says one of these is believed first. */
const ORDER: readonly Refusal['why'][] = ['spent', 'fee_too_low', 'invalid']

function mergeAnswers(answers: readonly Answer[]): Answer {
  const said = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
  if (said.some(({ answer }) => answer === 'taken')) return ok({ answer: 'taken' })
  const refusals = said.filter((answer) => answer.answer === 'refused')
  for (const why of ORDER) {
    const refusal = refusals.find((one) => one.why === why)
    if (refusal !== undefined) return ok(refusal)
  }
  return answers.find(({ ok: isOk }) => !isOk) ?? err({ reason: 'protocol', detail: 'no node is configured' })
}
