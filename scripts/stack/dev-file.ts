import { join } from 'node:path'
import type { PayerAccess } from './lightning/index.ts'
import { readJson, writePrivate } from './processes.ts'

/** `<state>/dev.json`: how tools reach the running system. There while it runs, mode 600. */
export interface DevFile {
  readonly origin: string
  readonly apiKey: string
  readonly storeId: string
  readonly bitcoin: { readonly rpcUrl: string; readonly user: string; readonly password: string }
  readonly evm: { readonly rpcUrl: string; readonly chainId: number; readonly usdc: string }
  /** The demo payer's Lightning node, spoken to as phoenixd is; null when nothing is paid by Lightning. */
  readonly lightning: PayerAccess | null
  /** Additions of ours: the demo shop when it runs, the admin door, and the process ids by name. */
  readonly shop: { readonly origin: string } | null
  /** Core's `/admin/…` and the signer's `/signer/…` on loopback; `token` is another one at each start. */
  readonly admin: { readonly url: string; readonly token: string }
  readonly pids: Readonly<Record<string, number>>
}

export function devFilePath(stateDir: string): string {
  return join(stateDir, 'dev.json')
}

export function readDevFile(stateDir: string): DevFile | null {
  return readJson<DevFile>(devFilePath(stateDir))
}

export function writeDevFile(stateDir: string, file: DevFile): void {
  writePrivate(devFilePath(stateDir), `${JSON.stringify(file, null, 2)}\n`)
}
