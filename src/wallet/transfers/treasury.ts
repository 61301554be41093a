import type { AccountKey } from '../../gateways/gateway.ts'
import type { SpendFacts } from '../../gateways/send.ts'
import type { Sql } from '../../lib/outbox.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { addressAt, give, indexOf, nextIndex } from '../addresses.ts'
import { balanceOn, holdingsOn } from '../balances.ts'
import { GAS_TRANSFERS, TRANSFER_GAS } from './limits.ts'
import type { WalletPayer } from './rpc.ts'
import { loadGas, saveGas } from './tables.ts'

/** Whom the address that an EVM hot wallet pays from is given to. */
const TREASURY = 'treasury'
/** What nodes said of the treasury is written down no oftener. */
const NOTE_MS = 60_000

/** The index of the address that an EVM hot wallet pays from, the same on all its chains. Given out the first time. */
export function treasuryIndex(sql: Sql, chain: ChainConfig, account: AccountKey): number {
  const known = indexOf(sql, TREASURY)
  if (known !== null) return known
  const index = nextIndex(sql)
  give(sql, index, TREASURY, addressAt(chain, account, index).watchKey)
  return index
}

/** What the treasury has for gas, as whoever plans was just told. */
export function noteGas(sql: Sql, chainId: string, { payer, fees }: SpendFacts, nowMs: number): void {
  if (payer === null || fees.kind !== 'account') return
  if (nowMs - (loadGas(sql, chainId)?.atMs ?? 0) < NOTE_MS) return
  saveGas(sql, chainId, { native: payer.native, gasPrice: fees.maxFeePerGas, atMs: nowMs })
}

/** Where gas is to be sent on a chain, and whether it is time to: by the newest reading, or what a plan was made by since. */
export function payerOn(sql: Sql, chain: ChainConfig, account: AccountKey, nowMs: number): WalletPayer {
  const index = treasuryIndex(sql, chain, account)
  const noted = loadGas(sql, chain.id)
  const { reading } = balanceOn(sql, chain.id, nowMs)
  const isRead = reading !== null && index < reading.addresses && reading.startedAtMs > (noted?.atMs ?? 0)
  const held = isRead ? holdingsOn(sql, chain.id, [index]).find(({ assetCode }) => assetCode === chain.native.code) : null
  const native = isRead ? (held?.confirmed ?? 0n) : (noted?.native ?? null)
  const needed = GAS_TRANSFERS * TRANSFER_GAS * (noted?.gasPrice ?? 0n)
  const { address } = addressAt(chain, account, index)
  return { address, native, low: native === null || native === 0n || native < needed }
}
