import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { AccountKey } from '../gateways/gateway.ts'
import { addressBookOf } from '../gateways/registry.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import type { AllocatedAddress, AllocateRefusal, WalletRpc } from './rpc.ts'

/** An index belongs to one invoice for ever: rows are never changed and never deleted. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY CHECK (id = 1), xpub TEXT NOT NULL, script TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS addresses (idx INTEGER PRIMARY KEY, invoice_id TEXT NOT NULL UNIQUE);
`

/**
 * A store's wallet, named by its id: the one place that gives out indices of an account key. It holds no private key.
 */
export class WalletObject extends DurableObject<CoreEnv> implements WalletRpc {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    ctx.storage.sql.exec(TABLES)
  }

  async configure(account: AccountKey): Promise<Result<null, { reason: 'already_configured' }>> {
    const known = this.#account()
    if (known)
      return known.xpub === account.xpub && known.script === account.script ? ok(null) : err({ reason: 'already_configured' })
    this.ctx.storage.sql.exec('INSERT INTO account (id, xpub, script) VALUES (1, ?, ?)', account.xpub, account.script)
    return ok(null)
  }

  async allocate(chainId: string, invoiceId: string): Promise<Result<AllocatedAddress, AllocateRefusal>> {
    const account = this.#account()
    if (!account) return err({ reason: 'not_configured', detail: 'the wallet has no account key' })
    const chain = registryOf(this.env).findChain(chainId)
    if (!chain) return err({ reason: 'wrong_network', detail: `chain ${chainId} is not configured` })
    const index = this.#indexOf(invoiceId)
    const derived = addressBookOf(chain).derive(chain, account, index)
    return derived.ok ? ok({ ...derived.value, index }) : derived
  }

  async ownerOf(index: number): Promise<string | null> {
    const row = this.ctx.storage.sql.exec('SELECT invoice_id FROM addresses WHERE idx = ?', index).toArray()[0]
    return (row?.invoice_id as string | undefined) ?? null
  }

  /** The invoice's index, or the next one: the same for every chain of the wallet. */
  #indexOf(invoiceId: string): number {
    const { sql } = this.ctx.storage
    const known = sql.exec('SELECT idx FROM addresses WHERE invoice_id = ?', invoiceId).toArray()[0]
    if (known) return known.idx as number
    const statement = 'INSERT INTO addresses (idx, invoice_id) SELECT COALESCE(MAX(idx) + 1, 0), ? FROM addresses RETURNING idx'
    return sql.exec(statement, invoiceId).one().idx as number
  }

  #account(): AccountKey | null {
    const row = this.ctx.storage.sql.exec('SELECT xpub, script FROM account').toArray()[0]
    return row ? { xpub: row.xpub as string, script: row.script as AccountKey['script'] } : null
  }
}
