import { p256 } from '@noble/curves/nist.js'
import { fromBase64Url } from '../lib/base64.ts'
import { type FieldRefusal, type Fields, readFields } from '../lib/fields.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { MAX_UNITS } from '../money/amount.ts'
import type { Registry } from '../money/registry.ts'
import type { Intent } from './rpc.ts'

/** What one wallet may sign, by an operator's word. What it does not name is refused. docs/signer.md explains each field. */
export interface Policy {
  /** By asset code. */
  readonly assets: Readonly<Record<string, AssetPolicy>>
  readonly approvers: readonly Approver[]
}

/** Amounts in base units of the asset; those of `fee` in base units of the chain's native asset. */
export interface AssetPolicy {
  readonly kinds: readonly Intent['kind'][]
  readonly perTransfer: bigint
  readonly perHour: bigint
  readonly perDay: bigint
  readonly perDestinationPerDay: bigint
  readonly perStorePerDay: bigint
  /** Up to here a transfer needs nobody's approval. */
  readonly autoApproveUpTo: { readonly refund: bigint; readonly payout: bigint }
  /** How many members must approve what is over. */
  readonly approvals: number
  readonly fee: FeePolicy
  /** How long a payout to a destination that was never asked for before waits; null: not at all. */
  readonly newDestinationHours: number | null
}

export interface FeePolicy {
  /** Of one transaction. */
  readonly max: bigint
  /** Of what it pays, where that is the native asset; null: no such limit. */
  readonly bps: number | null
  /** However little it pays, a fee up to this is no fault of `bps`. */
  readonly floor: bigint
  /** Of all transactions on the chain in a day. */
  readonly perDay: bigint
}

/** A passkey of a member. Those with one name are one member. */
export interface Approver {
  readonly name: string
  /** base64url */
  readonly credentialId: string
  /** P-256 (ES256), SubjectPublicKeyInfo in base64url, as `getPublicKey()` of a registration gives it. */
  readonly publicKey: string
  readonly rpId: string
  readonly origin: string
}

const ASSETS_MAX = 50
const APPROVERS_MAX = 50
const HOURS_MAX = 24 * 30
const ASSET_FIELDS = [
  'kinds',
  'perTransfer',
  'perHour',
  'perDay',
  'perDestinationPerDay',
  'perStorePerDay',
  'autoApproveUpTo',
  'approvals',
  'fee',
  'newDestinationHours',
]
const BASE64URL = { pattern: /^[A-Za-z0-9_-]+$/, form: 'base64url' }

/** Reads a policy as operators write it: amounts are texts of base units. */
export function parsePolicy(input: unknown, registry: Registry): Result<Policy, FieldRefusal> {
  const read = readFields(input, ['assets', 'approvers'], (fields) => ({
    assets: readAssets(fields, registry),
    approvers: fields.list('approvers', 0, APPROVERS_MAX, readApprover),
  }))
  if (!read.ok) return read
  const { assets, approvers } = read.value
  const refuse = (param: string, words: string) => err({ reason: 'invalid_field' as const, param, detail: `${param} ${words}` })
  if (new Set(approvers.map(({ credentialId }) => credentialId)).size < approvers.length)
    return refuse('approvers', 'must not name a credential twice')
  const members = new Set(approvers.map(({ name }) => name)).size
  for (const [code, { approvals, autoApproveUpTo, perTransfer, kinds }] of Object.entries(assets)) {
    const wanted = kinds.some((kind) => kind !== 'sweep' && autoApproveUpTo[kind] < perTransfer)
    if (wanted && approvals > members)
      return refuse(`assets.${code}.approvals`, `are ${approvals} and there are ${members} members to give them`)
  }
  return ok({ assets, approvers })
}

/** The policy as it is read: amounts are texts again. */
export function writePolicy(policy: Policy): unknown {
  return JSON.parse(JSON.stringify(policy, (_key, value) => (typeof value === 'bigint' ? String(value) : value)))
}

