import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { Block, BlockRef, ChainReader, NodeEndpoint, NodeError, ReaderFactory } from '../gateway.ts'
import { hostOf } from '../nodes.ts'
import { createQuorumReader } from '../quorum-reader.ts'
import type { NodeReader } from '../quorum-survey.ts'
import { merkleFault, readHeader, type ScannedBlock } from './block.ts'
import { askHash, readBlock, readRef } from './chain-reads.ts'
import { readMempool } from './mempool.ts'
import { pegOutConflicts, withPegOuts } from './mweb.ts'
import { askAll, createBitcoinRpc, decodeHex, isHash, type RpcCall, refusalError, toNodeError } from './rpc.ts'
import { conflictsIn, transfersAt } from './scan.ts'
import { workOf } from './work.ts'

/** `getblockhash` of a height the node has not reached (RPC_INVALID_PARAMETER). */
const OUT_OF_RANGE = -8

/** Blocks that one node was asked for lately: a look at a chain that stands still is one small call. */
const HEADERS_KEPT = 64

/**
 * Reads a chain of Bitcoin's family from its nodes. All a scan needs is fetched before the caller asks the watch list,
 * so an address that was watched before it was shown is always matched.
 */
export const createBitcoinReader: ReaderFactory = (chain, nodes, fetcher): ChainReader => {
  const readers = nodes.map((node) => readNode(chain, node, fetcher))
  return readers.length === 1 ? (readers[0] as NodeReader) : createQuorumReader(readers, chain)
}

function readNode(chain: ChainConfig, node: NodeEndpoint, fetcher: typeof fetch): NodeReader {
  const rpc = createBitcoinRpc([node], fetcher)
  const kept = new Map<string, BlockRef>()

  async function refOf(hash: string): Promise<Result<BlockRef, NodeError>> {
    const known = kept.get(hash)
    if (known) return ok(known)
    const ref = await readRef(rpc, hash)
    if (!ref.ok) return ref
    const oldest = kept.size >= HEADERS_KEPT ? kept.keys().next().value : undefined
    if (oldest !== undefined) kept.delete(oldest)
    kept.set(hash, ref.value)
    return ref
  }

  async function hashesAt(heights: readonly number[]): Promise<Result<(string | null)[], NodeError>> {
    const answers = await rpc.batch(heights.map((height): RpcCall => ['getblockhash', height]))
    if (!answers.ok) return err(toNodeError(answers.error))
    const hashes: (string | null)[] = []
    for (const answer of answers.value) {
      if (!answer.ok && answer.error.code !== OUT_OF_RANGE) return err(refusalError('getblockhash', answer.error))
      if (answer.ok && !isHash(answer.value)) return err({ reason: 'protocol', detail: 'getblockhash gave no hash' })
      hashes.push(answer.ok ? (answer.value as string) : null)
    }
    return ok(hashes)
  }

  return {
    host: hostOf(node),
    showsMempool: true,
    refOf,
    hashesAt,

    async head() {
      const hash = await askHash(rpc, 'getbestblockhash')
      return hash.ok ? refOf(hash.value) : hash
    },

    async hashAt(height) {
      const hashes = await hashesAt([height])
      return hashes.ok ? ok(hashes.value[0] ?? null) : hashes
    },

    async block(hash) {
      const [ref, block] = await Promise.all([refOf(hash), readBlock(rpc, hash)])
      if (!ref.ok) return ref
      return block.ok ? ok(toBlock(chain, ref.value, block.value)) : block
    },

    mempool: () => readMempool(rpc, chain),

    async work(base, head) {
      const above = await hashesAt(Array.from({ length: head.height - base.height }, (_, n) => base.height + 1 + n))
      if (!above.ok) return above
      const hashes = [base.hash, ...above.value.map(String)]
      const answers = await askAll(
        rpc,
        hashes.map((hash): RpcCall => ['getblockheader', hash, false]),
      )
      if (!answers.ok) return answers
      const headers: Uint8Array[] = []
      for (const answer of answers.value) {
        if (!answer.ok) return err(refusalError('getblockheader', answer.error))
        headers.push(decodeHex(answer.value) ?? new Uint8Array())
      }
      const [first, last] = [headers[0], headers.at(-1)].map((raw) => readHeader(raw as Uint8Array))
      const isAsked = first?.ok && last?.ok && first.value.hash === base.hash && last.value.hash === head.hash
      const work = isAsked ? workOf(headers, chain.coin, base.height) : null
      return work === null ? err({ reason: 'node_lied', detail: `the headers up to ${head.hash} prove no work` }) : ok(work)
    },
  }
}

function toBlock(chain: ChainConfig, ref: BlockRef, scanned: ScannedBlock): Block {
  const { transactions } = scanned
  const hasPegOuts = chain.coin === 'litecoin'
  // The header is proven, its transactions are not yet: the merkle root is computed when there is something to credit.
  let fault: string | null | undefined
  const proven = (): Result<void, NodeError> => {
    if (fault === undefined) fault = merkleFault(scanned)
    return fault === null ? ok(undefined) : err({ reason: 'node_lied', detail: `block ${ref.hash}: ${fault}` })
  }
  return {
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
  }
}
