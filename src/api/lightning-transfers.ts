import { readDestination } from '../gateways/lightning/destination.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { LightningRail } from '../money/lightning.ts'
import type { Transfer } from '../wallet/transfers/types.ts'
import { type Answer, type Call, steadily } from './call.ts'
import type { Wish } from './create-transfer.ts'
import { askNode, nodesOf, type StoreNode } from './lightning.ts'
import type { Problem } from './problems.ts'
import { answerMade, answerTransfer, describeStep } from './transfer-access.ts'
import { nameTransfer } from './transfer-keys.ts'

/** Blocks mean nothing to Lightning; the field is every transfer's. */
const NO_BLOCKS = 1

/** `POST /v1/transfers` of an asset of Lightning: an invoice (BOLT 11) that the store's node pays, once for each key. */
export async function createLightningTransfer(
  call: Call,
  key: string,
  rail: LightningRail,
  { walletId, asset, outputs, isList, reference, feeMax }: Wish,
): Promise<Result<Answer, Problem>> {
  const source = nodeOf(call, rail, asset, walletId)
  if (!source.ok) return source
  const node = source.value
  const [output, ...more] = outputs
  if (!output || more.length > 0)
    return err({ reason: 'invalid_field', param: 'outputs', detail: 'outputs must be one: a Lightning invoice has one payee' })
  const named = await nameTransfer(call, key, node.id)
  if (!named.ok) return named
  // What came before is answered as it is now, its invoice expired or not.
  const read = named.value.isReplay ? null : readDestination(output.address, { rail, units: output.units, nowMs: call.nowMs })
  if (read?.ok === false) {
    const param = isList ? 'outputs[0].address' : 'address'
    return err({ reason: 'invalid_field', param, detail: `${param} cannot be paid: ${read.error.detail}` })
  }
  const request = {
    ...named.value.owner,
    kind: 'payout',
    custody: 'self',
    chainId: rail.id,
    asset,
    outputs: [output],
    invoiceId: null,
    reference,
    targetBlocks: NO_BLOCKS,
    feeMax,
  } as const
  const made = await askNode(call, node, (object) => object.createTransfer(request))
  return answerMade(call, named.value, made)
}

export async function cancelLightningTransfer(
  call: Call,
  { id, walletId }: Transfer,
  by: string,
): Promise<Result<Answer, Problem>> {
  const ended = await steadily(() => call.env.LIGHTNINGS.getByName(walletId).cancelTransfer(id, by))
  return ended.ok ? ok(await answerTransfer(call, ended.value)) : describeStep(ended.error)
}

/** The node that pays: the one that is named, else the only one of the store on this network. */
function nodeOf(call: Call, rail: LightningRail, asset: string, walletId: string | null): Result<StoreNode, Problem> {
  const nodes = nodesOf(call).filter(({ id, chainId }) => chainId === rail.id && (walletId === null || id === walletId))
  const [node, another] = nodes
  if (node === undefined) {
    const detail = `this store has no Lightning node ${walletId === null ? '' : 'with this id '}that ${asset} can be sent from`
    return walletId === null
      ? err({ reason: 'invalid_field', param: 'asset', detail })
      : err({ reason: 'wallet_not_found', param: 'walletId', detail })
  }
  if (another === undefined) return ok(node)
  const detail = `say which: ${nodes.map(({ id }) => id).join(' and ')} can both send ${asset}`
  return err({ reason: 'invalid_field', param: 'walletId', detail })
}
