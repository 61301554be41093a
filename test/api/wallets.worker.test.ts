import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST, EVM_LOCAL } from '../../config/development.ts'
import { createApi } from '../../src/api/app.ts'
import type { AddressBalance } from '../../src/gateways/gateway.ts'
import { ok } from '../../src/lib/result.ts'
import { READING_LEASE_MS } from '../../src/wallet/balances.ts'
import { readBalance } from '../../src/wallet/read-balance.ts'
import type { BalanceMessage } from '../../src/wallet/rpc.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { testEnv } from '../storage/databases.ts'
import { apiEnv, type Merchant, newMerchant } from './merchant.ts'
import { violations } from './schema.ts'

interface WalletLine {
  readonly id: string
  readonly custody: string
  readonly addressesUsed: number
  readonly chains: readonly {
    readonly chain: string
    readonly assets: readonly string[]
    readonly firstAddresses: readonly string[]
  }[]
}

interface BalanceBody {
  readonly chains: readonly {
    readonly chain: string
    readonly asOf: { readonly height: number; readonly hash: string } | null
    readonly stale: boolean
    readonly refreshing: boolean
    readonly error: { readonly reason: string } | null
    readonly assets: readonly { readonly asset: string; readonly confirmed: string | null; readonly pending: string | null }[]
  }[]
}

interface AddressLine {
  readonly index: number
  readonly invoiceId: string
  readonly chains: readonly { readonly chain: string; readonly address: string; readonly assets: readonly object[] }[]
}

/** Reads a call that must succeed and look as the document says. */
async function get<T>(merchant: Merchant, path: string, schema: string): Promise<T> {
  const { status, text, json } = await merchant.call('GET', path)
  expect(status, text).toBe(200)
  expect(violations(schema, json)).toEqual([])
  return json as unknown as T
}

const walletsOf = async (merchant: Merchant) => (await get<{ data: WalletLine[] }>(merchant, '/v1/wallets', 'WalletList')).data
const walletOn = async (merchant: Merchant, chain: string) => {
  const found = (await walletsOf(merchant)).find(({ chains }) => chains.some((line) => line.chain === chain))
  if (!found) throw new Error(`no wallet on ${chain}`)
  return found.id
}
const balanceOf = (merchant: Merchant, wallet: string, query = '') =>
  get<BalanceBody>(merchant, `/v1/wallets/${wallet}/balance${query}`, 'WalletBalance')
const addressesOf = (merchant: Merchant, wallet: string, query = '') =>
  get<{ data: AddressLine[]; nextCursor: string | null }>(merchant, `/v1/wallets/${wallet}/addresses${query}`, 'WalletAddressList')

/** An invoice with its address in this asset shown. */
async function invoiceWithAddress(merchant: Merchant, asset: string): Promise<{ id: string; address: string }> {
  const { json } = await merchant.call('POST', '/v1/invoices', { amount: '20.00', currency: 'EUR' })
  const activated = await merchant.call('POST', `/v1/invoices/${json.id}/payment_methods/${asset}`)
  const address = activated.json.paymentMethods.find((method) => method.asset === asset)?.address
  if (!address) throw new Error(activated.text)
  return { id: json.id, address }
}

/** What the gateways Worker brings, as if these positions held that. */
async function read(wallet: string, chainId: string, balances: readonly AddressBalance[]): Promise<void> {
  const namespace = (testEnv as unknown as { WALLETS: DurableObjectNamespace }).WALLETS
  const [row] = await runInDurableObject(namespace.getByName(wallet), (_object, state) =>
    state.storage.sql.exec('SELECT body FROM balances WHERE chain_id = ?', chainId).toArray(),
  )
  const { running } = JSON.parse(String(row?.body)) as { running: { id: string } }
  const message: Omit<BalanceMessage, 'kind'> = { chainId, walletId: wallet, readingId: running.id }
  const block = { height: 12, hash: 'ab'.repeat(32), timeMs: Date.UTC(2026, 10, 22) }
  const follower = {
    health: async () => ({ height: 12, hash: block.hash }),
    paymentsPage: async () => ({ payments: [], next: null }),
  } as unknown as Parameters<typeof readBalance>[0]['follower']
  const reader = { keysMax: 100_000, read: async () => ok({ block, balances }) }
  await readBalance({ wallet: testEnv.WALLETS.getByName(wallet), follower, reader }, message)
}

const holds = (position: number, assetCode: string, confirmed: bigint): AddressBalance => {
  return { position, assetCode, confirmed, leaving: 0n, coins: [] }
}

