import { pageHeaders } from '../page/headers.ts'
import { cssHash } from './built/assets.ts'

/** Headers of every checkout answer: framed by nobody but the store's own origins. */
export function checkoutHeaders(framedBy: readonly string[]): Record<string, string> {
  return pageHeaders(cssHash, { scripts: true, forms: true, framedBy })
}

/** Origins that may frame the checkout of a store: exact http(s) origins and nothing else reaches the header. */
export function frameAncestors(allowedOrigins: readonly string[]): string[] {
  return allowedOrigins.filter((origin) => /^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin)
}
