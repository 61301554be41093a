import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'
import { createPhoenixdPayer } from '../../../src/gateways/lightning/pay/phoenixd.ts'
import { createPhoenixd } from '../../../src/gateways/lightning/phoenixd.ts'
import { randomHex } from './book.ts'
import { type PayerAccess, STAND_IN } from './network.ts'

/** The demo payer's Lightning wallet. Each call throws, with the node's words, when it does not work. */
export interface LightningWallet {
  /** Pays an invoice that asks for so many satoshi; answers the payment hash. */
  pay(payment: { readonly bolt11: string; readonly units: bigint }): Promise<string>
  /** An invoice that asks for so many satoshi, for refunds and payouts; payable for an hour. */
  invoice(units: bigint): Promise<string>
}

const EXPIRY_S = 3_600

/** Speaks to the demo payer's node by the client that Paytomat has for phoenixd. */
export function createLightningWallet(access: PayerAccess): LightningWallet {
  const payer = createPhoenixdPayer(access, fetch)
  const node = createPhoenixd({ ...access, name: STAND_IN, kind: 'phoenixd' }, fetch)
  return {
    async pay({ bolt11, units }) {
      const read = decodeBolt11(bolt11)
      if (!read.ok) throw new Error(`it is no Lightning invoice: ${read.error.detail}`)
      const { paymentHash, msat } = read.value
      if (msat !== null && msat !== units * 1_000n)
        throw new Error(`the Lightning invoice asks for ${msat / 1_000n} satoshi, exactly`)
      const paid = await payer.pay({ bolt11: bolt11.toLowerCase(), paymentHash, units, isOpen: msat === null, feeMax: units })
      if (!paid.ok) throw new Error(paid.error.detail)
      if (paid.value.status === 'failed') throw new Error(`not paid: ${paid.value.detail}`)
      if (paid.value.status !== 'succeeded') throw new Error('the demo wallet has paid this invoice before')
      return paymentHash
    },
    async invoice(units) {
      const label = `demo-${randomHex()}`
      const made = await node.makeInvoice({ label, units, memo: 'Demo wallet', expirySeconds: EXPIRY_S })
      if (!made.ok) throw new Error(made.error.detail)
      return made.value.bolt11
    },
  }
}
