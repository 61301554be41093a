import { toHex } from '../../lib/bytes.ts'
import { logEvent } from '../../lib/log.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError, Transfer } from '../gateway.ts'
import { BALANCE_OF, readTransferLog } from './erc20.ts'
import { askReceipts } from './receipts.ts'
import type { RpcCall, RpcNode } from './rpc.ts'
import type { Candidate } from './scan.ts'
import { lie, malformed, readReceipt, readWord, type WireBlock, type WireLog } from './wire.ts'

/** Recipients of one token in one block whose balances are compared: a token that keeps a part does so with each. */
const COMPARED_MAX = 4

export interface Found {
  readonly chain: ChainConfig
  readonly block: WireBlock
  /** All Transfer logs of the allowed tokens in the block. */
  readonly logs: readonly WireLog[]
  readonly picked: readonly Candidate[]
}

/**
 * The transfers that came about, by one node. Transfers of the chain's own asset whose transaction failed are left out: it
 * is in the block all the same. A token's log proves success, but not what arrived: the recipient's balance must have
 * grown by what the logs say, where the node still has the state. A token of which less arrives, fee-on-transfer and the
 * like, is not money here. That is believed when the `last` node says it too.
 */
export async function verify(node: RpcNode, found: Found, last: boolean): Promise<Result<Transfer[], NodeError>> {
  const { chain, block, picked } = found
  const txids = [...new Set(picked.filter(({ contract }) => contract === null).map(({ transfer }) => transfer.txid))]
  const compared = comparedOf(picked)
  if (txids.length + compared.length === 0) return ok([])
  const { hash, parentHash } = block.ref
  const [receipts, balances] = await Promise.all([
    askReceipts(node, hash, txids),
    node.call(compared.flatMap((holder) => [balanceCall(holder, parentHash), balanceCall(holder, hash)])),
  ])
  if (!receipts.ok) return receipts
  if (!balances.ok) return balances
  const succeeded = readReceipts(receipts.value, txids, hash)
  if (!succeeded.ok) return succeeded
  const short = new Set<string>()
  for (const [at, holder] of compared.entries()) {
    const [before, after] = [readWord(balances.value[2 * at]), readWord(balances.value[2 * at + 1])]
    if (before === null || after === null || after - before === saidOf(found.logs, holder)) continue
    const detail = `${holder.contract} said ${saidOf(found.logs, holder)}, ${after - before} arrived`
    if (!last) return err(lie(`block ${hash}: ${detail}`))
    short.add(holder.contract)
    logEvent('error', 'token_moves_other_than_it_says', { chainId: chain.id, block: hash, detail })
  }
  return ok(
    picked
      .filter(({ contract, transfer }) => (contract === null ? succeeded.value.has(transfer.txid) : !short.has(contract)))
      .map(({ transfer }) => transfer),
  )
}

function readReceipts(answers: readonly unknown[], txids: readonly string[], hash: string): Result<Set<string>, NodeError> {
  const succeeded = new Set<string>()
  for (const [at, txid] of txids.entries()) {
    const json = answers[at]
    const receipt = readReceipt(json)
    if (receipt === null && json !== null) return err(malformed(`receipt of ${txid}`))
    // A reorganisation since the block was read: the next look sees it.
    if (receipt?.blockHash !== hash) return err({ reason: 'node_refused', detail: `${txid} is no longer in block ${hash}` })
    if (receipt.txid !== txid) return err(lie(`asked for the receipt of ${txid}, got ${receipt.txid}`))
    if (receipt.succeeded) succeeded.add(txid)
  }
  return ok(succeeded)
}

interface Holder {
  readonly contract: string
  /** Lower case, with 0x. */
  readonly address: string
}

/** Who got tokens, each once: the first few of each token. */
function comparedOf(picked: readonly Candidate[]): Holder[] {
  const byContract = new Map<string, Set<string>>()
  for (const { contract, transfer } of picked) {
    if (contract === null) continue
    const addresses = byContract.get(contract) ?? new Set()
    if (addresses.size < COMPARED_MAX) byContract.set(contract, addresses.add(`0x${toHex(transfer.watchKey)}`))
  }
  return [...byContract].flatMap(([contract, addresses]) => [...addresses].map((address) => ({ contract, address })))
}

/** By how much the balance grows in the block, as the logs say. */
function saidOf(logs: readonly WireLog[], { contract, address }: Holder): bigint {
  let sum = 0n
  for (const log of logs) {
    const move = log.contract === contract ? readTransferLog(log) : null
    if (move?.to === address) sum += move.units
    if (move?.from === address) sum -= move.units
  }
  return sum
}

/** At the state after a block, by its hash (EIP-1898). A node that no longer has that state refuses. */
function balanceCall({ contract, address }: Holder, blockHash: string): RpcCall {
  const data = BALANCE_OF + address.slice(2).padStart(64, '0')
  return { method: 'eth_call', params: [{ to: contract, data }, { blockHash }], optional: true }
}
