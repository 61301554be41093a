import { isBankRail } from '../bank/receive.ts'
import type { BankRpc } from '../bank/rpc.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { isLive } from './refund.ts'
import type { Invoice } from './types.ts'
import { isFinal } from './view.ts'

/**
 * Who paid by bank: IBANs by payment key, those that the bank named. Unlike a chain's inputs, a debtor's account is theirs:
 * a refund goes back to it, and nobody is asked for an address.
 */
export type Debtors = ReadonlyMap<string, string>

/** Payments of one invoice whose payers are asked for, the newest. */
const ASKED_MAX = 50

export async function debtorsOf(env: { readonly BANKS: ObjectNamespace<BankRpc> }, { payments }: Invoice): Promise<Debtors> {
  const byBank = payments.filter((payment) => isBankRail(payment.chainId) && isFinal(payment)).slice(-ASKED_MAX)
  const named = await Promise.all(
    byBank.map(async ({ key, index }) => [key, (await env.BANKS.getByName(index).debtorOf(key))?.iban] as const),
  )
  return new Map(named.flatMap(([key, iban]) => (iban === undefined ? [] : [[key, iban] as const])))
}

/**
 * The account that a refund of so much goes to, when several have paid: the one with the least left, of those whose
 * payments, less what is sent back there, cover it. So what others paid can be refunded too.
 */
export function debtorFor({ payments, refunds = [] }: Invoice, asset: string, units: bigint, debtors: Debtors): string | null {
  const left = new Map<string, bigint>()
  const add = (iban: string, change: bigint) => left.set(iban, (left.get(iban) ?? 0n) + change)
  for (const payment of payments.filter((one) => one.asset === asset && isFinal(one))) {
    const iban = debtors.get(payment.key)
    if (iban !== undefined) add(iban, payment.units)
  }
  for (const refund of refunds)
    if (refund.asset === asset && isLive(refund) && refund.address !== null) add(refund.address, -refund.units)
  const [best] = [...left]
    .filter(([, rest]) => rest >= units)
    .sort(([, one], [, other]) => (one < other ? -1 : one > other ? 1 : 0))
  return best?.[0] ?? null
}
