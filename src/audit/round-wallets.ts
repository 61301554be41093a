import { accountKind } from '../ledger/accounts.ts'
import { type LedgerRpc, PAGE_MAX } from '../ledger/rpc.ts'
import { logEvent } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { registryOf } from '../money/registry.ts'
import type { WalletBalance, WalletRpc } from '../wallet/rpc.ts'
import type { Patience } from './books.ts'
import { faultOfWallet, goneBy, type Leaving } from './coins.ts'
import { keyOf } from './judge.ts'
import { holdersOfWallet, platformWalletsAfter, type WalletHolder } from './merchants.ts'
import type { AuditMemory, Finding, Sums, WaitingWallet } from './rpc.ts'
import type { Trouble } from './trouble.ts'

/** Wallets that wait for a reading at one time; the others follow in later runs. */
const WALLETS_MAX = 5
/** Rows of the directory that one run goes through for wallets of the platform. */
const WALLETS_PAGE = 500
/** A wallet of more stores is not compared: its books are too many to be read at one moment. */
const STORES_MAX = 200
/** Pages of ledgers, 100 transactions each, that are gone through for one wallet. */
const PAGES_MAX = 50
/** A reading that has not come by then is waited for no longer: the wallet says why, and its turn comes again. */
const WAIT_MS_MAX = 30 * 60_000

export interface WalletsEnv {
  readonly CHAINS: string
  readonly DIRECTORY: D1Database
  readonly LEDGERS: ObjectNamespace<LedgerRpc>
  readonly WALLETS: ObjectNamespace<WalletRpc>
}

export interface WalletsRound {
  readonly cursor: string | undefined
  /** When the pass began. */
  readonly fromMs: number
  readonly waiting: Readonly<Record<string, WaitingWallet>>
  readonly findings: readonly Finding[]
  /** `keyOf` of all that was looked at. */
  readonly looked: readonly string[]
}

/**
 * The coins of the platform's wallets on their chains, against the books of all stores that have them: never may the
 * books say that more is in a wallet than is there. A look begins with what the books say, has the wallet read, and ends,
 * a run or more later, with what the books say then.
 */
export async function roundOfWallets(
  env: WalletsEnv,
  memory: AuditMemory,
  nowMs: number,
  { graceMs, walletsMs }: Patience,
  trouble: Trouble,
): Promise<WalletsRound> {
  const waiting: Record<string, WaitingWallet> = {}
  const findings: Finding[] = []
  const looked: string[] = []
  await trouble.aroundEach(
    'wallet',
    Object.entries(memory.wallets),
    ([walletId]) => ({ walletId }),
    async ([walletId, before]) => {
      const balances = await readingsOf(env, walletId, before)
      if (balances === null) {
        if (nowMs - before.atMs < WAIT_MS_MAX) waiting[walletId] = before
        return
      }
      const leaving = await leavingOf(env, walletId, before)
      if (leaving === null) return logEvent('warn', 'audit_wallet_too_busy', { walletId })
      for (const asset of Object.keys(before.inWallet)) {
        const detail = faultOfWallet(walletId, asset, before.inWallet, leaving, chainOf(balances, env, asset))
        for (const merchantId of before.merchants) {
          const id = `${differencesOfWallet(walletId)}${asset}`
          const key = keyOf({ merchantId, id })
          looked.push(key)
          // The first sentence stands as long as something is missing: both figures of a wallet in use change all the time.
          const words = detail && (memory.suspects[key]?.detail ?? detail)
          if (words)
            findings.push({ id, kind: 'wallet', merchantId, storeId: null, invoiceId: null, detail: words, waitMs: graceMs })
        }
      }
    },
  )
  const begun = await beginOthers(env, memory, waiting, walletsMs, nowMs, trouble)
  looked.push(...begun.looked)
  return { cursor: begun.cursor, fromMs: begun.fromMs, waiting: { ...waiting, ...begun.waiting }, findings, looked }
}

/** What the ids of all differences of a wallet begin with. */
export function differencesOfWallet(walletId: string): string {
  return `coins/${walletId}/`
}

