import type { BankRail } from '../../../src/money/bank.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import type { LightningRail } from '../../../src/money/lightning.ts'

/** Every gateway there is. Another one does not compile until it stands in `EXEMPT`, if only with nothing. */
export type GatewayName =
  | Exclude<ChainConfig['gateway'], 'bitcoin'>
  | NonNullable<ChainConfig['coin']>
  | BankRail['gateway']
  | LightningRail['gateway']

export const CLAIMS = {
  address: 'an order has one address for ever, and no two orders have the same',
  nothing: 'an address that nobody has paid has nothing',
  waiting: 'a payment waits first, and is told as waiting, of its address and of the wallet',
  received: 'a payment is in the balance of its address and of the wallet, to the unit, in every asset',
  more: 'several payments to one address add up, and are none of another address',
  takenBack: 'what is taken back is in no balance any more',
  away: 'while nobody answers a balance is refused, not guessed',
  sent: 'a transfer is on its way, then confirmed: paid to the unit, and the wallet has that and its cost less, in every asset',
  reserved: 'what is on its way out is reserved until it is carried out, and not after',
  once: 'a transfer that is asked for again, at any time, pays once',
  unknown: 'nothing is known of a transfer that was never asked for',
  covered: 'more than there is is refused, and nobody is paid',
  reachable: 'an address that is not reached is refused by that name, and nobody is paid',
  thwarted: 'a transfer that can’t be carried out fails, and nobody is paid by it',
  refunded: 'a refund gives back to the unit, once, to whoever paid',
  limited: 'more than was paid is not given back',
} as const
export type Claim = keyof typeof CLAIMS

const INVOICE_LIMITS = 'what an invoice has received is known to the invoice, which limits its refunds (test/invoice)'

/**
 * What cannot be claimed of a gateway by the nature of its rail, and why. The same table is in docs/adding-a-gateway.md
 * (test/gateways/contract.test.ts compares them).
 */
export const EXEMPT: Readonly<Record<GatewayName, Partial<Record<Claim, string>>>> = {
  bitcoin: { limited: INVOICE_LIMITS },
  litecoin: { limited: INVOICE_LIMITS },
  evm: {
    limited: INVOICE_LIMITS,
    reserved: 'a node does not tell what waiting transactions take from an account; the wallet’s books do (test/wallet)',
  },
  sepa: {
    away: 'nobody is asked: statements are brought, and a balance says as of when it is',
    covered: 'what an account may spend, its bank knows alone, and refuses (AM04)',
  },
  lightning: {
    waiting: 'a payment is made whole and at once, or not at all',
    more: 'an invoice of a node is paid once',
    takenBack: 'nothing takes a payment back',
    limited: INVOICE_LIMITS,
  },
}
