import type { KeyRefusal } from '../auth/api-keys.ts'
import type { AssignRefusal, ImportRefusal } from '../bank/rpc.ts'
import type { PaymentFileRefusal } from '../bank/transfers/types.ts'
import type { EndpointRefusal } from '../delivery/rpc.ts'
import type { CamtRefusal } from '../gateways/sepa/camt.ts'
import type { ReportRefusal } from '../gateways/sepa/pain002.ts'
import type { CancelRefusal, RequestRefusal } from '../invoice/refund-rpc.ts'
import type { ActivateRefusal, CreateRefusal, ResolveRefusal } from '../invoice/rpc.ts'
import type { FieldRefusal } from '../lib/fields.ts'
import type { RefreshRefusal } from '../wallet/rpc.ts'
import type { TransferRefusal, TransferStepRefusal } from '../wallet/transfers/rpc.ts'

/** What the API itself refuses. */
type CallRefusal =
  | 'malformed_json'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'idempotency_key_malformed'
  | 'idempotency_key_missing'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'unavailable'
  | 'defect'

/** Every reason for which a call can fail, wherever it is decided. */
export type Reason =
  | CallRefusal
  | FieldRefusal['reason']
  | KeyRefusal['reason']
  | CreateRefusal['reason']
  | ActivateRefusal['reason']
  | ResolveRefusal['reason']
  | RequestRefusal['reason']
  | CancelRefusal['reason']
  | EndpointRefusal['reason']
  | RefreshRefusal['reason']
  | CamtRefusal['reason']
  | ImportRefusal['reason']
  | AssignRefusal['reason']
  | PaymentFileRefusal['reason']
  | ReportRefusal['reason']
  | 'payment_file_withdrawn'
  // One under an id that was used: told as `idempotency_key_reused`.
  | Exclude<TransferRefusal['reason'], 'transfer_id_reused'>
  | TransferStepRefusal['reason']
  | 'wallet_not_found'
  | 'address_not_found'
  | 'difference_not_found'
  | 'period_too_long'
  | 'payout_not_found'
  | 'bad_rows'
  | 'nothing_to_sign'

interface Wire {
  readonly status: number
  /** Stable: merchants' programs branch on it. */
  readonly code: string
  readonly title: string
  readonly retryAfterSeconds?: number
}

const INVALID = { status: 400, code: 'invalid_request', title: 'The request is not valid' } as const
const WALLET = { status: 409, code: 'wallet_unusable', title: 'The store’s wallet cannot be used for this' } as const
const STATEMENT = { status: 422, code: 'statement_not_readable', title: 'The bank’s file cannot be read' } as const
const UNAVAILABLE = { status: 503, code: 'temporarily_unavailable', title: 'Try again in a moment', retryAfterSeconds: 1 } as const

