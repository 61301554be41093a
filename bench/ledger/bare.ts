/** The floor: objects that write one row a call, and one row of D1, read. Nothing else. */
import { DurableObject } from 'cloudflare:workers'
import type { Booking } from '../../src/ledger/rpc.ts'
import { bookingOf } from './bookings.ts'
import { drive, readLoad } from './lanes.ts'

interface BareEnv {
  BARE: DurableObjectNamespace<BareObject>
  DATABASE: D1Database
}

export class BareObject extends DurableObject<BareEnv> {
  constructor(ctx: DurableObjectState, env: BareEnv) {
    super(ctx, env)
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, key TEXT NOT NULL)')
  }

  write({ key }: Booking): void {
    this.ctx.storage.sql.exec('INSERT INTO rows (key) VALUES (?)', key)
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    switch (url.pathname) {
      case '/write':
        await drive(readLoad(url), async (owner, n) => env.BARE.getByName(owner.merchantId).write(bookingOf(owner, n)))
        return new Response('ok')
      case '/prepare':
        await env.DATABASE.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO rows VALUES (1, 'a row')")
        return new Response('ok')
      default:
        return Response.json(await env.DATABASE.prepare('SELECT body FROM rows WHERE id = 1').first())
    }
  },
} satisfies ExportedHandler<BareEnv>
