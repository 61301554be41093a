import { BITCOIN_REGTEST, EVM_LOCAL } from '../../config/development.ts'
import { keySignerOf } from '../../src/gateways/key-signers.ts'
import { addressBookOf } from '../../src/gateways/registry.ts'
import type { RequestRefund } from '../../src/invoice/refund-rpc.ts'
import type { StoreTerms } from '../../src/invoice/types.ts'
import type { AssetPolicy, Policy } from '../../src/signer/policy.ts'
import type { CreateTransfer } from '../../src/wallet/transfers/rpc.ts'
import { BITCOIN_ACCOUNTS, EVM_ACCOUNTS } from './accounts.ts'
import { approveAll, approveSome } from './approvers.ts'
import { isOrphan } from './child-auditor.ts'
import { type SeededWallet, seedOf } from './hot.ts'
import { insist } from './insist.ts'
import { hasLostCoins } from './out-auditor.ts'
import { passkeys } from './passkeys.ts'
import { hex64, type Plot } from './plot.ts'
import { transfersOf } from './records.ts'

/** Addresses of people who are paid. */
const STRANGERS = 6
const REFUND_TRIES = 8
const WORD = { by: 'an operator', reason: 'to be sure' }
/** What wallets have before anything happens, in base units: enough for most, not for all. */
const COINS: readonly bigint[] = [40_000n, 150_000n, 600_000n, 2_000_000n]
const ETH: readonly bigint[] = [2n * 10n ** 15n, 10n ** 17n, 10n ** 18n]
const USDC: readonly bigint[] = [5_000_000n, 900_000_000n]
/** What an operator sends a treasury for gas. */
const GAS = 10n ** 17n
const FAR: bigint = 10n ** 30n

/** A wallet that has money, some of it the merchant's by the books, and, where it is ours, a signer with a policy. */
export async function endowWallet(plot: Plot, wallet: SeededWallet, store: StoreTerms, isOurs: boolean): Promise<void> {
  const { random } = plot.world
  const chain = plot.world.chain(wallet.chainId)
  const object = plot.env.WALLETS.getByName(wallet.id)
  await object.configure(wallet.account)
  const isEvm = wallet.chainId === EVM_LOCAL
  // On chains of accounts money to pay with is at the treasury, or has to be brought there first.
  const deposits = isOurs && random.chance(0.5) ? ['deposit/0', 'deposit/1'] : []
  const owners = isEvm ? ['treasury', ...deposits] : Array.from({ length: random.between(1, 4) }, (_, n) => `deposit/${n}`)
  const sums = new Map<string, bigint>()
  for (const owner of owners) {
    const given = await object.allocate(wallet.chainId, owner)
    if (!given.ok) throw new Error(given.error.detail)
    const assets = isEvm ? { ETH: random.pick(ETH), USDC: random.pick(USDC) } : { BTC: random.pick(COINS) }
    for (const [asset, units] of Object.entries(assets)) {
      // A treasury may have nothing at all, not even gas.
      if (owner === 'treasury' && deposits.length > 0 && random.chance(0.4)) continue
      chain.branches.endow({ txid: hex64(plot.next()), output: { index: '0', key: given.value.watchKey, asset, units } })
      sums.set(asset, (sums.get(asset) ?? 0n) + units)
    }
  }
  if (!isOurs) return
  const { merchantId, storeId, shard } = store
  for (const [asset, units] of sums) {
    const key = `endowment-${wallet.id}-${asset}`
    const postings = [{ from: `wallet:${wallet.id}`, to: 'available', amount: units, asset }]
    const whose = { merchantId, storeId, shard, invoiceId: null, transferId: null }
    const booked = await plot.env.LEDGERS.getByName(merchantId).book({ ...whose, key, cause: 'adjustment', ...WORD, postings })
    if (!booked.ok) throw new Error(booked.error.reason)
    plot.endowed.push({ storeId, walletId: wallet.id, asset, units })
  }
  const signer = plot.env.SIGNERS.getByName(wallet.id)
  const imported = await signer.importSeed(wallet.envelope, 'the ceremony')
  if (!imported.ok) throw new Error(imported.error.detail)
  await signer.setPolicy(policyOf(plot, isEvm ? ['ETH', 'USDC'] : ['BTC']), 'an operator')
}

