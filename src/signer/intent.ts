import { watchKeyOf } from '../gateways/registry.ts'
import { OUTPUTS_MAX, type Output } from '../gateways/spend.ts'
import { spaceOf } from '../gateways/wallet-id.ts'
import { toBase64Url } from '../lib/base64.ts'
import { toHex } from '../lib/bytes.ts'
import { canonicalJson } from '../lib/json.ts'
import { MAX_UNITS } from '../money/amount.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { Registry } from '../money/registry.ts'
import type { Intent } from './rpc.ts'

const ADDRESS_CHARS_MAX = 128
const NAME = /^[A-Za-z0-9_-]{1,64}$/

/** What is wrong with an intent, in words, or null. It comes from another Worker, so nothing about it is taken as given. */
export function faultOfIntent(intent: Intent, wallet: { walletId: string; space: string }, registry: Registry): string | null {
  const { id, kind, merchantId, storeId, invoiceId, outputs } = intent
  const names = { id, merchantId, storeId, ...(invoiceId === null ? {} : { invoiceId }) }
  const unnamed = Object.entries(names).find(([, name]) => typeof name !== 'string' || !NAME.test(name))
  if (unnamed) return `${unnamed[0]} is no id`
  if (intent.walletId !== wallet.walletId) return 'it is of another wallet'
  if (kind !== 'refund' && kind !== 'payout' && kind !== 'sweep') return 'its kind is neither refund, payout nor sweep'
  if ((kind === 'refund') !== (invoiceId !== null)) return 'a refund, and nothing else, is of an invoice'
  const chain = registry.findChain(intent.chainId)
  if (!chain) return `there is no chain ${String(intent.chainId).slice(0, 64)} here`
  if (spaceOf(chain) !== wallet.space) return `the wallet has no account on ${chain.id}`
  if (registry.findAsset(intent.asset)?.chainId !== chain.id) return `its asset is none of ${chain.id}`
  if (!Array.isArray(outputs) || outputs.length > OUTPUTS_MAX) return `it has not up to ${OUTPUTS_MAX} outputs`
  if (kind !== 'sweep' && outputs.length === 0) return 'it pays nobody'
  for (const [position, output] of outputs.entries()) {
    const fault = faultOfOutput(chain, output)
    if (fault !== null) return `output ${position}: ${fault}`
  }
  return null
}

function faultOfOutput(chain: ChainConfig, { address, units }: Output): string | null {
  if (typeof units !== 'bigint' || units <= 0n || units > MAX_UNITS) return 'its units are not over zero'
  if (typeof address !== 'string' || address.length > ADDRESS_CHARS_MAX) return 'it has no address'
  return watchKeyOf(chain, address) === null ? `its address is none of ${chain.id}` : null
}

/** The intent in the words that approvals are given over and that its id stands for, for ever. */
export function wordsOf(intent: Intent): string {
  const { id, kind, walletId, merchantId, storeId, chainId, asset, invoiceId } = intent
  const outputs = intent.outputs.map(({ address, units }) => ({ address, units }))
  return canonicalJson({ id, kind, walletId, merchantId, storeId, chainId, asset, outputs, invoiceId })
}

/** What approvers sign: SHA-256 of the words, base64url. */
export async function challengeOf(intent: Intent): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(wordsOf(intent)))
  return toBase64Url(new Uint8Array(digest))
}

/** Base units of the asset, over all outputs. */
export function unitsOf(intent: Intent): bigint {
  return intent.outputs.reduce((sum, { units }) => sum + units, 0n)
}

/** Units by destination. A destination is what the chain sees, so that two spellings of an address are one. */
export function destinationsOf(intent: Intent, chain: ChainConfig): Record<string, bigint> {
  const sums: Record<string, bigint> = {}
  for (const { address, units } of intent.outputs) {
    const key = toHex(watchKeyOf(chain, address) ?? new Uint8Array())
    sums[key] = (sums[key] ?? 0n) + units
  }
  return sums
}
