import { watchShardName, watchShardOf } from '../../src/chain/watch.ts'
import type { Invoice, InvoiceEvent, InvoiceStatus } from '../../src/invoice/types.ts'
import type { CommitBody } from '../../src/ledger/tables.ts'
import { decodeJson } from '../../src/lib/json.ts'
import { keyOfAddress } from './addresses.ts'
import type { SimObject } from './objects.ts'
import type { Plot } from './plot.ts'

/** Something that must always hold, and did not. */
export class Violation extends Error {}

/** Every way that a status may go. Anything else is a defect, whatever the events say. */
const EDGES: Readonly<Record<InvoiceStatus, readonly InvoiceStatus[]>> = {
  new: ['processing', 'settled', 'expired', 'invalid'],
  processing: ['settled', 'new', 'invalid'],
  settled: ['processing', 'new', 'invalid'],
  // Late money, or a person.
  expired: ['processing', 'settled', 'invalid'],
  // Money that comes back, or a person who opens it again.
  invalid: ['processing', 'settled', 'new', 'expired'],
}

interface Paid {
  readonly txid: string
  readonly status: string
}

const NEVER_BELOW = ['available', 'pending', 'held', 'reserved', 'in_transit', 'self.available', 'self.pending', 'self.held']
const NEVER_ABOVE = ['incoming', 'shortfall', 'fees_due', 'self.wallet', 'self.incoming']

/** One merchant's books, added up by nobody but the auditor. */
interface Books {
  no: number
  hash: string
  /** `<store> <account> <asset>` */
  readonly balances: Map<string, bigint>
  /** What has come into wallets, by payment. */
  readonly credited: Map<string, bigint>
}

/** What a follower was after its last commit. */
interface Follower {
  readonly revision: number
  readonly syncedAtMs: number
  readonly tip: string
  /** Status of each transaction's first payment. */
  readonly statuses: Map<string, string>
}

/** Looks at what was committed, right after each commit. Shares no code with what it looks at but the form of the rows. */
export class Auditor {
  readonly #plot: Plot
  readonly #dirty = new Set<SimObject>()
  readonly #versions = new Map<string, number>()
  readonly #statuses = new Map<string, InvoiceStatus>()
  readonly books = new Map<string, Books>()
  readonly #followers = new Map<string, Follower>()
  readonly #ownerOfAddress = new Map<string, string>()
  commits = 0
  /** When the last invoice is over. */
  lastExpiryMs = 0

  constructor(plot: Plot) {
    this.#plot = plot
  }

  committed(object: SimObject): void {
    if (object.kind === 'invoice' || object.kind === 'ledger' || object.kind === 'chain') this.#dirty.add(object)
  }

  /** Throws a `Violation` at the first thing that does not hold. */
  check(): void {
    for (const object of this.#dirty) {
      if (object.kind === 'invoice') this.#checkInvoice(object)
      else if (object.kind === 'chain') this.#checkChain(object)
      else this.#checkLedger(object)
    }
    this.#dirty.clear()
  }

  /** The list holds the key at the moment somebody may pay to it. */
  checkWatched(chainId: string, key: Uint8Array, invoiceId: string): void {
    const { config } = this.#plot.world.chain(chainId)
    const { disk } = this.#plot.world.host.object('watch', watchShardName(config, watchShardOf(config, key)))
    const owner = disk.has('watch') ? disk.rows('SELECT invoice_id FROM watch WHERE key = ?', key)[0]?.invoice_id : undefined
    insist(owner === invoiceId, `an address of ${invoiceId} is shown and watched for ${owner ?? 'nobody'}`)
  }

