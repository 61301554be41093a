import type { Fields } from '../lib/fields.ts'

const URL_LENGTH_MAX = 2_048
const LOOPBACK = /^(localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])$/

/** An HTTPS address without credentials; in development also HTTP on this machine. */
export function readUrl(fields: Fields, name: string, environment: string): string {
  const text = fields.text(name, {
    max: URL_LENGTH_MAX,
    pattern: /^https?:\/\/[^\s\\]+$/,
    form: 'an address that starts with https://',
  })
  if (text === '') return text
  if (!URL.canParse(text)) return fields.refuse(name, 'must be a valid address', '')
  const url = new URL(text)
  if (url.username || url.password) return fields.refuse(name, 'must not hold a user name or password', '')
  const local = environment === 'development' && LOOPBACK.test(url.hostname)
  return url.protocol === 'https:' || local ? text : fields.refuse(name, 'must start with https://', '')
}
