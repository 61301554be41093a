import type { Invoice, InvoiceEvent, Payment } from '../../src/invoice/types.ts'
import { decodeJson } from '../../src/lib/json.ts'
import { type Auditor, add, insist, tell } from './auditor.ts'
import type { SimChain } from './chain.ts'
import { OutEnding } from './out-ending.ts'
import type { Plot } from './plot.ts'
import { effective, OWN_INDEX } from './transactions.ts'

/**
 * What must hold once nothing goes wrong any more and all is final: the books equal the chains, every invoice is where its
 * payments say, all copies are equal, everybody has heard. Reckoned anew from the chains, not from what the system says.
 */
export class Ending {
  readonly #plot: Plot
  readonly #auditor: Auditor
  /** `<store> <account> <asset>`, of everything that follows from payments. */
  readonly #expected = new Map<string, bigint>()

  constructor(plot: Plot, auditor: Auditor) {
    this.#plot = plot
    this.#auditor = auditor
  }

  check(): void {
    const onChain = paymentsOnChains(this.#plot)
    for (const id of this.#plot.acknowledged)
      insist(this.#plot.world.host.object('invoice', id).disk.has('commits'), `${id} was acknowledged and is gone`)
    for (const { name, disk } of this.#plot.world.host.ofKind('invoice')) {
      if (!disk.has('commits')) continue
      const events = eventsOf(disk.rows('SELECT events FROM commits ORDER BY version'))
      const invoice = replay(events)
      this.#checkPayments(invoice, onChain.get(name) ?? new Map())
      this.#checkStatus(invoice)
      this.#expectBooks(invoice)
      this.#checkCopy(invoice)
      this.#checkTold(invoice, disk.rows('SELECT events, version, told FROM commits ORDER BY version'))
      insist(disk.alarmAtMs === null, `${tell(invoice)} still has an alarm`)
    }
    const out = new OutEnding(this.#plot, this.#auditor)
    out.check()
    out.expectBooks((place, units) => add(this.#expected, place, units))
    this.#checkBooks()
    this.#checkLedgers()
    this.#checkRest()
  }

  /** Exactly what the best chain pays to its addresses is there, and nothing else is alive. */
  #checkPayments(invoice: Invoice, paid: ReadonlyMap<string, bigint>): void {
    for (const [key, units] of paid) {
      const payment = invoice.payments.find((known) => known.key === key)
      insist(
        payment?.status === 'confirmed' && payment.units === units,
        `${tell(invoice)} was paid ${units} by ${key} and has it as ${payment?.status}`,
      )
      insist(payment.confirmations >= payment.confirmationsWanted, `${tell(invoice)} still waits for confirmations of ${key}`)
    }
    for (const { key, status } of invoice.payments)
      insist(
        paid.has(key) || !['confirmed', 'unconfirmed'].includes(status),
        `${tell(invoice)} has ${key} as ${status}, which is in no block`,
      )
  }

  #checkStatus(invoice: Invoice): void {
    const { terms, status, payments } = invoice
    for (const payment of payments) this.#checkStanding(invoice, payment)
    const counted = payments.filter((payment) => isFinal(payment) && payment.decision === 'counted')
    const { over, under } = sum(counted)
    const isEnough = over * 10_000n >= under * BigInt(10_000 - terms.toleranceBps)
    const expected = invoice.markedInvalid ? 'invalid' : isEnough ? 'settled' : invoice.wasProcessing ? 'invalid' : 'expired'
    insist(status === expected, `${tell(invoice)} should be ${expected}`)
  }

  /** Whether a payment counts follows from when it was seen, the policy, and what persons said. */
  #checkStanding({ terms, payments }: Invoice, { key, late, decision, seenAtMs, asset, txid }: Payment): void {
    const inherits = payments.some((other) => other.replacedBy === txid && !other.late)
    insist(late === seenAtMs > terms.expiresAtMs || inherits, `${key} was seen at ${seenAtMs} and is ${late ? '' : 'not '}late`)
    const isOffered = terms.methods.some((method) => method.asset === asset)
    insist(isOffered === (decision !== 'unexpected'), `${key} in ${asset} is ${decision}`)
    if (isOffered && !late) insist(decision === 'counted', `${key} is in time and ${decision}`)
  }

  #expectBooks(invoice: Invoice): void {
    const { terms } = invoice
    const expect = (account: string, asset: string, units: bigint) =>
      add(this.#expected, `${terms.storeId} ${account} ${asset}`, units)
    const parts: Payment[] = []
    const chargeable = new Map<string, bigint>()
    for (const payment of [...invoice.payments].sort((a, b) => a.seenAtMs - b.seenAtMs || (a.key < b.key ? -1 : 1))) {
      const { units, asset, chainId } = payment
      if (!isFinal(payment) || units === 0n) continue
      const shown = invoice.activations.map((activation) => activation.asset)
      const onChain = terms.methods.filter((method) => method.chainId === chainId)
      const method =
        terms.methods.find((own) => own.asset === asset) ??
        onChain.find((own) => own.asset === shown.find((code) => onChain.some((other) => other.asset === code))) ??
        onChain[0]
      if (!method) continue
      const self = method.custody === 'self' ? 'self.' : ''
      expect(`${self}wallet:${method.walletId}`, asset, -units)
      expect(payment.decision === 'counted' || payment.released ? `${self}available` : `${self}held`, asset, units)
      if (payment.decision !== 'counted') continue
      parts.push(payment)
      const { over, under } = sum(parts)
      const beyond = over > under ? ((over - under) * (payment.whole as bigint)) / under : 0n
      add(chargeable, asset, units - (beyond < units ? beyond : units))
    }
    for (const { asset, fee, whole, custody } of terms.methods) {
      if (!fee) continue
      const owed = ((chargeable.get(asset) ?? 0n) * fee.whole) / whole
      const share = fee.partner ? (owed * BigInt(fee.partner.shareBps)) / 10_000n : 0n
      expect(custody === 'self' ? 'fees_due' : 'available', asset, -owed)
      expect('fees', asset, owed - share)
      if (fee.partner) expect(`partner:${fee.partner.id}`, asset, share)
    }
  }

  /** D1 has each invoice as its newest event that lists show left it. */
  #checkCopy(invoice: Invoice): void {
    const row = this.#plot.world.shard.disk.rows('SELECT * FROM invoices WHERE id = ?', invoice.terms.id)[0]
    insist(row?.status === invoice.status, `D1 has ${tell(invoice)} as ${row?.status}`)
    insist(row.settled_at_ms === invoice.settledAtMs, `D1 has another settlement of ${tell(invoice)}`)
    const copy = decodeJson<Invoice>(row.body as string)
    const told = ({ payments }: Invoice) =>
      payments.map(({ key, status, decision, units }) => `${key} ${decision} ${units} ${status}`).join()
    insist(stepless(told(copy)) === stepless(told(invoice)), `D1 has other payments of ${tell(invoice)}`)
  }

  /** Each webhook came at least once. */
  #checkTold(invoice: Invoice, rows: Record<string, unknown>[]): void {
    const known = new Set<string>()
    for (const row of rows) {
      const events = decodeJson<InvoiceEvent[]>(row.events as string)
      const isTelling = events.some((event) => {
        if (event.type === 'created' || event.type === 'status_changed') return true
        if (events.some((other) => 'refund' in other)) return false
        return event.type === 'payment_changed' && !(known.has(event.payment.key) && STEPS.includes(event.change))
      })
      for (const event of events) if (event.type === 'payment_changed') known.add(event.payment.key)
      const id = `evt_${invoice.terms.id.slice(4)}_${row.version}`
      insist(!isTelling || this.#plot.world.receiver.told.has(id), `nobody was told of version ${row.version} of ${tell(invoice)}`)
    }
  }

  /** The books as the auditor added them up are what the payments make, less what was moved out. */
  #checkBooks(): void {
    for (const [merchantId, { balances, no }] of this.#auditor.books) {
      const { disk } = this.#plot.world.host.object('ledger', merchantId)
      const out = new Map<string, bigint>()
      for (const row of disk.rows('SELECT * FROM reservations')) {
        const [store, asset, amount] = [row.store_id as string, row.asset as string, BigInt(row.amount as string)]
        if (row.state === 'released' || (row.transfer_id as string).startsWith('tr_')) continue
        add(out, `${store} available ${asset}`, -amount)
        if (row.state === 'open') add(out, `${store} reserved ${asset}`, amount)
        else for (const [place, units] of this.#postedOf(disk, row.key as string)) add(out, place, units)
      }
      for (const storeId of new Set(
        [...this.#plot.storeOfInvoice.values()].filter((s) => s.merchantId === merchantId).map((s) => s.storeId),
      )) {
        const places = new Set(
          [...balances.keys(), ...this.#expected.keys(), ...out.keys()].filter((place) => place.startsWith(`${storeId} `)),
        )
        for (const place of places) {
          const [, account, asset] = place.split(' ')
          if (account === 'shortfall') continue
          // What is owed is what is missing from what should be there.
          const have =
            (balances.get(place) ?? 0n) + (account === 'available' ? (balances.get(`${storeId} shortfall ${asset}`) ?? 0n) : 0n)
          const want = (this.#expected.get(place) ?? 0n) + (out.get(place) ?? 0n)
          insist(have === want, `${place} is ${have} and should be ${want}`)
        }
      }
      const copied = this.#plot.world.shard.disk.rows(
        `SELECT COUNT(*) AS n, MAX(no) AS last FROM ledger_transactions WHERE store_id LIKE ?`,
        `st_${merchantId.slice(4)}_%`,
      )[0]
      insist(copied?.n === no && (no === 0 || copied.last === no), `D1 has ${copied?.n} of ${no} transactions of ${merchantId}`)
    }
  }

  #postedOf(disk: { rows(text: string, ...values: string[]): Record<string, unknown>[] }, of: string): [string, bigint][] {
    const row = disk.rows('SELECT body FROM commits WHERE key = ?', `op/${of}-gone`)[0]
    insist(row !== undefined, `${of} is posted by nothing`)
    const { entries } = decodeJson<{
      entries: { transaction: { storeId: string; postings: { to: string; amount: bigint; asset: string }[] } }[]
    }>(row.body as string)
    const { storeId, postings } = entries[0]?.transaction ?? { storeId: '', postings: [] }
    return postings.map(({ to, amount, asset }) => [`${storeId} ${to} ${asset}`, amount])
  }

  /** Every answered movement is in the log, and none that was refused. */
  #checkLedgers(): void {
    const isThere = (merchantId: string, key: string) =>
      this.#plot.world.host.object('ledger', merchantId).disk.rows('SELECT 1 FROM commits WHERE key = ?', `op/${key}`).length > 0
    for (const [merchantId, key] of this.#plot.promisedKeys)
      insist(isThere(merchantId, key), `${key} of ${merchantId} was answered and is in no book`)
    for (const [merchantId, key] of this.#plot.refusedKeys)
      insist(!isThere(merchantId, key), `${key} of ${merchantId} was refused and is in the books`)
  }

  #checkRest(): void {
    const { world } = this.#plot
    for (const { name, disk } of world.host.ofKind('chain')) {
      const [row] = disk.rows('SELECT COUNT(*) AS n FROM outbox')
      insist(row?.n === 0, `${row?.n} rows are left in the outbox of ${name}`)
      const [tip] = disk.rows('SELECT hash FROM blocks ORDER BY height DESC LIMIT 1')
      insist(
        tip?.hash === world.chain(name).best.ref.hash,
        `${name} is at ${tip?.hash}, the chain at ${world.chain(name).best.ref.hash}`,
      )
    }
    for (const { name, disk } of world.host.ofKind('delivery')) {
      const [row] = disk.rows(`SELECT COUNT(*) AS n FROM deliveries WHERE state != 'delivered'`)
      insist(row?.n === 0, `${row?.n} deliveries of ${name} are left`)
    }
    for (const { name, disk } of world.host.ofKind('ledger'))
      insist(disk.alarmAtMs === null, `the ledger of ${name} still has an alarm`)
    for (const queue of [world.projections, world.deliveries, world.results])
      insist(queue.waiting === 0, 'messages are left in a queue')
  }
}

/** What nobody is told of. */
const STEPS: readonly string[] = ['included', 'progressed']

/** Everything the best chains pay to shown addresses, by invoice. */
function paymentsOnChains(plot: Plot): Map<string, Map<string, bigint>> {
  const found = new Map<string, Map<string, bigint>>()
  for (const chain of plot.world.chains)
    for (const [key, { invoiceId, units }] of paidOn(chain, plot)) {
      const paid = found.get(invoiceId) ?? new Map<string, bigint>()
      found.set(invoiceId, paid.set(key, units))
    }
  return found
}

function paidOn(chain: SimChain, plot: Plot): Map<string, { invoiceId: string; units: bigint }> {
  const paid = new Map<string, { invoiceId: string; units: bigint }>()
  chain.find((block) => {
    for (const { txid, outputs } of effective(block))
      for (const { key, index, units } of outputs.filter((output) => output.index !== OWN_INDEX)) {
        const invoiceId = plot.ownerOf(chain.config.id, key)
        if (invoiceId) paid.set(`${chain.config.id}/${txid}/${index}`, { invoiceId, units })
      }
    return false
  })
  return paid
}

function isFinal({ status, confirmations, confirmationsWanted }: Payment): boolean {
  if (confirmationsWanted === 0) return status === 'confirmed' || status === 'unconfirmed'
  return status === 'confirmed' && confirmations >= confirmationsWanted
}

/** Shares of the price as one fraction. */
function sum(parts: readonly Pick<Payment, 'units' | 'whole'>[]): { over: bigint; under: bigint } {
  let [over, under] = [0n, 1n]
  for (const { units, whole } of parts) {
    over = over * (whole as bigint) + units * under
    under *= whole as bigint
  }
  return { over, under }
}

function stepless(text: string): string {
  return text.replaceAll('unconfirmed', 'alive').replaceAll('confirmed', 'alive')
}

function eventsOf(rows: Record<string, unknown>[]): InvoiceEvent[] {
  return rows.flatMap((row) => decodeJson<InvoiceEvent[]>(row.events as string))
}

/** The invoice that its log makes: what each event says, and nothing more. */
function replay(events: readonly InvoiceEvent[]): Invoice {
  const first = events[0]
  if (first?.type !== 'created') throw new Error('a log begins with its invoice')
  const payments = new Map<string, Payment>()
  const state = { status: 'new' as Invoice['status'], wasProcessing: false, deadlinePassed: false, markedInvalid: false }
  let settledAtMs: number | null = null
  for (const event of events) {
    if (event.type === 'payment_changed') payments.set(event.payment.key, event.payment)
    if (event.type === 'deadline_passed') state.deadlinePassed = true
    if (event.type === 'marked') state.markedInvalid = event.as === 'invalid'
    if (event.type !== 'status_changed') continue
    state.status = event.to
    state.wasProcessing ||= event.to === 'processing' || event.to === 'settled'
    settledAtMs = event.to === 'settled' ? event.atMs : null
  }
  const last = events.at(-1) as InvoiceEvent
  return {
    ...state,
    settledAtMs,
    terms: first.terms,
    version: last.version,
    updatedAtMs: last.atMs,
    payments: [...payments.values()],
    activations: events.flatMap((event) => (event.type === 'method_activated' ? [event.activation] : [])),
  }
}