/** Mostly wide; now and then so narrow that limits are reached, or people have to say yes. */
function policyOf({ world: { random } }: Plot, assets: readonly string[]): Policy {
  const of = (asset: string): AssetPolicy => {
    const some = asset === 'BTC' ? 300_000n : asset === 'ETH' ? 10n ** 17n : 200_000_000n
    const often = (narrow: bigint) => (random.chance(0.2) ? narrow : FAR)
    const seldom = (narrow: bigint) => (random.chance(0.6) ? narrow / random.pick([2n, 10n, 100n]) : FAR)
    return {
      kinds: ['refund', 'payout', 'sweep'],
      perTransfer: often(some),
      perHour: often(some * 2n),
      perDay: often(some * 3n),
      perDestinationPerDay: often(some * 2n),
      perStorePerDay: often(some * 3n),
      autoApproveUpTo: { refund: seldom(some), payout: seldom(some) },
      approvals: random.pick([1, 2, 2, 3]),
      fee: { max: FAR, bps: null, floor: 0n, perDay: often(asset === 'BTC' ? 20_000n : 4n * 10n ** 15n) },
      newDestinationHours: null,
    }
  }
  return {
    assets: Object.fromEntries(assets.map((asset) => [asset, of(asset)])),
    approvers: passkeys().members.map(({ approver }) => approver),
  }
}

/** A merchant pays somebody, asks until it is answered, and now and then asks twice at once. */
export async function payOut(plot: Plot, store: StoreTerms): Promise<void> {
  const { random } = plot.world
  const method = random.pick(store.methods)
  const { asset, walletId, custody } = method
  const chainId = seedOf(walletId)?.chainId
  if (chainId === undefined) return
  const most =
    custody === 'self' ? random.pick(asset === 'BTC' ? COINS : asset === 'ETH' ? ETH : USDC) : await availableTo(plot, store, asset)
  if (most < 2_000n) return
  const whole = random.chance(0.2) ? most : random.units(random.chance(0.5) ? most / 4n : most)
  const many = chainId === BITCOIN_REGTEST ? random.pick([1, 1, 2, 3]) : 1
  const units = whole / BigInt(many)
  if (units < 1_000n) return
  const request: CreateTransfer = {
    id: transferId(plot),
    kind: 'payout',
    merchantId: store.merchantId,
    shard: store.shard,
    storeId: store.storeId,
    custody,
    chainId,
    asset,
    outputs: Array.from({ length: many }, () => ({ address: stranger(plot, chainId), units })),
    invoiceId: null,
    reference: null,
    targetBlocks: random.between(1, 6),
    feeMax: random.chance(0.1) ? 700n : null,
  }
  const ask = () => insist(plot, () => plot.env.WALLETS.getByName(walletId).createTransfer(request))
  const [made] = await Promise.all(random.chance(0.2) ? [ask(), ask()] : [ask()])
  if (made?.ok) plot.promisedTransfers.push([walletId, request.id])
}

/** Refunds of one invoice, several at once; each with an address, another one, or an end. Asked for until there is something to refund. */
export async function refundSomething(plot: Plot): Promise<void> {
  const { random, scheduler } = plot.world
  for (let tries = 0; tries < REFUND_TRIES && !plot.isOver; tries++) {
    const ids = [...plot.acknowledged]
    if (ids.length > 0) {
      const invoiceId = random.pick(ids)
      const made = await Promise.all(Array.from({ length: random.pick([1, 2, 4]) }, () => refund(plot, invoiceId)))
      if (made.some(Boolean)) return
    }
    await scheduler.sleep(random.between(1_000, 6_000))
  }
}

