import type { RefundResource } from '../../src/invoice/refund-resource.ts'
import type { TransferDetail, TransferResource } from '../../src/wallet/transfers/resource.ts'
import { ask, askJson, type Door } from '../stack/tool.ts'
import type { AccelerateWish, BankWish, RefundOrder, SendWish } from './arguments.ts'

/** One of `/v1/invoices/:id/refunds`. */
export type RefundLine = RefundResource & { readonly claimUrl: string | null }

export interface RefundsAnswer {
  readonly data: readonly RefundLine[]
  readonly refundable: readonly { readonly asset: string; readonly amount: string }[]
}

/** `POST /v1/payouts`. */
export interface PayoutAnswer {
  readonly id: string
  readonly rows: readonly { readonly line: number; readonly transferId: string; readonly output: number }[]
  readonly data: readonly TransferResource[]
  readonly refused: readonly { readonly line: number; readonly detail: string }[]
  readonly warnings: readonly { readonly line: number; readonly detail: string }[]
}

/** Money out by the merchant API of the running system, as one store's key opens it. Throws a Refusal that says why. */
export interface Transfers {
  /** The same key again: the same transfer. */
  send(key: string, wish: SendWish): Promise<TransferDetail>
  /** By bank, with the next payment file. */
  sendByBank(key: string, wish: BankWish): Promise<TransferDetail>
  payout(key: string, csv: string): Promise<PayoutAnswer>
  /** Brings the deposits of an EVM hot wallet to where it pays from. */
  sweep(key: string, walletId: string, asset: string): Promise<TransferDetail>
  /** Hurries a waiting transaction that pays the wallet. */
  accelerate(key: string, walletId: string, wish: AccelerateWish): Promise<TransferDetail>
  refund(key: string, invoice: string, wish: RefundOrder): Promise<RefundLine>
  refunds(invoice: string): Promise<RefundsAnswer>
  /** The newest. */
  list(filter: { readonly status: string | null; readonly kind: string | null }): Promise<readonly TransferResource[]>
  read(id: string): Promise<TransferDetail>
  psbt(id: string, version: '0' | '2'): Promise<string>
  psbtFile(id: string, version: '0' | '2'): Promise<Uint8Array>
  submit(id: string, signed: string): Promise<TransferDetail>
  bump(id: string, targetBlocks: number | null): Promise<TransferDetail>
  cancel(id: string): Promise<TransferDetail>
}

/** Transfers that are listed. */
const LISTED = 50

export function openTransfers(door: Door): Transfers {
  const post = <T>(path: string, body?: unknown, headers?: Record<string, string>) =>
    askJson<T>(door, { method: 'POST', path, body: body === undefined ? undefined : JSON.stringify(body), headers })
  const of = (id: string, rest = '') => `/v1/transfers/${encodeURIComponent(id)}${rest}`
  const refundsOf = (invoice: string) => `/v1/invoices/${encodeURIComponent(invoice)}/refunds`
  const psbt = (id: string, version: string, format: string) =>
    ask(door, { method: 'GET', path: of(id, `/psbt?version=${version}&format=${format}`) })
  return {
    send: (key, wish) => post('/v1/transfers', wish, { 'idempotency-key': key }),
    sendByBank: (key, wish) => post('/v1/bank/transfers', wish, { 'idempotency-key': key }),
    payout: (key, csv) =>
      askJson(door, { method: 'POST', path: '/v1/payouts', body: csv, type: 'text/csv', headers: { 'idempotency-key': key } }),
    sweep: (key, walletId, asset) =>
      post(`/v1/wallets/${encodeURIComponent(walletId)}/sweeps`, { asset }, { 'idempotency-key': key }),
    accelerate: (key, walletId, wish) =>
      post(`/v1/wallets/${encodeURIComponent(walletId)}/accelerations`, wish, { 'idempotency-key': key }),
    refund: (key, invoice, wish) => post(refundsOf(invoice), wish, { 'idempotency-key': key }),
    refunds: (invoice) => askJson(door, { method: 'GET', path: refundsOf(invoice) }),
    async list(filter) {
      const query = new URLSearchParams({ limit: String(LISTED) })
      for (const [name, value] of Object.entries(filter)) if (value !== null) query.set(name, value)
      return (await askJson<{ data: TransferResource[] }>(door, { method: 'GET', path: `/v1/transfers?${query}` })).data
    },
    read: (id) => askJson(door, { method: 'GET', path: of(id) }),
    psbt: async (id, version) => (await psbt(id, version, 'base64')).text(),
    psbtFile: async (id, version) => new Uint8Array(await (await psbt(id, version, 'binary')).arrayBuffer()),
    submit: (id, signed) => post(of(id, '/signed'), { signed }),
    bump: (id, targetBlocks) => post(of(id, '/bump'), { targetBlocks }),
    cancel: (id) => post(of(id, '/cancel')),
  }
}
