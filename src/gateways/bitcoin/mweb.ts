import { toHex } from '../../lib/bytes.ts'
import type { Conflict, TrackedTransaction, Transfer } from '../gateway.ts'
import { Cursor, concat, Malformed } from './cursor.ts'
import { FLAG_MWEB, FLAG_WITNESS, skipInput, type Transactions, transactionId, transfersAt } from './scan.ts'

/**
 * Litecoin's extension block (MWEB; LIP 2 and LIP 3) where it touches payments: docs/decisions/007-peg-outs.md.
 *
 * What waits may carry MWEB data; in its block it stands without them, under the same id. What lives in the MWEB alone
 * never stands there: what it pays out is paid by the block's last transaction, the HogEx, which the miner makes.
 */

/** What may carry MWEB data, as it will stand in a block; null when nothing of it will, or nobody can read it. */
export function canonicalPart(raw: Uint8Array): Uint8Array | null {
  const flags = raw[4] === 0 ? (raw[5] ?? 0) : 0
  if (!(flags & FLAG_MWEB)) return raw
  try {
    const cursor = new Cursor(raw, 6)
    const inputs = cursor.varint()
    if (inputs === 0) return null
    for (let left = inputs; left > 0; left--) skipInput(cursor)
    for (let left = cursor.varint(); left > 0; left--) {
      cursor.skip(8)
      cursor.skip(cursor.varint())
    }
    if (flags & FLAG_WITNESS) {
      for (let i = 0; i < inputs; i++) for (let left = cursor.varint(); left > 0; left--) cursor.skip(cursor.varint())
    }
    const body = raw.subarray(6, cursor.at)
    // The MWEB data up to the lock time. They are not looked into: the id commits to the rest alone.
    cursor.skip(1 + 4)
    const marker = flags & FLAG_WITNESS ? [0, FLAG_WITNESS] : []
    return concat([raw.subarray(0, 4), Uint8Array.from(marker), body, raw.subarray(-4)])
  } catch (thrown) {
    if (thrown instanceof Malformed) return null
    throw thrown
  }
}

/** Peg-outs of ours in one HogEx whose names are kept; they only serve to find them again. */
const NAMES_MAX = 20

/**
 * The transfers at these positions of a block, in which a peg-out `spends` its own name and those of the others asked
 * for. A HogEx can't come back once its block has left the chain, but what it paid out comes again in another one;
 * that, and not who spends its inputs, is what takes a peg-out's place.
 */
export function withPegOuts(transactions: Transactions, positions: readonly number[], transfers: Transfer[]): Transfer[] {
  const first = firstPegOut(transactions)
  const isPegOut = (_: unknown, i: number) => first !== null && (positions[i] as number) >= first
  const spends = transfers.filter(isPegOut).slice(0, NAMES_MAX).map(nameOf)
  return spends.length === 0
    ? transfers
    : transfers.map((transfer, i) => (isPegOut(transfer, i) ? { ...transfer, spends } : transfer))
}

/** Which tracked HogEx transactions have all their peg-outs of ours paid again, by the HogEx of this block. */
export function pegOutConflicts(transactions: Transactions, tracked: readonly TrackedTransaction[]): Conflict[] {
  const lost = tracked.filter(({ spends }) => spends[0]?.startsWith(NAME_PREFIX))
  const first = firstPegOut(transactions)
  if (lost.length === 0 || first === null) return []
  const positions = Array.from({ length: transactions.outputs.length - first }, (_, i) => first + i)
  const paid = new Map<string, number>()
  for (const name of transfersAt(transactions, positions, '').map(nameOf)) paid.set(name, (paid.get(name) ?? 0) + 1)
  const byTxid = transactionId(transactions, transactions.count - 1)
  const isPaid = (spends: readonly string[]) =>
    spends.every((name) => (paid.get(name) ?? 0) >= spends.filter((other) => other === name).length)
  return lost.filter(({ txid, spends }) => txid !== byTxid && isPaid(spends)).map(({ txid }) => ({ txid, byTxid }))
}

const NAME_PREFIX = 'pegout:'

function nameOf({ units, watchKey }: Transfer): string {
  return `${NAME_PREFIX}${units}:${toHex(watchKey)}`
}

/** OP_8 and a push of 32 bytes: the extension block's hash, in the output that holds all its coins. */
const HOG_ADDRESS = [34, 0x58, 0x20]

/**
 * Position of the first peg-out in a block; null without a HogEx. It is known by its first output, for the header
 * commits to that: not to its flag, which nodes leave out with `-rpcserialversion=1`.
 */
function firstPegOut({ raw, count, firstOutputs, outputs }: Transactions): number | null {
  const position = firstOutputs[count - 1]
  const valueAt = position === undefined ? undefined : outputs[position]
  if (position === undefined || valueAt === undefined) return null
  return HOG_ADDRESS.every((byte, i) => raw[valueAt + 8 + i] === byte) ? position + 1 : null
}
