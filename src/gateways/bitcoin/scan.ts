import { sha256 } from '@noble/hashes/sha2.js'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { Conflict, Fingerprints, TrackedTransaction, Transfer } from '../gateway.ts'
import { Cursor, Growing, Malformed, reversedHex } from './cursor.ts'

/**
 * Serialized transactions, walked once and described by offsets into their own bytes: no object per output, no hash.
 * A block of 1.6 MB takes some tenths of a millisecond so. Ids are computed for the few transactions that matter.
 */
export interface Transactions {
  readonly raw: Uint8Array
  readonly count: number
  /** Per transaction: where it starts, where its last output ends, where it ends. */
  readonly starts: Uint32Array
  readonly bodyEnds: Uint32Array
  readonly ends: Uint32Array
  /** Per transaction the position of its first output; one more entry closes the last. */
  readonly firstOutputs: Uint32Array
  /** Per output where its value stands; the script's length and bytes follow. */
  readonly outputs: Uint32Array
  readonly fingerprints: Fingerprints
}

/** Smallest serialized forms, so that no count read from the data makes us reserve more than the data could hold. */
const INPUT_BYTES_MIN = 41
const OUTPUT_BYTES_MIN = 9
const TRANSACTION_BYTES_MIN = 4 + 1 + INPUT_BYTES_MIN + 1 + OUTPUT_BYTES_MIN + 4

/** BIP 144 flag bits: witness data follows the outputs; Litecoin's MWEB part follows that. */
export const FLAG_WITNESS = 1
export const FLAG_MWEB = 8

/** Walks transactions that stand one after another up to the end (BIP 144). The error says what is wrong with the bytes. */
export function scanTransactions(raw: Uint8Array): Result<Transactions, string> {
  return caught(() => walk(new Cursor(raw, 0), null))
}

/** Walks the transactions of a block: their count stands at `offset`, after the header. */
export function scanBlockBody(raw: Uint8Array, offset: number): Result<Transactions, string> {
  return caught(() => {
    const cursor = new Cursor(raw, offset)
    return walk(cursor, cursor.count(TRANSACTION_BYTES_MIN))
  })
}

function caught<T>(read: () => T): Result<T, string> {
  try {
    return ok(read())
  } catch (thrown) {
    if (thrown instanceof Malformed) return err(thrown.message)
    throw thrown
  }
}

/** The id of a transaction, in the byte order it is hashed in: sha256d of everything but marker, flag and witness. */
export function hashTransaction(transactions: Transactions, n: number): Uint8Array {
  const { raw, starts, bodyEnds, ends } = transactions
  const start = at(starts, n)
  const end = at(ends, n)
  const bodyStart = raw[start + 4] === 0 ? start + 6 : start + 4
  const inner = sha256
    .create()
    .update(raw.subarray(start, start + 4))
    .update(raw.subarray(bodyStart, at(bodyEnds, n)))
    .update(raw.subarray(end - 4, end))
    .digest()
  return sha256(inner)
}

/** The id as people and RPC write it: bytes reversed, in hexadecimal. */
export function transactionId(transactions: Transactions, n: number): string {
  return reversedHex(hashTransaction(transactions, n))
}

/** The outputs at these positions as transfers of the chain's coin. Positions are indices into `fingerprints`. */
export function transfersAt(transactions: Transactions, positions: readonly number[], assetCode: string): Transfer[] {
  const facts = new Map<number, { txid: string; spends: string[] }>()
  return positions.map((position) => {
    const n = transactionOf(transactions, position)
    let fact = facts.get(n)
    if (!fact) {
      fact = { txid: transactionId(transactions, n), spends: outpointsOf(transactions, n) }
      facts.set(n, fact)
    }
    const { units, script: watchKey } = outputAt(transactions, position)
    const index = String(position - at(transactions.firstOutputs, n))
    return { txid: fact.txid, index, watchKey, assetCode, units, spends: fact.spends }
  })
}

/** What one of them is, spends and makes. */
export function bodyOf(
  transactions: Transactions,
  n: number,
): { txid: string; version: number; spends: string[]; outputs: { units: bigint; script: Uint8Array }[] } {
  const { firstOutputs, raw, starts } = transactions
  const count = at(firstOutputs, n + 1) - at(firstOutputs, n)
  const outputs = Array.from({ length: count }, (_, vout) => outputAt(transactions, at(firstOutputs, n) + vout))
  const version = new Cursor(raw, at(starts, n)).peekU32()
  return { txid: transactionId(transactions, n), version, spends: outpointsOf(transactions, n), outputs }
}

/** Which transaction holds the output at this position. */
export function transactionOf(transactions: Transactions, position: number): number {
  const { firstOutputs, outputs, count } = transactions
  assert(Number.isInteger(position) && position >= 0 && position < outputs.length, `no output at position ${position}`)
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (at(firstOutputs, middle) <= position) low = middle
    else high = middle - 1
  }
  return low
}

/**
 * Which tracked transactions lose an input to another transaction here; one conflict each, the first found.
 * The pass over the inputs is left out when nothing is tracked.
 */
