/** What `cloudflare:workers` is to objects that run in the simulation. */
export class DurableObject<Env> {
  readonly ctx: unknown
  readonly env: Env

  constructor(ctx: unknown, env: Env) {
    this.ctx = ctx
    this.env = env
  }
}
