import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { InvoiceResource, PaymentResource } from '../../../src/invoice/resource.ts'
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
 * The books of an invoice, against what follows from its payments by the documented rules, written down once more: a
 * payment that is there is pending until it is final, then available, or held when a person is to say. Assets add up to
 * zero, and the books in D1 come to the same as those in the ledger's object.
 */
export async function checkBooks(scene: Scene, invoice: InvoiceResource): Promise<readonly TransactionLine[]> {
  const wanted = expected(invoice)
  let lines: readonly TransactionLine[] = []
  await waitFor(
    async () => {
      lines = await postingsOf(scene, invoice.id)
      return isDeepStrictEqual(withoutWallets(netOf(lines)), wanted)
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
    const units = BigInt(amount.replace('.', ''))
    net[asset] ??= {}
    const accounts = net[asset] as Record<string, bigint>
    accounts[from] = (accounts[from] ?? 0n) - units
    accounts[to] = (accounts[to] ?? 0n) + units
  }
  for (const accounts of Object.values(net))
    for (const [account, units] of Object.entries(accounts)) if (units === 0n) delete accounts[account]
  return net
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

/** Of a store without fees, whose wallets are its own. */
function expected(invoice: InvoiceResource): Net {
  const net: Net = {}
  for (const payment of invoice.payments) {
    const place = placeOf(payment)
    if (place === null) continue
    net[payment.asset] ??= {}
    const accounts = net[payment.asset] as Record<string, bigint>
    accounts[place] = (accounts[place] ?? 0n) + BigInt(payment.amount.replace('.', ''))
  }
  return net
}

function placeOf({ status, confirmations, confirmationsRequired, decision }: PaymentResource): string | null {
  if (status !== 'unconfirmed' && status !== 'confirmed') return null
  if (confirmationsRequired > 0 && (status !== 'confirmed' || confirmations < confirmationsRequired)) return 'self.pending'
  return decision === 'counted' ? 'self.available' : 'self.held'
}

function withoutWallets(net: Net): Net {
  const claims = Object.entries(net).map(([asset, accounts]): [string, Record<string, bigint>] => [
    asset,
    Object.fromEntries(Object.entries(accounts).filter(([account]) => !/^self\.(wallet|incoming):/.test(account))),
  ])
  return Object.fromEntries(claims.filter(([, accounts]) => Object.keys(accounts).length > 0))
}

function show(net: Net): string {
  return JSON.stringify(net, (_key, value) => (typeof value === 'bigint' ? value.toString() : value))
}
