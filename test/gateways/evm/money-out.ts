import { HDKey, hdKeyToAccount } from 'viem/accounts'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import type { AccountPlan, Funds, Output, SpendRequest } from '../../../src/gateways/spend.ts'
import { fromHex } from '../../../src/lib/bytes.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { createRegistry } from '../../../src/money/registry.ts'

/** What the tests of money out share. */

/** The deterministic deployment proxy, which anvil starts with. */
export const FACTORY = '0x4e59b44847b379578588920cA78FbF26c0B4956C'
const local = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
export const chain = { ...local, delegateFactory: FACTORY }
const { delegateFactory: _, ...rest } = local
export const withoutDelegates: ChainConfig = rest
export const USDC = LOCAL_USDC

/** BIP 39 seed of "test test … junk". */
export const seed = fromHex(
  '9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0',
)
export const account = evmSigner.account(chain, seed, 'evm')
const viemKey = HDKey.fromMasterSeed(seed)
export const viemAccount = (addressIndex: number) => hdKeyToAccount(viemKey, { addressIndex })

export const GWEI = 1_000_000_000n
export const ETHER = 1_000_000_000n * GWEI
export const BOB = '0x14dC79964da2C08b23698B3D3cc7Ca32193d9955'

export const fees = { kind: 'account', maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: GWEI } as const
export const funds: Extract<Funds, { kind: 'account' }> = {
  kind: 'account',
  index: 3,
  nonce: 7,
  units: 10n * ETHER,
  native: 10n * ETHER,
  gas: 21_000n,
}

export function ask(asset: string, outputs: readonly Output[], changes: Partial<typeof funds> = {}): SpendRequest {
  return { asset, outputs, funds: { ...funds, ...changes }, fees, feeMax: ETHER }
}

export function planOf(request: SpendRequest, on: ChainConfig = chain): AccountPlan {
  const plan = evmSpender.plan(on, account, request)
  if (!plan.ok) throw new Error(JSON.stringify(plan.error, (_key, value) => (typeof value === 'bigint' ? String(value) : value)))
  if (plan.value.kind !== 'account') throw new Error('a plan of coins')
  return plan.value
}
