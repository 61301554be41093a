import { sha256 } from '@noble/hashes/sha2.js'
import { CompactSize, RawTx, Transaction } from '@scure/btc-signer'
import fc from 'fast-check'
import { fromHex } from '../../../src/lib/bytes.ts'

/** Synthetic transactions and blocks, serialized by btc-signer's coders: another hand than the scanner's. */
export interface SyntheticTransaction {
  readonly raw: Uint8Array
  readonly id: string
  readonly inputs: readonly { readonly txid: Uint8Array; readonly index: number }[]
  readonly outputs: readonly { readonly amount: bigint; readonly script: Uint8Array }[]
}

const bytes = (maxLength: number) => fc.uint8Array({ minLength: 0, maxLength })
const sats = fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n })
/** Short, usual and long scripts: their lengths are written in one and in three bytes. */
const script = fc.oneof(
  bytes(9),
  fc.uint8Array({ minLength: 20, maxLength: 40 }),
  fc.uint8Array({ minLength: 250, maxLength: 260 }),
)

export const transactions: fc.Arbitrary<SyntheticTransaction> = fc
  .record({
    version: fc.integer({ min: 1, max: 2 }),
    lockTime: fc.nat(),
    inputs: fc.array(
      fc.record({
        txid: fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((txid) => txid.some((byte) => byte !== 0)),
        index: fc.nat({ max: 300 }),
        finalScriptSig: bytes(30),
        sequence: fc.constantFrom(0xffffffff, 0xfffffffd, 5),
        witness: fc.array(fc.oneof(bytes(75), fc.uint8Array({ minLength: 250, maxLength: 260 })), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    outputs: fc.array(fc.record({ amount: sats, script }), { minLength: 1, maxLength: 5 }),
  })
  .map(({ version, lockTime, inputs, outputs }) => synthetic(version, lockTime, inputs, outputs))

/** No outpoint is spent twice, as in a valid chain. (Random numbers shrink to the same ones otherwise.) */
export function lists(size: { minLength: number; maxLength: number }): fc.Arbitrary<SyntheticTransaction[]> {
  return fc.array(transactions, size).filter((txs) => {
    const spent = txs.flatMap((tx) => tx.inputs.map((input) => `${input.txid.join()}:${input.index}`))
    return new Set(spent).size === spent.length
  })
}

export function synthetic(
  version: number,
  lockTime: number,
  inputs: { txid: Uint8Array; index: number; finalScriptSig: Uint8Array; sequence: number; witness: Uint8Array[] }[],
  outputs: { amount: bigint; script: Uint8Array }[],
): SyntheticTransaction {
  const segwitFlag = inputs.some((input) => input.witness.length > 0)
  const witnesses = segwitFlag ? inputs.map((input) => input.witness) : undefined
  const raw = RawTx.encode({ version, lockTime, segwitFlag, inputs, outputs, witnesses })
  return { raw, id: idOf(raw), inputs, outputs }
}

function idOf(raw: Uint8Array): string {
  return Transaction.fromRaw(raw, { allowUnknownInputs: true, allowUnknownOutputs: true, disableScriptCheck: true }).id
}

/** What pays a miner: one input that spends nothing. `script` is the output's. */
export function coinbase(height: number, script: Uint8Array): SyntheticTransaction {
  const input = {
    txid: new Uint8Array(32),
    index: 0xffffffff,
    finalScriptSig: Uint8Array.of(3, height & 0xff, (height >> 8) & 0xff, 0),
    sequence: 0xffffffff,
    witness: [new Uint8Array(32)],
  }
  return synthetic(2, 0, [input], [{ amount: 5_000_000_000n, script }])
}

/** A serialized block of these transactions, its merkle root right unless given. Proof of work is not what we test here. */
export function blockOf(txs: readonly SyntheticTransaction[], merkle = merkleRoot(txs.map((tx) => tx.id))): Uint8Array {
  const header = new Uint8Array(80)
  header.set([0, 0, 0, 0x20])
  header.set(new Uint8Array(32).fill(7), 4)
  header.set(merkle, 36)
  new DataView(header.buffer).setUint32(68, 1_700_000_000, true)
  return Buffer.concat([header, CompactSize.encode(BigInt(txs.length)), ...txs.map((tx) => tx.raw)])
}

/** By the definition, recursively: an odd list is paired with its own last. */
export function merkleRoot(ids: readonly string[]): Uint8Array {
  const pairUp = (level: Uint8Array[]): Uint8Array => {
    if (level.length === 1) return level[0] as Uint8Array
    const even = level.length % 2 === 0 ? level : [...level, level.at(-1) as Uint8Array]
    const above: Uint8Array[] = []
    for (let i = 0; i < even.length; i += 2)
      above.push(sha256(sha256(Buffer.concat([even[i] as Uint8Array, even[i + 1] as Uint8Array]))))
    return pairUp(above)
  }
  return pairUp(ids.map((id) => fromHex(id).reverse()))
}
