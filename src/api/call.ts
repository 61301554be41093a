import type { EdgeEnv } from '../../workers/edge/env.ts'
import type { Identity } from '../auth/api-keys.ts'
import type { Result } from '../lib/result.ts'
import type { Problem } from './problems.ts'

/** What a route is given: the request, and for which store it speaks. */
export interface Call {
  readonly env: EdgeEnv
  readonly request: Request
  readonly identity: Identity
  /** Path parameters, as `:id` names them. */
  readonly param: (name: string) => string
  readonly nowMs: number
}

export interface Answer {
  readonly status: 200 | 201
  /** Sent as JSON; text and bytes as they are, under the content type that `headers` name. */
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Handler = (call: Call) => Promise<Result<Answer, Problem>>

export interface Route {
  readonly method: 'GET' | 'POST'
  /** Below `/v1`, with `:name` for parameters. */
  readonly path: string
  readonly handle: Handler
}

/** A dependency did not answer; the caller may try again. The API answers 503. */
export class Unavailable extends Error {}

/** Durable Object calls are tried so often in all: after a deploy or a move the second try succeeds. */
const TRIES_MAX = 3

/**
 * Calls an object, and again when the runtime says that a repetition may help (`retryable`), never when the object is
 * overloaded. Only for calls that may happen twice: all of ours are idempotent. `call` must get a new stub each time.
 */
export async function steadily<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (thrown) {
      const { retryable, overloaded } = thrown as { retryable?: boolean; overloaded?: boolean }
      if (overloaded) throw new Unavailable('the object is overloaded', { cause: thrown })
      if (!retryable) throw thrown
      if (attempt >= TRIES_MAX) throw new Unavailable('the object cannot be reached', { cause: thrown })
    }
  }
}
