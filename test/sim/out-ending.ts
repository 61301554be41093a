import { toHex } from '../../src/lib/bytes.ts'
import type { TransferRecord } from '../../src/wallet/transfers/record.ts'
import { keyOfAddress } from './addresses.ts'
import { type Auditor, add, insist } from './auditor.ts'
import type { SimChain } from './chain.ts'
import { hasLostParent } from './child-auditor.ts'
import { seedOf } from './hot.ts'
import { isOver, isSettled, isStuck, refundStatus } from './out-auditor.ts'
import type { Plot } from './plot.ts'
import { recordsOf } from './records.ts'
import type { SimBlock } from './transactions.ts'

/** How a transfer has ended, by the chain itself. */
interface End {
  readonly record: TransferRecord
  /** The block with one of its transactions; null when none has any. */
  readonly block: SimBlock | null
  readonly txid: string | null
  /** It is there and pays nobody: it moved nothing, or takes the place of what was called back. */
  readonly hasFailed: boolean
  readonly fee: bigint
  /** It was over by a block that the chain took back afterwards. */
  readonly isUndone: boolean
}

/** What must hold of money out once nothing goes wrong any more. Outcomes are read off the chains. */
export class OutEnding {
  readonly #plot: Plot
  readonly #auditor: Auditor
  readonly #ends: End[]

  constructor(plot: Plot, auditor: Auditor) {
    this.#plot = plot
    this.#auditor = auditor
    this.#ends = plot.world.host.ofKind('wallet').flatMap(({ disk }) => recordsOf(disk).map((record) => endOf(plot, record)))
  }

