import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError } from '../gateway.ts'
import type { Deposit } from '../spend.ts'
import { encodeAddress } from './abi.ts'
import { assetOf } from './calls.ts'
import { ownDelegate } from './delegate.ts'
import { BALANCE_OF } from './erc20.ts'
import { delegatedTo } from './gas.ts'
import type { RpcNode } from './rpc.ts'
import { SWEEP_MAX } from './sweep.ts'
import { malformed, readHex, readNumber, readQuantity, readWord } from './wire.ts'

/** What these addresses have of an asset, in their order, and whether they have delegated to the payer's delegate. */
export async function readDeposits(
  node: RpcNode,
  chain: ChainConfig,
  payer: string,
  asset: string,
  addresses: readonly string[],
): Promise<Result<Omit<Deposit, 'index'>[], NodeError>> {
  assert(addresses.length <= SWEEP_MAX, `at most ${SWEEP_MAX} addresses in a sweep`)
  const { contract } = assetOf(chain, asset)
  const delegated = chain.delegateFactory === undefined ? null : delegatedTo(ownDelegate(chain, payer)).code
  const answer = await node.call(
    addresses.flatMap((address) => [
      { method: 'eth_getTransactionCount', params: [address, 'latest'] },
      { method: 'eth_getCode', params: [address, 'latest'] },
      { method: 'eth_getBalance', params: [address, 'latest'] },
      contract === null
        ? { method: 'eth_getBalance', params: [address, 'latest'] }
        : { method: 'eth_call', params: [{ to: contract, data: BALANCE_OF + encodeAddress(address) }, 'latest'] },
    ]),
  )
  if (!answer.ok) return answer
  const deposits: Omit<Deposit, 'index'>[] = []
  for (const [at, address] of addresses.entries()) {
    const [nonceJson, codeJson, nativeJson, unitsJson] = answer.value.slice(4 * at, 4 * at + 4)
    const [nonce, code, native] = [readNumber(nonceJson), readHex(codeJson), readQuantity(nativeJson)]
    const units = contract === null ? readQuantity(unitsJson) : readWord(unitsJson)
    if (nonce === null || code === null || native === null || units === null) return err(malformed(`what ${address} has`))
    deposits.push({ nonce, native, units, delegated: code === delegated })
  }
  return ok(deposits)
}
