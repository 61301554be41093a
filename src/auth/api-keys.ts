import type { StoreConfig } from '../invoice/types.ts'
import type { Clock } from '../lib/clock.ts'
import { base32, sha256Hex } from '../lib/ids.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'

/**
 * `ptm_live_<8 characters>_<56 characters>`: what it is, a part that may be shown, and 280 random bits. Only letters,
 * digits and `_`, so that it survives shop plugins that strip the rest. Not `pk_`: elsewhere that means "may be public".
 */
const KEY_FORM = /^ptm_(live|test)_[0-9a-hjkmnp-tv-z]{8}_[0-9a-hjkmnp-tv-z]{56}$/
const PUBLIC_BYTES = 5
const SECRET_BYTES = 35

/** A good key is trusted this long without asking the directory: also how long a revoked one may still work. */
export const GOOD_KEY_MS = 30_000
/** While the directory cannot be read, a key known to be good is trusted this long in all. */
export const GOOD_KEY_WITHOUT_DIRECTORY_MS = 300_000
/** An unknown key is not looked up again for this long: also how long a key used before it was made stays refused. */
export const BAD_KEY_MS = 5_000
/** Good ones, and as many bad ones. */
const KEYS_CACHED_MAX = 10_000

export interface Identity {
  readonly keyId: string
  readonly store: StoreConfig
}

export type KeyRefusal =
  | { readonly reason: 'api_key_missing' }
  | { readonly reason: 'api_key_invalid' }
  | { readonly reason: 'directory_unavailable' }

/** Asks the directory whose key has this hash: null for nobody's or a revoked one. Throws when it cannot be asked. */
export type KeyLookup = (hash: string) => Promise<Identity | null>

export interface KeyChecker {
  /** Reads an `Authorization: Bearer …` header. */
  check(authorization: string | null, lookUp: KeyLookup): Promise<Result<Identity, KeyRefusal>>
}

/** A new key from fresh randomness. It is shown once; only its hash is kept. */
export function createApiKey(mode: 'live' | 'test'): string {
  const random = (bytes: number) => base32(crypto.getRandomValues(new Uint8Array(bytes)))
  return `ptm_${mode}_${random(PUBLIC_BYTES)}_${random(SECRET_BYTES)}`
}

export function isApiKey(text: string): boolean {
  return KEY_FORM.test(text)
}

/** The part of a key that may be shown: `ptm_live_x7k2m9qd`. */
export function shownPart(key: string): string {
  return key.slice(0, key.lastIndexOf('_'))
}

/** What the directory keeps of a key. A fast hash will do: there is nothing to guess in 280 random bits. */
export function hashApiKey(key: string): Promise<string> {
  return sha256Hex(key)
}

/**
 * Checks keys, and remembers answers for as long as the isolate lives, by the key's hash: a warm isolate needs no
 * database. When the directory fails, a key that was good within `GOOD_KEY_WITHOUT_DIRECTORY_MS` still is, so that
 * D1's bad minutes are not the merchants'. Good and bad ones apart: who tries keys at random pushes no good one out.
 */
export function createKeyChecker(clock: Clock): KeyChecker {
  const good = new Map<string, { identity: Identity; atMs: number }>()
  const bad = new Map<string, { atMs: number }>()

  return {
    async check(authorization, lookUp) {
      if (authorization === null) return err({ reason: 'api_key_missing' })
      const key = /^Bearer +([^ ]+) *$/i.exec(authorization)?.[1]
      if (!key || !isApiKey(key)) return err({ reason: 'api_key_invalid' })
      const hash = await hashApiKey(key)

      const known = good.get(hash)
      if (known && clock() - known.atMs < GOOD_KEY_MS) return ok(known.identity)
      const refused = bad.get(hash)
      if (refused && clock() - refused.atMs < BAD_KEY_MS) return err({ reason: 'api_key_invalid' })

      try {
        const identity = await lookUp(hash)
        if (identity) {
          putBounded(good, hash, { identity, atMs: clock() })
          return ok(identity)
        }
        good.delete(hash)
        putBounded(bad, hash, { atMs: clock() })
        return err({ reason: 'api_key_invalid' })
      } catch (thrown) {
        logEvent('warn', 'directory_unavailable', { reason: reasonOf(thrown) })
        if (known && clock() - known.atMs < GOOD_KEY_WITHOUT_DIRECTORY_MS) return ok(known.identity)
        return err({ reason: 'directory_unavailable' })
      }
    },
  }
}

/** Puts an entry last, and drops the first when there are too many. */
function putBounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  const oldest = map.size >= KEYS_CACHED_MAX ? map.keys().next().value : undefined
  if (oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
