import { mnemonicToAccount } from 'viem/accounts'

/** The words every anvil starts with: everybody knows them, so they are for local chains alone. */
export const ANVIL_MNEMONIC = 'test test test test test test test test test test test junk'

/** Makes the test USDC and nothing else, so that its contract always has the same address. */
export const deployer = mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex: 0 })

/** Pays invoices. */
export const payer = mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex: 1 })

/** Fees far over the base fee of an idle chain, and always the same: a transaction never replaces another by accident. */
export const FEES = { maxFeePerGas: 20_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n }
