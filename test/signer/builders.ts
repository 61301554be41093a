import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../config/development.ts'
import type { CoinPlan } from '../../src/gateways/spend.ts'
import { createRegistry } from '../../src/money/registry.ts'
import type { Ask, Facts } from '../../src/signer/decide.ts'
import type { AssetPolicy, Policy } from '../../src/signer/policy.ts'
import type { Intent } from '../../src/signer/rpc.ts'
import type { SealedSeed } from '../../src/signer/seal.ts'

export const registry = createRegistry(DEVELOPMENT_CHAINS)
export const chain = registry.chain(BITCOIN_REGTEST)
export const WALLET = `wal_${'w'.repeat(32)}`
export const NOW = 1_790_000_000_000

/** Addresses of nobody's, of four scripts. */
export const SHOPPERS = [
  'bcrt1q6z64a43mjgkcq0ul2znwneq3spghrlau9slefp',
  'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
  '2NBFNJTktNa7GZusGbDbGKRZTxdK9VVez3n',
  'mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn',
] as const

export const BTC_POLICY: AssetPolicy = {
  kinds: ['refund', 'payout', 'sweep'],
  perTransfer: 1_000_000n,
  perHour: 2_000_000n,
  perDay: 3_000_000n,
  perDestinationPerDay: 1_500_000n,
  perStorePerDay: 2_500_000n,
  autoApproveUpTo: { refund: 1_000_000n, payout: 1_000_000n },
  approvals: 1,
  fee: { max: 100_000n, bps: null, floor: 0n, perDay: 1_000_000n },
  newDestinationHours: null,
}

export function policy(changes: Partial<AssetPolicy> = {}, approvers: Policy['approvers'] = []): Policy {
  return { assets: { BTC: { ...BTC_POLICY, ...changes } }, approvers }
}

export function intent(id: string, changes: Partial<Intent> = {}): Intent {
  return {
    id: `tr_${id}`,
    kind: 'payout',
    walletId: WALLET,
    merchantId: 'mer_1',
    storeId: 'st_1',
    chainId: BITCOIN_REGTEST,
    asset: 'BTC',
    outputs: [{ address: SHOPPERS[0], units: 100_000n }],
    invoiceId: null,
    ...changes,
  }
}

export function refund(id: string, units: bigint, changes: Partial<Intent> = {}): Intent {
  return intent(id, { kind: 'refund', invoiceId: 'inv_1', outputs: [{ address: SHOPPERS[0], units }], ...changes })
}

/** Spends the coins of these names, each of 1 BTC. */
export function plan(coins: readonly string[], changes: Partial<CoinPlan> = {}): CoinPlan {
  return {
    kind: 'coins',
    chainId: BITCOIN_REGTEST,
    inputs: coins.map((name) => ({ txid: name.padEnd(64, '0'), vout: 0, units: 100_000_000n, index: 0 })),
    outputs: [],
    change: null,
    fee: 1_000n,
    vsize: 141,
    lockTime: 0,
    ...changes,
  }
}

export function ask(wanted: Intent, planned: CoinPlan = plan([wanted.id]), planFault: string | null = null): Ask {
  return { intent: wanted, plan: planned, chain, planFault }
}

/** All that is asked elsewhere says yes. */
export const COVERED: Facts = { cover: { ok: true, value: { most: null, failed: [] } }, members: [], challenge: 'challenge' }

export const ENVELOPE: SealedSeed = {
  version: 1,
  walletId: WALLET,
  space: 'bitcoin regtest',
  script: 'p2wpkh',
  salt: 'salt',
  iv: 'iv',
  sealed: 'sealed',
}
