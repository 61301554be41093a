import type { SpendPlan } from '../../src/gateways/spend.ts'
import type { Refund } from '../../src/invoice/refund.ts'
import type { InvoiceEvent } from '../../src/invoice/types.ts'
import { toHex } from '../../src/lib/bytes.ts'
import { decodeJson } from '../../src/lib/json.ts'
import { EDGES } from '../../src/wallet/transfers/edges.ts'
import type { TransferRecord } from '../../src/wallet/transfers/record.ts'
import type { Transfer, TransferStatus } from '../../src/wallet/transfers/types.ts'
import { insist } from './auditor.ts'
import { checkChild, checkChildren } from './child-auditor.ts'
import type { SimObject } from './objects.ts'
import { readOwn } from './own.ts'
import { checkPayers } from './payer-auditor.ts'
import type { Plot } from './plot.ts'
import { SignerLog } from './signer-log.ts'
import type { Disk } from './storage.ts'
import { effective } from './transactions.ts'

/** Looks at wallets and signers right after each commit: at money on its way out. */
export class OutAuditor {
  readonly #plot: Plot
  readonly #dirty = new Set<SimObject>()
  /** By wallet and transfer, its row as it was last. */
  readonly #rows = new Map<string, Map<string, { body: string; record: TransferRecord }>>()
  readonly #logs = new Map<string, SignerLog>()

  constructor(plot: Plot) {
    this.#plot = plot
  }

  committed(object: SimObject): void {
    if (this.#plot.world.hasMoneyOut && ['wallet', 'signer', 'invoice'].includes(object.kind)) this.#dirty.add(object)
  }

  check(): void {
    for (const object of this.#dirty) {
      if (object.kind === 'wallet') this.#checkWallet(object)
      else if (object.kind === 'invoice') this.#checkPromised(object)
      else this.#checkSigner(object)
    }
    this.#dirty.clear()
  }

  /** No transfer is under way but those that only a person can end. */
  isQuiet(): boolean {
    const isDone = (record: TransferRecord) => isSettled(record) || isStuck(this.#plot, record)
    const stuck = new Set(this.records.filter((record) => !isSettled(record)).map(({ transfer }) => transfer.id))
    const isWaiting = this.#plot.refunds.some(([invoiceId, id]) => {
      const status = refundStatus(this.#plot, invoiceId, id)
      return ['queued', 'needs_approval', 'signing', 'broadcast'].includes(status ?? '') && !stuck.has(id)
    })
    return !isWaiting && this.records.every(isDone)
  }

  /** How many transfers are not over. */
  get open(): number {
    return this.records.filter(({ transfer }) => !isOver(transfer)).length
  }

  isSigned(transferId: string): boolean {
    return this.records.some(({ transfer }) => transfer.id === transferId && transfer.signed.length > 0)
  }

  get records(): TransferRecord[] {
    return [...this.#rows.values()].flatMap((rows) => [...rows.values()].map(({ record }) => record))
  }

  #checkWallet({ name, disk }: SimObject): void {
    const rows = this.#rows.get(name) ?? new Map<string, { body: string; record: TransferRecord }>()
    this.#rows.set(name, rows)
    let isChanged = false
    const seen = new Set<string>()
    for (const { id, body } of disk.rows('SELECT id, body FROM transfers') as { id: string; body: string }[]) {
      seen.add(id)
      const before = rows.get(id)
      if (before?.body === body) continue
      const record = decodeJson<TransferRecord>(body)
      if (before) checkStep(before.record, record)
      checkChild(this.#plot, before?.record ?? null, record, [...rows.values()])
      this.#checkRecord(record)
      if (record.transfer.kind === 'sweep') this.#checkSweep(disk, before?.record ?? null, record)
      rows.set(id, { body, record })
      isChanged = true
    }
    for (const [id, { record }] of rows) {
      if (seen.has(id)) continue
      insist(record.transfer.version === 1, `${id} was at version ${record.transfer.version}, and is gone`)
      rows.delete(id)
    }
    if (!isChanged) return
    const records = [...rows.values()].map(({ record }) => record)
    checkClaims(records)
    checkChildren(records)
    checkPayers(this.#plot, records)
  }

  #checkRecord(record: TransferRecord): void {
    const { transfer, signedPlans } = record
    const { id, chainId, status, included, signed } = transfer
    insist(signed.length === signedPlans.length, `${id} has ${signed.length} signatures of ${signedPlans.length} plans`)
    const first = signedPlans[0]
    if (first)
      for (const plan of [...signedPlans, ...(record.attempt ? [record.attempt.plan] : [])])
        insist(
          spendsOf(plan).some((spend) => spendsOf(first).includes(spend)),
          `two transactions of ${id} can both be in the chain`,
        )
    if (status !== 'confirmed') return
    const block = this.#plot.world.chain(chainId).byHash.get(included?.blockHash ?? '')
    const isThere = block && effective(block).some(({ txid }) => txid === included?.txid)
    insist(isThere === true, `${id} is confirmed by ${included?.txid}, which is in no such block`)
  }

  /** Whatever it does, all of it stays in the wallet. */
  #checkSweep(disk: Disk, before: TransferRecord | null, { transfer }: TransferRecord): void {
    const fresh = transfer.signed.slice(before?.transfer.signed.length ?? 0)
    if (fresh.length === 0) return
    const chain = this.#plot.world.chain(transfer.chainId)
    const owners = new Map(
      disk.rows('SELECT key, invoice_id AS owner FROM addresses').map(({ key, owner }) => [toHex(key as Uint8Array), owner]),
    )
    for (const { raw } of fresh) {
      const { outputs, own } = readOwn(chain, raw, 0)
      for (const { key } of outputs)
        insist(owners.has(toHex(key)), `${transfer.id} sweeps to ${toHex(key)}, which is none of the wallet`)
      if (!own?.call) continue
      insist(owners.get(own.from ?? '') === 'treasury', `${transfer.id} sweeps to ${own.from}, which is no treasury`)
      for (const account of own.call.flush?.accounts ?? [])
        insist(owners.has(account), `${transfer.id} sweeps ${account}, which is none of the wallet`)
    }
  }

  #checkSigner({ name, disk }: SimObject): void {
    if (!disk.has('log')) return
    const log = this.#logs.get(name) ?? new SignerLog(name, this.#plot.approved)
    this.#logs.set(name, log)
    for (const intent of log.follow(disk)) {
      const signed = disk.rows('SELECT intent_id, plan FROM signatures ORDER BY intent_id, attempt') as {
        intent_id: string
        plan: string
      }[]
      this.#checkSigned(name, intent.id, signed)
      if (intent.kind === 'refund') this.#checkCap(intent.invoiceId ?? '', intent.asset)
    }
  }

