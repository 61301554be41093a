import type { DemoWallet, NodeAccess } from './bitcoin/index.ts'

const TICK_MS = 1_000
/** A block this long after the first waiting transaction, and again until those transactions are final. */
const BUSY_BLOCK_MS = 5_000
const IDLE_BLOCK_MS = 15_000

export interface MinerState {
  readonly lastBlockAtMs: number
  /** Blocks still to be mined for what has been seen waiting. */
  readonly owed: number
  readonly dueAtMs: number | null
}

/** Whether to mine now. Pure: a shopper goes through seen, confirming and paid in about 15 seconds. */
export function decideBlock(
  state: MinerState,
  now: { atMs: number; waiting: number },
  confirmations: number,
): { mine: boolean; state: MinerState } {
  const owed = now.waiting > 0 ? confirmations : state.owed
  const dueAtMs = owed > 0 ? (state.dueAtMs ?? now.atMs + BUSY_BLOCK_MS) : null
  const busyBlock = dueAtMs !== null && now.atMs >= dueAtMs
  const idleBlock = dueAtMs === null && now.atMs - state.lastBlockAtMs >= IDLE_BLOCK_MS
  if (!busyBlock && !idleBlock) return { mine: false, state: { ...state, owed, dueAtMs } }
  const left = Math.max(owed - 1, 0)
  return { mine: true, state: { lastBlockAtMs: now.atMs, owed: left, dueAtMs: left > 0 ? now.atMs + BUSY_BLOCK_MS : null } }
}

/** Mines on the regtest node until stopped. A node that is down is tried again at the next tick. */
export function startMiner(node: NodeAccess, wallet: DemoWallet, confirmations: number): { stop(): void } {
  let state: MinerState = { lastBlockAtMs: Date.now(), owed: 0, dueAtMs: null }
  let busy = false
  const tick = async () => {
    if (busy) return
    busy = true
    try {
      const decision = decideBlock(state, { atMs: Date.now(), waiting: await waitingTransactions(node) }, confirmations)
      if (decision.mine) await wallet.mine(1)
      state = decision.state
    } catch {
      // The node is being restarted, or stopped for a test; /health shows it to people.
    } finally {
      busy = false
    }
  }
  const timer = setInterval(tick, TICK_MS)
  return { stop: () => clearInterval(timer) }
}

async function waitingTransactions(node: NodeAccess): Promise<number> {
  const response = await fetch(node.rpcUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${node.user}:${node.password}`).toString('base64')}`,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getrawmempool', params: [] }),
    signal: AbortSignal.timeout(5_000),
  })
  const { result } = (await response.json()) as { result: unknown }
  if (!Array.isArray(result)) throw new Error('the node gave no list of waiting transactions')
  return result.length
}
