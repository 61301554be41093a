import { type AccountStanding, type GivenReference, REFERENCES_PAGE_MAX } from '../bank/rpc.ts'
import { readBankAddress } from '../gateways/sepa/address.ts'
import { readReference } from '../gateways/sepa/reference.ts'
import { rfc3339 } from '../lib/clock.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { SEPA } from '../money/bank.ts'
import { type Answer, type Call, steadily } from './call.ts'
import type { Problem } from './problems.ts'
import { isOwnInvoice, ownAmong } from './wallet-access.ts'

/** A bank account as wallets are shown: its addresses are creditor references, its blocks are statements. */
export interface StoreAccount {
  readonly id: string
  readonly iban: string
}

/** Over a weekend with a holiday no statement comes. */
const STALE_MS = 5 * 24 * 60 * 60_000

/** The store's bank accounts among its wallets, as `GET /v1/wallets` lists them. */
export function bankWallets({ env, identity }: Call): Promise<object[]> {
  const accounts: readonly StoreAccount[] = identity.store.bankAccounts ?? []
  return Promise.all(
    accounts.map(async ({ id, iban }) => ({
      id,
      object: 'wallet',
      custody: 'self',
      script: 'sepa',
      addressesUsed: await steadily(() => env.BANKS.getByName(id).used()),
      chains: [{ chain: SEPA.id, name: SEPA.name, assets: [SEPA.assetCode], firstAddresses: [iban], payer: null }],
      node: null,
    })),
  )
}

/** The bank account that the path names, when it is one of the caller's store. */
export function ownAccount(call: Call): StoreAccount | null {
  return call.identity.store.bankAccounts?.find(({ id }) => id === call.param('id')) ?? null
}

/** As its statements have it, and what is known to be on its way since. */
export async function readAccountBalance(call: Call, { id }: StoreAccount): Promise<Result<Answer, Problem>> {
  const [balance, used] = await Promise.all([
    steadily(() => call.env.BANKS.getByName(id).balance(call.identity.store.merchantId)),
    steadily(() => call.env.BANKS.getByName(id).used()),
  ])
  if (!balance) return err({ reason: 'wallet_not_found', detail: 'this store has no wallet with this id' })
  const { confirmed, pending, leaving, reserved } = balance.sums
  const sums = { confirmed: euro(confirmed), pending: euro(pending), leaving: euro(leaving), reserved: euro(reserved) }
  const chain = { ...reading(call, balance, used), payer: null, assets: [{ asset: SEPA.assetCode, ...sums }] }
  return ok({ status: 200, body: { object: 'wallet_balance', walletId: id, custody: 'self', chains: [chain] } })
}

/** A page of the references that were given to invoices of this store, the oldest first. */
export async function listReferences(
  call: Call,
  { id }: StoreAccount,
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<Result<Answer, Problem>> {
  const most = Math.min(limit, REFERENCES_PAGE_MAX)
  const given = await steadily(() => call.env.BANKS.getByName(id).given(from, most + 1))
  const data = (await ownAmong(call, given.slice(0, most))).map(showReference)
  return ok({ status: 200, body: { data, nextCursor: given.length > most ? String(given[most]?.index) : null } })
}

/** One address, in full or its creditor reference alone. */
export async function readReferenceBalance(call: Call, { id, iban }: StoreAccount): Promise<Result<Answer, Problem>> {
  const notFound = err({ reason: 'address_not_found', detail: 'no invoice of this store has this address of the wallet' } as const)
  const text = call.param('address')
  const whole = readBankAddress(text)
  const reference = whole ? whole.reference : readReference(text)
  if (reference === null || (whole && whole.iban !== iban)) return notFound
  const found = await steadily(() => call.env.BANKS.getByName(id).find(reference))
  if (!found || !(await isOwnInvoice(call, found.invoiceId))) return notFound
  const standing = await steadily(() => call.env.BANKS.getByName(id).standing(call.identity.store.merchantId))
  if (!standing) return notFound
  const { address, index, invoiceId } = found
  const chain = { ...reading(call, standing, 1), assets: [sumsOf(found)] }
  return ok({ status: 200, body: { object: 'address_balance', walletId: id, address, index, invoiceId, chains: [chain] } })
}

function showReference(given: GivenReference) {
  const { index, invoiceId, address, confirmed, pending } = given
  const assets = confirmed > 0n || pending > 0n ? [sumsOf(given)] : []
  return { object: 'wallet_address', index, invoiceId, chains: [{ chain: SEPA.id, address, assets }] }
}

function sumsOf({ confirmed, pending }: GivenReference) {
  return { asset: SEPA.assetCode, confirmed: euro(confirmed), pending: euro(pending), leaving: euro(0n) }
}

function reading(call: Call, { readUntilMs, gap, differences }: AccountStanding, addresses: number) {
  const at = readUntilMs === null ? null : rfc3339(readUntilMs)
  const [difference] = differences
  const missing = gap === null || at === null ? null : { reason: 'statement_gap', detail: gap, at }
  return {
    chain: SEPA.id,
    name: SEPA.name,
    asOf: null,
    readAt: at,
    addresses,
    stale: readUntilMs === null || call.nowMs - readUntilMs > STALE_MS,
    refreshing: false,
    error: difference ? { reason: 'balance_difference', detail: difference.detail, at: rfc3339(difference.sinceMs) } : missing,
  }
}

/** Cents. */
function euro(cents: bigint): string
function euro(cents: bigint | null): string | null
function euro(cents: bigint | null): string | null {
  return cents === null ? null : formatDecimal(cents, 2)
}
