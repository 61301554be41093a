import { cssHash } from './built/assets.ts'

/**
 * Headers of every checkout answer. One style, named by its hash; scripts and connections of this origin only;
 * framed by nobody but the store's own origins. There are no cookies, so there is nothing to forge a request with.
 * (ASVS 5.0: 3.4.3 to 3.4.8, 14.3.2)
 */
export function checkoutHeaders(frameAncestors: readonly string[]): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src '${cssHash}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    `frame-ancestors ${frameAncestors.length > 0 ? frameAncestors.join(' ') : "'none'"}`,
  ]
  return {
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  }
}

/** Origins that may frame the checkout of a store: exact http(s) origins and nothing else reaches the header. */
export function frameAncestors(allowedOrigins: readonly string[]): string[] {
  return allowedOrigins.filter((origin) => /^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin)
}
