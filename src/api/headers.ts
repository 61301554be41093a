import type { MiddlewareHandler } from 'hono'
import type { EdgeEnv } from '../../workers/edge/env.ts'

/** A year, and every name below (RFC 6797; ASVS 5.0, 3.4.1). public/_headers says the same of static files. */
const ONLY_HTTPS = 'max-age=31536000; includeSubDomains'

/** What an answer has that says nothing of its own: problems, JSON, plain 404s. */
const QUIET = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/**
 * For the edge door, before everything it mounts: HTTPS only where the origin is HTTPS, and what an answer has not
 * said for itself. What a page says of itself stays as it is.
 */
export function securityHeaders(): MiddlewareHandler<{ Bindings: EdgeEnv }> {
  return async (c, next) => {
    await next()
    // A WebSocket's answer is handed on as it is: a copy would have lost the socket.
    if (c.res.status === 101) return
    if (c.env.ORIGIN.startsWith('https:')) c.header('strict-transport-security', ONLY_HTTPS)
    for (const [name, value] of Object.entries(QUIET)) if (!c.res.headers.has(name)) c.header(name, value)
  }
}
