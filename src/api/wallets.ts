import { watchKeyOf } from '../gateways/registry.ts'
import { balanceOf } from '../ledger/balances.ts'
import { rfc3339 } from '../lib/clock.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { assetsOf } from '../money/chain.ts'
import { registryOf } from '../money/registry.ts'
import { addressAt } from '../wallet/addresses.ts'
import { walletChains } from '../wallet/chains.ts'
import type { GivenIndex, Holding, Sums, WalletBalance } from '../wallet/rpc.ts'
import {
  bankWallets,
  listReferences,
  ownAccount,
  readAccountBalance,
  readReferenceBalance,
  type StoreAccount,
} from './bank-wallets.ts'
import { readQuery } from './body.ts'
import type { Answer, Call } from './call.ts'
import { askLedger } from './ledger-access.ts'
import { lightningWallets, listNodeInvoices, ownNode, readNodeBalance, readNodeInvoice, type StoreNode } from './lightning.ts'
import type { Problem } from './problems.ts'
import { readLimit } from './query.ts'
import { askWallet, isOwnInvoice, ownAmong, ownWallet, type StoreWallet, walletsOf } from './wallet-access.ts'

/** A reading that is older is called stale: nobody asked for a newer one, or none came. */
const STALE_MS = 10 * 60_000
const NOTHING: Sums = { confirmed: 0n, leaving: 0n, pending: 0n }

/** `GET /v1/wallets`: what the store is paid into. */
export async function listWallets(call: Call): Promise<Result<Answer, Problem>> {
  const data = await Promise.all(
    walletsOf(call).map(async (wallet) => {
      const { id, custody, account, assets } = wallet
      const payers = await payersOf(call, wallet)
      const addressesUsed = await askWallet(call, wallet, (object) => object.used())
      const codes = assets.map(({ code }) => code)
      const chains = walletChains(registryOf(call.env), account, codes).map((one) => ({
        ...one,
        payer: payers.get(one.chain) ?? null,
      }))
      return { id, object: 'wallet', custody, script: account.script, addressesUsed, chains, node: null }
    }),
  )
  const [accounts, nodes] = await Promise.all([bankWallets(call), lightningWallets(call)])
  return ok({ status: 200, body: { data: [...data, ...accounts, ...nodes] } })
}

/** `GET /v1/wallets/:id/balance`: all addresses of the wallet together. With `refresh=true` they are read anew. */
export function readWalletBalance(call: Call): Promise<Result<Answer, Problem>> {
  const kinds = { wallet: readChainBalance, account: readAccountBalance, node: readNodeBalance }
  return askKind(call, readRefresh(call), kinds)
}

/** `GET /v1/wallets/:id/addresses`: those given to invoices of this store, the oldest first. */
export function listAddresses(call: Call): Promise<Result<Answer, Problem>> {
  const kinds = { wallet: listGiven, account: listReferences, node: listNodeInvoices }
  return askKind(call, readPage(call), kinds)
}

/** `GET /v1/wallets/:id/addresses/:address/balance`: one address, as it was when the wallet was last read. */
export function readAddressBalance(call: Call): Promise<Result<Answer, Problem>> {
  const kinds = { wallet: readGivenBalance, account: readReferenceBalance, node: readNodeInvoice }
  return askKind(call, readRefresh(call), kinds)
}

/** What answers of a wallet, a bank account and a Lightning node, whichever of them the path names. */
interface Kinds<Q> {
  wallet(call: Call, wallet: StoreWallet, query: Q): Promise<Result<Answer, Problem>>
  account(call: Call, account: StoreAccount, query: Q): Promise<Result<Answer, Problem>>
  node(call: Call, node: StoreNode, query: Q): Promise<Result<Answer, Problem>>
}

async function askKind<Q>(call: Call, query: Result<Q, Problem>, kinds: Kinds<Q>): Promise<Result<Answer, Problem>> {
  const account = ownAccount(call)
  if (account) return query.ok ? kinds.account(call, account, query.value) : query
  const node = ownNode(call)
  if (node) return query.ok ? kinds.node(call, node, query.value) : query
  const wallet = ownWallet(call)
  if (!wallet.ok) return wallet
  return query.ok ? kinds.wallet(call, wallet.value, query.value) : query
}