test('the store’s wallets are listed with the first addresses of each account, for comparison with the merchant’s own', async () => {
  const merchant = await newMerchant()
  const [bitcoin, evm] = await walletsOf(merchant)
  expect(bitcoin).toMatchObject({ custody: 'self', script: 'p2wpkh', addressesUsed: 0, chains: [{ assets: ['BTC'] }] })
  expect(evm).toMatchObject({ script: 'evm', chains: [{ chain: EVM_LOCAL, assets: ['ETH', 'USDC'] }] })
  const { address } = await invoiceWithAddress(merchant, 'BTC')
  await invoiceWithAddress(merchant, 'BTC')
  const [after] = await walletsOf(merchant)
  expect(after?.addressesUsed).toBe(2)
  expect(after?.chains[0]?.firstAddresses).toHaveLength(3)
  expect(after?.chains[0]?.firstAddresses[0]).toBe(address)
  expect(after?.chains[0]?.firstAddresses).toEqual(bitcoin?.chains[0]?.firstAddresses)
})

describe('the balance of a wallet', () => {
  test('is unknown before it was read, then that of all addresses as of a block', async () => {
    const merchant = await newMerchant()
    const wallet = await walletOn(merchant, EVM_LOCAL)
    await invoiceWithAddress(merchant, 'ETH')
    await invoiceWithAddress(merchant, 'USDC')
    expect((await balanceOf(merchant, wallet)).chains).toMatchObject([
      {
        chain: EVM_LOCAL,
        asOf: null,
        stale: true,
        refreshing: false,
        assets: [{ asset: 'ETH', confirmed: null }, { asset: 'USDC' }],
      },
    ])
    expect((await balanceOf(merchant, wallet, '?refresh=true')).chains).toMatchObject([{ refreshing: true, asOf: null }])
    await read(wallet, EVM_LOCAL, [holds(0, 'ETH', 10n ** 18n), holds(1, 'ETH', 5n), holds(1, 'USDC', 2_500_000n)])
    const body = await balanceOf(merchant, wallet)
    expect(body).toMatchObject({ object: 'wallet_balance', walletId: wallet, custody: 'self' })
    expect(body.chains).toMatchObject([
      {
        asOf: { height: 12, hash: 'ab'.repeat(32), at: '2026-11-22T00:00:00.000Z' },
        stale: false,
        refreshing: false,
        error: null,
        addresses: 2,
        assets: [
          { asset: 'ETH', confirmed: '1.000000000000000005', pending: '0.000000000000000000', reserved: '0.000000000000000000' },
          { asset: 'USDC', confirmed: '2.500000', pending: '0.000000', reserved: '0.000000' },
        ],
      },
    ])
  })

  test('of the platform’s wallets tells what the books have set aside', async () => {
    const wallets = [{ account: bitcoinAccount('api platform'), assets: ['BTC'], custody: 'platform' }]
    const merchant = await newMerchant(apiEnv, createApi(), { wallets })
    const { merchantId, storeId, shard } = merchant
    const ledger = testEnv.LEDGERS.getByName(merchantId)
    const common = { merchantId, shard, storeId, invoiceId: null }
    const treasury = { key: 'opening', cause: 'adjustment', transferId: null, by: 'test', reason: 'opening' } as const
    const booked = await ledger.book({
      ...common,
      ...treasury,
      postings: [{ from: 'adjustments', to: 'available', amount: 9_000n, asset: 'BTC' }],
    })
    expect(booked.ok).toBe(true)
    const reservation = {
      key: 'r',
      cause: 'payout',
      asset: 'BTC',
      amount: 4_000n,
      transferId: 'po_1',
      wantedAtMs: 1,
      expiresAtMs: null,
    } as const
    expect((await ledger.reserve({ ...common, ...reservation })).ok).toBe(true)
    const wallet = await walletOn(merchant, BITCOIN_REGTEST)
    expect(await balanceOf(merchant, wallet)).toMatchObject({
      custody: 'platform',
      chains: [{ assets: [{ asset: 'BTC', reserved: '0.00004000' }] }],
    })
  })

  test('that could not be read says why, and that it is old', async () => {
    const merchant = await newMerchant()
    const wallet = await walletOn(merchant, BITCOIN_REGTEST)
    await balanceOf(merchant, wallet, '?refresh=true')
    vi.setSystemTime(Date.now() + READING_LEASE_MS)
    expect((await balanceOf(merchant, wallet)).chains).toMatchObject([
      { stale: true, refreshing: false, error: { reason: 'lost' }, asOf: null },
    ])
    vi.useRealTimers()
  })
})

