/**
 * The part of a Durable Object namespace that the house uses: an object by its name, called by RPC.
 * `T` is an interface whose methods return promises, so that callers need no `cloudflare:workers`.
 */
export interface ObjectNamespace<T> {
  getByName(name: string): T
}

/** The part of a queue producer that the house uses. Throws when the queue refuses; callers keep the row. */
export interface QueuePort<M> {
  send(message: M, options?: { delaySeconds?: number }): Promise<unknown>
}
