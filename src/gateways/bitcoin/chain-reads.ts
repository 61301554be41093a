import { err, ok, type Result } from '../../lib/result.ts'
import type { BlockRef, NodeError } from '../gateway.ts'
import { readHeader, type ScannedBlock, scanBlock } from './block.ts'
import { ask, type BitcoinRpc, decodeHex, isHash, type RpcCall, type RpcRefusal, refusalError, toNodeError } from './rpc.ts'

/** A call whose answer is the hash of a block. */
export async function askHash(rpc: BitcoinRpc, ...call: RpcCall): Promise<Result<string, NodeError>> {
  const answer = await ask(rpc, ...call)
  if (!answer.ok) return answer
  return isHash(answer.value) ? ok(answer.value) : err({ reason: 'protocol', detail: `${call[0]} gave no hash` })
}

/** Height, parent and time of a block. All but the height is proven by the hash: it commits to the header's bytes. */
export async function readRef(rpc: BitcoinRpc, hash: string): Promise<Result<BlockRef, NodeError>> {
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
  return ok({ height, hash, parentHash: header.value.parentHash, timeMs: header.value.timeMs })
}

/** A block whose header its hash proves; `merkleFault` tells whether its transactions are the header's. */
export async function readBlock(rpc: BitcoinRpc, hash: string): Promise<Result<ScannedBlock, NodeError>> {
  const answer = await rpc.block(hash)
  if (!answer.ok) return err(toNodeError(answer.error))
  if (!answer.value.ok) return err(refusalError('getblock', answer.value.error))
  const scanned = scanBlock(answer.value.value)
  if (!scanned.ok) return err({ reason: 'node_lied', detail: `block ${hash} is malformed: ${scanned.error}` })
  const { header } = scanned.value
  if (header.hash !== hash) return err({ reason: 'node_lied', detail: `instead of block ${hash} came ${header.hash}` })
  return scanned
}
