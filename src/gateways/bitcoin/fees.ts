import { divideUp } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { coinOf } from './coins.ts'

/** Below it nodes do not pass a transaction on (`-minrelaytxfee` of all but the newest), satoshi for 1,000 virtual bytes. */
export const MIN_RELAY_SATS_PER_KVB = 1_000n
/** What a replacement pays above what it replaces, for each of its own bytes (BIP 125 rule 4; `-incrementalrelayfee`). */
export const INCREMENTAL_SATS_PER_KVB = 1_000n
/**
 * Most coins in one transaction of ours: to sign, or to write and read a PSBT of, more takes seconds of a processor. With
 * `OUTPUTS_MAX` outputs it is lighter than the 400,000 units that nodes pass on (Bitcoin Core, `MAX_STANDARD_TX_WEIGHT`).
 */
export const INPUTS_MAX = 500

export type CoinScript = 'p2wpkh' | 'p2tr'

/**
 * Weight of an input with its witness: 41 bytes at four each, then the number of items and each with its length. The
 * signature is the longest there is: 72 bytes with its type (ECDSA, low S), or 64 (BIP 340, SIGHASH_DEFAULT).
 */
const INPUT_WEIGHT: Readonly<Record<CoinScript, number>> = { p2wpkh: 4 * 41 + (1 + 73 + 34), p2tr: 4 * 41 + (1 + 65) }

/** Virtual bytes of a signed transaction at most (BIP 141), rounded up, of inputs of one kind. `outputs` are scriptPubKeys. */
export function vsizeOf(script: CoinScript, inputs: number, outputs: readonly Uint8Array[]): number {
  const paid = outputs.reduce((sum, { length }) => sum + 8 + sizeLength(length) + length, 0)
  const plain = 4 + sizeLength(inputs) + sizeLength(outputs.length) + paid + 4
  return Math.ceil((4 * plain + 2 + inputs * INPUT_WEIGHT[script]) / 4)
}

/** What an input adds to a transaction, in virtual bytes. */
export function inputVsize(script: CoinScript): number {
  return Math.ceil(INPUT_WEIGHT[script] / 4)
}

/** Rounded up, so that the rate is never below the one that was asked for. */
export function feeOf(satsPerKvb: bigint, vsize: number): bigint {
  return divideUp(satsPerKvb * BigInt(vsize), 1_000n)
}

/** The least an output may hold for nodes to pass it on: what it costs to make and to spend (Bitcoin Core, `GetDustThreshold`). */
export function dustLimit(chain: ChainConfig, script: Uint8Array): bigint {
  const spending = isWitnessProgram(script) ? 67 : 148
  return (coinOf(chain).dustSatsPerKvb * BigInt(8 + sizeLength(script.length) + script.length + spending)) / 1_000n
}

/** BIP 141: a version, and one push of 2 to 40 bytes. */
function isWitnessProgram(script: Uint8Array): boolean {
  const version = script[0] ?? 0xff
  const isVersion = version === 0 || (version >= 0x51 && version <= 0x60)
  return isVersion && script.length >= 4 && script.length <= 42 && script[1] === script.length - 2
}

/** Bytes of a CompactSize. */
function sizeLength(count: number): number {
  return count < 0xfd ? 1 : count < 0x10000 ? 3 : 5
}
