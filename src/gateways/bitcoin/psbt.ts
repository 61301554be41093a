import { Transaction } from '@scure/btc-signer'
import { toBase64 } from '../../lib/base64.ts'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { SpendPlan, UnsignedTransaction } from '../spend.ts'
import { deriveKey, type OwnKey } from './address.ts'
import { readOrigin } from './descriptor.ts'
import { draftOf, SEQUENCE, TX_VERSION } from './transaction.ts'

/** Child 0 of an account: addresses that are given out (BIP 44). */
const EXTERNAL = 0

/**
 * A plan as a PSBT (BIP 174, BIP 370), with what its coins hold and where their keys come from (BIP 32, BIP 371), those of
 * change too, so that a device shows it as its own. Of an account without a known origin the account key is the root.
 */
export function unsigned(chain: ChainConfig, account: AccountKey, plan: SpendPlan): UnsignedTransaction {
  assert(plan.kind === 'coins', 'a plan of coins')
  const draft = draftOf(chain, account, plan)
  // The scripts are made from the keys that stand beside them: they need no proof.
  const transaction = new Transaction({ version: TX_VERSION, lockTime: draft.lockTime, disableScriptCheck: true })
  for (const { txid, vout, units, index, key } of draft.inputs) {
    const coin = { txid, index: vout, sequence: SEQUENCE, witnessUtxo: { script: key.watchKey, amount: units } }
    // Nothing is signed yet: looking through all inputs for signatures each time would take the square of their number.
    transaction.addInput({ ...coin, ...keyFields(account, key, index) }, true)
  }
  for (const [position, { script, units }] of draft.outputs.entries()) {
    const own = position === plan.change?.position ? deriveKey(chain, account, plan.change.index) : null
    const fields = own?.ok && plan.change ? keyFields(account, own.value, plan.change.index) : {}
    transaction.addOutput({ script, amount: units, ...fields }, true)
  }
  return { psbt: { v0: toBase64(transaction.toPSBT(0)), v2: toBase64(transaction.toPSBT(2)) } }
}

/** Whose key it is, as inputs and outputs of a PSBT say it. */
function keyFields(account: AccountKey, key: OwnKey, index: number) {
  const origin = account.origin === undefined ? null : readOrigin(account.origin)
  const { fingerprint, path } = origin ?? { fingerprint: key.accountFingerprint, path: [] }
  const der = { fingerprint, path: [...path, EXTERNAL, index] }
  if (account.script === 'p2wpkh') return { bip32Derivation: [[key.publicKey, der] as [Uint8Array, typeof der]] }
  const internal = key.publicKey.subarray(1)
  const taproot: [Uint8Array, { hashes: Uint8Array[]; der: typeof der }] = [internal, { hashes: [], der }]
  return { tapInternalKey: internal, tapBip32Derivation: [taproot] }
}