/** The one table from reason to wire. A reason without a row does not compile. */
export const PROBLEMS = {
  malformed_json: { status: 400, code: 'malformed_json', title: 'The body is not a JSON object' },
  invalid_field: INVALID,
  unknown_field: { status: 400, code: 'unknown_field', title: 'The request has a field that is not known here' },
  bad_url: INVALID,
  idempotency_key_malformed: { status: 400, code: 'idempotency_key_malformed', title: 'The Idempotency-Key header is malformed' },
  idempotency_key_missing: { status: 400, code: 'idempotency_key_missing', title: 'An Idempotency-Key is needed here' },
  api_key_missing: { status: 401, code: 'api_key_missing', title: 'An API key is needed' },
  api_key_invalid: { status: 401, code: 'api_key_invalid', title: 'The API key is not valid' },
  route_not_found: { status: 404, code: 'route_not_found', title: 'There is nothing at this address' },
  invoice_not_found: { status: 404, code: 'invoice_not_found', title: 'There is no such invoice' },
  asset_not_offered: { status: 404, code: 'asset_not_offered', title: 'The invoice cannot be paid in this asset' },
  wallet_not_found: { status: 404, code: 'wallet_not_found', title: 'There is no such wallet' },
  payment_file_not_found: { status: 404, code: 'payment_file_not_found', title: 'There is no such payment file' },
  difference_not_found: { status: 404, code: 'difference_not_found', title: 'There is no such open difference' },
  entry_not_found: { status: 404, code: 'entry_not_found', title: 'There is no such entry on the account' },
  refund_not_found: { status: 404, code: 'refund_not_found', title: 'There is no such refund' },
  address_not_found: { status: 404, code: 'address_not_found', title: 'There is no such address in the wallet' },
  transfer_not_found: { status: 404, code: 'transfer_not_found', title: 'There is no such transfer' },
  payout_not_found: { status: 404, code: 'payout_not_found', title: 'There is no such batch of payouts' },
  method_not_allowed: { status: 405, code: 'method_not_allowed', title: 'This method is not allowed here' },
  invoice_closed: { status: 409, code: 'invoice_closed', title: 'The invoice takes no payment any more' },
  nothing_to_resolve: { status: 409, code: 'nothing_to_resolve', title: 'There is nothing this action could change' },
  nothing_to_refund: { status: 409, code: 'nothing_to_refund', title: 'There is nothing that could be refunded' },
  refund_closed: { status: 409, code: 'refund_closed', title: 'The refund can no longer be ended' },
  rail_cannot_refund: { status: 409, code: 'rail_cannot_refund', title: 'Refunds cannot be sent this way' },
  too_many_refunds: { status: 409, code: 'too_many_refunds', title: 'The invoice has as many refunds as it may' },
  too_many_endpoints: { status: 409, code: 'too_many_endpoints', title: 'The store has as many webhook endpoints as it may' },
  too_many_addresses: { status: 409, code: 'too_many_addresses', title: 'The wallet has more addresses than can be read' },
  bad_account_key: WALLET,
  wrong_network: WALLET,
  index_out_of_range: WALLET,
  not_configured: WALLET,
  method_unavailable: {
    status: 503,
    code: 'method_unavailable',
    title: 'The payment method is not available right now',
    retryAfterSeconds: 5,
  },
  payment_file_taken: { status: 409, code: 'payment_file_taken', title: 'The bank has the payment file already' },
  payment_file_withdrawn: { status: 409, code: 'payment_file_withdrawn', title: 'The payment file was withdrawn' },
  nothing_to_send: { status: 409, code: 'nothing_to_send', title: 'No transfer waits for a payment file' },
  entry_not_open: { status: 409, code: 'entry_not_open', title: 'The entry has its place already' },
  wallet_not_configured: WALLET,
  sending_frozen: { status: 409, code: 'sending_frozen', title: 'Money out is stopped until a person has looked' },
  too_many_transfers: { status: 409, code: 'too_many_transfers', title: 'Too many transfers of the wallet are under way' },
  already_accelerated: { status: 409, code: 'already_accelerated', title: 'Another transfer hurries the transaction already' },
  already_in_block: { status: 409, code: 'already_in_block', title: 'The transaction is in a block already' },
  wrong_status: { status: 409, code: 'wrong_transfer_status', title: 'The transfer’s status does not allow this' },
  too_many_approvals: { status: 409, code: 'too_many_approvals', title: 'The transfer has as many approvals as it takes' },
  nothing_to_sign: { status: 409, code: 'nothing_to_sign', title: 'The transfer has nothing of this kind to be signed' },
  body_too_large: { status: 413, code: 'body_too_large', title: 'The body is too large' },
  unsupported_media_type: { status: 415, code: 'unsupported_media_type', title: 'The body must be application/json' },
  idempotency_key_reused: {
    status: 422,
    code: 'idempotency_key_reused',
    title: 'The Idempotency-Key was used for another request',
  },
  asset_not_accepted: { status: 422, code: 'asset_not_accepted', title: 'The store does not accept this asset' },
  amount_too_small: { status: 422, code: 'amount_too_small', title: 'The amount is too small to be paid' },
  amount_too_large: { status: 422, code: 'amount_too_large', title: 'The amount is too large' },
  period_too_long: { status: 422, code: 'period_too_long', title: 'The period has more than one statement can hold' },
  insufficient_funds: { status: 422, code: 'insufficient_funds', title: 'There is not enough to be sent' },
  bad_transfer: { status: 422, code: 'bad_transfer', title: 'Such a transfer cannot be made' },
  bad_rows: { status: 422, code: 'payout_rows_invalid', title: 'Rows of the batch are not right; nothing was done' },
  signature_refused: { status: 422, code: 'signature_refused', title: 'What was signed is not what was prepared' },
  refund_over_limit: { status: 422, code: 'refund_over_limit', title: 'More than can be refunded' },
  refund_too_small: { status: 422, code: 'refund_too_small', title: 'The refund is too small to be sent' },
  refund_asset_needed: { status: 422, code: 'refund_asset_needed', title: 'Several assets can be refunded: say which' },
  refund_currency_unknown: {
    status: 422,
    code: 'refund_currency_unknown',
    title: 'The amount is in neither the asset nor the invoice’s currency',
  },
  refund_rate_unknown: { status: 422, code: 'refund_rate_unknown', title: 'The asset had no rate on this invoice' },
  address_not_allowed: { status: 422, code: 'address_not_allowed', title: 'Webhooks cannot be sent to this address' },
  not_xml: STATEMENT,
  xml_not_allowed: STATEMENT,
  xml_too_large: STATEMENT,
  not_a_statement: STATEMENT,
  not_a_report: STATEMENT,
  other_currency: STATEMENT,
  too_many_entries: STATEMENT,
  date_in_future: STATEMENT,
  account_not_found: { status: 422, code: 'bank_account_not_found', title: 'It is of none of the store’s bank accounts' },
  balance_mismatch: { status: 422, code: 'balance_mismatch', title: 'The statement does not add up' },
  defect: { status: 500, code: 'internal_error', title: 'Something went wrong on our side' },
  rates_unavailable: {
    status: 503,
    code: 'rates_unavailable',
    title: 'No exchange rate can be trusted right now',
    retryAfterSeconds: 5,
  },
  directory_unavailable: UNAVAILABLE,
  unavailable: UNAVAILABLE,
} as const satisfies Record<Reason, Wire>

