/** What a page may do beside showing itself. */
interface Allowed {
  /** Scripts and connections of this origin. */
  readonly scripts?: boolean
  /** Forms sent to this origin. */
  readonly forms?: boolean
  readonly passkeys?: boolean
  /** Origins whose pages may frame it. */
  readonly framedBy?: readonly string[]
}

/**
 * Headers of every answer of a page. One style, named by its hash, and nothing loaded from elsewhere; no referrer, no cache,
 * no index: some addresses are secrets. There are no cookies, so there is nothing to forge a request with.
 * (ASVS 5.0: 3.4.3 to 3.4.8, 14.3.2)
 */
export function pageHeaders(cssHash: string, { scripts, forms, passkeys, framedBy = [] }: Allowed): Record<string, string> {
  const policy = [
    "default-src 'none'",
    ...(scripts ? ["script-src 'self'"] : []),
    `style-src '${cssHash}'`,
    'img-src data:',
    ...(scripts ? ["connect-src 'self'"] : []),
    `form-action ${forms ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    `frame-ancestors ${framedBy.length > 0 ? framedBy.join(' ') : "'none'"}`,
  ]
  const permissions = [
    ...['camera=()', 'microphone=()', 'geolocation=()', 'payment=()'],
    ...(passkeys ? ['publickey-credentials-get=(self)', 'publickey-credentials-create=(self)'] : []),
  ]
  return {
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-robots-tag': 'noindex, nofollow',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': permissions.join(', '),
  }
}
