import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import { writeBolt11 } from '../../scripts/stack/lightning/encode.ts'
import { claimToken } from '../../src/auth/claim-token.ts'
import { createClaim } from '../../src/claim/routes.tsx'
import type { Refund } from '../../src/invoice/refund.ts'
import type { InvoiceRpc } from '../../src/invoice/rpc.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { activation, INVOICE_ID, invoice, MAIN_CHAINS, payment, terms } from '../checkout/fixtures.ts'
import { ADDRESS, REFUND_ID, refund, TXID } from '../invoice/refund-fixture.ts'

export const SECRET = 'claim-test-secret'
export const EVM_ADDRESS = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'

export interface ClaimState {
  readonly refund: Refund
  readonly query?: string
  /** Sent by the form; null to look only. */
  readonly form?: Readonly<Record<string, string>>
  readonly chains?: readonly (ChainConfig | string)[]
  readonly storeName?: string
}

const ETH = { asset: 'USDC', chainId: EVM_LOCAL, units: 54_108_696n } as const
const LN = { asset: 'BTC-LN', chainId: 'lightning:mainnet', units: 50_000n, custody: 'self' } as const
const WITH_LIGHTNING = [...MAIN_CHAINS, 'lightning']
const NOW_S = Math.floor(Date.now() / 1_000)
/** An invoice of the payer. */
const bolt11 = (msat: bigint, network = 'bc') =>
  writeBolt11({
    network,
    msat,
    paymentHash: '5a'.repeat(32),
    createdAtS: NOW_S,
    expiryS: 3_600,
    key: '33'.repeat(32),
    hinted: true,
  })
export const LN_INVOICE = bolt11(50_000_000n)
const UNPAID = { id: REFUND_ID, address: LN_INVOICE, wantedAtMs: 0, replaced: false, version: 3, status: 'failed' } as const

const LONG = 'Donaudampfschifffahrtsgesellschaftskapitänsmützenmanufaktur GmbH & Co. KG'

/** Every state a payer can meet, by a name that is also the name of its picture. */
export const CLAIM_STATES: Readonly<Record<string, ClaimState>> = {
  ask: { refund: refund('awaiting_address', { reason: 'Sadly the Guji is sold out. We are sorry!' }) },
  'ask-usdc': { refund: refund('awaiting_address', ETH) },
  'ask-german': { refund: refund('awaiting_address'), query: 'lang=de' },
  'ask-ukrainian': { refund: refund('awaiting_address', ETH), query: 'lang=uk' },
  'ask-development': { refund: refund('awaiting_address'), chains: DEVELOPMENT_CHAINS },
  'ask-long-words': {
    refund: refund('awaiting_address', { units: 123_456_789_012n, reason: 'x'.repeat(200) }),
    storeName: LONG,
    query: 'lang=de',
  },
  'ask-wrong': { refund: refund('awaiting_address'), form: { address: EVM_ADDRESS, step: 'check' } },
  'ask-empty': { refund: refund('awaiting_address'), form: { address: ' ', step: 'check' } },
  'ask-again': { refund: refund('queued'), query: 'change=1' },
  confirm: { refund: refund('awaiting_address'), form: { address: ADDRESS, step: 'check' } },
  'confirm-usdc': { refund: refund('awaiting_address', ETH), form: { address: EVM_ADDRESS, step: 'check' }, query: 'lang=uk' },
  waiting: { refund: refund('queued') },
  approval: { refund: refund('needs_approval', { challenge: 'c2ln' }) },
  sending: { refund: refund('signing') },
  sent: { refund: refund('broadcast') },
  unknown: { refund: refund('unknown') },
  done: { refund: refund('confirmed') },
  'done-usdc': { refund: refund('confirmed', { ...ETH, address: EVM_ADDRESS, txid: `0x${TXID}` }), query: 'lang=de' },
  'ask-lightning': { refund: refund('awaiting_address', LN), chains: WITH_LIGHTNING },
  'ask-lightning-wrong': {
    refund: refund('awaiting_address', LN),
    chains: WITH_LIGHTNING,
    form: { address: bolt11(49_999_000n), step: 'check' },
    query: 'lang=de',
  },
  'ask-lightning-again': {
    refund: refund('awaiting_address', { ...LN, claims: 1, transfers: [UNPAID], detail: 'no route' }),
    chains: WITH_LIGHTNING,
    query: 'lang=uk',
  },
  'sent-lightning': { refund: refund('broadcast', { ...LN, address: LN_INVOICE }), chains: WITH_LIGHTNING },
  'done-lightning': { refund: refund('confirmed', { ...LN, address: LN_INVOICE }), chains: WITH_LIGHTNING, query: 'lang=de' },
  failed: { refund: refund('failed', { detail: 'no money for the fee' }) },
  cancelled: { refund: refund('cancelled') },
}

export function invoiceOf({ refund, storeName }: ClaimState): Invoice {
  const paid = payment({ status: 'confirmed', confirmations: 6 })
  const base = invoice({ status: 'settled', payments: [paid], activations: [activation('BTC')], refunds: [refund] })
  return { ...base, terms: terms(storeName ? { storeName } : {}) }
}

export async function pathOf(): Promise<string> {
  return `/claim/${INVOICE_ID}/${REFUND_ID}/${await claimToken(SECRET, INVOICE_ID, REFUND_ID)}`
}

/** The bindings the page uses, around one invoice. `calls` says what was asked of invoice objects. */
export function claimEnv(state: ClaimState, claimRefund?: InvoiceRpc['claimRefund']) {
  const calls: string[] = []
  const held = { invoice: invoiceOf(state) }
  const object = (name: string) => ({
    read: async () => {
      calls.push('read')
      return name === INVOICE_ID ? held.invoice : null
    },
    claimRefund: async (id: string, address: string) => {
      calls.push(`claim ${id} ${address}`)
      return claimRefund ? claimRefund(id, address) : { ok: true, value: held.invoice }
    },
  })
  const env = {
    CHAINS: JSON.stringify(state.chains ?? MAIN_CHAINS),
    ENVIRONMENT: 'production',
    ID_SECRET: SECRET,
    ORIGIN: 'https://pay.example',
    INVOICES: { getByName: object },
  } as unknown as EdgeEnv
  return { env, calls, held }
}

export function formOf(fields: Readonly<Record<string, string>>): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  }
}

/** One look at a state, or what its form sends. */
export async function open(state: ClaimState): Promise<Response> {
  const path = `${await pathOf()}${state.query ? `?${state.query}` : ''}`
  return createClaim().request(path, state.form && formOf(state.form), claimEnv(state).env)
}
