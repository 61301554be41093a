import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { Block, BlockRef, ChainReader, NodeEndpoint, NodeError, ReaderFactory } from '../gateway.ts'
import { merkleFault, readHeader, scanBlock } from './block.ts'
import { readMempool } from './mempool.ts'
import { pegOutConflicts, withPegOuts } from './mweb.ts'
import {
  ask,
  type BitcoinRpc,
  createBitcoinRpc,
  decodeHex,
  isHash,
  type RpcCall,
  type RpcRefusal,
  refusalError,
  toNodeError,
} from './rpc.ts'
import { conflictsIn, transfersAt } from './scan.ts'

/** `getblockhash` of a height the node has not reached (RPC_INVALID_PARAMETER). */
const OUT_OF_RANGE = -8

/** Blocks looked up lately, per isolate: a look at a chain that stands still is one small call. */
const HEADERS_KEPT = 64
const headers = new Map<string, BlockRef>()

/**
 * Reads a chain of Bitcoin's family from its nodes. All a scan needs is fetched before the caller asks the watch list,
 * so an address that was watched before it was shown is always matched.
 */
export const createBitcoinReader: ReaderFactory = (
  chain: ChainConfig,
  nodes: readonly NodeEndpoint[],
  fetcher: typeof fetch,
): ChainReader => {
  const rpc = createBitcoinRpc(nodes, fetcher)
  return {
    async head() {
      const hash = await ask(rpc, 'getbestblockhash')
      if (!hash.ok) return hash
      if (!isHash(hash.value)) return err({ reason: 'protocol', detail: 'getbestblockhash gave no hash' })
      return reference(rpc, chain, hash.value)
    },

    async hashAt(height) {
      const answer = await rpc.call('getblockhash', height)
      if (!answer.ok) return err(toNodeError(answer.error))
      if (!answer.value.ok) {
        return answer.value.error.code === OUT_OF_RANGE ? ok(null) : err(refusalError('getblockhash', answer.value.error))
      }
      const hash = answer.value.value
      return isHash(hash) ? ok(hash) : err({ reason: 'protocol', detail: 'getblockhash gave no hash' })
    },

    async block(hash) {
      const [ref, answer] = await Promise.all([reference(rpc, chain, hash), rpc.block(hash)])
      if (!ref.ok) return ref
      if (!answer.ok) return err(toNodeError(answer.error))
      if (!answer.value.ok) return err(refusalError('getblock', answer.value.error))
      return toBlock(chain, ref.value, answer.value.value)
    },

    mempool: () => readMempool(rpc, chain),
  }
}

/** Height, parent and time of a block. All but the height is proven by the hash: it commits to the header's bytes. */
async function reference(rpc: BitcoinRpc, chain: ChainConfig, hash: string): Promise<Result<BlockRef, NodeError>> {
  const key = `${chain.id}/${hash}`
  const kept = headers.get(key)
  if (kept) return ok(kept)
  const calls: RpcCall[] = [
    ['getblockheader', hash, false],
    ['getblockheader', hash, true],
  ]
  const answers = await rpc.batch(calls)
  if (!answers.ok) return err(toNodeError(answers.error))
  const [raw, verbose] = answers.value as [Result<unknown, RpcRefusal>, Result<unknown, RpcRefusal>]
  if (!raw.ok) return err(refusalError('getblockheader', raw.error))
  if (!verbose.ok) return err(refusalError('getblockheader', verbose.error))
  const bytes = decodeHex(raw.value)
  const header = bytes && readHeader(bytes)
  const height = (verbose.value as { height?: unknown } | null)?.height
  if (!header?.ok || typeof height !== 'number' || !Number.isInteger(height) || height < 0) {
    return err({ reason: 'protocol', detail: 'getblockheader gave no header' })
  }
  if (header.value.hash !== hash) return err({ reason: 'node_lied', detail: `the header of ${hash} has another hash` })
  const ref = { height, hash, parentHash: header.value.parentHash, timeMs: header.value.timeMs }
  const oldest = headers.size >= HEADERS_KEPT ? headers.keys().next().value : undefined
  if (oldest !== undefined) headers.delete(oldest)
  headers.set(key, ref)
  return ok(ref)
}

function toBlock(chain: ChainConfig, ref: BlockRef, raw: Uint8Array): Result<Block, NodeError> {
  const scanned = scanBlock(raw)
  if (!scanned.ok) return err({ reason: 'node_lied', detail: `block ${ref.hash} is malformed: ${scanned.error}` })
  if (scanned.value.header.hash !== ref.hash) {
    return err({ reason: 'node_lied', detail: `instead of block ${ref.hash} came ${scanned.value.header.hash}` })
  }
  const { transactions } = scanned.value
  const hasPegOuts = chain.coin === 'litecoin'
  // The header is proven, its transactions are not yet: the merkle root is computed when there is something to credit.
  let fault: string | null | undefined
  const proven = (): Result<void, NodeError> => {
    if (fault === undefined) fault = merkleFault(scanned.value)
    return fault === null ? ok(undefined) : err({ reason: 'node_lied', detail: `block ${ref.hash}: ${fault}` })
  }
  return ok({
    ...ref,
    fingerprints: transactions.fingerprints,
    async resolve(positions) {
      if (positions.length === 0) return ok([])
      const proof = proven()
      if (!proof.ok) return proof
      const transfers = transfersAt(transactions, positions, chain.native.code)
      return ok(hasPegOuts ? withPegOuts(transactions, positions, transfers) : transfers)
    },
    conflicts(tracked) {
      const found = [...conflictsIn(transactions, tracked), ...(hasPegOuts ? pegOutConflicts(transactions, tracked) : [])]
      return found.length > 0 && proven().ok ? found : []
    },
  })
}
