import { toBase64Url } from '../../src/lib/base64.ts'
import type { Approval } from '../../src/signer/rpc.ts'
import type { Transfer } from '../../src/wallet/transfers/types.ts'
import { insist } from './insist.ts'
import { passkeys } from './passkeys.ts'
import type { Plot } from './plot.ts'
import { transfersOf } from './records.ts'

const LATE_MS_MAX = 40_000
const TRIES = 5
/** Words on what waits for people when all is over, before they end it. */
const LAST_WORDS = 4
/** What no signer here asks for. */
const ELSEWHERE = toBase64Url(new Uint8Array(32).fill(1))

/** Somebody looks for something that waits for people, now and then again, and says yes to it. */
export async function approveSomething(plot: Plot): Promise<void> {
  const { random, scheduler } = plot.world
  for (let tries = 0; tries < TRIES && !plot.isOver; tries++) {
    const asked = askedFor(plot)
    if (asked.length > 0) return approveOne(plot, asked)
    await scheduler.sleep(random.between(1_000, 8_000))
  }
}

/** The last words on what waits for people: not all that is needed, as a rule. */
export async function approveSome(plot: Plot): Promise<void> {
  const { random, scheduler } = plot.world
  for (let n = 0; n < LAST_WORDS; n++) {
    const asked = askedFor(plot)
    if (asked.length === 0) return
    await approveOne(plot, asked)
    await scheduler.sleep(random.between(1_000, 4_000))
  }
}

function askedFor(plot: Plot): Transfer[] {
  return transfersOf(plot).filter(({ challenge }) => challenge !== null)
}

/** A member says yes, at once or late, once or twice; or somebody says it who may not, or of something else. */
async function approveOne(plot: Plot, asked: readonly Transfer[]): Promise<void> {
  const { random, scheduler } = plot.world
  const transfer = random.pick(asked)
  for (const { id, challenge } of asked) plot.challenges.set(id, challenge as string)
  const others = [...plot.challenges].filter(([id]) => id !== transfer.id)
  const { members, stranger } = passkeys()
  const member = random.pick(members)
  const challenge = transfer.challenge as string
  // As when an address has changed meanwhile.
  const toAnother = () => (others.length === 0 ? member.approve(ELSEWHERE) : yes(plot, ...random.pick(others)))
  const approvals = random.pick<() => Approval | readonly Approval[]>([
    () => yes(plot, transfer.id, challenge),
    () => yes(plot, transfer.id, challenge),
    () => yesTwice(plot, transfer.id, challenge),
    () => stranger.approve(challenge),
    () => stranger.approve(challenge, { as: member }),
    () => member.approve(challenge, { isVerified: false }),
    toAnother,
    toAnother,
  ])()
  if (random.chance(0.3)) await scheduler.sleep(random.between(1_000, LATE_MS_MAX))
  const wallet = plot.env.WALLETS.getByName(transfer.walletId)
  for (const approval of [approvals].flat()) {
    const say = () => insist(plot, () => wallet.approveTransfer(transfer.id, approval))
    await Promise.all(random.chance(0.3) ? [say(), say()] : [say()])
  }
}

/** All who are needed say yes to what waits for them. */
export async function approveAll(plot: Plot, { walletId, id, challenge }: Transfer): Promise<void> {
  if (challenge === null) return
  for (const member of passkeys().members) {
    note(plot, id, member.approver.name)
    await plot.env.WALLETS.getByName(walletId).approveTransfer(id, member.approve(challenge))
  }
}

/** A member's own word, which is remembered. */
function yes(plot: Plot, id: string, challenge: string): Approval {
  const member = plot.world.random.pick(passkeys().members)
  note(plot, id, member.approver.name)
  return member.approve(challenge)
}

/** The word of one member by two keys. */
function yesTwice(plot: Plot, id: string, challenge: string): Approval[] {
  const [first, ...others] = passkeys().members
  const name = first?.approver.name ?? ''
  note(plot, id, name)
  return [first, ...others].flatMap((key) => (key?.approver.name === name ? key.approve(challenge) : []))
}

function note({ approved }: Plot, id: string, name: string): void {
  approved.set(id, (approved.get(id) ?? new Set()).add(name))
}
