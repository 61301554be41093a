import type { CoinPlan } from '../../src/gateways/spend.ts'
import type { TransferRecord } from '../../src/wallet/transfers/record.ts'
import type { Transfer } from '../../src/wallet/transfers/types.ts'
import { insist } from './auditor.ts'
import { MARKET, type SimChain } from './chain.ts'
import type { Plot } from './plot.ts'
import { contradicts, isForeign, makerOf, type SimTransaction } from './transactions.ts'

/** What must hold of accelerations after each commit: one child of a transaction, at one fee, which pays for what it hurries. */

/** Those of one wallet. */
export function checkChildren(records: readonly TransferRecord[]): void {
  const children = new Map<string, string>()
  for (const record of records) {
    const { parentTxid, id } = record.transfer
    if (!parentTxid || !isAlive(record)) continue
    const other = children.get(parentTxid)
    insist(other === undefined, `${parentTxid} is hurried by ${other} and by ${id}`)
    children.set(parentTxid, id)
  }
}

/** One transfer, as it was and as it is: a child that was just planned, or what takes the place of another's parent. */
export function checkChild(
  plot: Plot,
  before: TransferRecord | null,
  after: TransferRecord,
  others: readonly { readonly record: TransferRecord }[],
): void {
  const { transfer, attempt } = after
  if (attempt === null || before?.attempt?.version === attempt.version) return
  if (transfer.signed.length > 0) {
    const isHurrying = ({ record }: { record: TransferRecord }) =>
      isAlive(record) && transfer.signed.some(({ txid }) => txid === record.transfer.parentTxid)
    const child = others.find(isHurrying)?.record.transfer.id
    insist(child === undefined, `${transfer.id} is to be replaced, and ${child} hurries it`)
  } else if (transfer.parentTxid) checkFirst(plot, transfer.parentTxid, transfer.feeMax, attempt.plan as CoinPlan)
}

function checkFirst(plot: Plot, parentTxid: string, feeMax: bigint, { inputs, fee, vsize }: CoinPlan): void {
  const said = `a child of ${parentTxid}`
  for (const { txid } of inputs) insist(txid === parentTxid, `${said} spends what ${txid} made`)
  insist(fee <= feeMax, `${said} costs ${fee}, and may cost ${feeMax}`)
  const chain = plot.world.chains.find(({ known }) => known.has(parentTxid))
  const parent = chain?.known.get(parentTxid)
  insist(parent?.cost !== undefined, `${said} is planned, which nobody has ever sent`)
  const all = [parent, ...ancestorsOf(chain as SimChain, parent)]
  const bytes = all.reduce((sum, { cost }) => sum + (cost?.vsize ?? 0), vsize)
  const most = feeAt(MARKET.bitcoin.at(-1) ?? 0n, bytes)
  insist(fee <= most, `${said} and of ${all.length - 1} before it costs ${fee}, which is over ${most}`)
  // Where no node lies, and there is nothing else to be paid for, it is paid for to the last unit.
  if (all.length > 1 || plot.world.faults.nodeLies > 0) return
  const { fee: paid, vsize: own } = parent.cost
  const isExact = MARKET.bitcoin.some((rate) => fee + paid === feeAt(rate, own + vsize))
  insist(isExact, `${said} costs ${fee} for ${vsize} bytes, and ${paid} were paid for ${own}`)
}

/** Whether it is certain that none of it will ever be in the chain: something has taken the place of what it hangs on, or a person says so. */
export function hasLostParent(plot: Plot, { transfer, settling }: TransferRecord): boolean {
  const { parentTxid, chainId } = transfer
  if (!parentTxid) return false
  const chain = plot.world.chain(chainId)
  const parent = chain.known.get(parentTxid)
  if (!parent || chain.placeOf(parentTxid)) return false
  if (settling) return true
  return isContradicted(chain, parent)
}

/**
 * Whether what an acceleration hurries is wanted by nobody any more: it would wait for ever, and a person may end it. Where
 * something is in a block in the place of that, it is to end by itself.
 */
export function isOrphan(chain: SimChain, { parentTxid, signed }: Transfer): boolean {
  const parent = chain.known.get(parentTxid ?? '')
  if (!parent || signed.length === 0 || signed.some(({ txid }) => chain.placeOf(txid))) return false
  if (isContradicted(chain, parent)) return false
  return !signed.some(({ txid }) => chain.known.get(txid)?.spends.every((coin) => isThere(chain, coin)))
}

/** In a block is something in the place of it, or of what it hangs on. */
function isContradicted(chain: SimChain, transaction: SimTransaction): boolean {
  const all = [transaction, ...ancestorsOf(chain, transaction)]
  return chain.find((block) => block.transactions.some((one) => all.some((lost) => contradicts(lost, one)))) !== null
}

/** In a block, or of what waits, with all that this hangs on: what was told again after its parent was given up waits in vain. */
function isThere(chain: SimChain, coin: string): boolean {
  const { coins } = chain.branches.stateOf(chain.best)
  return coins.has(coin) || isForeign(coin) || chain.pool.get(makerOf(coin))?.spends.every((one) => isThere(chain, one)) === true
}

/** Money is on its way with it, or will be. */
function isAlive({ transfer, signedPlans, attempt }: TransferRecord): boolean {
  return transfer.status !== 'confirmed' && transfer.status !== 'failed' && (attempt !== null || signedPlans.length > 0)
}

/** All that it hangs on and that people have sent, in blocks or not. */
function ancestorsOf(chain: SimChain, { spends }: SimTransaction): SimTransaction[] {
  const parents = spends.flatMap((coin) => (isForeign(coin) ? [] : (chain.known.get(makerOf(coin)) ?? [])))
  return [...new Set(parents.flatMap((parent) => [parent, ...ancestorsOf(chain, parent)]))]
}

/** Rounded up. */
function feeAt(satsPerKvb: bigint, vsize: number): bigint {
  return (satsPerKvb * BigInt(vsize) + 999n) / 1_000n
}
