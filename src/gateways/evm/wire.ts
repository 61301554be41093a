import type { BlockRef, NodeError } from '../gateway.ts'
import { isRecord } from './rpc.ts'

/**
 * Reads what a node answers, as the Ethereum JSON-RPC specification (execution-apis) has it. Everything not needed
 * is ignored; anything needed that is not of its form makes the whole null. Hexadecimal becomes lower case.
 */
export interface WireTransaction {
  readonly txid: string
  readonly from: string
  /** Null for the making of a contract. */
  readonly to: string | null
  readonly value: bigint
  /** Null where a chain has transactions without one (deposits of rollups). */
  readonly nonce: bigint | null
  readonly input: string
  /** The most it may use; null where a chain has transactions without a limit. */
  readonly gas: bigint | null
  /** Null while waiting. */
  readonly height: number | null
}

export interface WireBlock {
  readonly ref: BlockRef
  /** 256 bytes in hexadecimal. */
  readonly bloom: string
  readonly transactions: readonly WireTransaction[]
}

export interface WireLog {
  readonly contract: string
  readonly topics: readonly string[]
  readonly data: string
  readonly blockHash: string
  readonly txid: string
  readonly logIndex: number
}

export interface WireReceipt {
  readonly txid: string
  readonly blockHash: string
  readonly succeeded: boolean
}

/** The head of a block; `transactions` may be hashes or absent. */
export function readRef(json: unknown): BlockRef | null {
  if (!isRecord(json)) return null
  const height = readNumber(json.number)
  const hash = readHex(json.hash, 32)
  const parentHash = readHex(json.parentHash, 32)
  const seconds = readNumber(json.timestamp)
  if (height === null || hash === null || parentHash === null || seconds === null) return null
  return { height, hash, parentHash, timeMs: seconds * 1000 }
}

export function readBlock(json: unknown): WireBlock | null {
  const ref = readRef(json)
  if (ref === null || !isRecord(json)) return null
  const bloom = readHex(json.logsBloom, 256)
  const transactions = readList(json.transactions, readTransaction)
  return bloom === null || transactions === null ? null : { ref, bloom, transactions }
}

/** The transactions of a `pending` block; its hash is null or means nothing. */
export function readPending(json: unknown): WireTransaction[] | null {
  return isRecord(json) ? readList(json.transactions, readTransaction) : null
}

export function readTransaction(json: unknown): WireTransaction | null {
  if (!isRecord(json)) return null
  const txid = readHex(json.hash, 32)
  const from = readHex(json.from, 20)
  const to = isAbsent(json.to) ? null : readHex(json.to, 20)
  const value = readQuantity(json.value)
  const nonce = isAbsent(json.nonce) ? null : readQuantity(json.nonce)
  const input = readHex(json.input)
  const gas = isAbsent(json.gas) ? null : readQuantity(json.gas)
  const height = isAbsent(json.blockNumber) ? null : readNumber(json.blockNumber)
  if (txid === null || from === null || value === null || input === null) return null
  if ((to === null && !isAbsent(json.to)) || (nonce === null && !isAbsent(json.nonce))) return null
  if ((gas === null && !isAbsent(json.gas)) || (height === null && !isAbsent(json.blockNumber))) return null
  return { txid, from, to, value, nonce, input, gas, height }
}

export function readLogs(json: unknown): WireLog[] | null {
  return readList(json, readLog)
}

/** The logs of all receipts of a block. */
export function readReceiptLogs(json: unknown): WireLog[] | null {
  return readList(json, (receipt) => (isRecord(receipt) ? readLogs(receipt.logs) : null))?.flat() ?? null
}

export function readReceipt(json: unknown): WireReceipt | null {
  if (!isRecord(json)) return null
  const txid = readHex(json.transactionHash, 32)
  const blockHash = readHex(json.blockHash, 32)
  const status = readQuantity(json.status)
  if (txid === null || blockHash === null || (status !== 0n && status !== 1n)) return null
  return { txid, blockHash, succeeded: status === 1n }
}

function readLog(json: unknown): WireLog | null {
  if (!isRecord(json)) return null
  const contract = readHex(json.address, 20)
  const topics = readList(json.topics, (topic) => readHex(topic, 32))
  const data = readHex(json.data)
  const blockHash = readHex(json.blockHash, 32)
  const txid = readHex(json.transactionHash, 32)
  const logIndex = readNumber(json.logIndex)
  if (contract === null || topics === null || data === null || blockHash === null || txid === null || logIndex === null) return null
  return { contract, topics, data, blockHash, txid, logIndex }
}

export function readList<T>(json: unknown, read: (item: unknown) => T | null): T[] | null {
  if (!Array.isArray(json)) return null
  const items: T[] = []
  for (const part of json) {
    const item = read(part)
    if (item === null) return null
    items.push(item)
  }
  return items
}

export function readQuantity(json: unknown): bigint | null {
  return typeof json === 'string' && /^0x[0-9a-fA-F]{1,64}$/.test(json) ? BigInt(json) : null
}

/** One word exactly: a contract that is not there answers with nothing. */
export function readWord(json: unknown): bigint | null {
  return typeof json === 'string' && json.length === 66 ? readQuantity(json) : null
}

export function readNumber(json: unknown): number | null {
  const quantity = readQuantity(json)
  return quantity === null || quantity > 2n ** 43n ? null : Number(quantity)
}

export function readHex(json: unknown, bytes?: number): string | null {
  if (typeof json !== 'string' || json.length % 2 !== 0 || !/^0x[0-9a-fA-F]*$/.test(json)) return null
  return bytes === undefined || json.length === 2 + bytes * 2 ? json.toLowerCase() : null
}

function isAbsent(json: unknown): boolean {
  return json === undefined || json === null
}

export function malformed(what: string): NodeError {
  return { reason: 'protocol', detail: `${what} is not of the form of the Ethereum JSON-RPC specification` }
}

export function lie(detail: string): NodeError {
  return { reason: 'node_lied', detail }
}
