import type { AccountPlan, OwnCoin, SpendPlan } from '../../gateways/spend.ts'
import { greater } from '../../money/amount.ts'
import type { Holding } from '../rpc.ts'
import { lineOf } from './line.ts'
import {
  coinsOf,
  isAcceleration,
  isBooked,
  isOver,
  isSettled,
  isSigned,
  outpoint,
  type TransferRecord,
  type Wait,
} from './record.ts'
import type { TransferStatus } from './types.ts'

/**
 * What transfers of a wallet keep from each other: coins, numbers, and money on its way out. Read off their records; what
 * is kept of each is small, so that thousands fit into memory.
 */
export interface Claim {
  readonly id: string
  readonly storeId: string
  readonly chainId: string
  readonly status: TransferStatus
  readonly createdAtMs: number
  readonly waitUntilMs: number | null
  readonly waitsFor: Wait | null
  /** See line.ts. */
  readonly line: string | null
  readonly asset: string
  /** What its outputs come to. */
  readonly units: bigint
  /** The asset that it brings together; null of what is no sweep. */
  readonly sweepOf: string | null
  /** Of an acceleration: the transaction that it hurries. */
  readonly hurries: string | null
  /** The index of the one address that it empties, where there are no delegates; null of any other. */
  readonly empties: number | null
  /** It makes the treasury ready for sweeps and for paying many, and is not over. */
  readonly makesReady: boolean
  /** It has a plan that nobody has signed yet, and the signer will be asked. */
  readonly isSigning: boolean
  /** `txid:vout` of all that its transactions spend. */
  readonly coins: readonly string[]
  /** EVM: the paying index and its numbers, from one on, as long as it is not over. */
  readonly nonce: { readonly index: number; readonly nonce: number; readonly count: number } | null
  /** What it takes out of the wallet at most, by asset; nothing before it has a plan. */
  readonly takes: Readonly<Record<string, bigint>>
  /** EVM: what it takes from its payer beside that, for another address of the wallet, in the chain's own asset. */
  readonly moves: Readonly<Record<string, bigint>>
  /** Signed, and not final or not in the books: chain and books may disagree by what it takes. */
  readonly isOut: boolean
  /** Where its change goes, the most of it that its plans have; null where there is none. */
  readonly change: Pick<OwnCoin, 'index' | 'units'> | null
  /** In a block: which transaction, at which height, and the coin that came back. */
  readonly included: { readonly txid: string; readonly height: number; readonly change: OwnCoin | null } | null
  readonly isOver: boolean
  /** It is over, and books and listeners have it all. */
  readonly isSettled: boolean
}

export function claimOf(record: TransferRecord, feeAsset: string): Claim {
  const { transfer, attempt, signedPlans, waitsFor, waitUntilMs, own } = record
  const { id, storeId, chainId, status, createdAtMs, asset, units, custody, kind, included } = transfer
  const plan = attempt?.plan ?? signedPlans.at(-1) ?? null
  // What failed in a block spent its coins all the same, and has brought some back.
  const isNowhere = status === 'failed' && included === null
  const plans = [...signedPlans, ...(attempt ? [attempt.plan] : [])]
  const fee = plans.reduce((most, one) => greater(most, one.fee), 0n)
  const takes = plan === null ? {} : added({ [asset]: kind === 'sweep' ? 0n : units }, feeAsset, fee)
  const inBlock = signedPlans[transfer.signed.findIndex(({ txid }) => txid === included?.txid)]
  return {
    id,
    storeId,
    chainId,
    status,
    createdAtMs,
    waitUntilMs,
    waitsFor,
    line: lineOf(record),
    asset,
    units,
    hurries: transfer.parentTxid ?? null,
    sweepOf: kind === 'sweep' && !isAcceleration(transfer) && (own === undefined || own.units === null) ? asset : null,
    empties: own?.units === null ? (record.payer?.index ?? null) : null,
    makesReady: record.deposits?.length === 0 && !isOver(record),
    isSigning: attempt !== null && custody === 'platform' && signedPlans.length === 0,
    // Of what is final, what it spent; of what failed, nothing.
    coins: isNowhere ? [] : isOver(record) && inBlock ? coinsOf({ signedPlans: [inBlock], attempt: null }) : coinsOf(record),
    nonce: isOver(record) || plan?.kind !== 'account' ? null : { index: plan.index, nonce: plan.nonce, count: noncesOf(plan) },
    takes,
    moves: plan?.kind === 'account' && own !== undefined ? { [feeAsset]: plan.value } : {},
    isOut: isSigned(record) && !(isOver(record) && isBooked(record)),
    change: mostChange(plans),
    included:
      included !== null
        ? { txid: included.txid, height: included.height, change: inBlock ? changeOf(inBlock, included.txid) : null }
        : null,
    isOver: isOver(record),
    isSettled: isSettled(record),
  }
}

