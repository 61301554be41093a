import { sha256 } from '@noble/hashes/sha2.js'
import { DEVELOPMENT_LIGHTNING } from '../../config/development.ts'
import type { AccountKey } from '../../src/gateways/gateway.ts'
import { keySignerOf } from '../../src/gateways/key-signers.ts'
import type { LightningEndpoint } from '../../src/gateways/lightning/node.ts'
import { spaceOf, walletIdOf } from '../../src/gateways/wallet-id.ts'
import { assert } from '../../src/lib/result.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { assetsOf } from '../../src/money/chain.ts'
import { type AssetPolicy, type Policy, writePolicy } from '../../src/signer/policy.ts'
import { readKek, type SealedSeed, sealSeed } from '../../src/signer/seal.ts'

/**
 * The demo merchant's keys come from this text, on every machine the same, so that anyone can look into the demo
 * store's wallets. Everybody knows it: never send real money to an address of the demo store.
 */
const SEED_TEXT = 'paytomat development seed: everybody knows it'

export interface DemoWalletAccount {
  readonly account: AccountKey
  readonly assets: readonly string[]
  /** Its seed is in the signer, so that refunds and payouts run by themselves. */
  readonly custody: 'platform'
}

/** The accounts of the demo store and the assets each takes: BIP 84 for Bitcoin's family, BIP 44 for everything EVM. */
export function demoAccounts(chains: readonly ChainConfig[]): DemoWalletAccount[] {
  return spacesOf(chains).map(({ chain, assets }) => ({ account: accountOn(chain), assets, custody: 'platform' }))
}

/** All wallets of the demo store: these accounts, and its Lightning node when it has one, which is offered second. */
export function demoWallets(chains: readonly ChainConfig[], node: LightningEndpoint | null): object[] {
  const accounts: object[] = demoAccounts(chains)
  if (node) accounts.splice(1, 0, { account: { lightning: node.name }, assets: [DEVELOPMENT_LIGHTNING.assetCode] })
  return accounts
}

/** What the signer is given for each of these accounts: its seed, sealed, and what it may sign. */
export async function demoSigners(
  chains: readonly ChainConfig[],
  signerKek: string,
): Promise<{ walletId: string; envelope: SealedSeed; policy: unknown }[]> {
  const kek = readKek(signerKek)
  assert(kek.ok, 'the key of this installation was made here')
  return Promise.all(
    spacesOf(chains).map(async ({ chain, assets }) => {
      const account = accountOn(chain)
      const id = await walletIdOf(chain, account)
      assert(id.ok, 'a seed makes an account with addresses')
      const binding = { walletId: id.value, space: spaceOf(chain), script: account.script }
      return { walletId: id.value, envelope: await sealSeed(kek.value, binding, seed()), policy: policyOf(chains, assets) }
    }),
  )
}

/** Enough for everything that somebody tries out, and a limit all the same. */
function policyOf(chains: readonly ChainConfig[], codes: readonly string[]): unknown {
  const assets = chains.flatMap((chain) =>
    assetsOf(chain).flatMap((asset): [string, AssetPolicy][] => {
      if (!codes.includes(asset.code)) return []
      const whole = 10n ** BigInt(asset.decimals)
      const gas = 10n ** BigInt(chain.native.decimals)
      const most = asset.kind === 'native' ? 10n * whole : 10_000n * whole
      const rule: AssetPolicy = {
        kinds: ['refund', 'payout', 'sweep'],
        perTransfer: most,
        perHour: 10n * most,
        perDay: 20n * most,
        perDestinationPerDay: 20n * most,
        perStorePerDay: 20n * most,
        autoApproveUpTo: { refund: most, payout: most },
        approvals: 1,
        fee: { max: gas / 10n, bps: null, floor: 0n, perDay: gas },
        newDestinationHours: null,
      }
      return [[asset.code, rule]]
    }),
  )
  const policy: Policy = { assets: Object.fromEntries(assets), approvers: [] }
  return writePolicy(policy)
}

/** Chains that share one account, by the first of them. */
function spacesOf(chains: readonly ChainConfig[]): { chain: ChainConfig; assets: string[] }[] {
  return [...Map.groupBy(chains, spaceOf).values()].map((some) => ({
    chain: some[0] as ChainConfig,
    assets: some.flatMap((chain) => assetsOf(chain).map(({ code }) => code)),
  }))
}

function accountOn(chain: ChainConfig): AccountKey {
  return keySignerOf(chain).account(chain, seed(), chain.gateway === 'evm' ? 'evm' : 'p2wpkh')
}

function seed(): Uint8Array {
  return sha256(new TextEncoder().encode(SEED_TEXT))
}
