import type { Transfer } from '../../src/wallet/transfers/types.ts'
import { insist } from './insist.ts'
import { passkeys } from './passkeys.ts'
import type { Plot } from './plot.ts'
import { transfersOf } from './records.ts'

const LATE_MS_MAX = 40_000

/** A member says yes to something, at once or late, once or twice; or somebody says it who may not, or of something else. */
export async function approveSomething(plot: Plot): Promise<void> {
  const { random, scheduler } = plot.world
  const asked = transfersOf(plot).filter(({ challenge }) => challenge !== null)
  if (asked.length === 0) return
  const transfer = random.pick(asked)
  for (const { id, challenge } of asked) plot.challenges.set(id, challenge as string)
  const others = [...plot.challenges].filter(([id]) => id !== transfer.id)
  const { members, stranger } = passkeys()
  const member = random.pick(members)
  const challenge = transfer.challenge as string
  // As when an address has changed meanwhile.
  const toAnother = () => (others.length === 0 ? stranger.approve(challenge) : yes(plot, ...random.pick(others)))
  const approval = random.pick([
    () => yes(plot, transfer.id, challenge),
    () => yes(plot, transfer.id, challenge),
    () => stranger.approve(challenge),
    () => stranger.approve(challenge, { as: member }),
    () => member.approve(challenge, { isVerified: false }),
    toAnother,
    toAnother,
  ])()
  if (random.chance(0.3)) await scheduler.sleep(random.between(1_000, LATE_MS_MAX))
  const say = () => insist(plot, () => plot.env.WALLETS.getByName(transfer.walletId).approveTransfer(transfer.id, approval))
  await Promise.all(random.chance(0.3) ? [say(), say()] : [say()])
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
function yes(plot: Plot, id: string, challenge: string) {
  const member = plot.world.random.pick(passkeys().members)
  note(plot, id, member.approver.name)
  return member.approve(challenge)
}

function note({ approved }: Plot, id: string, name: string): void {
  approved.set(id, (approved.get(id) ?? new Set()).add(name))
}