async function readChainBalance(call: Call, wallet: StoreWallet, isRefreshed: boolean): Promise<Result<Answer, Problem>> {
  const asked = isRefreshed ? await refresh(call, wallet) : ok(null)
  if (!asked.ok) return asked
  const { id, custody } = wallet
  const [balances, reserved, payers] = await Promise.all([
    balancesOf(call, wallet),
    reservedOf(call, wallet),
    payersOf(call, wallet),
  ])
  const chains = balances.map((balance) => ({
    ...showReading(call, balance),
    payer: payers.get(balance.chainId) ?? null,
    assets: assetsShown(call, wallet, balance.chainId, Object.keys(balance.reading?.sums ?? {})).map((asset) => ({
      ...showSums(call, asset, balance.reading && (balance.reading.sums[asset] ?? NOTHING)),
      reserved: decimal(call, asset, reserved(asset)),
    })),
  }))
  return ok({ status: 200, body: { object: 'wallet_balance', walletId: id, custody, chains } })
}

async function listGiven(call: Call, wallet: StoreWallet, { from, limit }: Page): Promise<Result<Answer, Problem>> {
  const given = await askWallet(call, wallet, (object) => object.given(from, limit + 1))
  const shown = await ownAmong(call, given.slice(0, limit))
  const holdings = await holdingsOf(
    call,
    wallet,
    shown.map(({ index }) => index),
  )
  const data = shown.map((one) => showAddress(call, wallet, one, holdings))
  return ok({ status: 200, body: { data, nextCursor: given.length > limit ? String(given[limit]?.index) : null } })
}

async function readGivenBalance(call: Call, wallet: StoreWallet, isRefreshed: boolean): Promise<Result<Answer, Problem>> {
  const found = await findAddress(call, wallet, call.param('address'))
  if (!found) return err({ reason: 'address_not_found', detail: 'no invoice of this store has this address of the wallet' })
  const { index, invoiceId, chains: own } = found
  const only = { ...wallet, chains: own }
  const asked = isRefreshed ? await refresh(call, only) : ok(null)
  if (!asked.ok) return asked
  const [balances, holdings] = await Promise.all([balancesOf(call, only), holdingsOf(call, only, [index])])
  const chains = balances.map((balance) => {
    const held = holdings.get(balance.chainId) ?? []
    const assets = held.map(({ assetCode }) => assetCode)
    return {
      ...showReading(call, balance),
      assets: assetsShown(call, wallet, balance.chainId, assets).map((asset) =>
        showSums(call, asset, balance.reading && (held.find(({ assetCode }) => assetCode === asset) ?? NOTHING)),
      ),
    }
  })
  const address = addressAt(own[0] as StoreWallet['chains'][number], wallet.account, index).address
  return ok({ status: 200, body: { object: 'address_balance', walletId: wallet.id, address, index, invoiceId, chains } })
}

/** The index of an address in any form that its chains know, and which chains those are. */
async function findAddress(
  call: Call,
  wallet: StoreWallet,
  address: string,
): Promise<(GivenIndex & Pick<StoreWallet, 'chains'>) | null> {
  const chains = wallet.chains.filter((chain) => watchKeyOf(chain, address) !== null)
  const key = chains[0] && watchKeyOf(chains[0], address)
  const given = key ? await askWallet(call, wallet, (object) => object.find(key)) : null
  return given && (await isOwnInvoice(call, given.invoiceId)) ? { ...given, chains } : null
}

interface Page {
  readonly from: number
  readonly limit: number
}

function readPage(call: Call): Result<Page, Problem> {
  return readQuery(call.request, ['limit', 'cursor'], (fields) => ({
    limit: readLimit(fields),
    from:
      fields.optional('cursor', (name) => {
        const text = fields.text(name, { max: 10 })
        return /^\d+$/.test(text) ? Number(text) : fields.refuse(name, 'must be the nextCursor of a page before', 0)
      }) ?? 0,
  }))
}

function readRefresh(call: Call): Result<boolean, Problem> {
  return readQuery(
    call.request,
    ['refresh'],
    (fields) => fields.optional('refresh', (name) => fields.choice(name, ['true', 'false'])) === 'true',
  )
}

async function refresh(call: Call, wallet: StoreWallet): Promise<Result<null, Problem>> {
  for (const { id } of wallet.chains) {
    const asked = await askWallet(call, wallet, (object) => object.refresh(id))
    if (!asked.ok) return asked
  }
  return ok(null)
}

