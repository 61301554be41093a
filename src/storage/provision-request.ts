import { isApiKey } from '../auth/api-keys.ts'
import { readDescriptor, readOrigin } from '../gateways/bitcoin/descriptor.ts'
import type { AccountKey } from '../gateways/gateway.ts'
import type { BankAccount } from '../gateways/sepa/address.ts'
import { isBic, isSepaCountry, readIban } from '../gateways/sepa/iban.ts'
import type { LatePolicy } from '../invoice/types.ts'
import type { Custody } from '../ledger/types.ts'
import { type FieldRefusal, type Fields, readFields } from '../lib/fields.ts'
import { isId } from '../lib/ids.ts'
import type { Result } from '../lib/result.ts'
import type { FeePlan } from '../money/fee.ts'
import type { Registry } from '../money/registry.ts'
import { readPlan } from './read-plan.ts'

/** What makes a store. Only `name` and `wallets` must be given. */
export interface StoreRequest {
  readonly name: string
  readonly wallets: readonly WalletRequest[]
  readonly merchantId: string | null
  readonly shard: number | null
  /** The merchant's from now on; null leaves it as it is, and a new merchant without fees. */
  readonly plan: FeePlan | null
  readonly latePolicy: LatePolicy
  readonly toleranceBps: number
  readonly watchMs: number
  readonly allowedOrigins: readonly string[]
  readonly storeId: string | null
  readonly apiKey: string | null
}

export interface WalletRequest {
  readonly account: AccountKey | BankAccount | LightningAccount
  readonly assets: readonly string[]
  readonly custody: Custody
}

/** A Lightning node, as the operator has named it in `NODES`. */
export interface LightningAccount {
  readonly lightning: string
}

export type ProvisionRefusal =
  | FieldRefusal
  | { readonly reason: 'malformed_json'; readonly param: null; readonly detail: string }
  | { readonly reason: 'conflict'; readonly param: string; readonly detail: string }

const WALLETS_MAX = 50
const ASSETS_MAX = 100
const ORIGINS_MAX = 50
/** Characters of a name in a SEPA transfer. */
const HOLDER_MAX = 70
const DAY_MS = 86_400_000
/** Money that comes within a month of expiry still finds its invoice by itself. */
const WATCH_MS_DEFAULT = 30 * DAY_MS
const WATCH_MS_MAX = 3_650 * DAY_MS

const STORE_FIELDS = [
  'name',
  'wallets',
  'merchantId',
  'shard',
  'plan',
  'latePolicy',
  'toleranceBps',
  'watchMs',
  'allowedOrigins',
  'storeId',
  'apiKey',
]

/** `shards` is how many there are. */
export function parseStoreRequest(input: unknown, shards: number, registry: Registry): Result<StoreRequest, FieldRefusal> {
  return readFields(input, STORE_FIELDS, (fields) => ({
    name: fields.text('name', { max: 100 }),
    wallets: fields.list('wallets', 1, WALLETS_MAX, readWallet),
    merchantId: fields.optional('merchantId', (name) => readId(fields, 'mer', name)),
    shard: fields.optional('shard', (name) => fields.integer(name, 0, shards - 1)),
    plan: fields.optional('plan', (name) => readPlan(fields, name, registry)),
    latePolicy:
      fields.optional('latePolicy', (name) => fields.choice(name, ['accept_locked_rate', 'accept_current_rate', 'hold'])) ?? 'hold',
    toleranceBps: fields.optional('toleranceBps', (name) => fields.integer(name, 0, 1_000)) ?? 0,
    watchMs: fields.optional('watchMs', (name) => fields.integer(name, 0, WATCH_MS_MAX)) ?? WATCH_MS_DEFAULT,
    allowedOrigins: fields.optional('allowedOrigins', (name) => readOrigins(fields, name)) ?? [],
    storeId: fields.optional('storeId', (name) => readId(fields, 'st', name)),
    apiKey: fields.optional('apiKey', (name) => readApiKey(fields, name)),
  }))
}

