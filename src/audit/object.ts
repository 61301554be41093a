import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import { NOTHING_REMEMBERED, statusOf } from './memory.ts'
import type { AuditMemory, AuditRpc, AuditStatus } from './rpc.ts'

/** A run that has not ended by then is given up: its Worker was stopped. Cron starts one every minute. */
export const RUN_LEASE_MS = 3 * 60_000

const TABLE = `CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY CHECK (id = 1), leased_until_ms INTEGER NOT NULL, memory TEXT NOT NULL
)`

/** The audit's memory, named `system`. Nothing is written before the first run. */
export class AuditObject extends DurableObject<CoreEnv> implements AuditRpc {
  async begin(nowMs: number): Promise<AuditMemory | null> {
    const known = this.#load()
    if (known && known.leasedUntilMs > nowMs) return null
    const memory = { ...(known?.memory ?? NOTHING_REMEMBERED), run: (known?.memory.run ?? 0) + 1 }
    this.#save(memory, nowMs + RUN_LEASE_MS)
    return memory
  }

  async finish(memory: AuditMemory): Promise<void> {
    if (this.#load()?.memory.run === memory.run) this.#save(memory, 0)
  }

  async looked(merchantId: string, open: number): Promise<void> {
    const known = this.#load()
    if (!known) return
    const { [merchantId]: _before, ...others } = known.memory.open
    this.#save({ ...known.memory, open: open > 0 ? { ...others, [merchantId]: open } : others }, known.leasedUntilMs)
  }

  async status(): Promise<AuditStatus | null> {
    const known = this.#load()
    return known && statusOf(known.memory)
  }

  async read(): Promise<AuditMemory | null> {
    return this.#load()?.memory ?? null
  }

  #load(): { memory: AuditMemory; leasedUntilMs: number } | null {
    const { sql } = this.ctx.storage
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'audit'").toArray().length === 0) return null
    const row = sql.exec('SELECT leased_until_ms, memory FROM audit').one()
    return {
      memory: { ...NOTHING_REMEMBERED, ...decodeJson<Partial<AuditMemory>>(row.memory as string) },
      leasedUntilMs: row.leased_until_ms as number,
    }
  }

  #save(memory: AuditMemory, leasedUntilMs: number): void {
    const { sql } = this.ctx.storage
    sql.exec(TABLE)
    sql.exec('INSERT OR REPLACE INTO audit (id, leased_until_ms, memory) VALUES (1, ?, ?)', leasedUntilMs, encodeJson(memory))
  }
}
