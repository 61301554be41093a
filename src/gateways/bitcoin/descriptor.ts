import { err, ok, type Result } from '../../lib/result.ts'
import type { AccountKey } from '../gateway.ts'

/** An account key and two of everything around it fit easily. */
const LENGTH_MAX = 500

/** Fingerprint of the master key, and the path from it to the account. */
const ORIGIN = /^[0-9a-fA-F]{8}(\/\d{1,10}['hH]?){0,10}$/
const HARDENED = 0x80000000

const SCRIPTS: Readonly<Record<string, AccountKey['script']>> = { wpkh: 'p2wpkh', tr: 'p2tr' }

export type DescriptorRefusal = { readonly reason: 'bad_descriptor'; readonly detail: string }

/**
 * The account that an output descriptor speaks of (BIP 380, 382, 386, 389): `wpkh(<key>)` or `tr(<key>)`, the key
 * `[origin]xpub/0/*` or `…/<0;1>/*`, of which addresses are made on branch 0. Whether the xpub is one, and of the chain's
 * network, deriving from it tells.
 */
export function readDescriptor(text: string): Result<AccountKey, DescriptorRefusal> {
  const refuse = (detail: string) => err({ reason: 'bad_descriptor', detail } as const)
  if (text.length > LENGTH_MAX) return refuse(`a descriptor has up to ${LENGTH_MAX} characters`)
  const [body = '', checksum, ...rest] = text.trim().split('#')
  if (rest.length > 0 || (checksum !== undefined && checksum !== checksumOf(body))) {
    return refuse('its checksum does not fit: a character is wrong or missing')
  }
  const [, name = '', inside = ''] = /^([a-z_]+)\((.*)\)$/.exec(body) ?? []
  const script = SCRIPTS[name]
  if (name === '') return refuse('not a descriptor, such as wpkh([d34db33f/84h/0h/0h]xpub…/0/*)')
  if (!script) return refuse(`${name}() is not served here; wpkh() and tr() are`)
  if (inside.includes(',')) return refuse('a script tree is not served here, only keys by themselves')
  const [, bracketed, origin, key = ''] = /^(\[([^\]]*)\])?(.*)$/.exec(inside) ?? []
  if (bracketed !== undefined && !readOrigin(origin ?? ''))
    return refuse(`${bracketed} is no key origin, such as [d34db33f/84h/0h/0h]`)
  const [xpub = '', ...steps] = key.split('/')
  if (/^[a-zA-Z]prv|^[LMt]tpv/.test(xpub)) return refuse('this holds a private key; give the descriptor with the public one')
  if (!/^[1-9A-HJ-NP-Za-km-z]{100,120}$/.test(xpub)) return refuse('it holds no extended public key (xpub)')
  const path = steps.join('/')
  if (/[h']$/i.test(path)) return refuse('hardened addresses cannot be made from a public key')
  if (path !== '0/*' && path !== '<0;1>/*')
    return refuse(`the key must end in /0/* or /<0;1>/*, not ${path === '' ? 'in itself' : `/${path}`}`)
  const common = { xpub, script }
  return ok(origin === undefined ? common : { ...common, origin: origin.replace(/['H]/g, 'h').toLowerCase() })
}

/** `d34db33f/84h/0h/0h` as PSBTs have it; null for what is none. */
export function readOrigin(origin: string): { readonly fingerprint: number; readonly path: readonly number[] } | null {
  if (!ORIGIN.test(origin)) return null
  const [fingerprint = '', ...steps] = origin.split('/')
  const path = steps.map((step) => Number.parseInt(step, 10) + (/\d$/.test(step) ? 0 : HARDENED))
  const isWhole = steps.every((step) => Number.parseInt(step, 10) < HARDENED)
  return isWhole ? { fingerprint: Number.parseInt(fingerprint, 16), path } : null
}

const CHARACTERS = '0123456789()[],\'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#"\\ '
const CHECKSUM_CHARACTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn]

/** Eight characters (BIP 380); null for text with characters that no descriptor has. */
function checksumOf(body: string): string | null {
  const symbols: number[] = []
  let group: number[] = []
  for (const character of body) {
    const value = CHARACTERS.indexOf(character)
    if (value < 0) return null
    symbols.push(value & 31)
    group.push(value >> 5)
    if (group.length < 3) continue
    symbols.push((group[0] as number) * 9 + (group[1] as number) * 3 + (group[2] as number))
    group = []
  }
  if (group.length > 0) symbols.push(group.reduce((sum, value) => sum * 3 + value, 0))
  let state = 1n
  for (const symbol of [...symbols, 0, 0, 0, 0, 0, 0, 0, 0]) {
    const top = state >> 35n
    state = ((state & 0x7ffffffffn) << 5n) ^ BigInt(symbol)
    for (const [bit, generator] of GENERATOR.entries()) if ((top >> BigInt(bit)) & 1n) state ^= generator
  }
  state ^= 1n
  return Array.from({ length: 8 }, (_, i) => CHECKSUM_CHARACTERS[Number((state >> BigInt(5 * (7 - i))) & 31n)]).join('')
}
