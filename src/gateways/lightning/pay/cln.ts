import { err, ok, type Result } from '../../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../../gateway.ts'
import { callNode, fieldOf, isHash, isOk, type NodeAnswer, refusalOf, textIn, wholeIn, wordsOf } from '../call.ts'
import { type LightningPayer, PAY_MAX_MS, type PaymentSight, satsUp, TRY_S } from '../payer.ts'

/**
 * Codes by which `pay` says that it has ended (common/jsonrpc_errors.h): what it would not take, refused at the destination,
 * no route, too dear, expired, given up (`xpay`, which answers `pay` from 26.06 on), out of time, too little in our channels,
 * no way to the payee. Of what it gives up by itself 24.08 says 0 (`payment_abort` forgets its code). Others, -1 above all,
 * say nothing for certain.
 */
const ENDED: readonly unknown[] = [-32602, 0, 203, 205, 206, 207, 209, 210, 215, 216]
/** What clnrest answers before there is a command: a wrong rune, none, or a command that lightningd does not have. */
const REFUSED: readonly number[] = [401, 403, 404]
/** The same hash is being paid, or was paid before. */
const BEFORE: readonly unknown[] = [200, 201, 219]

/** Core Lightning's REST interface (clnrest). The rune must allow `pay` and `listpays`, and should allow nothing else. */
export function createClnPayer(endpoint: NodeEndpoint, fetcher: typeof fetch): LightningPayer {
  const call = (command: 'pay' | 'listpays', json: object, timeoutMs?: number): Promise<Result<NodeAnswer, NodeError>> =>
    callNode(endpoint, { path: `/v1/${command}`, json, ...(timeoutMs !== undefined && { timeoutMs }) }, fetcher)

  return {
    ownFee: null,

    async pay({ bolt11, units, isOpen, feeMax }) {
      const order = {
        bolt11,
        ...(isOpen && { amount_msat: Number(units * 1_000n) }),
        maxfee: Number(feeMax * 1_000n),
        retry_for: TRY_S,
      }
      const answer = await call('pay', order, PAY_MAX_MS)
      if (!answer.ok) return answer
      const { status, body } = answer.value
      if (isOk(answer.value)) return readPay(body, 'payment_preimage') ?? err(refusalOf(endpoint, answer.value))
      const code = fieldOf(body, 'code')
      // With another status, or without a code of lightningd, it is somebody in between who refuses.
      if (status === 500 && BEFORE.includes(code)) return ok({ status: 'in_flight' })
      const hasEnded = status === 500 ? ENDED.includes(code) : REFUSED.includes(status) && typeof code === 'number'
      return hasEnded ? ok(failed(wordsOf(endpoint, textIn(body, 'message') ?? ''))) : err(refusalOf(endpoint, answer.value))
    },

    async find(paymentHash) {
      const answer = await call('listpays', { payment_hash: paymentHash })
      if (!answer.ok) return answer
      const pays = fieldOf(answer.value.body, 'pays')
      if (!isOk(answer.value) || !Array.isArray(pays)) return err(refusalOf(endpoint, answer.value))
      if (pays.length === 0) return ok({ status: 'unknown' })
      // Of several tries at one hash one that has come through says all, and one under way more than one that has failed.
      const of = (status: string) => pays.find((pay) => fieldOf(pay, 'status') === status && isOf(pay, paymentHash))
      const pay = of('complete') ?? of('pending') ?? of('failed')
      return readPay(pay, 'preimage') ?? err(refusalOf(endpoint, answer.value))
    },
  }
}

/** Null for anything that is no payment. */
function readPay(pay: unknown, preimageField: string): Result<PaymentSight, never> | null {
  const [preimage, sent, amount] = [fieldOf(pay, preimageField), wholeIn(pay, 'amount_sent_msat'), wholeIn(pay, 'amount_msat')]
  switch (fieldOf(pay, 'status')) {
    case 'complete': {
      if (!isHash(preimage)) return null
      const isTold = sent !== null && amount !== null && sent >= amount
      return ok({ status: 'succeeded', preimage, fee: satsUp(isTold ? sent - amount : null) })
    }
    case 'pending':
      return ok({ status: 'in_flight' })
    case 'failed':
      return ok(failed(''))
    default:
      return null
  }
}

function isOf(pay: unknown, paymentHash: string): boolean {
  return fieldOf(pay, 'payment_hash') === paymentHash
}

function failed(words: string): PaymentSight {
  return { status: 'failed', detail: words === '' ? 'the node could not pay it' : words }
}