function readAssets(fields: Fields, registry: Registry): Record<string, AssetPolicy> {
  const source = fields.value('assets')
  const codes = typeof source === 'object' && source !== null && !Array.isArray(source) ? Object.keys(source) : []
  if (codes.length === 0 || codes.length > ASSETS_MAX)
    return fields.refuse('assets', `must be an object of 1 to ${ASSETS_MAX} assets`, {})
  const assets = fields.object('assets', codes)
  return Object.fromEntries(
    codes.map((code) => {
      const asset = registry.findAsset(code)
      if (!asset || !registry.findChain(asset.chainId ?? ''))
        assets.refuse(code, 'is of an asset of no chain configured here', null)
      return [code, readAsset(assets.object(code, ASSET_FIELDS), asset?.kind === 'native')]
    }),
  )
}

function readAsset(fields: Fields, isNative: boolean): AssetPolicy {
  const kinds = fields.texts('kinds', 0, 3, { max: 10, pattern: /^(refund|payout|sweep)$/, form: 'refund, payout or sweep' })
  const auto = fields.object('autoApproveUpTo', ['refund', 'payout'])
  const fee = fields.object('fee', ['max', 'bps', 'floor', 'perDay'])
  const bps = fee.optional('bps', (name) => fee.integer(name, 0, 10_000))
  if (bps !== null && !isNative) fee.refuse('bps', 'must be null: the fee is not paid in this asset', null)
  return {
    kinds: kinds as AssetPolicy['kinds'],
    perTransfer: readUnits(fields, 'perTransfer'),
    perHour: readUnits(fields, 'perHour'),
    perDay: readUnits(fields, 'perDay'),
    perDestinationPerDay: readUnits(fields, 'perDestinationPerDay'),
    perStorePerDay: readUnits(fields, 'perStorePerDay'),
    autoApproveUpTo: { refund: readUnits(auto, 'refund'), payout: readUnits(auto, 'payout') },
    approvals: fields.integer('approvals', 1, APPROVERS_MAX),
    fee: { max: readUnits(fee, 'max'), bps, floor: readUnits(fee, 'floor'), perDay: readUnits(fee, 'perDay') },
    newDestinationHours: fields.optional('newDestinationHours', (name) => fields.integer(name, 1, HOURS_MAX)),
  }
}

function readUnits(fields: Fields, name: string): bigint {
  const text = fields.text(name, { max: 39, pattern: /^(0|[1-9]\d*)$/, form: 'a whole number of base units, as text' })
  const units = /^\d+$/.test(text) ? BigInt(text) : 0n
  return units > MAX_UNITS ? fields.refuse(name, 'must be at most 2^127 - 1', 0n) : units
}

function readApprover(items: Fields, item: string): Approver {
  const fields = items.object(item, ['name', 'credentialId', 'publicKey', 'rpId', 'origin'])
  const approver = {
    name: fields.text('name', { max: 100 }),
    credentialId: fields.text('credentialId', { max: 1_400, ...BASE64URL }),
    publicKey: fields.text('publicKey', { max: 200, ...BASE64URL }),
    rpId: fields.text('rpId', { max: 253, pattern: /^[a-z0-9.-]+$/, form: 'a host name in lower case' }),
    origin: fields.text('origin', { max: 300, pattern: /^https?:\/\/[a-z0-9.-]+(:\d+)?$/, form: 'an origin: https://host' }),
  }
  if (!isP256Key(fromBase64Url(approver.publicKey))) fields.refuse('publicKey', 'must be a P-256 key (SubjectPublicKeyInfo)', '')
  return approver
}

/** SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 (RFC 5480): 26 bytes that are always the same, then the point, 04 x y. */
const P256_PREFIX = [
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
  0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
]
const P256_BYTES = 91

function isP256Key(spki: Uint8Array | null): boolean {
  if (spki?.length !== P256_BYTES || !P256_PREFIX.every((byte, at) => spki[at] === byte)) return false
  try {
    // Throws on what is no point of the curve.
    p256.Point.fromBytes(spki.subarray(P256_PREFIX.length - 1))
    return true
  } catch {
    return false
  }
}
