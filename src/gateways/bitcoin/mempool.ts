import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { MempoolScan, NodeError } from '../gateway.ts'
import { concat } from './cursor.ts'
import { canonicalPart } from './mweb.ts'
import { BATCH_MAX, type BitcoinRpc, decodeHex, isHash, NOT_FOUND, type RpcCall, refusalError, toNodeError } from './rpc.ts'
import { conflictsIn, scanTransactions, transfersAt } from './scan.ts'
import { MEMPOOL_INFO, mempoolFault } from './whereabouts.ts'

/** New transactions fetched in one look; what is over waits for the next. */
const TRANSACTIONS_MAX = 2_000
/** Raw bytes after which a look fetches no more: an attacker's 400 kB transactions must not fill the memory. */
const BYTES_MAX = 8 * 1024 * 1024

/** What has been seen and still waits, by chain, as long as this isolate lives. A lost set only means to look again. */
const seenByChain = new Map<string, Set<number>>()

/** The first 52 bits of a transaction id, as exact as a number can be. Two alike delay the sight of one until its block. */
function shortId(txid: string): number {
  return Number.parseInt(txid.slice(0, 13), 16)
}

/** What waits in the node's mempool and has not been marked as seen by an earlier scan. */
export async function readMempool(rpc: BitcoinRpc, chain: ChainConfig): Promise<Result<MempoolScan, NodeError>> {
  const answers = await rpc.batch([MEMPOOL_INFO, ['getrawmempool']])
  if (!answers.ok) return err(toNodeError(answers.error))
  const [info, listed] = answers.value
  const fault = mempoolFault(info)
  if (fault) return err(fault)
  if (listed?.ok === false) return err(refusalError('getrawmempool', listed.error))
  const ids: unknown = listed?.value
  if (!Array.isArray(ids) || !ids.every(isHash)) return err({ reason: 'protocol', detail: 'getrawmempool gave no list of ids' })
  const txids: string[] = ids

  const before = seenByChain.get(chain.id)
  const still = new Set<number>()
  const fresh: string[] = []
  let unseen = 0
  for (const txid of txids) {
    const id = shortId(txid)
    if (before?.has(id)) still.add(id)
    else if (unseen++ < TRANSACTIONS_MAX) fresh.push(txid)
  }
  // What has left is forgotten at once: should it come back, it is news again.
  seenByChain.set(chain.id, still)

  const fetched = await fetchRaw(rpc, fresh)
  if (!fetched.ok) return fetched
  const transactions = scanTransactions(concat(fetched.value.readable.map((one) => one.raw)))
  // Each was scanned alone before, so together they scan too.
  if (!transactions.ok) return err({ reason: 'protocol', detail: `the mempool is malformed: ${transactions.error}` })
  const found = transactions.value
  const scanned = new Set(fetched.value.readable.map((one) => one.txid))
  let waiting: Set<string> | undefined

  return ok({
    fingerprints: found.fingerprints,
    async resolve(positions) {
      const transfers = transfersAt(found, positions, chain.native.code)
      const foreign = transfers.find((transfer) => !scanned.has(transfer.txid))
      if (foreign) return err({ reason: 'node_lied', detail: `transaction ${foreign.txid} came under another id` })
      return ok(transfers)
    },
    conflicts: (tracked) => conflictsIn(found, tracked),
    more: fetched.value.tried < unseen,
    async missing(wanted) {
      waiting ??= new Set(txids)
      return ok(wanted.filter((txid) => !waiting?.has(txid)))
    },
    seen() {
      const seen = seenByChain.get(chain.id) ?? new Set()
      for (const txid of fetched.value.done) seen.add(shortId(txid))
      seenByChain.set(chain.id, seen)
    },
  })
}

interface Fetched {
  readonly readable: readonly { readonly txid: string; readonly raw: Uint8Array }[]
  /** Readable or not: these need not be fetched again. */
  readonly done: readonly string[]
  /** How many were asked for before a bound was met. */
  readonly tried: number
}

/** Raw transactions by id. One that vanished meanwhile is left out, and stays unseen. */
async function fetchRaw(rpc: BitcoinRpc, txids: readonly string[]): Promise<Result<Fetched, NodeError>> {
  const readable: { txid: string; raw: Uint8Array }[] = []
  const done: string[] = []
  let bytes = 0
  let batch = BATCH_MAX
  let tried = 0
  while (tried < txids.length && bytes < BYTES_MAX) {
    const part = txids.slice(tried, tried + batch)
    const answers = await rpc.batch(part.map((txid): RpcCall => ['getrawtransaction', txid]))
    if (!answers.ok) {
      if (answers.error.reason !== 'too_large' || batch === 1) return err(toNodeError(answers.error))
      batch = Math.ceil(batch / 4)
      continue
    }
    tried += part.length
    for (const [i, txid] of part.entries()) {
      const answer = answers.value[i]
      if (!answer?.ok) {
        if (answer && !NOT_FOUND.includes(answer.error.code)) return err(refusalError('getrawtransaction', answer.error))
        continue
      }
      done.push(txid)
      const raw = decodeHex(answer.value)
      const canonical = raw && canonicalPart(raw)
      // What we cannot read alone must not hide the others. If it pays us, its block will tell.
      if (!canonical || !scanTransactions(canonical).ok) continue
      readable.push({ txid, raw: canonical })
      bytes += canonical.length
    }
  }
  return ok({ readable, done, tried })
}
