import { runInDurableObject } from 'cloudflare:test'
import { sha256 } from '@noble/hashes/sha2.js'
import { expect } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { createApi } from '../../src/api/app.ts'
import { bitcoinSigner } from '../../src/gateways/bitcoin/sign.ts'
import type { AddressBalance } from '../../src/gateways/gateway.ts'
import type { SpendPlan } from '../../src/gateways/spend.ts'
import { ok } from '../../src/lib/result.ts'
import { readBalance } from '../../src/wallet/read-balance.ts'
import type { BalanceMessage } from '../../src/wallet/rpc.ts'
import type { TransferDetail } from '../../src/wallet/transfers/resource.ts'
import { evmAccount } from '../storage/accounts.ts'
import { testEnv } from '../storage/databases.ts'
import { apiEnv, type Merchant, newMerchant, type Reply } from './merchant.ts'
import { violations } from './schema.ts'

export const BITCOIN = DEVELOPMENT_CHAINS[0] as (typeof DEVELOPMENT_CHAINS)[number]

/** Two addresses of others on regtest, and one on EVM chains. */
export const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
export const TO_TOO = 'bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry'
export const TO_EVM = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'

let seeds = 0

export interface Sender {
  readonly merchant: Merchant
  readonly bitcoin: string
  readonly evm: string
  readonly seed: Uint8Array
}

/** A store that sends from its own wallets, or from the platform's. */
export async function newSender(custody: 'self' | 'platform' = 'self'): Promise<Sender> {
  const name = `sender ${seeds++}`
  const seed = sha256(new TextEncoder().encode(name))
  const wallets = [
    { account: bitcoinSigner.account(BITCOIN, seed, 'p2wpkh'), assets: ['BTC'], custody },
    { account: evmAccount(name), assets: ['ETH', 'USDC'], custody },
  ]
  const merchant = await newMerchant(apiEnv, createApi(), { wallets })
  const { json } = await merchant.call('GET', '/v1/wallets')
  const [bitcoin, evm] = json.data as unknown as readonly { readonly id: string }[]
  return { merchant, bitcoin: bitcoin?.id ?? '', evm: evm?.id ?? '', seed }
}

/** The wallet has received so much on its first address, as its newest reading says. */
export async function receive({ merchant, bitcoin }: Sender, units: bigint): Promise<void> {
  const { json } = await merchant.call('POST', '/v1/invoices', { amount: '20.00', currency: 'EUR' })
  await merchant.call('POST', `/v1/invoices/${json.id}/payment_methods/BTC`)
  await merchant.call('GET', `/v1/wallets/${bitcoin}/balance?refresh=true`)
  const namespace = (testEnv as unknown as { WALLETS: DurableObjectNamespace }).WALLETS
  const [row] = await runInDurableObject(namespace.getByName(bitcoin), (_object, state) =>
    state.storage.sql.exec('SELECT body FROM balances WHERE chain_id = ?', BITCOIN_REGTEST).toArray(),
  )
  const { running } = JSON.parse(String(row?.body)) as { running: { id: string } }
  const message: Omit<BalanceMessage, 'kind'> = { chainId: BITCOIN_REGTEST, walletId: bitcoin, readingId: running.id }
  const block = { height: 120, hash: 'ab'.repeat(32), timeMs: Date.now() }
  const coins = [{ txid: 'cd'.repeat(32), vout: 0, units, height: 12, coinbase: false }]
  const balances = [{ position: 0, assetCode: 'BTC', confirmed: units, leaving: 0n, coins }] as unknown as AddressBalance[]
  const follower = {
    health: async () => ({ height: 120, hash: block.hash }),
    paymentsPage: async () => ({ payments: [], next: null }),
  } as unknown as Parameters<typeof readBalance>[0]['follower']
  const reader = { keysMax: 100_000, read: async () => ok({ block, balances }) }
  await readBalance({ wallet: testEnv.WALLETS.getByName(bitcoin), follower, reader }, message)
}

/** Money on the store's balance. */
export async function credit({ merchant }: Sender, asset: string, amount: bigint): Promise<void> {
  const { merchantId, storeId, shard } = merchant
  const who = { merchantId, storeId, shard, invoiceId: null, transferId: null, by: 'test', reason: 'opening' }
  const postings = [{ from: 'adjustments', to: 'available', amount, asset }]
  const booked = await testEnv.LEDGERS.getByName(merchantId).book({
    ...who,
    key: `opening ${asset}`,
    cause: 'adjustment',
    postings,
  })
  expect(booked.ok).toBe(true)
}

/** What the gateways Worker does until something is to be signed: asks the nodes, which say this. */
export async function plan(walletId: string, id: string) {
  const wallet = testEnv.WALLETS.getByName(walletId)
  expect(await wallet.nextStep(id)).toMatchObject({ do: 'facts' })
  return wallet.takeFacts(id, ok({ fees: { kind: 'coins', satsPerKvb: 2_000n }, height: 120, payer: null }))
}

/** What the merchant's own wallet makes of a plan: a raw transaction. */
export function signPlan({ seed }: Sender, spendPlan: SpendPlan): string {
  return bitcoinSigner.sign(BITCOIN, seed, 'p2wpkh', spendPlan).raw
}

export async function send({ merchant }: Sender, key: string | null, body: object): Promise<Reply> {
  return merchant.call('POST', '/v1/transfers', body, key === null ? {} : { 'idempotency-key': key })
}

/** A transfer that must have been answered so, and look as the document says. */
export function detail({ status, text, json }: Reply, wanted: number): TransferDetail {
  expect(status, text).toBe(wanted)
  expect(violations('TransferDetail', json)).toEqual([])
  return json as unknown as TransferDetail
}
