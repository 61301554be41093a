import { expect, test } from 'vitest'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { readDescriptor, readOrigin } from '../../../src/gateways/bitcoin/descriptor.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { must, regtest } from './spending.ts'

const mainnet: ChainConfig = { ...regtest, id: 'bip122:000000000019d6689c085ae165831e93', network: 'mainnet' }
/** The account of the vectors in BIP 86. */
const XPUB = 'xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ'

test.each([
  [`wpkh(${XPUB}/0/*)`, 'p2wpkh', undefined],
  [`tr(${XPUB}/0/*)`, 'p2tr', undefined],
  [`tr([73c5da0a/86h/0h/0h]${XPUB}/0/*)`, 'p2tr', '73c5da0a/86h/0h/0h'],
  [`tr([73C5DA0A/86'/0'/0']${XPUB}/<0;1>/*)`, 'p2tr', '73c5da0a/86h/0h/0h'],
  [` wpkh([73c5da0a]${XPUB}/<0;1>/*)\n`, 'p2wpkh', '73c5da0a'],
])('%s is an account', (text, script, origin) => {
  expect(must(readDescriptor(text))).toEqual(origin === undefined ? { xpub: XPUB, script } : { xpub: XPUB, script, origin })
})

test('the account of a descriptor has the addresses of the BIP 86 vectors', () => {
  const account = must(readDescriptor(`tr([73c5da0a/86h/0h/0h]${XPUB}/<0;1>/*)`))
  expect(must(bitcoinAddresses.derive(mainnet, account, 0)).address).toBe(
    'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr',
  )
})

/** Descriptors of which Litecoin Core's getdescriptorinfo says the checksum. */
const TPUB = 'tpubDC5FSnBiZDMmhiuCmWAYsLwgLYrrT9rAqvTySfuCCrgsWz8wxMXUS9Tb9iVMvcRbvFcAHGkMD5Kx8koh4GquNGNTfohfk7pgjhaPCdXpoba'
const CHECKED = [
  [`wpkh(${TPUB}/0/*)`, 'f3qtxhyv'],
  [`wpkh([d34db33f/84'/1'/0']${TPUB}/0/*)`, '96cqyk8w'],
  [`wpkh([d34db33f/84h/1h/0h]${TPUB}/0/*)`, 'kt8l7vsd'],
] as const

test.each(CHECKED)('a checksum is checked: %s', (body, checksum) => {
  expect(readDescriptor(`${body}#${checksum}`)).toEqual(readDescriptor(body))
  const slip = `${checksum.slice(0, -1)}${checksum.endsWith('q') ? 'p' : 'q'}`
  for (const bad of [`${body}#${slip}`, `${body}#`, `${body.replace('/0/', '/1/')}#${checksum}`, `${body}#${checksum}#`]) {
    expect(readDescriptor(bad)).toMatchObject({ error: { reason: 'bad_descriptor', detail: expect.stringContaining('checksum') } })
  }
})

test.each([
  ['', /not a descriptor/],
  [XPUB, /not a descriptor/],
  [`pkh(${XPUB}/0/*)`, /pkh\(\) is not served/],
  [`sh(wpkh(${XPUB}/0/*))`, /sh\(\) is not served/],
  [`wsh(multi(1,${XPUB}/0/*))`, /wsh\(\) is not served/],
  [`tr(${XPUB}/0/*,pk(${XPUB}/0/*))`, /script tree/],
  [`wpkh(${XPUB})`, /must end in \/0\/\*/],
  [`wpkh(${XPUB}/*)`, /not \/\*/],
  [`wpkh(${XPUB}/1/*)`, /not \/1\/\*/],
  [`wpkh(${XPUB}/0/5)`, /not \/0\/5/],
  [`wpkh(${XPUB}/<1;0>/*)`, /not \/<1;0>\/\*/],
  [`wpkh(${XPUB}/0/*h)`, /hardened/],
  [`wpkh([73c5da0a/86x]${XPUB}/0/*)`, /no key origin/],
  [`wpkh([73c5da0]${XPUB}/0/*)`, /no key origin/],
  [`wpkh(xprv${XPUB.slice(4)}/0/*)`, /private key/],
  ['wpkh(02e493dbf1c10d80f3581e4904930b1404cc6c13900ee0758474fa94abe8c4cd13)', /no extended public key/],
  [`wpkh(${XPUB}/0/*)`.padEnd(501, ' '), /up to 500/],
])('what cannot be served is refused by its name: %s', (text, detail) => {
  expect(readDescriptor(text)).toMatchObject({ error: { reason: 'bad_descriptor', detail: expect.stringMatching(detail) } })
})

test('an origin is a fingerprint and a path', () => {
  expect(readOrigin("d34db33f/84h/0'/5")).toEqual({ fingerprint: 0xd34db33f, path: [0x80000054, 0x80000000, 5] })
  for (const text of ['', 'd34db33', 'd34db33f/', 'd34db33f/2147483648h', 'm/84h']) expect(readOrigin(text)).toBeNull()
})
