import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { RawTx, Transaction } from '@scure/btc-signer'
import { fromBase64 } from '../../lib/base64.ts'
import { equalBytes, fromHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { SignedRefusal, SignedTransaction, SpendPlan } from '../spend.ts'
import { createDigests, type Draft, draftOf, SEQUENCE, SIGHASH_ALL, SIGHASH_DEFAULT, serialize, TX_VERSION } from './transaction.ts'

/** Over a PSBT of the heaviest transaction there is, the transactions that its coins come from not counted twice. */
const TEXT_MAX = 8_000_000

/** `psbt` and 0xff (BIP 174). */
const PSBT_MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff)

/** A transaction as it came, signed or not. */
interface Candidate {
  readonly version: number
  readonly lockTime: number
  readonly inputs: readonly {
    readonly txid: Uint8Array
    readonly vout: number
    readonly sequence: number
    readonly hasScript: boolean
    /** What it says its coin is, where it says that. */
    readonly coin: { readonly script: Uint8Array; readonly amount: bigint } | null
    /** Witness items; null where there are none, or not all. */
    readonly witness: readonly Uint8Array[] | null
  }[]
  readonly outputs: readonly { readonly script: Uint8Array; readonly amount: bigint }[]
}

/**
 * The transaction of `plan` from what somebody else's wallet made of it. Nothing is taken over but signatures, each proven
 * against what `plan` says: the bytes are made anew, and a raw transaction must be those bytes.
 */
export function readSigned(
  chain: ChainConfig,
  account: AccountKey,
  plan: SpendPlan,
  text: string,
): Result<SignedTransaction, SignedRefusal> {
  assert(plan.kind === 'coins', 'a plan of coins')
  const draft = draftOf(chain, account, plan)
  const bytes = bytesOf(text)
  if (!bytes) return err({ reason: 'unreadable', detail: 'give a PSBT in base64, or a transaction in hexadecimal' })
  const isPsbt = equalBytes(bytes.subarray(0, PSBT_MAGIC.length), PSBT_MAGIC)
  let candidate: Candidate
  try {
    candidate = isPsbt ? readPsbt(bytes, draft) : readRaw(bytes)
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    return err({ reason: 'unreadable', detail: `it is no ${isPsbt ? 'PSBT' : 'transaction'}: ${why}`.slice(0, 300) })
  }

  const difference = differenceOf(candidate, draft)
  if (difference !== null) return err({ reason: 'differs', detail: difference })
  const witnesses: (readonly Uint8Array[])[] = []
  const digests = createDigests(draft)
  for (const [position, { witness }] of candidate.inputs.entries()) {
    const fault = witness === null ? 'is not signed' : signatureFault(account, draft, digests, position, witness)
    if (fault !== null) return err({ reason: 'not_signed', detail: `input ${position} ${fault}` })
    witnesses.push(witness ?? [])
  }
  const signed = serialize(draft, witnesses)
  if (!isPsbt && !equalBytes(fromHex(signed.raw), bytes)) {
    return err({ reason: 'differs', detail: 'it is the transaction written in another way' })
  }
  return ok(signed)
}

function bytesOf(text: string): Uint8Array | null {
  const bare = text.trim()
  if (bare.length === 0 || bare.length > TEXT_MAX) return null
  try {
    return /^[0-9a-fA-F]+$/.test(bare) ? fromHex(bare) : fromBase64(bare)
  } catch {
    return null
  }
}

/** Throws what the library finds wrong. */
function readRaw(bytes: Uint8Array): Candidate {
  const { version, lockTime, inputs, outputs, witnesses } = RawTx.decode(bytes)
  return {
    version,
    lockTime,
    inputs: inputs.map(({ txid, index, sequence, finalScriptSig }, position) => {
      const witness = witnesses?.[position] ?? []
      return {
        txid,
        vout: index,
        sequence,
        hasScript: finalScriptSig.length > 0,
        coin: null,
        witness: witness.length > 0 ? witness : null,
      }
    }),
    outputs,
  }
}

