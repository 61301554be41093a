import type { NodeError } from '../gateways/gateway.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { Sql } from '../lib/outbox.ts'
import { IDLE_MS } from './looks.ts'
import type { LightningHealth, LightningRpc } from './rpc.ts'
import { countInvoices, type NodeRow, readNode, writeNode } from './tables.ts'

/** How a node was when it was asked last: kept where a person looks, said in the log once, reported for /health. */
export class Condition {
  readonly #sql: Sql
  readonly #nodes: () => ObjectNamespace<Pick<LightningRpc, 'report'>>
  readonly #walletId: () => string
  readonly #later: (work: Promise<void>) => void

  constructor(
    sql: Sql,
    nodes: () => ObjectNamespace<Pick<LightningRpc, 'report'>>,
    walletId: () => string,
    later: (work: Promise<void>) => void,
  ) {
    this.#sql = sql
    this.#nodes = nodes
    this.#walletId = walletId
    this.#later = later
  }

  /** It does not do what it should. */
  failed({ reason, detail }: NodeError): void {
    const node = readNode(this.#sql)
    if (!node) return
    const error = `${reason}: ${detail}`
    if (node.error === null) logEvent('warn', 'lightning_node_failed', { walletId: this.#walletId(), reason: error })
    if (node.error !== error) writeNode(this.#sql, { ...node, error })
    this.#report(node, true)
  }

  /** It has answered. That costs a row where it is news, or the cursor has moved. */
  answered(node: NodeRow, cursor: string | null, nowMs: number): void {
    const isNews = node.error !== null || nowMs - (node.answeredAtMs ?? 0) > IDLE_MS / 2
    if (isNews || cursor !== node.cursor) writeNode(this.#sql, { ...node, cursor, answeredAtMs: nowMs, error: null })
    if (node.error !== null) logEvent('info', 'lightning_node_back', { walletId: this.#walletId() })
    if (isNews) this.#report(node, false)
  }

  health({ chainId, name, answeredAtMs, error }: NodeRow): LightningHealth {
    const status = error !== null ? 'down' : answeredAtMs === null ? 'unknown' : 'ok'
    return { chainId, name, status, answeredAtMs, error, used: countInvoices(this.#sql) }
  }

  /** What is lost is said again with the next news. */
  #report({ chainId }: NodeRow, isDown: boolean): void {
    const told = this.#nodes().getByName(chainId).report(this.#walletId(), isDown)
    this.#later(told.catch((thrown) => logEvent('warn', 'lightning_not_reported', { reason: reasonOf(thrown) })))
  }
}
