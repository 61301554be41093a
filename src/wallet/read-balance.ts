import { type ChainRpc, PAYMENTS_PAGE_MAX } from '../chain/rpc.ts'
import type { BalanceReader, BlockStamp } from '../gateways/gateway.ts'
import type { BalanceMessage, WaitingPayment, WalletRpc } from './rpc.ts'

export interface BalancePorts {
  readonly wallet: Pick<WalletRpc, 'readingPage' | 'stillReading' | 'takeReading' | 'failReading'>
  readonly follower: Pick<ChainRpc, 'health' | 'paymentsPage'>
  readonly reader: BalanceReader
}

/** Waiting payments of a chain that are gone through. */
const PENDING_PAGES_MAX = 5
/** The wallet hears of a reading so often while a node scans: four times in its shortest lease. */
export const BEAT_MS = 5_000
/** Past the longest scan of a node its reading is given up: twelve minutes. */
const BEATS_MAX = 144
/** The chain may move on while its waiting payments are read; then they are read again, so often. */
const STILL_TRIES = 3

/**
 * Reads one page of a wallet's addresses. The first page is read at the block that the follower stands at, with what waits
 * beside it: so what is in a block and what is not belong together, and to what invoices and books know. Where a node
 * answers for its newest block only (Bitcoin), the wallet drops the payments that have arrived meanwhile.
 */
export async function readBalance(
  { wallet, follower, reader }: BalancePorts,
  message: Omit<BalanceMessage, 'kind'>,
): Promise<void> {
  const { chainId, readingId } = message
  const page = await wallet.readingPage(chainId, readingId, reader.keysMax)
  if (page === null) return
  const { from, keyLength, block } = page
  const count = page.keys.length / keyLength
  const keys = Array.from({ length: count }, (_, at) => page.keys.subarray(at * keyLength, (at + 1) * keyLength))
  const sight = block === null ? await sightOf(follower) : { tip: block, pending: [] }
  const read = await heard(reader.read(keys, sight.tip), () => wallet.stillReading(chainId, readingId))
  if (!read.ok) return await wallet.failReading(chainId, readingId, read.error)
  await wallet.takeReading(chainId, readingId, { from, count, ...read.value, pending: sight.pending })
}

/** The answer of this work, of which is told while it lasts. What can't be told is told the next time. */
async function heard<T>(work: Promise<T>, tell: () => Promise<void>): Promise<T> {
  let beats = 0
  const timer = setInterval(() => {
    if (++beats > BEATS_MAX) clearInterval(timer)
    else tell().catch(() => {})
  }, BEAT_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}

/** Where the follower stands, and what waits. */
async function sightOf(
  follower: BalancePorts['follower'],
): Promise<{ tip: Pick<BlockStamp, 'height' | 'hash'> | null; pending: WaitingPayment[] }> {
  for (let attempt = 1; ; attempt++) {
    const { height, hash } = await follower.health()
    const pending = await waitingPayments(follower)
    if (height === null || hash === null) return { tip: null, pending }
    if (attempt === STILL_TRIES || (await follower.health()).hash === hash) return { tip: { height, hash }, pending }
  }
}

async function waitingPayments(follower: BalancePorts['follower']): Promise<WaitingPayment[]> {
  const waiting: WaitingPayment[] = []
  let after: string | null = null
  for (let page = 0; page < PENDING_PAGES_MAX; page++) {
    const { payments, next } = await follower.paymentsPage('loose', after, PAYMENTS_PAGE_MAX)
    for (const { key, invoiceId, assetCode, units, status } of payments) {
      const [, txid = '', index = ''] = key.split('/')
      if (status === 'unconfirmed') waiting.push({ invoiceId, assetCode, units, txid, index })
    }
    if (next === null) break
    after = next
  }
  return waiting
}
