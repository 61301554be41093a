import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { Asset } from '../../money/asset.ts'
import { assetsOf, type ChainConfig } from '../../money/chain.ts'
import type { AccountPlan, Output, PlanRefusal } from '../spend.ts'
import { decodeAddress, decodeArguments, encodeAddress, encodeArguments, encodeNumber } from './abi.ts'
import { delegateOf, deployData } from './delegate.ts'
import { readTransferCall, TRANSFER } from './erc20.ts'
import { readPayee } from './payee.ts'

/** payMany(address,address[],uint256[]) */
const PAY_MANY = '0xa1f3f5dd'
/** flushMany(address,address[]) */
const FLUSH_MANY = '0x6ff1d262'
/** keccak256('PaidMany(address,uint256)'), of the payer's log */
export const PAID_MANY_TOPIC = '0xe34e29c450693d7dd7a701a84b84d363282cfb7a1970e7b06e80c6379a87daaa'
/** In contracts, the chain's own asset. */
const NATIVE = `0x${'0'.repeat(40)}`
/** Some 50,000 gas each: that, and a fifth more, is under what one transaction may have (EIP-7825, 2^24). */
export const PAY_MANY_MAX = 250
const SELECTOR_LENGTH = 10
/**
 * `paytomat:own`, the data of a transaction by which the chain's own asset goes from one of an account's addresses to another.
 * Addresses of invoices are watched for whatever anybody pays there, and what says this is no payment.
 */
export const OWN_MARK = '0x706179746f6d61743a6f776e'

/** What a transaction of an account calls. Addresses in lower case. */
export interface Call {
  readonly to: string
  readonly value: bigint
  readonly data: string
}

/** What a call does. Money can leave the account by a payment alone. */
export type Meaning =
  | {
      readonly does: 'pay'
      readonly asset: Asset
      readonly outputs: readonly Output[]
      readonly many: boolean
      /** It says that it is no payment (`OWN_MARK`). */
      readonly own?: true
    }
  /** All that these accounts have of the asset comes to the caller, if they have delegated to its delegate. */
  | { readonly does: 'flush'; readonly asset: Asset; readonly accounts: readonly string[] }
  /** The caller's delegate is made. */
  | { readonly does: 'deploy' }
  /** A number of the account is used up. */
  | { readonly does: 'nothing' }

/**
 * The call by which `payer` (lower case) pays these outputs, or the first output that cannot be paid. `isOwn`: the one output
 * is another address of the same account.
 */
export function paymentCall(
  chain: ChainConfig,
  payer: string,
  code: string,
  outputs: readonly Output[],
  isOwn = false,
): Result<Call, PlanRefusal> {
  const asset = assetOf(chain, code)
  const payees: string[] = []
  for (const [position, output] of outputs.entries()) {
    const payee = readPayee(chain, output, position)
    if (!payee.ok) return payee
    payees.push(payee.value)
  }
  const [first] = outputs
  const [payee] = payees
  if (first === undefined || payee === undefined) return err({ reason: 'bad_output', position: 0, detail: 'nobody is paid' })
  if (outputs.length === 1) {
    if (asset.contract === null) return ok({ to: payee, value: first.units, data: isOwn ? OWN_MARK : '0x' })
    return ok({
      to: asset.contract,
      value: 0n,
      data: TRANSFER + encodeArguments([encodeAddress(payee), encodeNumber(first.units)]),
    })
  }
  const refuse = (position: number, detail: string) => err({ reason: 'bad_output', position, detail } as const)
  if (chain.delegateFactory === undefined)
    return refuse(1, 'one output in a transaction here: the chain has no delegate configured')
  if (outputs.length > PAY_MANY_MAX) return refuse(PAY_MANY_MAX, `at most ${PAY_MANY_MAX} outputs in a transaction here`)
  const units = outputs.map((output) => encodeNumber(output.units))
  const args = [encodeAddress(asset.contract ?? NATIVE), payees.map(encodeAddress), units]
  return ok({ to: payer, value: 0n, data: PAY_MANY + encodeArguments(args) })
}