/** Answers whether anything was refunded. */
async function refund(plot: Plot, invoiceId: string): Promise<boolean> {
  const { random, scheduler } = plot.world
  const id = transferId(plot)
  const amount = { asset: 'EUR', units: BigInt(random.pick([40, 500, 3_000])) }
  const part = { type: 'part', amount, at: random.pick(['then', 'now'] as const) } as const
  const rule = random.pick([{ type: 'full' } as const, { type: 'full' } as const, { type: 'over' } as const, part])
  const request: RequestRefund = { id, fingerprint: id, asset: null, rule, reason: null, by: 'a merchant' }
  const invoice = plot.env.INVOICES.getByName(invoiceId)
  const asked = await insist(plot, () => invoice.requestRefund(request))
  if (!asked?.ok) return false
  const { chainId } = asked.value.refund
  plot.refunds.push([invoiceId, id])
  for (let claims = random.pick([0, 1, 1, 1, 2]); claims > 0; claims--) {
    await scheduler.sleep(random.between(50, 6_000))
    const address = stranger(plot, chainId)
    await insist(plot, () => invoice.claimRefund(id, address))
  }
  if (!random.chance(0.2)) return true
  await scheduler.sleep(random.between(50, 6_000))
  await insist(plot, () => invoice.cancelRefund(id, 'a merchant'))
  return true
}

/** Somebody hurries a transfer, ends it, or signs what is theirs to sign. */
export async function meddle(plot: Plot): Promise<void> {
  const { random } = plot.world
  const open = transfersOf(plot).filter(({ status }) => status !== 'confirmed' && status !== 'failed')
  if (open.length === 0) return
  const { walletId, id, status, custody } = random.pick(open)
  const wallet = plot.env.WALLETS.getByName(walletId)
  if (custody === 'self' && status === 'signing') await insist(plot, () => signAsMerchant(plot, walletId, id))
  else if (random.chance(0.7)) await insist(plot, () => wallet.bumpTransfer(id, random.between(1, 4)))
  else await insist(plot, () => wallet.callBackTransfer(id, 'somebody'))
}

/** A merchant signs at home what the wallet has prepared. */
export async function signAsMerchant(plot: Plot, walletId: string, id: string): Promise<void> {
  const wallet = plot.env.WALLETS.getByName(walletId)
  const transfer = await wallet.transfer(id)
  const key = seedOf(walletId)
  if (!transfer?.plan || transfer.unsigned === null || !key) return
  const { config } = plot.world.chain(transfer.chainId)
  const { raw } = keySignerOf(config).sign(config, key.seed, key.account.script, transfer.plan)
  await wallet.submitSigned(id, raw)
}

/** An operator sends a treasury of ours what gas it may need. */
export function sendGas(plot: Plot, stores: readonly StoreTerms[]): void {
  const { world } = plot
  const owned = stores.flatMap(({ methods }) => methods.filter(({ asset, custody }) => asset === 'ETH' && custody === 'platform'))
  if (owned.length === 0 || plot.isOver) return
  const { walletId } = world.random.pick(owned)
  const chain = world.chain(EVM_LOCAL)
  const [given] = world.host.object('wallet', walletId).disk.rows("SELECT key FROM addresses WHERE invoice_id = 'treasury'")
  if (!given) return
  const output = { index: 'native', key: given.key as Uint8Array, asset: 'ETH', units: GAS }
  const transaction = plot.transaction(chain, [`0xoperator${plot.next()}:1`], [output])
  plot.gas.push({ walletId, chainId: chain.config.id, txid: transaction.txid, units: GAS })
  chain.broadcast(transaction)
}