describe('the addresses of a wallet', () => {
  test('are listed page by page with whom they were given to and what they have', async () => {
    const merchant = await newMerchant()
    const wallet = await walletOn(merchant, BITCOIN_REGTEST)
    const made = [
      await invoiceWithAddress(merchant, 'BTC'),
      await invoiceWithAddress(merchant, 'BTC'),
      await invoiceWithAddress(merchant, 'BTC'),
    ]
    await balanceOf(merchant, wallet, '?refresh=true')
    await read(wallet, BITCOIN_REGTEST, [holds(1, 'BTC', 33_334n)])
    const first = await addressesOf(merchant, wallet, '?limit=2')
    const rest = await addressesOf(merchant, wallet, `?limit=2&cursor=${first.nextCursor}`)
    expect(rest.nextCursor).toBeNull()
    const all = [...first.data, ...rest.data]
    expect(all.map(({ index, invoiceId, chains }) => [index, invoiceId, chains[0]?.address])).toEqual(
      made.map(({ id, address }, index) => [index, id, address]),
    )
    expect(all.map(({ chains }) => chains[0]?.assets)).toEqual([
      [],
      [{ asset: 'BTC', confirmed: '0.00033334', pending: '0.00000000', leaving: '0.00000000' }],
      [],
    ])
    const path = `/v1/wallets/${wallet}/addresses/${made[1]?.address}/balance`
    expect(await get(merchant, path, 'AddressBalance')).toMatchObject({
      address: made[1]?.address,
      index: 1,
      invoiceId: made[1]?.id,
      chains: [{ asOf: { height: 12 }, assets: [{ asset: 'BTC', confirmed: '0.00033334' }] }],
    })
    expect(await get(merchant, path.replace(String(made[1]?.address), String(made[0]?.address)), 'AddressBalance')).toMatchObject({
      chains: [{ assets: [{ asset: 'BTC', confirmed: '0.00000000' }] }],
    })
  })

  test('of an EVM wallet are one on all its chains, in any case of letters', async () => {
    const merchant = await newMerchant()
    const wallet = await walletOn(merchant, EVM_LOCAL)
    const { address, id } = await invoiceWithAddress(merchant, 'USDC')
    const path = `/v1/wallets/${wallet}/addresses/${address.toLowerCase()}/balance`
    expect(await get(merchant, path, 'AddressBalance')).toMatchObject({ address, invoiceId: id })
  })

  test('that no invoice of the store has are not there, nor are wallets of others', async () => {
    const shared = [{ account: bitcoinAccount('shared by two'), assets: ['BTC'], custody: 'platform' }]
    const one = await newMerchant(apiEnv, createApi(), { wallets: shared })
    const other = await newMerchant(apiEnv, createApi(), { wallets: shared })
    const wallet = await walletOn(one, BITCOIN_REGTEST)
    expect(await walletOn(other, BITCOIN_REGTEST)).toBe(wallet)
    const mine = await invoiceWithAddress(one, 'BTC')
    const theirs = await invoiceWithAddress(other, 'BTC')
    expect((await addressesOf(one, wallet)).data.map(({ invoiceId }) => invoiceId)).toEqual([mine.id])
    expect((await addressesOf(other, wallet)).data.map(({ invoiceId }) => invoiceId)).toEqual([theirs.id])
    const refused = async (merchant: Merchant, path: string) => {
      const { status, json } = await merchant.call('GET', path)
      return [status, json.code]
    }
    const notThere = [404, 'address_not_found']
    expect(await refused(one, `/v1/wallets/${wallet}/addresses/${theirs.address}/balance`)).toEqual(notThere)
    expect(await refused(one, `/v1/wallets/${wallet}/addresses/nonsense/balance`)).toEqual(notThere)
    const stranger = await newMerchant()
    const noWallet = [404, 'wallet_not_found']
    for (const path of ['balance', 'balance?refresh=true', 'addresses', `addresses/${mine.address}/balance`])
      expect(await refused(stranger, `/v1/wallets/${wallet}/${path}`)).toEqual(noWallet)
    expect(await refused(one, `/v1/wallets/${wallet}/balance?refresh=yes`)).toEqual([400, 'invalid_request'])
    expect(await refused(one, `/v1/wallets/${wallet}/addresses?cursor=x`)).toEqual([400, 'invalid_request'])
  })
})