  /** What a follower knows only grows. */
  #checkChain({ name, disk }: SimObject): void {
    const [row] = disk.rows('SELECT revision, synced_at_ms FROM follower')
    if (!row) return
    const tip = String(disk.rows('SELECT hash FROM blocks ORDER BY height DESC LIMIT 1')[0]?.hash)
    const facts = { revision: row.revision as number, syncedAtMs: (row.synced_at_ms as number | null) ?? 0, tip }
    const before = this.#followers.get(name) ?? { ...facts, statuses: new Map() }
    insist(facts.revision >= before.revision, `${name} goes back from revision ${before.revision} to ${facts.revision}`)
    insist(
      facts.syncedAtMs >= before.syncedAtMs,
      `${name} had read all up to ${before.syncedAtMs}, and now up to ${facts.syncedAtMs}`,
    )
    for (const { txid, status } of disk.rows(
      'SELECT txid, status FROM payments WHERE revision > ?',
      before.revision,
    ) as unknown as Paid[]) {
      if (tip === before.tip && !this.#plot.world.wasSkewed) this.#checkSight(name, before, txid, status)
      before.statuses.set(txid, status)
    }
    this.#followers.set(name, { ...facts, statuses: before.statuses })
  }

  /** What is told of a mempool was so after the newest look that was taken in before had begun. */
  #checkSight(name: string, { syncedAtMs, statuses }: Follower, txid: string, status: string): void {
    const { nodes } = this.#plot.world.chain(name)
    const before = statuses.get(txid)
    if (syncedAtMs === 0 || before === status) return
    if (status === 'unconfirmed')
      insist(
        nodes.some((node) => node.hadAtAll(txid, syncedAtMs)),
        `${name} has ${txid} as waiting, which no node has had since the look before`,
      )
    if (status === 'missing' && before === 'unconfirmed')
      insist(
        !nodes.every((node) => node.hadAlways(txid, syncedAtMs)),
        `${name} misses ${txid}, which every node has had since the look before`,
      )
  }

  #checkInvoice({ name, disk }: SimObject): void {
    if (!disk.has('commits')) return
    const after = this.#versions.get(name) ?? 0
    for (const row of disk.rows('SELECT version, events FROM commits WHERE version > ? ORDER BY version', after)) {
      this.commits++
      for (const event of decodeJson<InvoiceEvent[]>(row.events as string)) this.#checkEvent(name, event)
      insist(this.#versions.get(name) === row.version, `a commit of ${name} is not named by its last event`)
    }
  }

  #checkEvent(id: string, event: InvoiceEvent): void {
    const version = (this.#versions.get(id) ?? 0) + 1
    insist(event.version === version, `event ${event.version} of ${id} comes where ${version} should`)
    this.#versions.set(id, version)
    if (event.type === 'created') {
      this.#statuses.set(id, 'new')
      this.lastExpiryMs = Math.max(this.lastExpiryMs, event.terms.expiresAtMs)
    }
    if (event.type === 'status_changed') {
      const from = this.#statuses.get(id) as InvoiceStatus
      insist(event.from === from, `${id} is ${from} and goes to ${event.to} from ${event.from}`)
      insist(EDGES[from].includes(event.to), `${id} goes from ${from} to ${event.to}`)
      this.#statuses.set(id, event.to)
    }
    if (event.type === 'method_activated') this.#checkActivation(id, event.activation.asset, event.activation.address)
    if (event.type === 'payment_changed') {
      const { key, asset, units } = event.payment
      const output = this.#plot.outputs.get(key)
      insist(output?.asset === asset && output.units === units, `${id} counts ${units} ${asset} of ${key}, which is not so`)
    }
  }

  #checkActivation(id: string, asset: string, address: string): void {
    const chain = this.#plot.world.chains.find(({ config }) => [config.native, ...config.tokens].some(({ code }) => code === asset))
    if (!chain) throw new Violation(`${asset} is on no chain`)
    const owner = this.#ownerOfAddress.get(address) ?? id
    insist(owner === id, `${address} is of ${owner} and of ${id}`)
    this.#ownerOfAddress.set(address, id)
    this.checkWatched(chain.config.id, keyOfAddress(address), id)
  }

  #checkLedger({ name, disk }: SimObject): void {
    if (!disk.has('commits')) return
    const books = this.books.get(name) ?? { no: 0, hash: '0'.repeat(64), balances: new Map(), credited: new Map() }
    this.books.set(name, books)
    for (const row of disk.rows('SELECT no, body FROM commits WHERE no > ? ORDER BY no', books.no)) {
      this.commits++
      const { entries } = decodeJson<CommitBody>(row.body as string)
      const stores = new Set(entries.map(({ transaction }) => transaction.storeId))
      insist(stores.size === 1, `a commit of ${name} speaks of ${stores.size} stores`)
      const touched = new Set<string>()
      for (const entry of entries) this.#post(name, books, entry, touched)
      insist(books.no === row.no, `a commit of ${name} is not named by its last transaction`)
      for (const key of touched) this.#checkCredit(key, books.credited.get(key) ?? 0n)
      for (const storeId of stores) checkStore(books, storeId)
    }
  }

  #post(merchantId: string, books: Books, { transaction, balances }: CommitBody['entries'][number], touched: Set<string>): void {
    const { no, previous, hash, storeId, postings, invoiceId, payment } = transaction
    insist(no === books.no + 1, `transaction ${no} of ${merchantId} comes where ${books.no + 1} should`)
    insist(previous === books.hash, `transaction ${no} of ${merchantId} does not follow the one before it`)
    books.no = no
    books.hash = hash
    const store = invoiceId === null ? null : this.#plot.storeOfInvoice.get(invoiceId)
    insist(
      store === null || (store?.storeId === storeId && store.merchantId === merchantId),
      `${invoiceId} is booked to ${storeId}`,
    )
    for (const { from, to, amount, asset } of postings) {
      insist(amount > 0n, `transaction ${no} of ${merchantId} moves ${amount}`)
      add(books.balances, `${storeId} ${from} ${asset}`, -amount)
      add(books.balances, `${storeId} ${to} ${asset}`, amount)
      if (payment === null) continue
      touched.add(payment)
      if (isWallet(from)) add(books.credited, payment, amount)
      if (isWallet(to)) add(books.credited, payment, -amount)
    }
    for (const [account, assets] of Object.entries(balances))
      for (const [asset, units] of Object.entries(assets))
        insist(
          books.balances.get(`${storeId} ${account} ${asset}`) === units,
          `${merchantId} keeps another ${account} than its postings make`,
        )
  }

  /** What a payment brought is all of it or nothing, whatever came in between. */
  #checkCredit(payment: string, units: bigint): void {
    const output = this.#plot.outputs.get(payment)
    insist(units === 0n || units === output?.units, `${payment} is credited with ${units}, it has ${output?.units ?? 'never been'}`)
  }
}