function balancesOf(call: Call, wallet: StoreWallet): Promise<WalletBalance[]> {
  return Promise.all(wallet.chains.map(({ id }) => askWallet(call, wallet, (object) => object.balance(id))))
}

/** By chain. */
async function holdingsOf(call: Call, wallet: StoreWallet, indices: readonly number[]): Promise<Map<string, Holding[]>> {
  const found = await Promise.all(
    wallet.chains.map(async ({ id }) => [id, await askWallet(call, wallet, (object) => object.holdings(id, indices))] as const),
  )
  return new Map(found)
}

/**
 * What the store's books have set aside for refunds and payouts. Of money that is not the platform's they set nothing aside:
 * there it is what the wallet's own transfers are to spend.
 */
async function reservedOf(call: Call, wallet: StoreWallet): Promise<(asset: string) => bigint> {
  if (wallet.custody === 'self') {
    const taken = await Promise.all(wallet.chains.map(({ id }) => askWallet(call, wallet, (object) => object.reserved(id))))
    return (asset) => taken.reduce((sum, units) => sum + (units[asset] ?? 0n), 0n)
  }
  const { balances } = await askLedger(call, (ledger) => ledger.balances(call.identity.store.storeId))
  return (asset) => balanceOf(balances, 'reserved', asset)
}

interface PayerShown {
  readonly address: string
  readonly native: string | null
  readonly low: boolean
}

/** By chain, the addresses that a hot wallet pays from where one address does; none of other wallets. */
async function payersOf(call: Call, wallet: StoreWallet): Promise<Map<string, PayerShown>> {
  const chains = wallet.custody === 'platform' ? wallet.chains.filter(({ gateway }) => gateway === 'evm') : []
  const payers = await Promise.all(
    chains.map(async ({ id, native: asset }): Promise<[string, PayerShown][]> => {
      const payer = await askWallet(call, wallet, (object) => object.payer(id))
      if (payer === null) return []
      const { address, native, low } = payer
      return [[id, { address, native: native === null ? null : decimal(call, asset.code, native), low }]]
    }),
  )
  return new Map(payers.flat())
}

function showAddress(call: Call, wallet: StoreWallet, { index, invoiceId }: GivenIndex, holdings: Map<string, Holding[]>) {
  const chains = wallet.chains.map((chain) => ({
    chain: chain.id,
    address: addressAt(chain, wallet.account, index).address,
    assets: (holdings.get(chain.id) ?? [])
      // An asset that is not configured any more cannot be written as a decimal.
      .filter((held) => held.index === index && registryOf(call.env).findAsset(held.assetCode) !== null)
      .map((held) => showSums(call, held.assetCode, held)),
  }))
  return { object: 'wallet_address', index, invoiceId, chains }
}

/** What the wallet is for on this chain, and what else was found on it. */
function assetsShown(call: Call, wallet: StoreWallet, chainId: string, found: readonly string[]): string[] {
  const offered = wallet.assets.map(({ code }) => code)
  return assetsOf(registryOf(call.env).chain(chainId))
    .map(({ code }) => code)
    .filter((code) => offered.includes(code) || found.includes(code))
}

function showReading(call: Call, { chainId, reading, refreshing, error }: WalletBalance) {
  return {
    chain: chainId,
    name: registryOf(call.env).chain(chainId).name,
    asOf: reading && { height: reading.block.height, hash: reading.block.hash, at: rfc3339(reading.block.timeMs) },
    readAt: reading && rfc3339(reading.doneAtMs),
    addresses: reading?.addresses ?? 0,
    stale: reading === null || call.nowMs - reading.doneAtMs > STALE_MS,
    refreshing,
    error: error && { reason: error.reason, detail: error.detail, at: rfc3339(error.atMs) },
  }
}

/** Null before the first reading: nothing is known then, which is not the same as nothing. */
function showSums(call: Call, asset: string, sums: Sums | null) {
  const shown = (units: bigint | undefined) => (units === undefined ? null : decimal(call, asset, units))
  return { asset, confirmed: shown(sums?.confirmed), pending: shown(sums?.pending), leaving: shown(sums?.leaving) }
}

function decimal(call: Call, asset: string, units: bigint): string {
  return formatDecimal(units, registryOf(call.env).asset(asset).decimals)
}
