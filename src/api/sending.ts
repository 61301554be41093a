import type { Fields } from '../lib/fields.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { SEPA } from '../money/bank.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { LightningRail } from '../money/lightning.ts'
import { readAmount } from '../money/read-amount.ts'
import type { Registry } from '../money/registry.ts'
import { readAsset } from './query.ts'
import type { StoreWallet } from './wallet-access.ts'

export const REFERENCE_MAX = 100
/** Longer than any address of a chain. */
const ADDRESS_MAX = 120

/** Where money is sent from. */
export interface Source {
  readonly wallet: StoreWallet
  readonly chain: ChainConfig
  readonly asset: string
}

export interface SourceRefusal {
  readonly reason: 'wallet_not_found' | 'invalid_field'
  readonly param: 'walletId' | 'asset'
  readonly detail: string
}

/** The wallet that sends an asset: the one that is named, else the only one that is on its chain. */
export function sourceOf(
  wallets: readonly StoreWallet[],
  registry: Registry,
  asset: string,
  walletId: string | null,
): Result<Source, SourceRefusal> {
  if (walletId !== null && !wallets.some(({ id }) => id === walletId))
    return err({ reason: 'wallet_not_found', param: 'walletId', detail: 'this store has no wallet with this id' })
  const chain = registry.findChain(registry.findAsset(asset)?.chainId ?? '')
  const onChain = wallets.filter(
    ({ id, chains }) => (walletId === null || id === walletId) && chains.some(({ id }) => id === chain?.id),
  )
  const [wallet, another] = onChain
  if (chain === null || wallet === undefined) {
    const who = walletId === null ? 'this store has no wallet' : 'this wallet is not one'
    return err({ reason: 'invalid_field', param: 'asset', detail: `${who} that ${asset} can be sent from` })
  }
  if (another === undefined) return ok({ wallet, chain, asset })
  const detail = `say which: ${onChain.map(({ id }) => id).join(' and ')} can both send ${asset}`
  return err({ reason: 'invalid_field', param: 'walletId', detail })
}

/** Over zero, in base units of the asset that another field names. */
export function readUnits(fields: Fields, name: string, asset: string, registry: Registry): bigint {
  return readAmount(fields, name, registry.findAsset(asset)?.decimals ?? 0, 1n)
}

/** An asset of a chain. What is in a bank or comes by Lightning is sent by another call. */
export function readSendable(fields: Fields, name: string, registry: Registry): string {
  const code = readAsset(fields, name, registry)
  const isOnChain = registry.findChain(registry.findAsset(code)?.chainId ?? '') !== null
  if (isOnChain) return code
  const elsewhere = code === SEPA.assetCode ? '/v1/bank/transfers' : lightningOf(registry, code) ? '/v1/transfers' : null
  return fields.refuse(name, `must be an asset of a chain${elsewhere ? `: ${code} is sent by POST ${elsewhere}` : ''}`, '')
}

/** Likewise, or one of Lightning, which single transfers send. */
export function readPayable(fields: Fields, name: string, registry: Registry): string {
  const code = readAsset(fields, name, registry)
  return lightningOf(registry, code) !== null ? code : readSendable(fields, name, registry)
}

/** The Lightning network that an asset is paid on; null of others. */
export function lightningOf({ lightning }: Registry, asset: string): LightningRail | null {
  return lightning.find(({ assetCode }) => assetCode === asset) ?? null
}

export function readAddress(fields: Fields, name: string, max = ADDRESS_MAX): string {
  return fields.text(name, { max })
}

export function readReference(fields: Fields, name: string): string | null {
  return fields.optional(name, () => fields.text(name, { max: REFERENCE_MAX }))
}
