import { toHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { AddressBalance, BalanceReaderFactory, BalanceSight, NodeEndpoint, NodeError, UnspentOutput } from '../gateway.ts'
import { unitsOf } from './amounts.ts'
import { askHash, readRef } from './chain-reads.ts'
import { askAll, type BitcoinRpc, createBitcoinRpc, isHash, type RpcCall, refusalError, toNodeError } from './rpc.ts'
import { MEMPOOL_INFO, mempoolFault } from './whereabouts.ts'

/** A scan looks at every coin there is, whatever it is asked for: all keys in one, and minutes on mainnet. */
const KEYS_MAX = 100_000
const SCAN_MS_MAX = 8 * 60_000
/** A node scans for one caller at a time and refuses the others (RPC_INVALID_PARAMETER); it is asked again so often. */
const BUSY_TRIES = 10
const BUSY_WAIT_MS = 200
/** Coins of one answer that are asked whether a waiting transaction spends them: the largest. */
const LOOKED_AT_MAX = 1_000

/**
 * Balances by the node's set of unspent outputs (`scantxoutset`): no index and no wallet of the node's is needed, and
 * what it finds is spendable by nature. It is of the node's newest block always.
 */
export const createBitcoinBalances: BalanceReaderFactory = (chain, nodes, fetcher) => ({
  keysMax: KEYS_MAX,
  async read(keys, at) {
    if (keys.length > KEYS_MAX) throw new Error(`${keys.length} keys in one scan`)
    let refused: NodeError = { reason: 'protocol', detail: 'no node is configured for this chain' }
    // Each node is asked all of it: a coin and what spends it are of one node's world.
    for (const node of nodes) {
      const sight = await readFrom(node, keys, at?.height ?? 0, chain.native, fetcher)
      if (sight.ok) return sight
      refused = sight.error
    }
    return err(refused)
  },
})

async function readFrom(
  node: NodeEndpoint,
  keys: readonly Uint8Array[],
  heightMin: number,
  native: { code: string; decimals: number },
  fetcher: typeof fetch,
): Promise<Result<BalanceSight, NodeError>> {
  const rpc = createBitcoinRpc([node], fetcher)
  const positions = new Map(keys.map((key, position) => [toHex(key), position]))
  const set = keys.length === 0 ? await emptySet(rpc) : await scanFor(rpc, positions, native.decimals)
  if (!set.ok) return set
  const { hash, coins } = set.value
  const ref = await readRef(rpc, hash)
  if (!ref.ok) return ref
  const { height, timeMs } = ref.value
  // What the others know of may not have come to this node yet.
  if (height < heightMin)
    return err({ reason: 'node_refused', detail: `the node is at block ${height}, and ${heightMin} is known` })
  const leaving = await lookAtMempool(rpc, coins)
  if (!leaving.ok) return leaving
  return ok({ block: { height, hash, timeMs }, balances: balancesOf(coins, leaving.value, native.code) })
}

/** Of no keys nothing is found: that needs no scan, only the newest block. */
async function emptySet(rpc: BitcoinRpc): Promise<Result<CoinSet, NodeError>> {
  const hash = await askHash(rpc, 'getbestblockhash')
  return hash.ok ? ok({ hash: hash.value, coins: [] }) : hash
}

async function scanFor(
  rpc: BitcoinRpc,
  positions: ReadonlyMap<string, number>,
  decimals: number,
): Promise<Result<CoinSet, NodeError>> {
  const scanned = await scan(rpc, [...positions.keys()])
  return scanned.ok ? readSet(scanned.value, positions, decimals) : scanned
}

async function scan(rpc: BitcoinRpc, scripts: readonly string[]): Promise<Result<unknown, NodeError>> {
  for (let attempt = 1; ; attempt++) {
    const answers = await rpc.exact([['scantxoutset', 'start', scripts.map((script) => `raw(${script})`)]], SCAN_MS_MAX)
    if (!answers.ok) return err(toNodeError(answers.error))
    const [answer] = answers.value
    assert(answer, 'each call has its answer')
    if (answer.ok) return answer
    const isBusy = answer.error.message.includes('in progress')
    if (!isBusy || attempt === BUSY_TRIES) return err(refusalError('scantxoutset', answer.error))
    await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS))
  }
}

