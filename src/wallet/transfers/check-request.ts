import type { AccountKey } from '../../gateways/gateway.ts'
import { addressBookOf, watchKeyOf } from '../../gateways/registry.ts'
import { OUTPUTS_MAX } from '../../gateways/spend.ts'
import { canonicalJson } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { MAX_UNITS } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { Registry } from '../../money/registry.ts'
import { TARGET_BLOCKS_MAX } from './limits.ts'
import type { CreateTransfer, TransferRefusal } from './rpc.ts'
import type { Transfer } from './types.ts'

const TXID = /^[0-9a-f]{64}$/
const ID = /^[a-z]{2,4}_[0-9a-z]{1,60}$/

/** What is wrong with a request for anybody, whatever the wallet has; else the chain that it is on. */
export function checkRequest(
  request: CreateTransfer,
  registry: Registry,
  account: AccountKey | null,
): Result<ChainConfig, TransferRefusal> {
  if (account === null) return err({ reason: 'wallet_not_configured', detail: 'the wallet has no account key' })
  const chain = registry.findChain(request.chainId)
  if (chain === null) return bad(`chain ${request.chainId} is not configured`)
  const derived = addressBookOf(chain).derive(chain, account, 0)
  if (!derived.ok) return err({ reason: 'wallet_not_configured', detail: derived.error.detail })
  if (!ID.test(request.id)) return bad('the id of a transfer is tr_ and letters and digits')
  if (registry.findAsset(request.asset)?.chainId !== chain.id) return bad(`${request.asset} is no asset of ${chain.name}`)
  const { outputs, targetBlocks, feeMax } = request
  if (request.parentTxid) {
    if (request.kind !== 'sweep' || outputs.length > 0) return bad('what hurries a transaction pays nobody')
    if (chain.gateway !== 'bitcoin') return bad(`on ${chain.name} nothing can be hurried by a transaction after it`)
    if (!TXID.test(request.parentTxid)) return bad('a transaction is named by 64 hexadecimal digits, lower case')
  } else if (request.kind === 'sweep' && chain.gateway !== 'evm') return bad('on a chain of coins nothing needs to be swept')
  if (request.kind === 'sweep' && !request.parentTxid && (outputs.length > 0 || request.custody === 'self'))
    return bad('a sweep brings a hot wallet’s deposits to its treasury, and pays nobody')
  if (request.kind !== 'sweep' && (outputs.length === 0 || outputs.length > OUTPUTS_MAX))
    return bad(`a transfer has 1 to ${OUTPUTS_MAX} outputs`)
  for (const [at, { address, units }] of outputs.entries()) {
    if (units <= 0n) return bad(`output ${at} is of no amount`)
    if (watchKeyOf(chain, address) === null) return bad(`output ${at}: ${address} is no address of ${chain.name}`)
  }
  if (outputs.reduce((sum, { units }) => sum + units, 0n) > MAX_UNITS) return bad('it is more than can be counted')
  if (!Number.isInteger(targetBlocks) || targetBlocks < 1 || targetBlocks > TARGET_BLOCKS_MAX)
    return bad(`it is wanted in 1 to ${TARGET_BLOCKS_MAX} blocks`)
  if (feeMax !== null && feeMax <= 0n) return bad('the limit of the fee is over zero')
  if (request.kind === 'refund' && request.invoiceId === null) return bad('a refund is of an invoice')
  return ok(chain)
}

/** Whether it asks for what was asked for before. How soon and how dear may have changed since. */
export function isSameRequest(request: CreateTransfer, made: Transfer): boolean {
  return contentOf(request) === contentOf(made)
}

function contentOf(of: CreateTransfer | Transfer): string {
  const { kind, merchantId, storeId, custody, chainId, asset, outputs, invoiceId, parentTxid = null, reference } = of
  const paid = outputs.map(({ address, units }) => [address, units])
  return canonicalJson([kind, merchantId, storeId, custody, chainId, asset, paid, invoiceId, parentTxid, reference])
}

function bad(detail: string): Result<never, TransferRefusal> {
  return err({ reason: 'bad_transfer', detail })
}
