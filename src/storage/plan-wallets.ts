import type { BankAccount } from '../gateways/sepa/address.ts'
import { walletIdOf } from '../gateways/wallet-id.ts'
import type { StoreConfig, StoreMethod } from '../invoice/types.ts'
import type { Custody } from '../ledger/types.ts'
import type { FieldRefusal } from '../lib/fields.ts'
import { keyedId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { NodeName } from '../lightning/rpc.ts'
import { SEPA } from '../money/bank.ts'
import type { Registry } from '../money/registry.ts'
import type { WalletRequest } from './provision-request.ts'

interface Planned {
  readonly id: string
  readonly custody: Custody
  /** Path of the field that says so. */
  readonly param: string
}

export type PlannedWallet = Planned & StoreConfig['wallets'][number]

export type PlannedBank = Planned & { readonly account: BankAccount }

export type PlannedNode = Planned & { readonly node: NodeName }

/**
 * The wallets and payment methods of a store. A wallet's id is made from its account's first address, so one account is
 * one wallet however often, in whichever store, under whichever custody and with whichever xpub prefix it is given: two
 * objects counting indices of one account would hand out the same address twice. Refuses accounts that cannot make
 * addresses for their assets. A bank account is a wallet too, named by its IBAN, and so is a Lightning node; their money is
 * the merchant's own.
 */
export async function planWallets(
  requests: readonly WalletRequest[],
  registry: Registry,
): Promise<Result<{ wallets: PlannedWallet[]; banks: PlannedBank[]; nodes: PlannedNode[]; methods: StoreMethod[] }, FieldRefusal>> {
  const wallets = new Map<string, PlannedWallet>()
  const banks: PlannedBank[] = []
  const nodes: PlannedNode[] = []
  const methods: StoreMethod[] = []
  for (const [index, { account, assets, custody }] of requests.entries()) {
    for (const [position, code] of assets.entries()) {
      const asset = `wallets[${index}].assets[${position}]`
      const chainId = registry.findAsset(code)?.chainId
      if (!chainId) return refuse(asset, `${code} is not an asset of a chain configured here`)
      if (methods.some((method) => method.asset === code)) return refuse(asset, `${code} has a wallet already`)
      const param = `wallets[${index}].custody`
      if ('iban' in account) {
        if (chainId !== SEPA.id) return refuse(asset, `a bank account takes ${SEPA.assetCode} only`)
        if (custody !== 'self') return refuse(param, 'what comes to a merchant’s bank account is in their own custody: self')
        const id = await keyedId('wal', 'account', [SEPA.id, account.iban])
        banks.push({ id, account, custody, param })
        methods.push({ asset: code, walletId: id, custody })
        continue
      }
      const isLightning = registry.lightning.some(({ id }) => id === chainId)
      if ('lightning' in account) {
        if (!isLightning) return refuse(asset, `a Lightning node does not take ${code}`)
        if (custody !== 'self') return refuse(param, 'what a merchant’s node receives is in their own custody: self')
        const node = { chainId, name: account.lightning }
        const id = await keyedId('wal', 'account', [chainId, node.name])
        nodes.push({ id, node, custody, param })
        methods.push({ asset: code, walletId: id, custody })
        continue
      }
      const chain = registry.findChain(chainId)
      if (!chain) {
        return refuse(
          asset,
          `${code} comes to ${isLightning ? 'a Lightning node, named by `lightning`' : 'a bank account, which has an iban'}`,
        )
      }
      const named = await walletIdOf(chain, account)
      if (!named.ok) return refuse(`wallets[${index}].account`, `${named.error.reason}: ${named.error.detail} (for ${code})`)
      const id = named.value
      const known = wallets.get(id)
      if (known && known.custody !== custody)
        return refuse(param, `this account has the custody ${known.custody} in ${known.param}`)
      if (!known) wallets.set(id, { id, account, custody, param })
      methods.push({ asset: code, walletId: id, custody })
    }
  }
  return ok({ wallets: [...wallets.values()], banks, nodes, methods })
}

function refuse(param: string, detail: string): Result<never, FieldRefusal> {
  return err({ reason: 'invalid_field', param, detail: `${param}: ${detail}` })
}
