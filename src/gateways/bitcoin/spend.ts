import type { Spender } from '../spend.ts'
import { bump, plan } from './plan.ts'
import { check } from './plan-check.ts'
import { unsigned } from './psbt.ts'
import { readSigned } from './signed.ts'

/** Money out on chains of Bitcoin's family: from coins of one account, native segwit or taproot, key path. */
export const bitcoinSpender: Spender = { plan, bump, unsigned, readSigned, check }
