import { BITCOIN_REGTEST, EVM_LOCAL, LOCAL_USDC } from '../../config/development.ts'
import type { CreateInvoice } from '../../src/invoice/rpc.ts'
import type { Invoice, StoreTerms } from '../../src/invoice/types.ts'
import type { Difference } from '../../src/ledger/types.ts'
import type { Result } from '../../src/lib/result.ts'
import type { FeePlan } from '../../src/money/fee.ts'
import { BITCOIN_ACCOUNTS, EVM_ACCOUNTS } from './accounts.ts'
import { keyOfAddress } from './addresses.ts'
import { Violation } from './auditor.ts'
import type { SimChain } from './chain.ts'
import { type SeededWallet, seededWallet } from './hot.ts'
import { insist } from './insist.ts'
import { endowWallet } from './payers.ts'
import type { Plot } from './plot.ts'
import type { SimOutput } from './transactions.ts'

const FEES: readonly FeePlan['default'][] = [
  { model: 'fee', bps: 0, fixed: 0n, min: null, max: null },
  { model: 'fee', bps: 150, fixed: 25n, min: null, max: 900n },
  { model: 'margin', bps: 200 },
]

/** What a shopper has got: enough for any price. */
const FUNDS = 100_000_000n

/** Merchants, their stores and wallets, as they are before anything goes wrong. */
export async function openStores(plot: Plot): Promise<StoreTerms[]> {
  const { world } = plot
  const { random } = world
  const env = world.envOf(world.outside)
  const codes = world.chains.flatMap(({ config }) => [config.native.code, ...config.tokens.map(({ code }) => code)])
  const stores: StoreTerms[] = []
  let wallets = 0
  for (let merchant = 0; merchant < random.between(1, 2); merchant++) {
    const merchantId = `mer_${merchant}`
    const partner = random.chance(0.4) ? { id: 'acme', shareBps: 2_500 } : null
    const plan: FeePlan = { currency: 'EUR', default: random.pick(FEES), methods: {}, partner }
    const isShared = random.chance(world.hasMoneyOut ? 0.6 : 0.3)
    let methods: StoreTerms['methods'] = []
    let newWallets: SeededWallet[] = []
    for (let store = 0; store < random.between(1, 2); store++) {
      const storeId = `st_${merchant}_${store}`
      if (methods.length === 0 || !isShared) {
        const n = wallets++
        const custody = random.pick(['platform', 'platform', 'self'] as const)
        const { bitcoin, evm } = await configureWallets(plot, n)
        methods = codes.map((asset) => ({ asset, walletId: asset === 'BTC' ? bitcoin : evm, custody }))
        newWallets = world.hasMoneyOut ? world.chains.map(({ config }) => seededWallet(config.id, n)) : []
      }
      stores.push({
        storeId,
        storeName: storeId,
        merchantId,
        shard: 0,
        methods,
        plan,
        allowedOrigins: [],
        watchMs: random.pick([5_000, 3_600_000]),
        latePolicy: 'accept_locked_rate',
        toleranceBps: 0,
      })
      const opened = stores.at(-1) as StoreTerms
      for (const wallet of newWallets.splice(0)) await endowWallet(plot, wallet, opened, methods[0]?.custody === 'platform')
      const url = 'http://127.0.0.1:9/hook'
      const endpoint = {
        storeId,
        endpointId: `we_${merchant}_${store}`,
        url,
        events: [],
        description: '',
        fingerprint: null,
        nowMs: 0,
      }
      await env.DELIVERIES.getByName(storeId).createEndpoint(endpoint)
    }
  }
  return stores
}

/** The n-th wallet of each chain. With money out they have seeds, in the signer or at the merchant's. */
async function configureWallets({ world, env }: Plot, n: number): Promise<{ bitcoin: string; evm: string }> {
  if (world.hasMoneyOut) return { bitcoin: seededWallet(BITCOIN_REGTEST, n).id, evm: seededWallet(EVM_LOCAL, n).id }
  await env.WALLETS.getByName(`wal_b${n}`).configure(BITCOIN_ACCOUNTS[n] as (typeof BITCOIN_ACCOUNTS)[number])
  await env.WALLETS.getByName(`wal_e${n}`).configure(EVM_ACCOUNTS[n] as (typeof EVM_ACCOUNTS)[number])
  return { bitcoin: `wal_b${n}`, evm: `wal_e${n}` }
}

