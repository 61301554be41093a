import { type LedgerRpc, PAGE_MAX } from '../ledger/rpc.ts'
import { type Call, steadily, Unavailable } from './call.ts'

/** The ledger that the caller's store is in: one call to it. */
export function askLedger<T>({ env, identity }: Call, ask: (ledger: LedgerRpc) => Promise<T>): Promise<T> {
  return steadily(() => ask(env.LEDGERS.getByName(identity.store.merchantId)))
}

/** A copy takes a second or so; who asks for what happened just now waits so often and so long for it. */
const COPY_TRIES_MAX = 8
const COPY_WAIT_MS = 300

/**
 * What was before a moment is answered from D1, which follows the ledger. Waits while something of the store from before
 * that moment may still be on its way, since an answer that is later another one would be no statement; throws
 * `Unavailable` when it takes too long.
 */
export async function awaitCopies(call: Call, beforeMs: number): Promise<void> {
  for (let attempt = 1; await mayLack(call, beforeMs); attempt++) {
    if (attempt === COPY_TRIES_MAX) throw new Unavailable('the newest transactions are not copied yet')
    await new Promise((resolve) => setTimeout(resolve, COPY_WAIT_MS))
  }
}

async function mayLack(call: Call, beforeMs: number): Promise<boolean> {
  const missing = (await askLedger(call, (ledger) => ledger.unprojected())).map(({ transaction }) => transaction)
  const { storeId } = call.identity.store
  const isOwnMissing = missing.some((transaction) => transaction.storeId === storeId && transaction.atMs < beforeMs)
  return isOwnMissing || (missing.length >= PAGE_MAX && missing.every(({ atMs }) => atMs < beforeMs))
}

/** What D1 throws is a reason to try again. */
export function orUnavailable<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((cause: unknown) => {
    throw new Unavailable('the ledger’s copies cannot be read', { cause })
  })
}