interface CoinSet {
  readonly hash: string
  readonly coins: readonly Placed[]
}

type Placed = Omit<UnspentOutput, 'leaving'> & { readonly position: number }

/** What `scantxoutset` answers, its numbers as texts. Every coin must be on a script that was asked for, and be there once. */
function readSet(answer: unknown, positions: ReadonlyMap<string, number>, decimals: number): Result<CoinSet, NodeError> {
  const malformed = err({ reason: 'protocol', detail: 'scantxoutset gave no set of coins' } as const)
  if (answer === null || typeof answer !== 'object') return malformed
  const { success, bestblock, unspents } = answer as Record<string, unknown>
  if (success !== true) return err({ reason: 'node_refused', detail: 'scantxoutset was stopped' })
  if (!isHash(bestblock) || !Array.isArray(unspents)) return malformed
  const seen = new Set<string>()
  const coins: Placed[] = []
  for (const one of unspents as Record<string, unknown>[]) {
    const units = unitsOf(one?.amount, decimals)
    const { txid, vout, scriptPubKey, coinbase } = one ?? {}
    if (units === null || !isHash(txid) || !isNumeral(vout) || !isNumeral(one.height) || typeof scriptPubKey !== 'string')
      return malformed
    const position = positions.get(scriptPubKey)
    const outpoint = `${txid}:${vout}`
    if (position === undefined || seen.has(outpoint)) {
      return err({ reason: 'node_lied', detail: `scantxoutset gave ${outpoint}, which was not asked for or is there twice` })
    }
    seen.add(outpoint)
    if (units === 0n) continue
    const isCoinbase = typeof coinbase === 'boolean' ? coinbase : null
    coins.push({ position, txid, vout: Number(vout), units, height: Number(one.height), coinbase: isCoinbase })
  }
  return ok({ hash: bestblock, coins })
}

/** Outpoints that a waiting transaction spends, of the largest coins; for the others nobody has looked. */
async function lookAtMempool(rpc: BitcoinRpc, coins: readonly Placed[]): Promise<Result<ReadonlyMap<Placed, boolean>, NodeError>> {
  const largest = [...coins].sort((one, other) => (one.units < other.units ? 1 : -1)).slice(0, LOOKED_AT_MAX)
  // An output that is unspent in the best chain and null here is spent by what waits (or by a block since the scan).
  const calls = largest.map(({ txid, vout }): RpcCall => ['gettxout', txid, vout, true])
  const answers = await askAll(rpc, [MEMPOOL_INFO, ...calls])
  if (!answers.ok) return answers
  const [info, ...outputs] = answers.value
  const fault = mempoolFault(info)
  if (fault) return err(fault)
  const found = new Map<Placed, boolean>()
  for (const [i, coin] of largest.entries()) {
    const output = outputs[i]
    if (output?.ok) found.set(coin, output.value === null)
  }
  return ok(found)
}

function balancesOf(coins: readonly Placed[], leaving: ReadonlyMap<Placed, boolean>, assetCode: string): AddressBalance[] {
  return [...Map.groupBy(coins, ({ position }) => position)].map(([position, placed]) => {
    const own = placed.map(({ position: _position, ...coin }, i): UnspentOutput => {
      return { ...coin, leaving: leaving.get(placed[i] as Placed) ?? null }
    })
    const sum = (some: readonly UnspentOutput[]) => some.reduce((total, { units }) => total + units, 0n)
    return { position, assetCode, confirmed: sum(own), leaving: sum(own.filter((coin) => coin.leaving === true)), coins: own }
  })
}

function isNumeral(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,10}$/.test(value)
}