/** Brings all that `accounts` have of an asset to the treasury of `delegate`. Anybody's call would. */
export function flushCall(delegate: string, asset: Asset, accounts: readonly string[]): Call {
  const args = [encodeAddress(asset.contract ?? NATIVE), accounts.map(encodeAddress)]
  return { to: delegate, value: 0n, data: FLUSH_MANY + encodeArguments(args) }
}

/** A payment of nothing to oneself. */
export function nothingCall(payer: string): Call {
  return { to: payer, value: 0n, data: '0x' }
}

/** Makes the delegate of `treasury`. */
export function deployCall(factory: string, treasury: string): Call {
  return { to: factory.toLowerCase(), value: 0n, data: deployData(treasury) }
}

/** Reads a call back from its bytes; null for one that nobody here makes. `payer`: lower case. */
export function meaningOf(chain: ChainConfig, payer: string, call: Pick<AccountPlan, 'to' | 'value' | 'data'>): Meaning | null {
  const { to, value, data } = call
  const [native, ...tokens] = assetsOf(chain)
  assert(native !== undefined, 'every chain has a native asset')
  if (data === '0x') {
    if (value > 0n) return { does: 'pay', asset: native, outputs: [{ address: to, units: value }], many: false }
    return to === payer ? { does: 'nothing' } : null
  }
  if (data === OWN_MARK && value > 0n)
    return { does: 'pay', asset: native, outputs: [{ address: to, units: value }], many: false, own: true }
  if (value !== 0n) return null
  const token = tokens.find(({ contract }) => contract === to)
  const move = data.startsWith(TRANSFER) ? readTransferCall(payer, data) : null
  if (token !== undefined) {
    return move && { does: 'pay', asset: token, outputs: [{ address: move.to, units: move.units }], many: false }
  }
  const factory = chain.delegateFactory
  if (factory === undefined) return null
  if (to === factory.toLowerCase()) return data === deployData(payer) ? { does: 'deploy' } : null
  if (to === payer && data.startsWith(PAY_MANY)) return readPayMany(chain, data)
  if (to === delegateOf(factory, payer) && data.startsWith(FLUSH_MANY)) return readFlushMany(chain, data)
  return null
}

/** By code. Throws on one that is not of this chain: a defect. */
export function assetOf(chain: ChainConfig, code: string): Asset {
  const asset = assetsOf(chain).find((one) => one.code === code)
  assert(asset !== undefined, `${code} is an asset of ${chain.id}`)
  return asset
}

function readPayMany(chain: ChainConfig, data: string): Meaning | null {
  const args = decodeArguments(data.slice(SELECTOR_LENGTH), ['word', 'list', 'list'])
  if (args === null) return null
  const [token, payees, units] = args as [string, readonly string[], readonly string[]]
  const asset = assetAt(chain, token)
  const addresses = readAddresses(payees)
  if (asset === null || addresses === null || units.length !== addresses.length) return null
  const outputs = addresses.map((address, at) => ({ address, units: BigInt(`0x${units[at]}`) }))
  return { does: 'pay', asset, outputs, many: true }
}

function readFlushMany(chain: ChainConfig, data: string): Meaning | null {
  const args = decodeArguments(data.slice(SELECTOR_LENGTH), ['word', 'list'])
  if (args === null) return null
  const [token, list] = args as [string, readonly string[]]
  const asset = assetAt(chain, token)
  const accounts = readAddresses(list)
  return asset === null || accounts === null ? null : { does: 'flush', asset, accounts }
}

function assetAt(chain: ChainConfig, word: string): Asset | null {
  const address = decodeAddress(word)
  return address === null ? null : (assetsOf(chain).find(({ contract }) => (contract ?? NATIVE) === address) ?? null)
}

function readAddresses(words: readonly string[]): string[] | null {
  const addresses = words.map(decodeAddress)
  return addresses.every((address) => address !== null) ? addresses : null
}
