import { schnorr } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { RawTx } from '@scure/btc-signer'
import { fromHex, toHex } from '../../lib/bytes.ts'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { CoinPlan, SignedTransaction } from '../spend.ts'
import { deriveKey, type OwnKey } from './address.ts'
import { concat, reversedHex } from './cursor.ts'
import { recipientScript } from './recipient.ts'

/** Since BIP 68, what every wallet makes. */
export const TX_VERSION = 2
/** Says that it may be replaced (BIP 125), and lets the lock time count. */
export const SEQUENCE = 0xfffffffd

export const SIGHASH_DEFAULT = 0
export const SIGHASH_ALL = 1

/** A plan as bytes and keys: all that signing and serializing it takes. */
export interface Draft {
  readonly inputs: readonly DraftInput[]
  readonly outputs: readonly DraftOutput[]
  readonly lockTime: number
}

export interface DraftInput {
  /** As explorers show it, in bytes. */
  readonly txid: Uint8Array
  readonly vout: number
  readonly units: bigint
  /** The account's index of the coin's address. */
  readonly index: number
  readonly key: OwnKey
}

export interface DraftOutput {
  readonly script: Uint8Array
  readonly units: bigint
}

/** Of a plan that was checked. Throws on one that is not of this account and chain: a defect. */
export function draftOf(chain: ChainConfig, account: AccountKey, plan: CoinPlan): Draft {
  return {
    inputs: plan.inputs.map(({ txid, vout, units, index }) => {
      const key = deriveKey(chain, account, index)
      assert(key.ok, 'a plan of the account has its indices')
      return { txid: fromHex(txid), vout, units, index, key: key.value }
    }),
    outputs: plan.outputs.map(({ address, units }) => {
      const script = recipientScript(chain, address)
      assert(script.ok, 'a plan pays addresses of its chain')
      return { script: script.value, units }
    }),
    lockTime: plan.lockTime,
  }
}

/**
 * What a signature of each input commits to (BIP 143, SIGHASH_ALL; BIP 341, key path). Made once for a transaction: the
 * parts that all inputs share are hashed once, so the work grows with the inputs and not with their square.
 */
export function createDigests(draft: Draft): {
  p2wpkh(position: number): Uint8Array
  p2tr(position: number, type: typeof SIGHASH_DEFAULT | typeof SIGHASH_ALL): Uint8Array
} {
  const { inputs, outputs, lockTime } = draft
  const outpoints = inputs.map(({ txid, vout }) => concat([Uint8Array.from(txid).reverse(), u32(vout)]))
  const sequences = concat(inputs.map(() => u32(SEQUENCE)))
  const allOutpoints = concat(outpoints)
  const allOutputs = concat(outputs.map(({ script, units }) => concat([u64(units), withLength(script)])))
  const doubled = { outpoints: hash256(allOutpoints), sequences: hash256(sequences), outputs: hash256(allOutputs) }
  const taproot = concat([
    u32(TX_VERSION),
    u32(lockTime),
    sha256(allOutpoints),
    sha256(concat(inputs.map(({ units }) => u64(units)))),
    sha256(concat(inputs.map(({ key }) => withLength(key.watchKey)))),
    sha256(sequences),
    sha256(allOutputs),
  ])
  return {
    p2wpkh(position) {
      const { key, units } = inputs[position] as DraftInput
      // 0x00 0x14 <20 bytes>: the script that stands for it is that of P2PKH.
      const scriptCode = concat([Uint8Array.of(0x19, 0x76, 0xa9, 0x14), key.watchKey.subarray(2), Uint8Array.of(0x88, 0xac)])
      return hash256(
        concat([
          u32(TX_VERSION),
          doubled.outpoints,
          doubled.sequences,
          outpoints[position] as Uint8Array,
          scriptCode,
          u64(units),
          u32(SEQUENCE),
          doubled.outputs,
          u32(lockTime),
          u32(SIGHASH_ALL),
        ]),
      )
    },
    p2tr(position, type) {
      // Epoch, type, the shared parts, a spend by the key path without annex, the input's number.
      const message = concat([Uint8Array.of(0, type), taproot, Uint8Array.of(0), u32(position)])
      return schnorr.utils.taggedHash('TapSighash', message)
    },
  }
}

/** With a witness for each input. */
export function serialize(draft: Draft, witnesses: readonly (readonly Uint8Array[])[]): SignedTransaction {
  const whole = RawTx.encode({ ...fieldsOf(draft), segwitFlag: true, witnesses: witnesses.map((items) => [...items]) })
  return { txid: txidOf(draft), raw: toHex(whole) }
}

/** Witnesses are not in it (BIP 141). */
export function txidOf(draft: Draft): string {
  return reversedHex(hash256(RawTx.encode({ ...fieldsOf(draft), segwitFlag: false, witnesses: undefined })))
}

function fieldsOf({ inputs, outputs, lockTime }: Draft) {
  return {
    version: TX_VERSION,
    inputs: inputs.map(({ txid, vout }) => ({ txid, index: vout, finalScriptSig: new Uint8Array(), sequence: SEQUENCE })),
    outputs: outputs.map(({ script, units }) => ({ amount: units, script })),
    lockTime,
  }
}

function hash256(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes))
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}

/** A script behind its length; standard ones have fewer than 76 bytes. */
function withLength(script: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(script.length), script])
}
