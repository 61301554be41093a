import { BOLT11_LENGTH_MAX } from '../gateways/lightning/bolt11.ts'
import { recipientFault } from '../gateways/recipients.ts'
import { OUTPUTS_MAX, type Output } from '../gateways/spend.ts'
import type { Fields } from '../lib/fields.ts'
import { err, type Result } from '../lib/result.ts'
import { MAX_UNITS } from '../money/amount.ts'
import { readAmount } from '../money/read-amount.ts'
import { type Registry, registryOf } from '../money/registry.ts'
import { readBody } from './body.ts'
import type { Answer, Call } from './call.ts'
import { requiredKey } from './idempotency.ts'
import { createLightningTransfer } from './lightning-transfers.ts'
import type { Problem } from './problems.ts'
import { lightningOf, readAddress, readPayable, readReference, readUnits, type Source, sourceOf } from './sending.ts'
import { answerMade, askTransfers } from './transfer-access.ts'
import { nameTransfer } from './transfer-keys.ts'
import { walletsOf } from './wallet-access.ts'

/** A thousand outputs. */
const TRANSFER_BYTES_MAX = 256 * 1024
export const TARGET_BLOCKS_MAX = 144
export const TARGET_BLOCKS_DEFAULT = 6

const FIELDS = ['walletId', 'asset', 'address', 'amount', 'outputs', 'reference', 'targetBlocks', 'feeMax']

export interface Wish {
  readonly walletId: string | null
  readonly asset: string
  readonly outputs: readonly Output[]
  /** As `outputs`; else as `address` and `amount`. */
  readonly isList: boolean
  readonly reference: string | null
  readonly targetBlocks: number
  readonly feeMax: bigint | null
}

/** `POST /v1/transfers`: money out, once for each key. A replay tells the transfer as it is now. */
export async function createTransfer(call: Call): Promise<Result<Answer, Problem>> {
  const key = requiredKey(call)
  if (!key.ok) return key
  const registry = registryOf(call.env)
  const body = await readBody(call.request, FIELDS, (fields) => readWish(fields, registry), TRANSFER_BYTES_MAX)
  if (!body.ok) return body
  const wish = body.value.value
  const lightning = lightningOf(registry, wish.asset)
  if (lightning) return createLightningTransfer(call, key.value, lightning, wish)
  const source = sourceOf(walletsOf(call), registry, wish.asset, wish.walletId)
  if (!source.ok) return source
  const fault = faultOf(source.value, wish)
  if (fault) return err({ reason: 'invalid_field', ...fault })

  const { wallet, chain, asset } = source.value
  const named = await nameTransfer(call, key.value, wallet.id)
  if (!named.ok) return named
  const { outputs, reference, targetBlocks, feeMax } = wish
  const terms = {
    kind: 'payout',
    custody: wallet.custody,
    chainId: chain.id,
    asset,
    outputs,
    invoiceId: null,
    reference,
    targetBlocks,
    feeMax,
  } as const
  const made = await askTransfers(call, wallet.id, (object) => object.createTransfer({ ...named.value.owner, ...terms }))
  return answerMade(call, named.value, made)
}

function readWish(fields: Fields, registry: Registry): Wish {
  const asset = readPayable(fields, 'asset', registry)
  const chain = registry.findChain(registry.findAsset(asset)?.chainId ?? '')
  const feeAsset = chain?.native ?? registry.findAsset(asset)
  return {
    walletId: fields.optional('walletId', (name) => fields.text(name, { max: 100 })),
    asset,
    outputs: readOutputs(fields, asset, registry),
    isList: isGiven(fields, 'outputs'),
    reference: readReference(fields, 'reference'),
    targetBlocks: fields.optional('targetBlocks', (name) => fields.integer(name, 1, TARGET_BLOCKS_MAX)) ?? TARGET_BLOCKS_DEFAULT,
    feeMax: fields.optional('feeMax', (name) => readAmount(fields, name, feeAsset?.decimals ?? 0, 1n)),
  }
}

/** One as `address` and `amount`, or many as `outputs`. */
function readOutputs(fields: Fields, asset: string, registry: Registry): Output[] {
  const max = lightningOf(registry, asset) === null ? undefined : BOLT11_LENGTH_MAX
  const output = (of: Fields): Output => ({
    address: readAddress(of, 'address', max),
    units: readUnits(of, 'amount', asset, registry),
  })
  if (!isGiven(fields, 'outputs')) return [output(fields)]
  for (const name of ['address', 'amount'])
    if (isGiven(fields, name)) fields.refuse(name, 'must be left out when there are outputs', null)
  return fields.list('outputs', 1, OUTPUTS_MAX, (items, item) => output(items.object(item, ['address', 'amount'])))
}

function isGiven(fields: Fields, name: string): boolean {
  return fields.optional(name, () => true) !== null
}

/** What only the chain that it is sent on can say. */
function faultOf(source: Source, { outputs, isList }: Wish): { param: string; detail: string } | null {
  if (outputs.length > 1 && source.chain.gateway === 'evm')
    return { param: 'outputs', detail: `outputs must be one on ${source.chain.name}; POST /v1/payouts makes a transfer of each` }
  for (const [at, output] of outputs.entries()) {
    const fault = recipientFault(source.chain, output)
    if (fault === null) continue
    const param = isList ? `outputs[${at}].${fault.field}` : fault.field
    return { param, detail: `${param} ${fault.detail}` }
  }
  const total = outputs.reduce((sum, { units }) => sum + units, 0n)
  return total <= MAX_UNITS ? null : { param: 'outputs', detail: 'outputs must be smaller in sum' }
}