function checkStore({ balances }: Books, storeId: string): void {
  const sums = new Map<string, bigint>()
  for (const [place, units] of balances) {
    const [store, account = '', asset = ''] = place.split(' ')
    if (store !== storeId) continue
    add(sums, asset, units)
    const kind = account.split(':')[0] ?? ''
    insist(!NEVER_BELOW.includes(kind) || units >= 0n, `${account} of ${storeId} is ${units} ${asset}`)
    insist(!NEVER_ABOVE.includes(kind) || units <= 0n, `${account} of ${storeId} is ${units} ${asset}`)
    const owed = balances.get(`${storeId} shortfall ${asset}`) ?? 0n
    insist(account !== 'available' || units === 0n || owed === 0n, `${storeId} has ${units} ${asset} and owes ${-owed}`)
  }
  for (const [asset, units] of sums) insist(units === 0n, `the accounts of ${storeId} add up to ${units} ${asset}`)
}

function isWallet(account: string): boolean {
  return account.startsWith('wallet:') || account.startsWith('self.wallet:')
}

export function add(map: Map<string, bigint>, key: string, units: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + units)
}

export function insist(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Violation(otherwise)
}

/** For a message: where an invoice stands. */
export function tell({ terms, status, version }: Invoice): string {
  return `${terms.id} (${status}, version ${version})`
}