function readWallet(items: Fields, name: string): WalletRequest {
  const wallet = items.object(name, ['account', 'assets', 'custody'])
  return {
    account: readAccount(wallet),
    assets: wallet.texts('assets', 1, ASSETS_MAX, { max: 20 }),
    custody: wallet.optional('custody', (custody) => wallet.choice(custody, ['self', 'platform'])) ?? 'self',
  }
}

function readAccount(wallet: Fields): WalletRequest['account'] {
  const given: object = Object(wallet.value('account'))
  if (Object.hasOwn(given, 'iban')) return readBankAccount(wallet)
  if (!Object.hasOwn(given, 'lightning')) return readAccountKey(wallet)
  const form = { max: 40, pattern: /^[a-z0-9-]+$/, form: 'the name of a node in NODES: of a-z, 0-9 and -' }
  return { lightning: wallet.object('account', ['lightning']).text('lightning', form) }
}

/** By its key and script, or as a wallet exports it: an output descriptor. */
function readAccountKey(wallet: Fields): AccountKey {
  if (Object.hasOwn(Object(wallet.value('account')), 'descriptor')) {
    const fields = wallet.object('account', ['descriptor'])
    const account = readDescriptor(fields.text('descriptor', { max: 500 }))
    return account.ok ? account.value : fields.refuse('descriptor', `is not served: ${account.error.detail}`, NO_ACCOUNT)
  }
  const fields = wallet.object('account', ['xpub', 'script', 'origin'])
  const key = {
    xpub: fields.text('xpub', { max: 200 }),
    script: fields.choice('script', ['p2wpkh', 'p2tr', 'evm']),
  } as const
  const origin = fields.optional('origin', (name) => fields.text(name, { max: 100 }))
  if (origin === null) return key
  if (key.script === 'evm') return fields.refuse('origin', 'is for accounts of Bitcoin and its kin', NO_ACCOUNT)
  if (!readOrigin(origin))
    return fields.refuse('origin', 'must be a fingerprint and a path, such as d34db33f/84h/0h/0h', NO_ACCOUNT)
  return { ...key, origin }
}

/** Stands in for what was refused. */
const NO_ACCOUNT: AccountKey = { xpub: '', script: 'p2wpkh' }

function readBankAccount(wallet: Fields): BankAccount {
  const account = wallet.object('account', ['iban', 'bic', 'holder'])
  const iban = readIban(account.text('iban', { max: 60 }))
  if (iban === null) account.refuse('iban', 'must be an IBAN with the right length and check digits', '')
  else if (!isSepaCountry(iban)) account.refuse('iban', 'must be of a country of SEPA', '')
  const bic = account.optional('bic', (name) => account.text(name, { max: 11 }).toUpperCase())
  if (bic !== null && !isBic(bic)) account.refuse('bic', 'must be a BIC of 8 or 11 characters', '')
  return { iban: iban ?? '', bic, holder: account.text('holder', { max: HOLDER_MAX, pattern: /^[^\r\n\t]+$/, form: 'one line' }) }
}

function readId(fields: Fields, prefix: 'mer' | 'st', name: string): string {
  const text = fields.text(name, { max: 60 })
  return isId(prefix, text) ? text : fields.refuse(name, `must be an id: ${prefix}_ and 32 characters`, '')
}

function readApiKey(fields: Fields, name: string): string {
  const text = fields.text(name, { max: 200 })
  return isApiKey(text) ? text : fields.refuse(name, 'must have the form createApiKey() of src/auth/api-keys.ts gives', '')
}

function readOrigins(fields: Fields, name: string): string[] {
  const origins = fields.texts(name, 0, ORIGINS_MAX, { max: 200 })
  const bad = origins.find((origin) => !/^https?:\/\//.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin)
  return bad === undefined ? origins : fields.refuse(name, `must hold origins such as https://shop.example; ${bad} is not one`, [])
}