/** A shop makes an invoice and asks again until it has an answer; then its shoppers come. */
export async function shopAndPay(plot: Plot, store: StoreTerms, number: number): Promise<void> {
  const { random } = plot.world
  const codes = store.methods.map(({ asset }) => asset)
  const offered = random.shuffled(codes).slice(0, random.between(1, codes.length))
  const request: CreateInvoice = {
    id: `inv_${String(number).padStart(32, '0')}`,
    store,
    currency: 'EUR',
    price: BigInt(random.pick([50, 999, 6_000, 123_457])),
    orderId: `order-${number}`,
    description: null,
    metadata: {},
    redirectUrl: null,
    expiresInMs: random.between(10, 40) * 1_000,
    confirmationTiers: random.pick([
      null,
      null,
      [
        { upTo: 6_000n, confirmations: random.between(0, 1) },
        { upTo: null, confirmations: 3 },
      ],
    ]),
    toleranceBps: random.pick([null, null, 50]),
    latePolicy: random.pick([null, 'accept_current_rate', 'hold']),
    assets: offered,
    fingerprint: 'the same',
  }
  plot.storeOfInvoice.set(request.id, store)
  const made = await insist(plot, () => plot.env.INVOICES.getByName(request.id).create(request))
  if (!made?.ok) return
  const { invoice } = made.value
  plot.acknowledged.add(request.id)
  const shoppers = random.pick([1, 1, 2, 2])
  for (let n = 0; n < shoppers; n++) void shop(plot, invoice).catch(plot.failed)
}

async function shop(plot: Plot, invoice: Invoice): Promise<void> {
  const { random, scheduler } = plot.world
  const method = random.pick(invoice.terms.methods)
  await scheduler.sleep(random.between(0, 4_000))
  const shown = await insist(plot, () => plot.env.INVOICES.getByName(invoice.terms.id).activate(method.asset))
  if (!shown?.ok) return
  const active = shown.value.activations.find(({ asset }) => asset === method.asset)
  if (!active) return plot.failed(new Error('an activation without address was answered'))
  const key = keyOfAddress(active.address)
  plot.shown(method.chainId, key, invoice.terms.id)
  const chain = plot.world.chain(method.chainId)
  const { whole } = method
  const parts = random.pick([
    [whole],
    [whole],
    [whole],
    [whole / 2n, whole - whole / 2n],
    [whole / 3n],
    [whole * 2n],
    [whole, random.units(whole)],
    [],
  ])
  for (const units of parts) {
    await scheduler.sleep(random.chance(0.15) ? random.between(20_000, 60_000) : random.between(100, 9_000))
    if (units > 0n) void pay(plot, chain, key, method.asset, units).catch(plot.failed)
  }
}

async function pay(plot: Plot, chain: SimChain, key: Uint8Array, asset: string, units: bigint): Promise<void> {
  const { random, scheduler } = plot.world
  const isEvm = chain.config.id === EVM_LOCAL
  // The right number of the wrong thing.
  const paid = isEvm && random.chance(0.1) ? random.pick(['ETH', 'USDC']) : asset
  const spends = isEvm
    ? [`0xpayer${plot.next()}:1`]
    : [paidWith(plot, chain), ...(random.chance(0.2) ? [`coin-${plot.next()}:1`] : [])]
  const outputs: SimOutput[] = isEvm
    ? [{ index: paid === 'ETH' ? 'native' : `${LOCAL_USDC}:0`, key, asset: paid, units }]
    : outputsOf(plot, key, units)
  const transaction = plot.transaction(chain, spends, outputs)
  if (plot.isOver) return
  if (random.chance(0.1)) chain.mineDirectly(transaction)
  else chain.broadcast(transaction)

  for (let change = 0; change < 2 && random.chance(0.5); change++) {
    await scheduler.sleep(random.between(500, random.pick([2_500, 15_000])))
    if (plot.isOver) return
    const fate = random.pick([0, 1, 1, 2, 3])
    if (fate === 0) chain.broadcast(plot.transaction(chain, spends.slice(0, 1), outputs))
    else if (fate === 1) chain.broadcast(plot.transaction(chain, spends, [{ ...(outputs[0] as SimOutput), key: random32(plot) }]))
    else if (fate === 2) chain.evict(transaction.txid)
    else chain.broadcast(transaction)
  }
}

/** A coin of a shopper; where money goes out, now and then one that waits for its own block, and may be taken back. */
function paidWith(plot: Plot, chain: SimChain): string {
  const coin = `coin-${plot.next()}:0`
  if (!plot.world.hasMoneyOut || !plot.world.random.chance(0.25)) return coin
  const came = plot.transaction(chain, [coin], [{ index: '0', key: random32(plot), asset: 'BTC', units: FUNDS }])
  if (!plot.isOver) chain.broadcast(came)
  if (plot.world.random.chance(0.2)) void replaceLater(plot, chain, coin).catch(plot.failed)
  return `${came.txid}:0`
}

/** Whoever paid the shopper pays somebody else with it instead. */
async function replaceLater(plot: Plot, chain: SimChain, coin: string): Promise<void> {
  await plot.world.scheduler.sleep(plot.world.random.between(2_000, 20_000))
  if (!plot.isOver)
    chain.broadcast(plot.transaction(chain, [coin], [{ index: '0', key: random32(plot), asset: 'BTC', units: FUNDS }]))
}