/** The wallet that a difference is about; null when it is about no wallet. */
export function walletOfDifference(id: string): string | null {
  return /^coins\/([^/]+)\//.exec(id)?.[1] ?? null
}

/** Notes the books of the next wallets, then has them read. */
async function beginOthers(
  env: WalletsEnv,
  memory: AuditMemory,
  waiting: Readonly<Record<string, WaitingWallet>>,
  walletsMs: number,
  nowMs: number,
  trouble: Trouble,
): Promise<Omit<WalletsRound, 'findings'>> {
  const begun: Record<string, WaitingWallet> = {}
  const looked: string[] = []
  const suspects = Object.entries(memory.suspects).flatMap(([key, { id, raised }]) => {
    const walletId = walletOfDifference(id)
    return walletId === null ? [] : [{ key, walletId, raised }]
  })
  // What is suspected is looked at in any run. A pass that is under way goes on; the next one has its time.
  const room = WALLETS_MAX - Object.keys(waiting).length
  const again = new Set(
    suspects.filter(({ raised, walletId }) => !raised && !(walletId in waiting)).map(({ walletId }) => walletId),
  )
  const ids = [...again].slice(0, room)
  const { wallets: cursor } = memory.cursors
  const isNew = cursor === undefined && nowMs - memory.walletsFromMs >= walletsMs
  const wanted = isNew || cursor !== undefined ? room - ids.length : 0
  const page =
    wanted > 0
      ? await trouble.around('wallets', {}, () => platformWalletsAfter(env.DIRECTORY, cursor ?? '', WALLETS_PAGE, wanted))
      : null
  const others = (page?.ids ?? []).filter((id) => !(id in waiting) && !ids.includes(id))
  await trouble.aroundEach(
    'wallet',
    [...ids, ...others],
    (walletId) => ({ walletId }),
    async (walletId) => {
      const holders = await holdersOfWallet(env.DIRECTORY, walletId, STORES_MAX + 1)
      if (holders.length > STORES_MAX) return logEvent('warn', 'audit_wallet_too_shared', { walletId, stores: holders.length })
      const merchants = [...new Set(holders.map(({ merchantId }) => merchantId))]
      const { inWallet, upTo } = await booksOf(env, walletId, merchants)
      const owing = Object.keys(inWallet).filter((asset) => (inWallet[asset] ?? 0n) > 0n)
      const registry = registryOf(env)
      const chainOfAsset = (asset: string) => registry.findAsset(asset)?.chainId ?? null
      const chains = [...new Set(owing.map(chainOfAsset))].filter(
        (id): id is string => id !== null && registry.findChain(id) !== null && isAlone(walletId, id, holders, chainOfAsset),
      )
      // The books want nothing of it any more: whatever was suspected is over.
      if (chains.length === 0) return void looked.push(...suspects.filter((one) => one.walletId === walletId).map(({ key }) => key))
      const askedAtMs: Record<string, number> = {}
      for (const chainId of chains) {
        const wallet = env.WALLETS.getByName(walletId)
        askedAtMs[chainId] = (await wallet.balance(chainId)).askedAtMs ?? 0
        const asked = await wallet.refresh(chainId)
        if (!asked.ok) return logEvent('warn', 'audit_wallet_not_read', { walletId, chainId, reason: asked.error.reason })
      }
      begun[walletId] = { atMs: nowMs, merchants, askedAtMs, inWallet, upTo }
    },
  )
  const isBegun = isNew && page !== null
  return { cursor: page === null ? cursor : page.next, fromMs: isBegun ? nowMs : memory.walletsFromMs, waiting: begun, looked }
}

/**
 * Whether every store that has the wallet is paid into no other one on this chain. Else whoever pays one asset to the
 * address of another's wallet is booked where that asset belongs, and the coins are elsewhere: nobody's loss, and no alarm.
 */
function isAlone(
  walletId: string,
  chainId: string,
  holders: readonly WalletHolder[],
  chainOfAsset: (asset: string) => string | null,
): boolean {
  const methods = holders.flatMap((holder) => holder.methods).filter(({ asset }) => chainOfAsset(asset) === chainId)
  return methods.every((method) => method.walletId === walletId)
}

