/** The development EVM node (anvil with a test USDC) and the wallet that pays invoices on it. */
export { type EvmNode, type EvmNodeOptions, startEvmNode } from './node.ts'
export { createEvmDemoWallet, type EvmDemoWallet } from './wallet.ts'
