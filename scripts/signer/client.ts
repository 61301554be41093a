import type { AccountKey } from '../../src/gateways/gateway.ts'
import type { Word } from '../../src/signer/book.ts'
import type { LogEntry, LogHead } from '../../src/signer/log.ts'
import type { Approver } from '../../src/signer/policy.ts'
import type { SealedSeed } from '../../src/signer/seal.ts'
import { askJson, type Door } from '../stack/tool.ts'

/** A policy as it is written: amounts are texts of base units. */
export interface WrittenPolicy {
  readonly assets: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly approvers: readonly Approver[]
}

export interface WalletLine {
  readonly walletId: string
  readonly account: AccountKey | null
  readonly policy: WrittenPolicy | null
  readonly policyVersion: number
  readonly stopped: string | null
  readonly head: LogHead
}

/** The signer Worker's `/signer/…` of the running system. Throws a `Refusal` that says why. */
export interface SignerClient {
  importSeed(wallet: string, order: { by: string; envelope: SealedSeed }): Promise<{ account: AccountKey }>
  setPolicy(wallet: string, order: { by: string; policy: unknown }): Promise<{ policyVersion: number }>
  turn(to: 'stop' | 'allow', wallet: string, word: Word): Promise<unknown>
  show(wallet: string): Promise<WalletLine>
  log(wallet: string): AsyncGenerator<LogEntry[]>
}

/** Pages of one log that are gone through at most. */
const PAGES_MAX = 1_000_000

export function openSigner(door: Door): SignerClient {
  const of = (wallet: string, rest = '') => `/signer/wallets/${encodeURIComponent(wallet)}${rest}`
  const post = <T>(path: string, body: unknown) => askJson<T>(door, { method: 'POST', path, body: JSON.stringify(body) })
  return {
    importSeed: (wallet, order) => post(of(wallet, '/seed'), order),
    setPolicy: (wallet, order) => post(of(wallet, '/policy'), order),
    turn: (to, wallet, word) => post(of(wallet, `/${to}`), word),
    show: (wallet) => askJson(door, { method: 'GET', path: of(wallet) }),
    async *log(wallet) {
      let after = 0
      for (let page = 0; page < PAGES_MAX; page++) {
        const path = of(wallet, `/log?after=${after}`)
        const { data, next } = await askJson<{ data: LogEntry[]; next: number | null }>(door, { method: 'GET', path })
        yield data
        if (next === null) return
        after = next
      }
    },
  }
}
