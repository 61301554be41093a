import { toBase64 } from '../../../lib/base64.ts'
import { fromHex } from '../../../lib/bytes.ts'
import { err, ok, type Result } from '../../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../../gateway.ts'
import { reachNode } from '../../nodes-request.ts'
import { fieldOf, isHash, noAnswer, refusalOf, textIn, wholeIn, wordsOf } from '../call.ts'
import { type LightningPayer, PAY_MAX_MS, type PaymentSight, satsUp, TRY_S } from '../payer.ts'

/** Updates of one payment: each shows all of its attempts. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** gRPC's codes, as its REST gateway shows them. */
const CODE = { notFound: 5, alreadyExists: 6 } as const
/**
 * Those by which LND has refused an order: its own errors (unknown), and what it would not take. Others, of a connection that
 * broke or was given up above all, say nothing for certain.
 */
const REFUSED: readonly (number | null)[] = [2, 3, 5, 7, 9, 12, 16]
const REASONS: Readonly<Record<string, string>> = {
  FAILURE_REASON_TIMEOUT: 'no way was found in time',
  FAILURE_REASON_NO_ROUTE: 'there is no way to the payee within the fee limit',
  FAILURE_REASON_INCORRECT_PAYMENT_DETAILS: 'the payee refused it',
  FAILURE_REASON_INSUFFICIENT_BALANCE: 'the node’s channels hold too little',
  FAILURE_REASON_CANCELED: 'somebody cancelled it at the node',
}

/**
 * LND's REST interface (`routerrpc`). The macaroon needs `offchain:read` and `offchain:write`. Both calls answer with lines of
 * `{"result": payment}` for as long as the payment goes on.
 */
export function createLndPayer(endpoint: NodeEndpoint, fetcher: typeof fetch): LightningPayer {
  return {
    ownFee: null,

    async pay({ bolt11, units, isOpen, feeMax }) {
      const json = {
        payment_request: bolt11,
        ...(isOpen && { amt: String(units) }),
        timeout_seconds: TRY_S,
        fee_limit_sat: String(feeMax),
        no_inflight_updates: true,
      }
      const request = { path: '/v2/router/send', json: JSON.stringify(json), timeoutMs: PAY_MAX_MS }
      const answer = await readPayment(endpoint, request, isOver, fetcher)
      if (!answer.ok) return answer
      const { error, payment, status } = answer.value
      if (error === null) return readSight(payment) ?? err(noAnswer(endpoint))
      // In flight, or paid: which of the two, its books say.
      if (error.code === CODE.alreadyExists) return ok({ status: 'in_flight' })
      if (!REFUSED.includes(error.code)) return err(refusalOf(endpoint, { status, body: error.message }))
      return ok({ status: 'failed', detail: wordsOf(endpoint, error.message) })
    },

    async find(paymentHash) {
      const hash = toBase64(fromHex(paymentHash)).replaceAll('+', '-').replaceAll('/', '_')
      // The first line says how it is now; the rest would be waited for.
      const answer = await readPayment(endpoint, { path: `/v2/router/track/${hash}`, json: null }, () => true, fetcher)
      if (!answer.ok) return answer
      const { error, payment, status } = answer.value
      if (error?.code === CODE.notFound && /isn't initiated/.test(error.message)) return ok({ status: 'unknown' })
      if (error !== null) return err(refusalOf(endpoint, { status, body: error.message }))
      if (textIn(payment, 'payment_hash') !== paymentHash) return err(noAnswer(endpoint))
      return readSight(payment) ?? err(noAnswer(endpoint))
    },
  }
}

interface Read {
  readonly status: number
  readonly payment: unknown
  readonly error: { readonly code: number | null; readonly message: string } | null
}

/** The last line of an answer that goes on until `isLast`, or until the time is over: then what was said by then. */
async function readPayment(
  endpoint: NodeEndpoint,
  request: { readonly path: string; readonly json: string | null; readonly timeoutMs?: number },
  isLast: (payment: unknown) => boolean,
  fetcher: typeof fetch,
): Promise<Result<Read, NodeError>> {
  const reached = await reachNode(endpoint, request, fetcher)
  if (!reached.ok) return reached
  const { status, body } = reached.value
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  let payment: unknown = null
  let rest = ''
  let length = 0
  try {
    for (let isOpen = reader !== undefined; isOpen && length <= ANSWER_BYTES_MAX; ) {
      const next = await reader?.read()
      isOpen = next?.done === false
      length += next?.value?.length ?? 0
      const lines = `${rest}${next?.value ?? ''}${isOpen ? '' : '\n'}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines.filter((one) => one.trim() !== '')) {
        const said = parsed(line)
        const error = status === 200 ? fieldOf(said, 'error') : (fieldOf(said, 'error') ?? said)
        if (error !== undefined) return ok({ status, payment: null, error: errorOf(error) })
        payment = fieldOf(said, 'result')
        if (isLast(payment)) return ok({ status, payment, error: null })
      }
    }
  } catch {
    // The time is over. What was read is whole.
  } finally {
    await reader?.cancel().catch(() => {})
  }
  return payment === null ? err(noAnswer(endpoint)) : ok({ status, payment, error: null })
}

function isOver(payment: unknown): boolean {
  return ['SUCCEEDED', 'FAILED'].includes(textIn(payment, 'status') ?? '')
}

/** Null for anything that is no payment. */
function readSight(payment: unknown): Result<PaymentSight, never> | null {
  switch (fieldOf(payment, 'status')) {
    case 'SUCCEEDED': {
      const [preimage, fee] = [fieldOf(payment, 'payment_preimage'), wholeIn(payment, 'fee_msat')]
      return isHash(preimage) ? ok({ status: 'succeeded', preimage, fee: satsUp(fee) }) : null
    }
    case 'FAILED':
      return ok({ status: 'failed', detail: REASONS[textIn(payment, 'failure_reason') ?? ''] ?? 'the node could not pay it' })
    case 'IN_FLIGHT':
    case 'INITIATED':
      return ok({ status: 'in_flight' })
    default:
      return null
  }
}

/** What is not in the form of gRPC's errors is from something in between, and says nothing for certain. */
function errorOf(error: unknown): NonNullable<Read['error']> {
  const [code, message] = [wholeIn(error, 'code'), textIn(error, 'message')]
  if (message === null) return { code: null, message: typeof error === 'string' ? error : '' }
  return { code: code === null ? null : Number(code), message }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return line
  }
}
