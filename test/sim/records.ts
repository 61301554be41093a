import { decodeJson } from '../../src/lib/json.ts'
import type { TransferRecord } from '../../src/wallet/transfers/record.ts'
import type { Transfer } from '../../src/wallet/transfers/types.ts'
import type { Plot } from './plot.ts'
import type { Disk } from './storage.ts'

/** Every transfer of a wallet as its rows have it. */
export function recordsOf(disk: Disk): TransferRecord[] {
  if (!disk.has('transfers')) return []
  return disk.rows('SELECT body FROM transfers ORDER BY id').map(({ body }) => decodeJson<TransferRecord>(body as string))
}

/** What the wallets' rows say, for people who look at the panel. */
export function transfersOf({ world }: Plot): Transfer[] {
  return world.host.ofKind('wallet').flatMap(({ disk }) => recordsOf(disk).map(({ transfer }) => transfer))
}
