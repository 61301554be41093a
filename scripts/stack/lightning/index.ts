/**
 * Lightning for `npm start`: stand-ins for two nodes, which pay each other, and a demo wallet on one of them. Real ones need
 * channels, and those a chain with money.
 *
 *   const lightning = await startLightning({ stateDir: '.paytomat/lightning', sending, log })
 *   const wallet = createLightningWallet(lightning.payer)
 *   await wallet.pay({ bolt11, units: 30_000n })
 *   await lightning.stop()
 */
export { type LightningStandIn, type PayerAccess, STAND_IN, startLightning } from './network.ts'
export { createLightningWallet, type LightningWallet } from './wallet.ts'
