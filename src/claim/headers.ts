import { cssHash } from './built/assets.ts'

/**
 * Headers of every answer of the claim page. Its address is a secret: no referrer, no cache, no frame, no script, nothing
 * loaded from anywhere. There are no cookies, so there is nothing to forge a request with. (ASVS 5.0: 3.4.3 to 3.4.8, 14.3.2)
 */
export function claimHeaders(): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `style-src '${cssHash}'`,
    'img-src data:',
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-robots-tag': 'noindex, nofollow',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  }
}
