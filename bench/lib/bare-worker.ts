/** The floor: a Worker that creates one Durable Object and writes one row (POST), or reads it (GET). Nothing else. */
import { DurableObject } from 'cloudflare:workers'

interface BareEnv {
  BARE: DurableObjectNamespace<BareObject>
}

export class BareObject extends DurableObject<BareEnv> {
  write(body: string): void {
    this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, body TEXT NOT NULL)')
    this.ctx.storage.sql.exec('INSERT INTO row (id, body) VALUES (1, ?)', body)
  }

  read(): string {
    return this.ctx.storage.sql.exec('SELECT body FROM row WHERE id = 1').one().body as string
  }
}

export default {
  async fetch(request, env) {
    if (request.method === 'POST') {
      const id = crypto.randomUUID()
      await env.BARE.getByName(id).write(await request.text())
      return Response.json({ id }, { status: 201 })
    }
    const body = await env.BARE.getByName(new URL(request.url).pathname.slice(1)).read()
    return new Response(body, { headers: { 'content-type': 'application/json' } })
  },
} satisfies ExportedHandler<BareEnv>