export function conflictsIn(transactions: Transactions, tracked: readonly TrackedTransaction[]): Conflict[] {
  // By the first four bytes of the spent transaction's hash: an input that matters to nobody costs one look-up, no text.
  const wanted = new Map<number, { txid: string; outpoint: string }[]>()
  for (const { txid, spends } of tracked) {
    for (const outpoint of spends) {
      const key = prefixOf(outpoint)
      if (key === null) continue
      const others = wanted.get(key)
      if (others) others.push({ txid, outpoint })
      else wanted.set(key, [{ txid, outpoint }])
    }
  }
  if (wanted.size === 0) return []

  const found = new Map<string, string>()
  for (let n = 0; n < transactions.count; n++) {
    forEachInput(transactions, n, (cursor) => {
      const candidates = wanted.get(cursor.peekU32())
      if (!candidates) return
      const outpoint = readOutpoint(cursor.raw, cursor.at)
      for (const candidate of candidates) {
        if (candidate.outpoint !== outpoint || found.has(candidate.txid)) continue
        const byTxid = transactionId(transactions, n)
        if (byTxid !== candidate.txid) found.set(candidate.txid, byTxid)
      }
    })
  }
  return Array.from(found, ([txid, byTxid]) => ({ txid, byTxid }))
}

function outputAt({ raw, outputs }: Transactions, position: number): { units: bigint; script: Uint8Array } {
  const cursor = new Cursor(raw, at(outputs, position))
  const units = cursor.u64()
  const length = cursor.varint()
  return { units, script: Uint8Array.from(raw.subarray(cursor.at, cursor.at + length)) }
}

/** What a transaction spends, as `txid:vout`. */
function outpointsOf(transactions: Transactions, n: number): string[] {
  const outpoints: string[] = []
  forEachInput(transactions, n, (cursor) => outpoints.push(readOutpoint(cursor.raw, cursor.at)))
  return outpoints
}

function forEachInput(transactions: Transactions, n: number, visit: (cursor: Cursor) => void): void {
  const start = at(transactions.starts, n)
  const cursor = new Cursor(transactions.raw, transactions.raw[start + 4] === 0 ? start + 6 : start + 4)
  for (let left = cursor.varint(); left > 0; left--) {
    visit(cursor)
    skipInput(cursor)
  }
}

function readOutpoint(raw: Uint8Array, offset: number): string {
  return `${reversedHex(raw.subarray(offset, offset + 32))}:${new Cursor(raw, offset + 32).peekU32()}`
}

/** The four bytes that stand first in the serialized outpoint: the last ones of the txid as it is written. */
function prefixOf(outpoint: string): number | null {
  if (!/^[0-9a-f]{64}:\d+$/.test(outpoint)) return null
  return Number.parseInt(outpoint.slice(56, 64), 16)
}

/** `count` transactions, or with null as many as there are. */
function walk(cursor: Cursor, count: number | null): Transactions {
  const { raw } = cursor
  const starts = new Growing(1024)
  const bodyEnds = new Growing(1024)
  const ends = new Growing(1024)
  const firstOutputs = new Growing(1024)
  const outputs = new Growing(4096)
  let n = 0
  let flags = 0
  for (; count === null ? cursor.at < raw.length : n < count; n++) {
    starts.push(cursor.at)
    firstOutputs.push(outputs.length)
    cursor.skip(4)
    flags = 0
    if (raw[cursor.at] === 0) {
      flags = raw[cursor.at + 1] ?? 0
      if (flags === 0 || (flags & ~(FLAG_WITNESS | FLAG_MWEB)) !== 0) throw new Malformed(`unknown flags ${flags}`)
      cursor.skip(2)
    }
    const inputs = cursor.count(INPUT_BYTES_MIN)
    if (inputs === 0) throw new Malformed('a transaction without inputs')
    for (let i = 0; i < inputs; i++) skipInput(cursor)
    for (let left = cursor.count(OUTPUT_BYTES_MIN); left > 0; left--) {
      outputs.push(cursor.at)
      cursor.skip(8)
      cursor.skip(cursor.varint())
    }
    bodyEnds.push(cursor.at)
    if (flags & FLAG_WITNESS) {
      for (let i = 0; i < inputs; i++) for (let left = cursor.count(1); left > 0; left--) cursor.skip(cursor.varint())
    }
    // Only the empty MWEB part, of a block's last transaction, is read; what waits with one has had it cut out (mweb.ts).
    if (flags & FLAG_MWEB && cursor.byte() !== 0) throw new Malformed('a transaction with MWEB data')
    cursor.skip(4)
    ends.push(cursor.at)
  }
  firstOutputs.push(outputs.length)
  // Litecoin's extension block follows its last transaction, which has the MWEB flag.
  if (cursor.at < raw.length && !(flags & FLAG_MWEB)) throw new Malformed('bytes after the last transaction')
  const positions = outputs.values()
  return {
    raw,
    count: n,
    starts: starts.values(),
    bodyEnds: bodyEnds.values(),
    ends: ends.values(),
    firstOutputs: firstOutputs.values(),
    outputs: positions,
    fingerprints: fingerprintsOf(raw, positions),
  }
}

export function skipInput(cursor: Cursor): void {
  cursor.skip(36)
  cursor.skip(cursor.varint())
  cursor.skip(4)
}

/** `fingerprintOf` of every script, without cutting the scripts out. */
function fingerprintsOf(raw: Uint8Array, outputs: Uint32Array): Fingerprints {
  const fingerprints = new Uint8Array(outputs.length * 8)
  for (let i = 0; i < outputs.length; i++) {
    const lengthAt = at(outputs, i) + 8
    const length = raw[lengthAt] ?? 0
    if (length < 10) continue
    const from = lengthAt + (length < 0xfd ? 3 : length === 0xfd ? 5 : 7)
    for (let k = 0; k < 8; k++) fingerprints[i * 8 + k] = raw[from + k] ?? 0
  }
  return fingerprints
}

/** An element that exists because we put it there. */
function at(values: Uint32Array, index: number): number {
  return values[index] as number
}