  check(): void {
    for (const end of this.#ends) this.#checkEnd(end)
    for (const [walletId, id] of this.#plot.promisedTransfers)
      insist(
        this.#ends.some(({ record }) => record.transfer.id === id && record.transfer.walletId === walletId),
        `${id} was answered and is gone`,
      )
    this.#checkRefunds()
    this.#checkCoins()
    for (const { name, disk } of this.#plot.world.host.ofKind('wallet')) {
      const isDone = recordsOf(disk).every(isSettled)
      insist(!isDone || disk.alarmAtMs === null, `${name} has nothing to do, and an alarm`)
    }
    insist(this.#plot.world.transfers.waiting === 0, 'messages of transfers are left in a queue')
  }

  /** What it makes in the books, by `<store> <account> <asset>`. */
  expectBooks(expect: (place: string, units: bigint) => void): void {
    for (const { storeId, walletId, asset, units } of this.#plot.endowed) {
      expect(`${storeId} wallet:${walletId} ${asset}`, -units)
      expect(`${storeId} available ${asset}`, units)
    }
    for (const end of this.#ends) if (end.record.transfer.custody === 'platform') this.#expectOf(end, expect)
  }

  #expectOf({ record, block, hasFailed, fee, isUndone }: End, expect: (place: string, units: bigint) => void): void {
    const { transfer, holds } = record
    const { storeId, walletId, asset, units, status, kind } = transfer
    const native = this.#plot.world.chain(transfer.chainId).config.native.code
    const at = (account: string, code: string, change: bigint) => expect(`${storeId} ${account} ${code}`, change)
    if (!isOver(transfer)) {
      for (const hold of holds) {
        at('available', hold.asset, -hold.units)
        at(hold.is === 'posted' ? 'in_transit' : 'reserved', hold.asset, hold.units)
      }
      return
    }
    const isThere = block !== null && !isUndone
    const isPaid = isThere ? !hasFailed : status === 'confirmed'
    const cost = isThere ? fee : isUndone || status === 'confirmed' ? (transfer.fee ?? 0n) : 0n
    if (isPaid) {
      at('available', asset, -units)
      at(`wallet:${walletId}`, asset, units)
    }
    // What brings deposits in costs the house, what hurries a transaction the merchant who asked for it.
    const isHouses = kind === 'sweep' && !transfer.parentTxid
    at(asset === native && !isHouses ? 'available' : 'treasury', native, -cost)
    at(`wallet:${walletId}`, native, cost)
  }

  #checkEnd({ record, block, txid, hasFailed, isUndone }: End): void {
    const { transfer } = record
    const { id, status, reason, signed } = transfer
    const said = `${id} (${status}: ${reason})`
    if (block && !isUndone)
      insist(
        status === (hasFailed ? 'failed' : 'confirmed'),
        `${said} is in the chain by ${txid}, ${hasFailed ? 'in vain' : 'for good'}`,
      )
    else if (status === 'confirmed' && !block) this.#checkTakenBack(record)
    else if (isUndone) insist(isOver(transfer), `${said} is over by no block`)
    else if (status === 'failed')
      insist(signed.length === 0 || hasLostParent(this.#plot, record), `${said} is signed, and nothing of it is in the chain`)
    else insist(isStuck(this.#plot, record), `${said} has not ended`)
    if (!isOver(transfer)) return
    insist(isSettled(record), `${said} is over, and not everybody has heard it`)
    const row = this.#plot.world.shard.disk.rows('SELECT version, status FROM transfers WHERE id = ?', id)[0]
    insist(row?.version === transfer.version && row.status === status, `D1 has ${said} as ${row?.status}`)
  }

  /** It was final in a block that the chain took back afterwards, with what it spends: nobody could know. */
  #checkTakenBack({ transfer, signedPlans }: TransferRecord): void {
    const chain = this.#plot.world.chain(transfer.chainId)
    const { coins } = chain.branches.stateOf(chain.best)
    const [plan] = signedPlans
    const isGone = plan?.kind === 'coins' && plan.inputs.some((coin) => !coins.has(`${coin.txid}:${coin.vout}`))
    insist(isGone, `${transfer.id} is confirmed, is not in the chain, and could be`)
  }

  #checkRefunds(): void {
    for (const [invoiceId, id] of this.#plot.refunds) {
      const status = refundStatus(this.#plot, invoiceId, id)
      insist(status !== null, `the refund ${id} was answered and is gone`)
      const statuses = this.#ends
        .filter(({ record }) => record.transfer.invoiceId === invoiceId)
        .map(({ record }) => record.transfer)
      const own = statuses.find((transfer) => transfer.id === id)
      if (own?.status === 'confirmed') insist(status === 'confirmed', `${id} is paid, and the invoice has it as ${status}`)
    }
    const sums = new Map<string, bigint>()
    for (const { record, block, hasFailed } of this.#ends) {
      const { invoiceId, asset, units } = record.transfer
      if (invoiceId && block && !hasFailed) add(sums, `${invoiceId} ${asset}`, units)
    }
    for (const [name, sum] of sums) {
      const [invoiceId = '', asset = ''] = name.split(' ')
      const received = this.#received(invoiceId, asset)
      insist(sum <= received, `${invoiceId} received ${received} ${asset}, and ${sum} were sent back`)
    }
  }

  /** By blocks of the best chain; where a reorganisation took something back, by all that there were. */
  #received(invoiceId: string, asset: string): bigint {
    const paid = new Map<string, bigint>()
    for (const chain of this.#plot.world.chains)
      for (const block of chain.byHash.values())
        for (const { txid, outputs } of block.transactions)
          for (const { key, index, units, asset: code } of outputs) {
            const name = `${chain.config.id}/${txid}/${index}`
            if (code !== asset || this.#plot.ownerOf(chain.config.id, key) !== invoiceId || !this.#plot.outputs.has(name)) continue
            paid.set(name, units)
          }
    return [...paid.values()].reduce((sum, units) => sum + units, 0n)
  }

  /** To the last unit, fees included: what the books say is in a wallet of ours is there. */
  #checkCoins(): void {
    for (const walletId of new Set(this.#plot.endowed.map((one) => one.walletId))) {
      const chain = this.#plot.world.chain(seedOf(walletId)?.chainId ?? '')
      for (const { code } of [chain.config.native, ...chain.config.tokens]) {
        let booked = 0n
        for (const { balances } of this.#auditor.books.values())
          for (const [place, units] of balances) if (place.endsWith(` wallet:${walletId} ${code}`)) booked -= units
        for (const end of this.#ends) if (end.record.transfer.walletId === walletId) booked += missingBy(end, code, chain)
        for (const gas of this.#plot.gas)
          if (gas.walletId === walletId && code === chain.config.native.code && hasArrived(chain, gas.txid)) booked += gas.units
        const there = coinsOf(this.#plot, chain, walletId, code)
        insist(there === booked, `${walletId} has ${there} ${code}, and ${booked} by the books`)
      }
    }
  }
}

function endOf(plot: Plot, record: TransferRecord): End {
  const chain = plot.world.chain(record.transfer.chainId)
  const found = record.transfer.signed.map(({ txid }) => ({ txid, block: chain.placeOf(txid) })).filter(({ block }) => block)
  insist(found.length <= 1, `${record.transfer.id} is in the chain ${found.length} times`)
  const { block = null, txid = null } = found[0] ?? {}
  const paid = block?.transactions.find((transaction) => transaction.txid === txid)?.outputs.map(({ key }) => toHex(key)) ?? []
  const isPaid = record.transfer.outputs.every(({ address }) => paid.includes(toHex(keyOfAddress(address))))
  const hasFailed = block !== null && txid !== null && (block.failed.has(txid) || !isPaid)
  const { included } = record.transfer
  const isUndone = isOver(record.transfer) && included !== null && !chain.find(({ ref }) => ref.hash === included.blockHash)
  return { record, block, txid, hasFailed, fee: (txid && block?.fees.get(txid)) || 0n, isUndone }
}

function hasArrived(chain: SimChain, txid: string): boolean {
  return chain.placeOf(txid)?.failed.has(txid) === false
}

/** What the books say has left, and by the best chain has not. */
function missingBy({ record, block, hasFailed, fee, isUndone }: End, code: string, { config }: SimChain): bigint {
  const { status, units, asset, fee: booked } = record.transfer
  if (!isUndone && (block || status !== 'confirmed')) return 0n
  const out = (isPaid: boolean, cost: bigint) => (isPaid && asset === code ? units : 0n) + (code === config.native.code ? cost : 0n)
  return out(status === 'confirmed', booked ?? 0n) - (block ? out(!hasFailed, fee) : 0n)
}

/** Over all addresses that the wallet has given out. */
function coinsOf({ world }: Plot, chain: SimChain, walletId: string, asset: string): bigint {
  const { disk } = world.host.object('wallet', walletId)
  const keys = new Set(disk.rows('SELECT key FROM addresses').map(({ key }) => toHex(key as Uint8Array)))
  const { coins, sums } = chain.branches.stateOf(chain.best)
  let sum = 0n
  if (chain.config.gateway === 'evm') for (const key of keys) sum += sums.get(`${key} ${asset}`) ?? 0n
  else for (const { key, units } of coins.values()) if (keys.has(key)) sum += units
  return sum
}
