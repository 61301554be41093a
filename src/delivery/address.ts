import { err, ok, type Result } from '../lib/result.ts'

/**
 * Which addresses a webhook may be sent to. Checked when the endpoint is made and again by the courier before each
 * attempt, both times on what the one parser (WHATWG `URL`) made of the text: it has already turned decimal, octal,
 * hexadecimal, full-width and percent-encoded hosts into plain ones (ASVS 5.0 1.3.6, 1.5.3).
 *
 * A name may still resolve to a private address. The courier is the answer to that: it holds nothing but its queues,
 * runs outside every private network, and has `global_fetch_strictly_public` set.
 */
export const URL_LENGTH_MAX = 2_000

export type AddressRefusal = { readonly reason: 'bad_url' | 'address_not_allowed'; readonly detail: string }

/** `development` lets plain http through, and loopback hosts on any port; nothing else. Answers the URL as it is to be called. */
export function checkAddress(text: string, development: boolean): Result<string, AddressRefusal> {
  if (text.length > URL_LENGTH_MAX) return bad(`longer than ${URL_LENGTH_MAX} characters`)
  if (/\s/.test(text)) return bad('contains white space')
  const url = URL.parse(text)
  if (url === null) return bad('not an absolute URL')
  if (url.href.length > URL_LENGTH_MAX) return bad(`longer than ${URL_LENGTH_MAX} characters`)
  if (url.protocol !== 'https:' && !(development && url.protocol === 'http:')) return bad('must start with https://')
  if (url.username !== '' || url.password !== '') return bad('must not contain a user name or password')
  if (text.includes('#')) return bad('must not contain a fragment (#…)')

  const host = url.hostname.toLowerCase().replace(/\.$/, '')
  if (development && isLoopback(host)) return ok(url.href)
  if (!isAllowedPort(url.port)) return refused(`port ${url.port} is not allowed: use 443 or 1024 and above`)
  const problem = hostProblem(host)
  return problem === null ? ok(url.href) : refused(problem)
}

/**
 * 443, or 1024 and above. Ports below are those of mail, names, files and remote shells, which a request line
 * might make do something; web servers of merchants that are not on 443 are on high ports.
 * The empty port is the scheme's own (80 only where http is allowed at all).
 */
function isAllowedPort(port: string): boolean {
  return port === '' || Number(port) >= 1024
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function hostProblem(host: string): string | null {
  if (host.startsWith('[')) return isPublicIpv6(host.slice(1, -1)) ? null : 'not a public address'
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return isPublicIpv4(host) ? null : 'not a public address'
  const labels = host.split('.')
  if (labels.length < 2 || labels.some((label) => label === '')) return 'the host must be a full domain name'
  if (PRIVATE_SUFFIXES.has(labels.at(-1) as string)) return 'not a public name'
  return null
}

/** Last labels that name things inside a network (RFC 6761, 6762, 8375, 9476; ICANN reserved `internal`). */
const PRIVATE_SUFFIXES = new Set([
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'arpa',
  'alt',
])

/** Blocks of the IANA IPv4 special-purpose registry that are not globally reachable, multicast, and one cloud's own. */
const IPV4_CLOSED: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Azure's host service has a public-looking address.
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

function isPublicIpv4(address: string): boolean {
  const value = ipv4Value(address)
  return !IPV4_CLOSED.some(([base, bits]) => value >>> (32 - bits) === ipv4Value(base) >>> (32 - bits))
}

function ipv4Value(address: string): number {
  return address.split('.').reduce((value, part) => ((value << 8) | Number(part)) >>> 0, 0)
}

/**
 * Only 2000::/3 is handed out to the public Internet (IANA IPv6 global unicast registry), which shuts out loopback,
 * link-local, ULA, multicast, IPv4-mapped and NAT64 at once; within it the special blocks and those that carry an
 * IPv4 address (Teredo in 2001::/23, 6to4 in 2002::/16) are shut too.
 */
function isPublicIpv6(address: string): boolean {
  const groups = ipv6Groups(address)
  const [first, second] = groups as [number, number]
  if (first >>> 13 !== 0b001) return false
  if (first === 0x2001 && second < 0x0200) return false
  if (first === 0x2001 && second === 0x0db8) return false
  if (first === 0x2002) return false
  if (first === 0x3fff && second < 0x1000) return false
  return true
}

/** The eight groups of an address in the canonical form that `URL` writes. */
function ipv6Groups(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const front = read(head)
  if (tail === undefined) return front
  const back = read(tail)
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
}

function bad(detail: string): Result<never, AddressRefusal> {
  return err({ reason: 'bad_url', detail })
}

function refused(detail: string): Result<never, AddressRefusal> {
  return err({ reason: 'address_not_allowed', detail })
}
