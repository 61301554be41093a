import { cssHash } from './built/assets.ts'

/**
 * Headers of every answer of the approval pages. Their address is a secret: no referrer, no cache, no frame. One style,
 * named by its hash; scripts and connections of this origin only. There are no cookies, so there is nothing to forge a
 * request with. (ASVS 5.0: 3.4.3 to 3.4.8, 14.3.2)
 */
export function approveHeaders(): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src '${cssHash}'`,
    'img-src data:',
    "connect-src 'self'",
    "form-action 'none'",
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
    'permissions-policy':
      'camera=(), microphone=(), geolocation=(), payment=(), publickey-credentials-get=(self), publickey-credentials-create=(self)',
  }
}
