import { assert } from '../../lib/result.ts'
import type { Spender } from '../spend.ts'
import { bump, callBack, plan } from './plan.ts'
import { check } from './plan-check.ts'
import { unsigned } from './psbt.ts'
import { readSigned } from './signed.ts'
import { draftOf, txidOf } from './transaction.ts'

/** Money out on chains of Bitcoin's family: from coins of one account, native segwit or taproot, key path. */
export const bitcoinSpender: Spender = {
  plan,
  bump,
  callBack,
  /** All inputs are segwit: no signature is in what the id is made of (BIP 141). */
  txidOf(chain, account, plan) {
    assert(plan.kind === 'coins', 'a plan of coins')
    return txidOf(draftOf(chain, account, plan))
  },
  unsigned,
  readSigned,
  check,
}
