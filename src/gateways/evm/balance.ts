import { toHex } from '../../lib/bytes.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { assetsOf } from '../../money/chain.ts'
import type { AddressBalance, BalanceReaderFactory, BalanceSight, NodeError } from '../gateway.ts'
import { BALANCE_OF } from './erc20.ts'
import { connectNodes, type RpcCall, type RpcNode } from './rpc.ts'
import { readQuantity, readRef, readWord } from './wire.ts'

/** A page takes a second or two then; the state of a block is kept for 128 blocks by any node. */
const KEYS_MAX = 1_000
/** Requests of 100 calls under way at once. */
const PARALLEL = 4
const CALLS_MAX = 100

/**
 * Balances by `eth_getBalance` and each token's `balanceOf`, all at the state of one block named by its hash (EIP-1898),
 * and only while that is in the best chain. A wallet of many pages is read at one block, page by page.
 */
export const createEvmBalances: BalanceReaderFactory = (chain, endpoints, fetcher) => {
  const nodes = connectNodes(endpoints, fetcher, chain.id)
  const assets = assetsOf(chain).map(({ code, contract }) => ({ code, contract }))
  return {
    keysMax: KEYS_MAX,
    async read(keys, at) {
      if (keys.length > KEYS_MAX) throw new Error(`${keys.length} keys in one page`)
      return await nodes.first((node) => readAt(node, assets, keys, at?.hash ?? null))
    },
  }
}

async function readAt(
  node: RpcNode,
  assets: readonly { code: string; contract: string | null }[],
  keys: readonly Uint8Array[],
  hash: string | null,
): Promise<Result<BalanceSight, NodeError>> {
  const asked: RpcCall =
    hash === null
      ? { method: 'eth_getBlockByNumber', params: ['latest', false] }
      : { method: 'eth_getBlockByHash', params: [hash, false] }
  const found = await node.call([asked])
  if (!found.ok) return found
  if (found.value[0] === null) return err({ reason: 'node_refused', detail: `block ${hash} is not known` })
  const ref = readRef(found.value[0])
  if (ref === null) return err({ reason: 'protocol', detail: 'a block in a form that is not known' })
  if (hash !== null && ref.hash !== hash) return err({ reason: 'node_lied', detail: `asked for block ${hash}, got ${ref.hash}` })

  const state = { blockHash: ref.hash, requireCanonical: true }
  const questions = keys.flatMap((key, position) => assets.map((asset) => ({ position, asset, call: callOf(key, asset, state) })))
  const answers = await callInParts(
    node,
    questions.map(({ call }) => call),
  )
  if (!answers.ok) return answers
  const balances: AddressBalance[] = []
  for (const [i, { position, asset }] of questions.entries()) {
    const units = asset.contract === null ? readQuantity(answers.value[i]) : readWord(answers.value[i])
    if (units === null) return err({ reason: 'protocol', detail: `${asset.code} has a balance in a form that is not known` })
    if (units > 0n) balances.push({ position, assetCode: asset.code, confirmed: units, leaving: 0n, coins: [] })
  }
  const { height, timeMs } = ref
  return ok({ block: { height, hash: ref.hash, timeMs }, balances })
}

function callOf(key: Uint8Array, { contract }: { contract: string | null }, state: object): RpcCall {
  const address = toHex(key)
  if (contract === null) return { method: 'eth_getBalance', params: [`0x${address}`, state] }
  return { method: 'eth_call', params: [{ to: contract, data: BALANCE_OF + address.padStart(64, '0') }, state] }
}

/** The answers in the order of the calls, some requests at a time. */
async function callInParts(node: RpcNode, calls: readonly RpcCall[]): Promise<Result<unknown[], NodeError>> {
  const answers: unknown[] = []
  for (let at = 0; at < calls.length; at += PARALLEL * CALLS_MAX) {
    const starts = Array.from({ length: PARALLEL }, (_, part) => at + part * CALLS_MAX)
    const parts = await Promise.all(starts.map((start) => node.call(calls.slice(start, start + CALLS_MAX))))
    for (const part of parts) {
      if (!part.ok) return part
      answers.push(...part.value)
    }
  }
  return ok(answers)
}
