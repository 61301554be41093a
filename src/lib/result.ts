/** Expected failures are values: they cross object and Worker boundaries; exceptions are for defects. */
export type Ok<T> = { readonly ok: true; readonly value: T }
export type Err<E> = { readonly ok: false; readonly error: E }
export type Result<T, E> = Ok<T> | Err<E>

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value }
}

export function err<const E>(error: E): Err<E> {
  return { ok: false, error }
}

/** Fails loudly when something that must hold does not. Kept on in production: stopping beats running wrong. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

/** Makes a `switch` over a union exhaustive at compile time. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
