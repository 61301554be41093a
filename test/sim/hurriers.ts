import { BITCOIN_REGTEST } from '../../config/development.ts'
import type { StoreTerms } from '../../src/invoice/types.ts'
import { toHex } from '../../src/lib/bytes.ts'
import type { CreateTransfer } from '../../src/wallet/transfers/rpc.ts'
import type { SimChain } from './chain.ts'
import { insist } from './insist.ts'
import { worths } from './packages.ts'
import { signAsMerchant } from './payers.ts'
import { hex64, type Plot } from './plot.ts'
import { transfersOf } from './records.ts'
import type { SimTransaction } from './transactions.ts'

const TRIES = 10
/** So many of them are for an own transfer alone. */
const PATIENCE = 8
/** No transaction of a history has so high a number. */
const NOBODYS = 999_999

/**
 * Merchants hurry what waits and pays their wallet: a shopper's payment, or what an own transfer brings back. Now and then it
 * is something else, or twice at once under one id or two, or another store of the wallet wants the same.
 */
export async function hurrySomething(plot: Plot, stores: readonly StoreTerms[]): Promise<void> {
  const { random, scheduler, chains } = plot.world
  const chain = chains.find(({ config }) => config.id === BITCOIN_REGTEST)
  // Who had paid enough a moment ago has paid too little.
  if (random.chance(0.5)) chain?.moveMarket(true)
  // What the wallet may replace itself is worth waiting for.
  const isPatient = random.chance(0.5)
  for (let tries = 0; chain && tries < TRIES && !plot.isOver; tries++) {
    const walletId = walletOf(random.pick(stores))
    const parentTxid = walletId && chosen(plot, chain, walletId, isPatient && tries < PATIENCE)
    const owners = stores.filter((store) => walletOf(store) === walletId)
    if (parentTxid) {
      const asked = owners.length > 1 || random.chance(0.3) ? [random.pick(owners), random.pick(owners)] : owners
      await Promise.all([
        ...asked.map((store) => accelerate(plot, store, parentTxid)),
        ...(random.chance(0.7) ? [replace(plot, parentTxid)] : []),
      ])
      return
    }
    await scheduler.sleep(random.between(500, 5_000))
  }
}

async function accelerate(plot: Plot, store: StoreTerms, parentTxid: string): Promise<void> {
  const { random, scheduler } = plot.world
  const method = store.methods.find(({ asset }) => asset === 'BTC')
  if (!method) return
  const request: CreateTransfer = {
    id: `tr_${String(plot.next()).padStart(32, '0')}`,
    kind: 'sweep',
    merchantId: store.merchantId,
    shard: store.shard,
    storeId: store.storeId,
    custody: method.custody,
    chainId: BITCOIN_REGTEST,
    asset: 'BTC',
    outputs: [],
    invoiceId: null,
    parentTxid,
    reference: null,
    targetBlocks: random.between(1, 6),
    feeMax: random.chance(0.15) ? 1_500n : null,
  }
  const wallet = plot.env.WALLETS.getByName(method.walletId)
  const ask = () => insist(plot, () => wallet.createTransfer(request))
  const [made] = await Promise.all(random.chance(0.3) ? [ask(), ask()] : [ask()])
  if (!made?.ok) return
  plot.promisedTransfers.push([method.walletId, request.id])
  if (method.custody === 'self' && random.chance(0.7)) {
    await scheduler.sleep(random.between(500, 5_000))
    await insist(plot, () => signAsMerchant(plot, method.walletId, request.id))
  }
  if (random.chance(0.7)) return
  await scheduler.sleep(random.between(500, 15_000))
  await insist(plot, () => wallet.bumpTransfer(request.id, 1))
}

/** Somebody else wants an own transfer replaced that is hurried, before or after there is a child. */
async function replace(plot: Plot, parentTxid: string): Promise<void> {
  const parent = transfersOf(plot).find(({ signed }) => signed.some(({ txid }) => txid === parentTxid))
  if (!parent) return
  await plot.world.scheduler.sleep(plot.world.random.between(1, plot.world.random.pick([100, 10_000])))
  const wallet = plot.env.WALLETS.getByName(parent.walletId)
  await insist(plot, () => wallet.bumpTransfer(parent.id, 1))
}

/** Null as long as nothing waits for it. */
function chosen(plot: Plot, chain: SimChain, walletId: string, isOwnOnly: boolean): string | null {
  const { random, host } = plot.world
  const { disk } = host.object('wallet', walletId)
  const own = new Set(disk.rows('SELECT key FROM addresses').map(({ key }) => toHex(key as Uint8Array)))
  const waiting = [...chain.pool.values()]
  const paying = waiting.filter(({ outputs }) => outputs.some(({ key }) => own.has(toHex(key))))
  const worth = worths(chain.pool)
  const late = paying.filter(({ txid }) => (worth.get(txid) ?? chain.market) < chain.market)
  const replaceable = late.filter(({ own: signed }) => signed)
  if (isOwnOnly) return replaceable.length > 0 ? random.pick(replaceable).txid : null
  // What has more than one coin for a child, and what may be replaced by the wallet itself, is rare.
  const isRare = ({ outputs, own: signed }: SimTransaction) => signed || outputs.filter(({ key }) => own.has(toHex(key))).length > 1
  const rare = late.filter(isRare)
  if (late.length > 0 && random.chance(0.9)) return random.pick(rare.length > 0 ? rare : late).txid
  if (random.chance(0.95)) return null
  const others = [...paying, ...waiting, ...chain.best.transactions].map(({ txid }) => txid)
  return random.pick([...others, hex64(NOBODYS)])
}

function walletOf({ methods }: StoreTerms): string | null {
  return methods.find(({ asset }) => asset === 'BTC')?.walletId ?? null
}
