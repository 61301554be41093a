import { err, ok } from '../../../lib/result.ts'
import type { NodeEndpoint } from '../../gateway.ts'
import { callNode, fieldOf, isHash, isOk, type NodeCall, refusalOf, textIn, wholeIn, wordsOf } from '../call.ts'
import { type LightningPayer, PAY_MAX_MS, type PaymentSight, satsUp } from '../payer.ts'

/** What ACINQ's node takes of every payment: 0.4 % and 4 satoshi (phoenix.acinq.co/server). */
const FEE_PER_THOUSAND = 4n
const FEE_BASE = 4n
/** It would not take the order: wrong in itself, or by the wrong password. Others (408, 429) are said by something in between. */
const REFUSED: readonly number[] = [400, 401, 404, 405, 415]
/** Of a payment that is, or was, under way before: the node refuses to pay a hash twice (lightning-kmp, `FinalFailure`). */
const BEFORE = /already been paid|another payment is in progress/

/**
 * phoenixd's HTTP interface, version 0.5 or newer, with its full password. It takes no limit for fees: what it takes is a
 * price list.
 */
export function createPhoenixdPayer(endpoint: NodeEndpoint, fetcher: typeof fetch): LightningPayer {
  const call = (request: NodeCall) => callNode(endpoint, request, fetcher)
  return {
    ownFee: (units) => (units * FEE_PER_THOUSAND + 999n) / 1_000n + FEE_BASE,

    async pay({ bolt11, units, isOpen }) {
      const form = { invoice: bolt11, ...(isOpen && { amountSat: String(units) }) }
      const answer = await call({ path: '/payinvoice', form, timeoutMs: PAY_MAX_MS })
      if (!answer.ok) return answer
      const { status, body } = answer.value
      if (REFUSED.includes(status)) return ok(failed(refusalOf(endpoint, answer.value).detail))
      const [preimage, fee, reason] = [fieldOf(body, 'paymentPreimage'), wholeIn(body, 'routingFeeSat'), textIn(body, 'reason')]
      if (isOk(answer.value) && isHash(preimage)) return ok({ status: 'succeeded', preimage, fee })
      if (!isOk(answer.value) || reason === null) return err(refusalOf(endpoint, answer.value))
      return ok(BEFORE.test(reason) ? { status: 'in_flight' } : failed(wordsOf(endpoint, reason)))
    },

    async find(paymentHash) {
      const answer = await call({ path: `/payments/outgoingbyhash/${paymentHash}` })
      if (!answer.ok) return answer
      const { status, body } = answer.value
      // An endpoint that it does not have is a 404 too, in other words.
      if (status === 204 || (status === 404 && body === 'Not found')) return ok({ status: 'unknown' })
      if (!isOk(answer.value) || fieldOf(body, 'paymentHash') !== paymentHash) return err(refusalOf(endpoint, answer.value))
      const preimage = fieldOf(body, 'preimage')
      if (fieldOf(body, 'isPaid') === true && isHash(preimage))
        return ok({ status: 'succeeded', preimage, fee: satsUp(wholeIn(body, 'fees')) })
      if (fieldOf(body, 'isPaid') !== false) return err(refusalOf(endpoint, answer.value))
      return ok(wholeIn(body, 'completedAt') === null ? { status: 'in_flight' } : failed('the node could not pay it'))
    },
  }
}

function failed(detail: string): PaymentSight {
  return { status: 'failed', detail }
}