/** Its balances on all its chains, each read after the books were noted; null while one is not. */
async function readingsOf(env: WalletsEnv, walletId: string, { askedAtMs }: WaitingWallet): Promise<WalletBalance[] | null> {
  const wallet = env.WALLETS.getByName(walletId)
  const balances = await Promise.all(Object.keys(askedAtMs).map((chainId) => wallet.balance(chainId)))
  const old = balances.filter(({ chainId, reading }) => reading === null || reading.startedAtMs <= (askedAtMs[chainId] ?? 0))
  // Somebody else's reading was under way when the books were noted, or ours was lost.
  for (const { chainId, refreshing } of old) if (!refreshing) await wallet.refresh(chainId)
  return old.length === 0 ? balances : null
}

/** What the books of these merchants say is in the wallet, and on its way out of their stores. */
async function booksOf(env: WalletsEnv, walletId: string, merchants: readonly string[]) {
  const standings = await Promise.all(merchants.map(async (id) => ({ id, standing: await env.LEDGERS.getByName(id).standing() })))
  const inWallet: Record<string, bigint> = {}
  const inTransit: Record<string, bigint> = {}
  for (const { balances } of standings.flatMap(({ standing }) => standing.stores)) {
    for (const [asset, units] of Object.entries(balances[`wallet:${walletId}`] ?? {}))
      inWallet[asset] = (inWallet[asset] ?? 0n) - units
    for (const [account, assets] of Object.entries(balances)) {
      if (accountKind(account) !== 'in_transit') continue
      for (const [asset, units] of Object.entries(assets)) inTransit[asset] = (inTransit[asset] ?? 0n) + units
    }
  }
  return { inWallet, inTransit, upTo: Object.fromEntries(standings.map(({ id, standing }) => [id, standing.no])) }
}

/**
 * What has left the wallet since the books were noted, and what may have; null when the ledgers have gone on too far to be
 * read through. The wallet is asked first: what is booked between the two is told by both, not by neither.
 */
async function leavingOf(env: WalletsEnv, walletId: string, before: WaitingWallet): Promise<Leaving | null> {
  const wallet = env.WALLETS.getByName(walletId)
  const chainIds = Object.keys(before.askedAtMs)
  const [outgoing, unread] = await Promise.all([
    Promise.all(chainIds.map((chainId) => wallet.outgoing(chainId))),
    Promise.all(chainIds.map((chainId) => wallet.unread(chainId))),
  ])
  const { inTransit, upTo } = await booksOf(env, walletId, before.merchants)
  const gone: Sums[] = []
  let pages = 0
  for (const merchantId of before.merchants) {
    const ledger = env.LEDGERS.getByName(merchantId)
    const last = upTo[merchantId] ?? 0
    for (let no = before.upTo[merchantId] ?? 0; no < last; ) {
      const entries = pages++ < PAGES_MAX ? await ledger.page(no, PAGE_MAX) : []
      const newest = entries.at(-1)?.transaction.no ?? no
      if (newest === no) return null
      gone.push(goneBy(entries, walletId))
      no = newest
    }
  }
  return { inTransit, outgoing: sumOf(outgoing), unread: sumOf(unread), gone: sumOf(gone) }
}

function sumOf(parts: readonly Sums[]): Sums {
  const sums: Record<string, bigint> = {}
  for (const [asset, units] of parts.flatMap((part) => Object.entries(part))) sums[asset] = (sums[asset] ?? 0n) + units
  return sums
}

/** What the chain has of an asset, seen and confirmed, and as of which block; null when the asset is on none of these chains. */
function chainOf(balances: readonly WalletBalance[], env: WalletsEnv, asset: string): { units: bigint; height: number } | null {
  const chainId = registryOf(env).findAsset(asset)?.chainId
  const reading = balances.find((balance) => balance.chainId === chainId)?.reading
  if (!reading) return null
  const { confirmed, pending } = reading.sums[asset] ?? { confirmed: 0n, pending: 0n }
  return { units: confirmed + pending, height: reading.block.height }
}