  /** What was just signed spends what those before it for the same intent spend, and nothing that another may still spend. */
  #checkSigned(walletId: string, id: string, signed: readonly { intent_id: string; plan: string }[]): void {
    const plansOf = (own: boolean) => signed.filter((row) => (row.intent_id === id) === own)
    const plans = plansOf(true).map(({ plan }) => spendsOf(decodeJson<SpendPlan>(plan)))
    const [first = [], ...later] = plans
    for (const spends of later)
      insist(
        first.every((spend) => spends.includes(spend)),
        `what was signed for ${id} does not exclude what was signed before`,
      )
    const newest = plans.at(-1) ?? []
    for (const row of plansOf(false)) {
      const shared = spendsOf(decodeJson<SpendPlan>(row.plan)).filter((spend) => newest.includes(spend))
      if (shared.length === 0) continue
      const record = this.#rows.get(walletId)?.get(row.intent_id)?.record
      const isFree = record?.transfer.status === 'confirmed' && !shared.some((spend) => claimsOf(record).includes(spend))
      insist(isFree, `${id} is signed to spend ${shared}, which ${row.intent_id} spends`)
    }
  }

  /** What an invoice has promised to send back, when it promises more: no more than it ever received. */
  #checkPromised({ name, disk }: SimObject): void {
    if (!disk.has('commits')) return
    const [newest] = disk.rows('SELECT events FROM commits ORDER BY version DESC LIMIT 1')
    const asked = decodeJson<InvoiceEvent[]>((newest?.events as string | undefined) ?? '[]').find(
      ({ type }) => type === 'refund_requested',
    )
    if (asked?.type !== 'refund_requested') return
    const refunds = new Map<string, Refund>()
    for (const { events } of disk.rows('SELECT events FROM commits ORDER BY version'))
      for (const event of decodeJson<InvoiceEvent[]>(events as string))
        if ('refund' in event) refunds.set(event.refund.id, event.refund)
    const { asset } = asked.refund
    const live = [...refunds.values()].filter((one) => one.asset === asset && !['failed', 'cancelled'].includes(one.status))
    const promised = live.reduce((sum, { units }) => sum + units, 0n)
    const received = everReceived(this.#plot, name, asset)
    insist(promised <= received, `${name} received ${received} ${asset}, and promises ${promised}`)
  }

  /** All refunds that were ever signed and may be paid are of money that once was in a block. */
  #checkCap(invoiceId: string, asset: string): void {
    const refunds = this.records.filter(({ transfer }) => transfer.invoiceId === invoiceId && transfer.asset === asset)
    const promised = refunds
      .filter(
        ({ transfer }) => transfer.status !== 'failed' && transfer.status !== 'queued' && transfer.status !== 'needs_approval',
      )
      .reduce((sum, { transfer }) => sum + transfer.units, 0n)
    const received = everReceived(this.#plot, invoiceId, asset)
    insist(promised <= received, `${invoiceId} received ${received} ${asset}, and ${promised} are signed to be sent back`)
  }
}

/** Whether it is over, and books and listeners have everything. */
export function isSettled({ transfer, holds, bookings, toldVersion }: TransferRecord): boolean {
  const isBooked = bookings.length === 0 && holds.every(({ want, is }) => want === is)
  return isOver(transfer) && isBooked && toldVersion === transfer.version
}