/** What a reading knows: coins by index, up to a block, of as many addresses as there were when it began. */
export interface Known {
  readonly held: readonly Pick<Holding, 'index' | 'coins'>[]
  readonly height: number
  readonly addresses: number
}

/** Whether a reading knows what a transfer in a block spent, and the coin that came back. */
export function knows(
  known: Pick<Known, 'height' | 'addresses'>,
  { height, change }: Omit<NonNullable<Claim['included']>, 'txid'>,
): boolean {
  return height <= known.height && (change === null || change.index < known.addresses)
}

/**
 * The coins that a new transfer may spend: those of a reading, and what came back from transfers in blocks that it does not
 * know, less all that transfers spend. `height`: of the newest block; a coin made by mining is left alone for 100 blocks.
 * `withLeaving`: also what something spends that waits and is none of theirs.
 */
export function freeCoins(known: Known, claims: readonly Claim[], height: number, withLeaving = false): OwnCoin[] {
  const spent = new Set(claims.flatMap(({ coins }) => coins))
  const coins = new Map<string, OwnCoin>()
  for (const { index, coins: own } of known.held) {
    for (const { txid, vout, units, height: madeAt, coinbase, leaving } of own) {
      const isMature = coinbase !== true || height + 1 - madeAt >= COINBASE_MATURITY
      if (isMature && (withLeaving || leaving !== true)) coins.set(outpoint({ txid, vout }), { txid, vout, units, index })
    }
  }
  for (const { included } of claims) {
    if (included?.change && !knows(known, included)) coins.set(outpoint(included.change), included.change)
  }
  return [...coins].filter(([key]) => !spent.has(key)).map(([, coin]) => coin)
}

/** Bitcoin's consensus rule, of its whole family. */
const COINBASE_MATURITY = 100

/** The lowest `count` numbers in a row that are neither in the chain nor another transfer's: gaps are filled first. */
export function freeNonce(from: number, index: number, count: number, claims: readonly Claim[]): number {
  const taken = new Set(
    claims.flatMap(({ nonce: of }) => (of?.index === index ? Array.from({ length: of.count }, (_, at) => of.nonce + at) : [])),
  )
  let nonce = from
  while (Array.from({ length: count }, (_, at) => nonce + at).some((one) => taken.has(one))) nonce++
  return nonce
}

/** An authorization of the payer's own takes a number of it beside the transaction's (EIP-7702). */
export function noncesOf({ index, authorizations = [] }: AccountPlan): number {
  return 1 + authorizations.filter((authorization) => authorization.index === index).length
}

/** What others of this payer will take that the chain has not taken yet, by asset. `nonce`: how many it has in blocks. */
export function promised(claims: readonly Claim[], index: number, nonce: number): Record<string, bigint> {
  const own = claims.filter((claim) => claim.nonce?.index === index && claim.nonce.nonce >= nonce)
  return sums(own.flatMap(({ takes, moves }) => [takes, moves]))
}

export function sumOfTakes(claims: readonly Claim[]): Record<string, bigint> {
  return sums(claims.map(({ takes }) => takes))
}

function sums(all: readonly Readonly<Record<string, bigint>>[]): Record<string, bigint> {
  return all.flatMap((one) => Object.entries(one)).reduce((sum, [asset, units]) => added(sum, asset, units), {})
}

function added(sums: Readonly<Record<string, bigint>>, asset: string, units: bigint): Record<string, bigint> {
  return { ...sums, [asset]: (sums[asset] ?? 0n) + units }
}

/** All plans of a transfer have their change at one index. */
function mostChange(plans: readonly SpendPlan[]): Claim['change'] {
  const coins = plans.flatMap((plan) => changeOf(plan, '') ?? [])
  const [first] = coins
  return first ? { index: first.index, units: coins.reduce((most, { units }) => greater(most, units), 0n) } : null
}

function changeOf(plan: SpendPlan, txid: string): OwnCoin | null {
  if (plan.kind !== 'coins' || plan.change === null) return null
  const { position, index } = plan.change
  return { txid, vout: position, units: plan.outputs[position]?.units ?? 0n, index }
}
