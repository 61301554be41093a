import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import type { InvoiceResource, PaymentResource } from '../../../src/invoice/resource.ts'
import type { TransferDetail } from '../../../src/wallet/transfers/resource.ts'
import { waitFor } from '../harness.ts'
import type { Scene } from './scene.ts'

/** One line of `GET /v1/invoices/:id/postings` and of `GET /v1/ledger/transactions`. */
export interface TransactionLine {
  readonly no: number
  readonly cause: string
  readonly phase: string
  readonly payment: string | null
  readonly postings: readonly { readonly from: string; readonly to: string; readonly amount: string; readonly asset: string }[]
  readonly hash: string
  readonly previous: string
}

/** By asset, by account; base units. */
export type Net = Record<string, Record<string, bigint>>

/**
 * The books of an invoice, against what follows from its payments and refunds by the documented rules, written down once
 * more: a payment that is there is pending until it is final, then available, or held when a person is to say; a refund that
 * is wanted is reserved, signed it is in transit, final it is gone, with its network fee. Assets add up to zero, and the
 * books in D1 come to the same as those in the ledger's object.
 */
export async function checkBooks(scene: Scene, invoice: InvoiceResource): Promise<readonly TransactionLine[]> {
  let wanted: Net = {}
  let lines: readonly TransactionLine[] = []
  await waitFor(
    async () => {
      lines = await postingsOf(scene, invoice.id)
      wanted = expected(invoice, await transfersOf(scene, invoice))
      return isDeepStrictEqual(claimsOf(netOf(lines)), wanted)
    },
    undefined,
    () => `the books of ${invoice.id} are ${show(netOf(lines))} and not ${show(wanted)}: ${JSON.stringify(invoice.payments)}`,
  )
  for (const accounts of Object.values(netOf(lines))) expect(Object.values(accounts).reduce((a, b) => a + b, 0n)).toBe(0n)
  await checkCopy(scene, lines)
  return lines
}

export async function postingsOf({ stack }: Scene, invoiceId: string): Promise<TransactionLine[]> {
  const answer = await stack.api<{ data: TransactionLine[] }>('GET', `/v1/invoices/${invoiceId}/postings`)
  expect(answer.status, answer.text).toBe(200)
  return answer.body.data
}

/** What transactions come to. Accounts at zero are left out. */
export function netOf(lines: readonly TransactionLine[]): Net {
  const net: Net = {}
  for (const { from, to, amount, asset } of lines.flatMap(({ postings }) => postings)) {
    const units = unitsOf(amount)
    net[asset] ??= {}
    const accounts = net[asset] as Record<string, bigint>
    accounts[from] = (accounts[from] ?? 0n) - units
    accounts[to] = (accounts[to] ?? 0n) + units
  }
  return Object.fromEntries(
    Object.entries(net).map(([asset, accounts]) => [
      asset,
      Object.fromEntries(Object.entries(accounts).filter(([, units]) => units !== 0n)),
    ]),
  )
}

/** Every transaction is in D1 as it is in the ledger: found by its cause, newest first. */
async function checkCopy(scene: Scene, lines: readonly TransactionLine[]): Promise<void> {
  const missing = async () => {
    const listed = await listed50(scene)
    const oldest = listed.at(-1)?.no ?? 0
    return lines.filter((line) => line.no >= oldest && !listed.some((other) => isDeepStrictEqual(other, line)))
  }
  let left: readonly TransactionLine[] = []
  await waitFor(
    async () => {
      left = await missing()
      return left.length === 0
    },
    undefined,
    () => `D1 lacks or has otherwise ${JSON.stringify(left)}`,
  )
}

async function listed50({ stack }: Scene): Promise<TransactionLine[]> {
  const answer = await stack.api<{ data: TransactionLine[] }>('GET', '/v1/ledger/transactions?limit=50')
  expect(answer.status, answer.text).toBe(200)
  return answer.body.data
}

/** Of a store without fees, whoever has the keys of its wallets. */
function expected(invoice: InvoiceResource, transfers: readonly TransferDetail[]): Net {
  const net: Net = {}
  const add = (asset: string, account: string, units: bigint) => {
    net[asset] ??= {}
    const accounts = net[asset] as Record<string, bigint>
    accounts[account] = (accounts[account] ?? 0n) + units
  }
  for (const payment of invoice.payments) {
    const place = placeOf(payment)
    if (place !== null) add(payment.asset, place, unitsOf(payment.amount))
  }
  for (const { asset, amount, fee, chain, status } of transfers) {
    const native = DEVELOPMENT_CHAINS.find(({ id }) => id === chain)?.native.code
    const ofFee = fee === null ? 0n : unitsOf(fee.amount)
    const taken = unitsOf(amount) + (native === asset ? ofFee : 0n)
    if (status === 'failed') continue
    add(asset, 'available', -taken)
    if (status === 'confirmed' && native !== undefined && native !== asset) add(native, 'treasury', -ofFee)
    if (status !== 'confirmed') add(asset, status === 'broadcast' || status === 'unknown' ? 'in_transit' : 'reserved', taken)
  }
  return withoutZeros(net)
}

/** Of the platform's wallets: the newest of each refund. Those before it have failed. */
async function transfersOf({ stack }: Scene, { refunds }: InvoiceResource): Promise<TransferDetail[]> {
  const ids = refunds.flatMap(({ transferId }) => transferId ?? [])
  const all = await Promise.all(ids.map(async (id) => (await stack.api<TransferDetail>('GET', `/v1/transfers/${id}`)).body))
  return all.filter(({ custody }) => custody === 'platform')
}

function unitsOf(decimal: string): bigint {
  return BigInt(decimal.replace('.', ''))
}

function placeOf({ status, confirmations, confirmationsRequired, decision }: PaymentResource): string | null {
  if (status !== 'unconfirmed' && status !== 'confirmed') return null
  if (confirmationsRequired > 0 && (status !== 'confirmed' || confirmations < confirmationsRequired)) return 'pending'
  return decision === 'counted' ? 'available' : 'held'
}

/** Whose the money is, and not where: the same of a wallet of the platform's and of a merchant's own. */
function claimsOf(net: Net): Net {
  const claims = Object.entries(net).map(([asset, accounts]): [string, Record<string, bigint>] => {
    const named = Object.entries(accounts).map(([account, units]): [string, bigint] => [account.replace(/^self\./, ''), units])
    return [asset, Object.fromEntries(named.filter(([account]) => !/^(wallet|incoming):/.test(account)))]
  })
  return withoutZeros(Object.fromEntries(claims))
}

/** Accounts at zero are left out, and assets without others. */
function withoutZeros(net: Net): Net {
  const left = Object.entries(net).map(([asset, accounts]): [string, Record<string, bigint>] => [
    asset,
    Object.fromEntries(Object.entries(accounts).filter(([, units]) => units !== 0n)),
  ])
  return Object.fromEntries(left.filter(([, accounts]) => Object.keys(accounts).length > 0))
}

function show(net: Net): string {
  return JSON.stringify(net, (_key, value) => (typeof value === 'bigint' ? value.toString() : value))
}