export function isOver({ status }: Transfer): boolean {
  return status === 'confirmed' || status === 'failed'
}

/**
 * What it is to spend is not there, nobody has signed it, and nothing says why: a deep reorganisation took back what had made
 * it. It would wait for ever for what spent that, and a person ends it.
 */
export function hasLostCoins({ world }: Plot, { chainId, status, signed, plan }: Transfer): boolean {
  if (status !== 'unknown' || signed.length > 0 || plan?.kind !== 'coins') return false
  const chain = world.chain(chainId)
  const { coins } = chain.branches.stateOf(chain.best)
  const spends = spendsOf(plan)
  return !spends.every((coin) => coins.has(coin)) && !chain.isSpentIn(chain.best, { spends })
}

/**
 * Only a person can say what becomes of it: what it spends was taken back by the chain, or, of a merchant who signs, a number
 * before its own was never used.
 */
export function isStuck(plot: Plot, record: TransferRecord): boolean {
  const { transfer, signedPlans } = record
  const [plan] = signedPlans
  const chain = plot.world.chain(transfer.chainId)
  // A person who knows that its parent never comes ends it.
  if (!plan || transfer.parentTxid || isOver(transfer) || transfer.signed.some(({ txid }) => chain.placeOf(txid))) return false
  const { coins, nonces } = chain.branches.stateOf(chain.best)
  if (plan.kind === 'coins') return signedPlans.every((one) => !spendsOf(one).every((coin) => coins.has(coin)))
  return transfer.custody === 'self' && plan.nonce > (nonces.get(record.payer?.address.slice(2).toLowerCase() ?? '') ?? 0)
}

export function spendsOf(plan: SpendPlan): string[] {
  if (plan.kind === 'account') return [`${plan.chainId} index ${plan.index} number ${plan.nonce}`]
  return plan.inputs.map(({ txid, vout }) => `${txid}:${vout}`)
}

export function refundStatus(plot: Plot, invoiceId: string, id: string): string | null {
  let status: string | null = null
  for (const { events } of plot.world.host.object('invoice', invoiceId).disk.rows('SELECT events FROM commits ORDER BY version'))
    for (const event of decodeJson<{ refund?: { id: string; status: string } }[]>(events as string))
      if (event.refund?.id === id) status = event.refund.status
  return status
}

/** Payments to an invoice that have been in any block that anybody mined. */
function everReceived(plot: Plot, invoiceId: string, asset: string): bigint {
  const found = new Map<string, bigint>()
  for (const chain of plot.world.chains)
    for (const block of chain.byHash.values())
      for (const { txid, outputs } of effective(block))
        for (const output of outputs) {
          const key = `${chain.config.id}/${txid}/${output.index}`
          if (output.asset !== asset || !plot.outputs.has(key) || plot.ownerOf(chain.config.id, output.key) !== invoiceId) continue
          found.set(key, output.units)
        }
  return [...found.values()].reduce((sum, units) => sum + units, 0n)
}

function checkStep(before: TransferRecord, after: TransferRecord): void {
  const [was, is] = [before.transfer, after.transfer]
  const { id } = is
  insist(is.version >= was.version, `${id} goes back from version ${was.version} to ${is.version}`)
  insist(isReachable(was.status, is.status, is.version - was.version), `${id} goes from ${was.status} to ${is.status}`)
  for (const [at, { txid, raw }] of was.signed.entries())
    insist(is.signed[at]?.txid === txid && is.signed[at]?.raw === raw, `${id} forgets that ${txid} was signed`)
  const facts = ({ units, asset, outputs, invoiceId }: Transfer) =>
    `${units} ${asset} ${invoiceId} ${outputs.map(({ address }) => address)}`
  insist(facts(was) === facts(is), `${id} pays something else than before`)
}

function isReachable(from: TransferStatus, to: TransferStatus, steps: number): boolean {
  if (from === to) return true
  return steps > 0 && EDGES[from].some((next) => isReachable(next, to, steps - 1))
}

/** What a transfer that may be paid, or was, keeps from all others. */
function claimsOf({ transfer, signedPlans, attempt }: TransferRecord): string[] {
  if (transfer.status === 'failed') return []
  const paid = signedPlans[transfer.signed.findIndex(({ txid }) => txid === transfer.included?.txid)]
  if (transfer.status === 'confirmed') return paid ? spendsOf(paid) : []
  return [...signedPlans, ...(attempt ? [attempt.plan] : [])].flatMap(spendsOf)
}

function checkClaims(records: readonly TransferRecord[]): void {
  const owners = new Map<string, string>()
  for (const record of records) {
    const { id } = record.transfer
    for (const spend of claimsOf(record)) {
      const owner = owners.get(spend) ?? id
      insist(owner === id, `${spend} is spent by ${owner} and by ${id}`)
      owners.set(spend, id)
    }
  }
}