/** Something is stopped, and allowed again later. */
export async function stopSomething(plot: Plot, stores: readonly StoreTerms[]): Promise<void> {
  const { random, scheduler } = plot.world
  const store = random.pick(stores)
  const { walletId } = random.pick(store.methods)
  const { SIGNERS, WALLETS, LEDGERS } = plot.env
  const ledger = LEDGERS.getByName(store.merchantId)
  const difference = {
    id: 'shard/one',
    kind: 'shard',
    storeId: null,
    detail: `${plot.next()} is missing`,
    sinceMs: plot.world.nowMs,
  } as const
  const switches: readonly (readonly [stop: () => Promise<unknown>, allow: () => Promise<unknown>])[] = [
    [() => SIGNERS.getByName('all').stop(WORD), () => SIGNERS.getByName('all').allow(WORD)],
    [() => SIGNERS.getByName(walletId).stop(WORD), () => SIGNERS.getByName(walletId).allow(WORD)],
    [() => WALLETS.getByName(walletId).freezeSending('to be sure'), () => WALLETS.getByName(walletId).allowSending('an operator')],
    [() => ledger.raise([difference]), () => ledger.clear({ id: difference.id, ...WORD })],
  ]
  const [stop, allow] = random.pick(switches)
  await insist(plot, stop)
  await scheduler.sleep(random.between(1_000, 40_000))
  await insist(plot, allow)
}

/** All that was stopped goes on. */
export async function allowAll(plot: Plot, stores: readonly StoreTerms[]): Promise<void> {
  const { SIGNERS, WALLETS, LEDGERS } = plot.env
  const wallets = new Set(stores.flatMap(({ methods }) => methods.map(({ walletId }) => walletId)))
  await SIGNERS.getByName('all').allow(WORD)
  for (const id of wallets) {
    await SIGNERS.getByName(id).allow(WORD)
    await WALLETS.getByName(id).allowSending('an operator')
  }
  for (const id of new Set(stores.map(({ merchantId }) => merchantId)))
    await LEDGERS.getByName(id).clear({ id: 'shard/one', ...WORD })
}

/** A person sees to what waits for a person: merchants sign, and what still waits is ended. */
export async function endWaiting(plot: Plot): Promise<void> {
  await approveSome(plot)
  for (const transfer of transfersOf(plot)) {
    const { walletId, id, status, custody, signed } = transfer
    if ((isOrphan(plot.world.chain(transfer.chainId), transfer) && status !== 'failed') || hasLostCoins(plot, transfer))
      await plot.env.WALLETS.getByName(walletId).settleTransfer(id, WORD)
    if (signed.length > 0 || status === 'failed') continue
    if (custody === 'self' && status === 'signing' && plot.world.random.chance(0.5)) await signAsMerchant(plot, walletId, id)
    else if (status === 'needs_approval' && plot.world.random.chance(0.5)) await approveAll(plot, transfer)
    else await plot.env.WALLETS.getByName(walletId).cancelTransfer(id, 'somebody')
  }
  for (const [invoiceId, id] of plot.refunds) await plot.env.INVOICES.getByName(invoiceId).cancelRefund(id, 'a merchant')
}

async function availableTo(plot: Plot, store: StoreTerms, asset: string): Promise<bigint> {
  const standing = await insist(plot, () => plot.env.LEDGERS.getByName(store.merchantId).balances(store.storeId))
  return standing?.balances.available?.[asset] ?? 0n
}

function stranger(plot: Plot, chainId: string): string {
  const { config } = plot.world.chain(chainId)
  const [account] = chainId === BITCOIN_REGTEST ? BITCOIN_ACCOUNTS : EVM_ACCOUNTS
  if (!account) throw new Error('no account of strangers')
  const derived = addressBookOf(config).derive(config, account, plot.world.random.between(0, STRANGERS - 1))
  if (!derived.ok) throw new Error(derived.error.detail)
  return derived.value.address
}

function transferId(plot: Plot): string {
  return `tr_${String(plot.next()).padStart(32, '0')}`
}