/** Change, and now and then the price in two outputs of one transaction, or a gift to an earlier shopper's address. */
function outputsOf(plot: Plot, key: Uint8Array, units: bigint): SimOutput[] {
  const { random } = plot.world
  const paying = random.chance(plot.world.hasMoneyOut ? 0.4 : 0.15) && units > 1_000n ? [units / 2n, units - units / 2n] : [units]
  const to = (output: bigint) => ({ key, units: output })
  const others = [
    { key: random32(plot), units: 777n },
    ...plot.giftTo(random.chance(0.1)).map((gift) => ({ key: gift, units: 1_234n })),
  ]
  return random.shuffled([...paying.map(to), ...others]).map((output, index) => ({ ...output, index: String(index), asset: 'BTC' }))
}

/** A person with a word on some invoice. */
export async function resolveSomething(plot: Plot): Promise<void> {
  const { random } = plot.world
  const ids = [...plot.acknowledged]
  if (ids.length === 0) return
  const id = random.pick(ids)
  const action = random.pick(['accept_late', 'accept_late', 'refuse_late', 'mark_invalid', 'reopen'] as const)
  await insist(plot, () => plot.env.INVOICES.getByName(id).resolve(action, 'a person'))
}

/** Money out: reserved, then posted, given back or left to its time. Every step is asked for until it is answered. */
export async function moveOut(plot: Plot, store: StoreTerms): Promise<void> {
  const { random, scheduler } = plot.world
  const ledger = plot.env.LEDGERS.getByName(store.merchantId)
  const standing = await insist(plot, () => ledger.balances(store.storeId))
  const [asset, available] = random.pick(Object.entries(standing?.balances.available ?? { '': 0n }))
  if (!asset || available <= 0n) return
  const key = `out-${plot.next()}`
  const amount = random.chance(0.3) ? available : random.units(available + available / 4n)
  const { merchantId, shard, storeId } = store
  const expiresAtMs = random.chance(0.5) ? plot.world.nowMs + random.between(2, 40) * 1_000 : null
  const request = {
    key,
    merchantId,
    shard,
    storeId,
    cause: 'payout' as const,
    asset,
    amount,
    transferId: `po_${key}`,
    invoiceId: null,
    wantedAtMs: plot.world.nowMs,
    expiresAtMs,
  }
  const ask = () => insist(plot, () => ledger.reserve(request))
  // Somebody else may carry on for who asks: what was asked first is still on its way then, and the newest answer counts.
  const isTwice = random.chance(0.3)
  const isFrozen = isTwice && random.chance(0.5)
  if (isTwice) {
    ask().catch(plot.failed)
    await scheduler.sleep(random.between(1, 4_000))
  }
  if (isFrozen) await insist(plot, () => ledger.raise([differenceOf(plot)]))
  const reserved = await ask()
  if (isFrozen) await insist(plot, () => ledger.clear({ id: DIFFERENCE, by: 'an operator', reason: 'to be sure' }))
  if (reserved?.ok === false) plot.refusedKeys.push([merchantId, key])
  if (reserved?.ok) plot.promisedKeys.push([merchantId, key])
  insistAnswered(plot, reserved)
  if (!reserved?.ok) return
  await scheduler.sleep(random.between(100, 30_000))
  const end = random.between(0, 3)
  if (end === 0) return
  const to = random.pick(['in_transit', `wallet:${store.methods[0]?.walletId}`])
  const part = random.chance(0.5) ? amount : random.units(amount)
  const ended = await insist(plot, async (): Promise<Result<unknown, { readonly reason: string }>> => {
    if (end === 1) return ledger.release({ key: `${key}-back`, of: key })
    return ledger.post({ key: `${key}-gone`, of: key, amount: part, to })
  })
  insistAnswered(plot, ended)
  if (ended?.ok) plot.promisedKeys.push([merchantId, end === 1 ? `${key}-back` : `${key}-gone`])
}

/** Who asks for the same again gets the same answer: never that the key is used. */
function insistAnswered(plot: Plot, answer: Result<unknown, { readonly reason: string }> | null): void {
  if (answer?.ok === false && answer.error.reason === 'ledger_key_reused')
    plot.failed(new Violation('the same was asked again and refused'))
}

/** What a check of the books has found, each time in other words. */
const DIFFERENCE = 'shard/one'

export function differenceOf(plot: Plot): Difference {
  return { id: DIFFERENCE, kind: 'shard', storeId: null, detail: `${plot.next()} is missing`, sinceMs: plot.world.nowMs }
}

function random32(plot: Plot): Uint8Array {
  return Uint8Array.from({ length: 32 }, () => plot.world.random.between(0, 255))
}