/** One refusal in words for a person; `param` names the field, parameter or header at fault. */
export interface Problem {
  readonly reason: Reason
  readonly detail: string
  readonly param?: string
  /** Of a file or list: everything that is wrong with it, at most as many as it has rows. */
  readonly errors?: readonly RowError[]
}

export interface RowError {
  /** Of a file, counted from 1, its header included; of a list its place, from 1. */
  readonly line: number
  /** Null when it is not about one field. */
  readonly param: string | null
  readonly detail: string
}

/** RFC 9457. `type` is the page that explains the code. */
export function problemResponse({ reason, detail, param, errors }: Problem, requestId: string): Response {
  const { status, code, title, ...rest }: Wire = PROBLEMS[reason]
  const at = { ...(param === undefined ? {} : { param }), ...(errors === undefined ? {} : { errors }) }
  const body = { type: `/docs/errors#${code}`, title, status, detail, code, ...at, requestId }
  const headers = new Headers({ 'content-type': 'application/problem+json' })
  if (rest.retryAfterSeconds !== undefined) headers.set('retry-after', String(rest.retryAfterSeconds))
  // RFC 6750: no error code when no credentials came.
  if (status === 401)
    headers.set('www-authenticate', `Bearer realm="paytomat"${reason === 'api_key_missing' ? '' : ', error="invalid_token"'}`)
  return new Response(JSON.stringify(body), { status, headers })
}
