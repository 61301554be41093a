import { openWallets } from '../wallet/client.ts'
import type { DemoWallets } from './demo-wallets.ts'
import { call } from './evm/call.ts'

const ETHER = 10n ** 18n
/** With less than that a treasury is given an ether. */
const LEAST = ETHER / 10n

/**
 * In development the demo payer is the operator too: it sends gas to the address that the demo store's hot wallet pays from
 * on the local EVM chain. It is in no books, as an operator's own is not: docs/evm-sweeping.md.
 */
export async function fillTreasuries(
  store: { readonly origin: string; readonly apiKey: string },
  rpcUrl: string,
  wallets: Pick<DemoWallets, 'pay'>,
): Promise<void> {
  const known = await openWallets({ url: store.origin, token: store.apiKey }).list()
  for (const { payer } of known.flatMap(({ chains }) => chains)) {
    if (!payer) continue
    const has = BigInt(await call<string>(rpcUrl, 'eth_getBalance', [payer.address, 'latest']))
    if (has < LEAST) await wallets.pay({ asset: 'ETH', address: payer.address, units: ETHER })
  }
}
