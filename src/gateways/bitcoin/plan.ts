import { sha256 } from '@noble/hashes/sha2.js'
import { selectUTXO } from '@scure/btc-signer'
import { toHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import { divideUp, formatDecimal, greater } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import {
  type CoinPlan,
  OUTPUTS_MAX,
  type Output,
  type OwnCoin,
  type PlanRefusal,
  type SpendPlan,
  type SpendRequest,
} from '../spend.ts'
import { deriveKey, type OwnKey } from './address.ts'
import { coinOf } from './coins.ts'
import {
  type CoinScript,
  dustLimit,
  feeOf,
  INCREMENTAL_SATS_PER_KVB,
  INPUTS_MAX,
  inputVsize,
  MIN_RELAY_SATS_PER_KVB,
  vsizeOf,
} from './fees.ts'
import { childFee, planChild } from './plan-child.ts'
import { recipientScript } from './recipient.ts'

/** At this rate and below, small coins are spent first: they will hardly ever cost less (Bitcoin Core, `-consolidatefeerate`). */
const CONSOLIDATE_SATS_PER_KVB = 10_000n
/** But no more of them than this: the fee of one payment must not surprise anybody. */
const CONSOLIDATE_INPUTS_MAX = 20

/** Everything about the transaction but which coins it spends. */
interface Task {
  readonly chain: ChainConfig
  readonly script: CoinScript
  readonly outputs: readonly Output[]
  readonly scripts: readonly Uint8Array[]
  readonly change: { readonly key: OwnKey; readonly index: number; readonly position: number | null }
  readonly lockTime: number
  /** The least that a transaction of so many virtual bytes must pay. */
  feeMin(vsize: number): bigint
}

/**
 * Pays `request.outputs` in their order, change at a place that follows from the inputs. The fee is the rate times the
 * size, rounded up; what would be dust as change is added to it. What pays nobody is a child of what waits.
 */
export function plan(chain: ChainConfig, account: AccountKey, request: SpendRequest): Result<CoinPlan, PlanRefusal> {
  if (request.funds.kind === 'coins' && request.funds.parent) return planChild(chain, account, request)
  const rate = rateOf(request)
  const task = readTask(chain, account, request, null, (vsize) => feeOf(rate, vsize))
  if (!task.ok) return task
  const { required = [] } = request.funds.kind === 'coins' ? request.funds : {}
  if (required.length > 0) return planWith(task.value, request, rate, required)
  const coins = worthSpending(task.value, request, rate, [])
  let dear: PlanRefusal | null = null
  for (const { strategy, most } of strategiesAt(rate)) {
    const chosen = select(task.value, coins, strategy, divideUp(rate, 1_000n))
    const built = chosen && chosen.length <= most ? build(task.value, chosen) : null
    if (!built?.ok) continue
    if (built.value.fee <= request.feeMax) return built
    dear = { reason: 'fee_over_limit', fee: built.value.fee }
  }
  if (dear) return err(dear)
  // The library counts in whole satoshi a byte: between two of them, all there is may be enough though it found nothing.
  const all = build(task.value, coins)
  if (!all.ok) return err({ reason: 'insufficient_funds', asset: request.asset, missing: all.error })
  return all.value.fee <= request.feeMax ? all : err({ reason: 'fee_over_limit', fee: all.value.fee })
}

/** From these coins, and the largest beside them, as few as will do. */
function planWith(task: Task, request: SpendRequest, rate: bigint, required: readonly OwnCoin[]): Result<CoinPlan, PlanRefusal> {
  const more = worthSpending(task, request, rate, required)
  for (let added = 0; ; added++) {
    const built = build(task, [...required, ...more.slice(0, added)])
    if (built.ok) return built.value.fee <= request.feeMax ? built : err({ reason: 'fee_over_limit', fee: built.value.fee })
    if (added >= more.length) return err({ reason: 'insufficient_funds', asset: request.asset, missing: built.error })
  }
}

/**
 * The same outputs from the same coins at a higher fee, by the rules of BIP 125: all inputs stay, in their places; coins
 * that are added (confirmed ones, rule 2) follow, so the first input is one of every transaction of the intent.
 */
export function bump(
  chain: ChainConfig,
  account: AccountKey,
  before: SpendPlan,
  request: SpendRequest,
): Result<CoinPlan, PlanRefusal> {
  assert(before.kind === 'coins', 'a plan of coins')
  const refuse = (detail: string) => err({ reason: 'not_bumpable', detail } as const)
  const paid = before.outputs.filter((_, position) => position !== before.change?.position)
  const isSame = paid.length === request.outputs.length && paid.every((one, i) => isSameOutput(one, request.outputs[i]))
  if (!isSame) return refuse('the outputs are not those of the transaction before it')

  return inPlaceOf(chain, account, before, request)
}

/** All that `before` spends, as change: by the rules of a bump, so that only one of the two can ever be in the chain. */
export function callBack(
  chain: ChainConfig,
  account: AccountKey,
  before: SpendPlan,
  request: SpendRequest,
): Result<CoinPlan, PlanRefusal> {
  assert(before.kind === 'coins' && request.funds.kind === 'coins', 'a plan of coins')
  const change = { position: 0, index: before.change?.index ?? request.funds.changeIndex }
  return inPlaceOf(chain, account, { ...before, change }, { ...request, outputs: [] })
}

function inPlaceOf(
  chain: ChainConfig,
  account: AccountKey,
  before: CoinPlan,
  request: SpendRequest,
): Result<CoinPlan, PlanRefusal> {
  const refuse = (detail: string) => err({ reason: 'not_bumpable', detail } as const)
  const rate = rateOf(request)
  // The transaction before may have come out smaller than was estimated, by a byte or two a signature.
  const vsizeMin = BigInt(before.vsize - Math.ceil(before.inputs.length / 2))
  const task = readTask(chain, account, request, before, (vsize) => {
    const relayed = before.fee + feeOf(INCREMENTAL_SATS_PER_KVB, vsize)
    const higherRate = (before.fee * BigInt(vsize)) / vsizeMin + 1n
    const { parent } = request.funds.kind === 'coins' ? request.funds : {}
    return greater(parent ? childFee(parent, rate, vsize) : feeOf(rate, vsize), greater(relayed, higherRate))
  })
  if (!task.ok) return task
  const more = worthSpending(task.value, request, rate, before.inputs)
  for (let added = 0; ; added++) {
    const built = build(task.value, [...before.inputs, ...more.slice(0, added)])
    if (built.ok) return built.value.fee <= request.feeMax ? built : err({ reason: 'fee_over_limit', fee: built.value.fee })
    if (added < more.length) continue
    const missing = `${formatDecimal(built.error, chain.native.decimals, 0)} ${chain.native.ticker}`
    return refuse(`its change cannot pay the higher fee, and the coins that could be added are ${missing} short`)
  }
}

function rateOf({ fees }: SpendRequest): bigint {
  assert(fees.kind === 'coins', 'fees of a chain of coins')
  return greater(fees.satsPerKvb, MIN_RELAY_SATS_PER_KVB)
}

function readTask(
  chain: ChainConfig,
  account: AccountKey,
  { asset, outputs, funds }: SpendRequest,
  before: CoinPlan | null,
  feeMin: Task['feeMin'],
): Result<Task, PlanRefusal> {
  assert(funds.kind === 'coins', 'funds of a chain of coins')
  assert(account.script !== 'evm', 'an account of a chain of coins')
  const refuse = (position: number, detail: string) => err({ reason: 'bad_output', position, detail } as const)
  if (asset !== chain.native.code) return refuse(0, `${asset} is no asset of ${chain.name}`)
  if (outputs.length === 0 && before === null && !funds.parent) return refuse(0, 'there is nobody to pay')
  if (outputs.length > OUTPUTS_MAX) return refuse(OUTPUTS_MAX, `a transaction pays ${OUTPUTS_MAX} outputs at most`)
  const scripts: Uint8Array[] = []
  for (const [position, { address, units }] of outputs.entries()) {
    const script = recipientScript(chain, address)
    if (!script.ok) return refuse(position, script.error)
    const dust = dustLimit(chain, script.value)
    const least = `${formatDecimal(dust, chain.native.decimals)} ${chain.native.code}`
    if (units < dust) return refuse(position, `nodes pass nothing under ${least} on to it`)
    scripts.push(script.value)
  }
  const index = before?.change?.index ?? funds.changeIndex
  const key = deriveKey(chain, account, index)
  assert(key.ok, 'the account has an address for change')
  const change = { key: key.value, index, position: before?.change?.position ?? null }
  return ok({ chain, script: account.script, outputs, scripts, change, lockTime: funds.height, feeMin })
}

/** Coins that bring more than they cost, the largest first, no more than fit; `taken` are in the transaction already. */
function worthSpending(task: Task, { funds }: SpendRequest, rate: bigint, taken: readonly OwnCoin[]): OwnCoin[] {
  assert(funds.kind === 'coins', 'funds of a chain of coins')
  const cost = feeOf(rate, inputVsize(task.script))
  const seen = new Set(taken.map(nameOf))
  return funds.coins
    .filter((coin) => coin.units > cost && !seen.has(nameOf(coin)) && seen.add(nameOf(coin)))
    .sort((one, other) => (one.units !== other.units ? (one.units < other.units ? 1 : -1) : nameOf(one) < nameOf(other) ? -1 : 1))
    .slice(0, INPUTS_MAX - taken.length)
}

type Strategy = 'exactBiggest/accumSmallest' | 'exactBiggest/accumBiggest'

/** `most`: inputs. Each first tries coins that leave no change. */
function strategiesAt(rate: bigint): { strategy: Strategy; most: number }[] {
  const few = { strategy: 'exactBiggest/accumBiggest' as const, most: Number.POSITIVE_INFINITY }
  const small = { strategy: 'exactBiggest/accumSmallest' as const, most: CONSOLIDATE_INPUTS_MAX }
  return rate <= CONSOLIDATE_SATS_PER_KVB ? [small, few] : [few]
}

/** Coins by the library's selection, in the order of their names; null when it finds them not enough. */
function select(
  { chain, script, scripts, outputs, change }: Task,
  coins: readonly OwnCoin[],
  strategy: Strategy,
  rate: bigint,
): OwnCoin[] | null {
  const wanted = outputs.reduce((sum, { units }) => sum + units, 0n)
  if (coins.reduce((sum, { units }) => sum + units, 0n) < wanted) return null
  // All inputs weigh the same, so the address of change stands for that of every coin: nothing is derived to choose.
  const spending = script === 'p2tr' ? { tapInternalKey: change.key.publicKey.subarray(1) } : {}
  const selected = selectUTXO(
    coins.map(({ txid, vout, units }) => ({
      txid,
      index: vout,
      witnessUtxo: { script: change.key.watchKey, amount: units },
      ...spending,
    })),
    outputs.map(({ units }, i) => ({ script: scripts[i] as Uint8Array, amount: units })),
    strategy,
    {
      feePerByte: rate,
      changeAddress: change.key.address,
      network: coinOf(chain).networks[chain.network],
      dust: dustLimit(chain, change.key.watchKey),
      dustRelayFeeRate: 1n,
      bip69: false,
      createTx: false,
      disableScriptCheck: true,
    },
  )
  if (!selected) return null
  const names = new Set(selected.inputs.map(({ txid, index }) => `${toHex(txid as Uint8Array)}:${index}`))
  return coins.filter((coin) => names.has(nameOf(coin))).sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
}

/** The transaction that spends these coins; or how much they are short of. */
function build(task: Task, inputs: readonly OwnCoin[]): Result<CoinPlan, bigint> {
  const { chain, script, outputs, scripts, change, lockTime } = task
  const sum = (some: readonly { readonly units: bigint }[]) => some.reduce((total, { units }) => total + units, 0n)
  const spare = sum(inputs) - sum(outputs)
  const common = { kind: 'coins', chainId: chain.id, inputs, lockTime } as const

  const vsize = vsizeOf(script, inputs.length, [...scripts, change.key.watchKey])
  const fee = task.feeMin(vsize)
  if (spare - fee >= dustLimit(chain, change.key.watchKey)) {
    const position = change.position ?? placeOfChange(inputs, outputs.length)
    const toSelf = { address: change.key.address, units: spare - fee }
    const all = outputs.toSpliced(position, 0, toSelf)
    return ok({ ...common, outputs: all, change: { position, index: change.index }, fee, vsize })
  }
  if (outputs.length === 0) return err(dustLimit(chain, change.key.watchKey) + fee - spare)
  const smaller = vsizeOf(script, inputs.length, scripts)
  const least = task.feeMin(smaller)
  if (spare < least) return err(least - spare)
  return ok({ ...common, outputs, change: null, fee: spare, vsize: smaller })
}

/** As good as random to who does not know the wallet, and the same each time. */
function placeOfChange(inputs: readonly OwnCoin[], outputs: number): number {
  const hash = sha256(new TextEncoder().encode(inputs.map(nameOf).join()))
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) % (outputs + 1)
}

function nameOf({ txid, vout }: OwnCoin): string {
  return `${txid}:${vout}`
}

function isSameOutput(one: Output, other: Output | undefined): boolean {
  return one.address === other?.address && one.units === other.units
}
