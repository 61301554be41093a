import { createHash } from 'node:crypto'
import { insist } from './auditor.ts'
import type { Disk } from './storage.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** An intent as the log has it: amounts are text. */
interface LoggedIntent {
  readonly id: string
  readonly kind: string
  readonly storeId: string
  readonly chainId: string
  readonly asset: string
  readonly invoiceId: string | null
  readonly outputs: readonly { readonly address: string; readonly units: string }[]
}

interface Signed {
  readonly atMs: number
  readonly intent: LoggedIntent
  readonly attempt: number
  readonly feeAdded: bigint
}

type Limits = Readonly<Record<'perTransfer' | 'perHour' | 'perDay' | 'perDestinationPerDay' | 'perStorePerDay', string>> & {
  readonly autoApproveUpTo: Readonly<Record<string, string>>
  readonly approvals: number
  readonly fee: { readonly perDay: string }
}

/** One signer's log, followed and added up by nobody but the auditor. */
export class SignerLog {
  readonly #name: string
  #no = 0
  #atMs = 0
  #hash = '0'.repeat(64)
  #isStopped = false
  #limits: Readonly<Record<string, Limits>> = {}
  readonly #signed: Signed[] = []
  readonly #approved: ReadonlyMap<string, ReadonlySet<string>>

  /** `approved`: who has said yes to what, as they know themselves. */
  constructor(name: string, approved: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#name = name
    this.#approved = approved
  }

  /** What was signed since it was followed last. Throws a `Violation` at the first entry that should not be. */
  follow(disk: Disk): LoggedIntent[] {
    const fresh: LoggedIntent[] = []
    for (const row of disk.rows('SELECT * FROM log WHERE no > ? ORDER BY no', this.#no)) {
      const { no, at_ms: atMs, kind, body, previous, hash } = row as Record<'no' | 'at_ms', number> & Record<string, string>
      const is = createHash('sha256')
        .update(JSON.stringify([previous, no, atMs, kind, body]))
        .digest('hex')
      const follows = no === this.#no + 1 && previous === this.#hash && (atMs as number) >= this.#atMs && is === hash
      insist(follows, `entry ${no} of the log of ${this.#name} does not follow`)
      this.#no = no as number
      this.#atMs = atMs as number
      this.#hash = hash as string
      const said = JSON.parse(body as string) as Record<string, unknown>
      if (kind === 'policy_set') this.#limits = (said.policy as { assets: Record<string, Limits> }).assets
      if (kind === 'stopped' || kind === 'allowed') this.#isStopped = kind === 'stopped'
      if (kind !== 'signed') continue
      insist(!this.#isStopped, `${this.#name} signs while it is stopped`)
      const intent = said.intent as LoggedIntent
      this.#signed.push({ atMs: this.#atMs, intent, attempt: said.attempt as number, feeAdded: BigInt(said.feeAdded as string) })
      this.#checkWindows(intent, said.attempt as number)
      if (said.attempt === 1) this.#checkApprovals(intent, said.approvedBy as string[])
      fresh.push(intent)
    }
    return fresh
  }

  /** Who is said to have approved has, and they are as many as are wanted. */
  #checkApprovals({ id, asset, kind, outputs }: LoggedIntent, approvedBy: readonly string[]): void {
    const limits = this.#limits[asset] as Limits
    const own = outputs.reduce((sum, { units }) => sum + BigInt(units), 0n)
    for (const name of approvedBy)
      insist(this.#approved.get(id)?.has(name) === true, `${id} is signed by the word of ${name}, who has not approved it`)
    const isFree = kind === 'sweep' || own <= BigInt(limits.autoApproveUpTo[kind] ?? '0')
    const members = new Set(approvedBy)
    insist(isFree || members.size >= limits.approvals, `${id} is signed with ${members.size} of ${limits.approvals} approvals`)
  }

  #checkWindows({ id, asset, chainId, storeId, outputs }: LoggedIntent, attempt: number): void {
    const limits = this.#limits[asset]
    insist(limits !== undefined, `${id} is signed, and no policy allows ${asset}`)
    const within = (ms: number) => this.#signed.filter(({ atMs }) => atMs > this.#atMs - ms)
    const fees = within(DAY_MS).filter(({ intent }) => intent.chainId === chainId)
    const feeSum = fees.reduce((sum, { feeAdded }) => sum + feeAdded, 0n)
    insist(feeSum <= BigInt(limits.fee.perDay), `${this.#name} has signed for ${feeSum} in fees within a day`)
    if (attempt > 1) return
    const firsts = (ms: number) => within(ms).filter((one) => one.attempt === 1 && one.intent.asset === asset)
    const total = (some: readonly Signed[], counts: (address: string) => boolean = () => true) =>
      some
        .flatMap(({ intent }) => intent.outputs)
        .reduce((sum, { address, units }) => (counts(address) ? sum + BigInt(units) : sum), 0n)
    const check = (what: string, sum: bigint, most: string) =>
      insist(sum <= BigInt(most), `${this.#name} signs ${sum} ${asset} ${what}, and ${most} are allowed`)
    const own = outputs.reduce((sum, { units }) => sum + BigInt(units), 0n)
    check('at once', own, limits.perTransfer)
    check('within an hour', total(firsts(HOUR_MS)), limits.perHour)
    check('within a day', total(firsts(DAY_MS)), limits.perDay)
    check(
      'within a day for one store',
      total(firsts(DAY_MS).filter(({ intent }) => intent.storeId === storeId)),
      limits.perStorePerDay,
    )
    for (const { address } of outputs)
      check(
        'within a day to one address',
        total(firsts(DAY_MS), (other) => other === address),
        limits.perDestinationPerDay,
      )
  }
}