/** Version 0 or 2, finalized or signed alone. Throws what the library finds wrong. */
function readPsbt(bytes: Uint8Array, draft: Draft): Candidate {
  const psbt = Transaction.fromPSBT(bytes, { allowUnknownOutputs: true, allowUnknownVersion: true })
  const inputs = Array.from({ length: psbt.inputsLength }, (_, position) => {
    const input = psbt.getInput(position)
    if (!input.txid || input.index === undefined) throw new Error(`input ${position} names no coin`)
    const own = draft.inputs[position]?.key.publicKey
    const partial = input.partialSig?.find(([publicKey]) => own && equalBytes(publicKey, own))
    const final = input.finalScriptWitness?.length ? input.finalScriptWitness : null
    return {
      txid: input.txid,
      vout: input.index,
      sequence: input.sequence ?? 0xffffffff,
      hasScript: (input.finalScriptSig?.length ?? 0) > 0,
      coin: input.nonWitnessUtxo?.outputs[input.index] ?? input.witnessUtxo ?? null,
      witness: final ?? (partial ? [partial[1], partial[0]] : input.tapKeySig ? [input.tapKeySig] : null),
    }
  })
  const outputs = Array.from({ length: psbt.outputsLength }, (_, position) => {
    const { script, amount } = psbt.getOutput(position)
    if (!script || amount === undefined) throw new Error(`output ${position} pays nobody or nothing`)
    return { script, amount }
  })
  return { version: psbt.version, lockTime: psbt.lockTime, inputs, outputs }
}

/** The first thing that is not as planned; null when all is. */
function differenceOf(candidate: Candidate, draft: Draft): string | null {
  if (candidate.version !== TX_VERSION) return `its version is ${candidate.version}, not ${TX_VERSION}`
  if (candidate.lockTime !== draft.lockTime) return `its lock time is ${candidate.lockTime}, not ${draft.lockTime}`
  if (candidate.inputs.length !== draft.inputs.length) {
    return `it has ${candidate.inputs.length} inputs, not ${draft.inputs.length}`
  }
  if (candidate.outputs.length !== draft.outputs.length) {
    return `it has ${candidate.outputs.length} outputs, not ${draft.outputs.length}`
  }
  for (const [position, wanted] of draft.inputs.entries()) {
    const input = candidate.inputs[position]
    if (!input || !equalBytes(input.txid, wanted.txid) || input.vout !== wanted.vout) return `input ${position} is another coin`
    if (input.sequence !== SEQUENCE) return `input ${position} has the sequence ${input.sequence}, not ${SEQUENCE}`
    if (input.hasScript) return `input ${position} has a script, which a segwit input has not`
    const { coin } = input
    if (coin && coin.amount !== wanted.units) return `input ${position} is said to hold ${coin.amount}, not ${wanted.units}`
    if (coin && !equalBytes(coin.script, wanted.key.watchKey)) return `input ${position} is said to be of another address`
  }
  for (const [position, { script, units }] of draft.outputs.entries()) {
    const output = candidate.outputs[position]
    if (!output || !equalBytes(output.script, script)) return `output ${position} pays another address`
    if (output.amount !== units) return `output ${position} pays ${output.amount}, not ${units}`
  }
  return null
}

/** What keeps this witness from spending its input; null when it is the account's signature over all of the draft. */
function signatureFault(
  account: AccountKey,
  draft: Draft,
  digests: ReturnType<typeof createDigests>,
  position: number,
  witness: readonly Uint8Array[],
): string | null {
  const key = draft.inputs[position]?.key
  const [signature, publicKey] = witness
  if (!key || !signature || witness.length !== (account.script === 'p2tr' ? 1 : 2)) return 'has a witness of another form'
  if (account.script === 'p2tr') {
    const type = signature.length === 65 ? signature[64] : SIGHASH_DEFAULT
    const isForm = signature.length === 64 || signature.length === 65
    // A type of DEFAULT is not written (BIP 341).
    if (!isForm || (signature.length === 65 && type !== SIGHASH_ALL)) return 'is not signed for all of the transaction'
    const digest = digests.p2tr(position, type === SIGHASH_ALL ? SIGHASH_ALL : SIGHASH_DEFAULT)
    const isValid = schnorr.verify(signature.subarray(0, 64), digest, key.watchKey.subarray(2))
    return isValid ? null : 'has a signature that is not right'
  }
  if (!publicKey || !equalBytes(publicKey, key.publicKey)) return 'is signed by another key'
  if (signature.at(-1) !== SIGHASH_ALL) return 'is not signed for all of the transaction'
  return isEcdsa(signature.subarray(0, -1), digests.p2wpkh(position), publicKey) ? null : 'has a signature that is not right'
}

/** Strict DER (BIP 66) and low S (BIP 146), as nodes want it. */
function isEcdsa(der: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    const isCanonical = equalBytes(secp256k1.Signature.fromBytes(der, 'der').toBytes('der'), der)
    return isCanonical && secp256k1.verify(der, digest, publicKey, { prehash: false, lowS: true, format: 'der' })
  } catch {
    return false
  }
}
