import type { InvoiceRpc } from '../../src/invoice/rpc.ts'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import type { ObjectNamespace } from '../../src/lib/objects.ts'
import type { SignerObjectRpc } from '../../src/signer/object-rpc.ts'

/** Bindings of the signer Worker (wrangler.toml beside this file). Of core it reads, and can do nothing else. */
export interface SignerEnv {
  /** JSON of `ChainConfig[]`. */
  CHAINS: string
  /** Secret: 32 bytes in base64, from which the keys of sealed seeds are made. */
  SIGNER_KEK: string
  SIGNERS: ObjectNamespace<SignerObjectRpc>
  INVOICES: ObjectNamespace<Pick<InvoiceRpc, 'read'>>
  LEDGERS: ObjectNamespace<Pick<LedgerRpc, 'balances' | 'reservation'>>
}
