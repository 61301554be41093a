import type { AccountKey, AddressRefusal, ReceivingAddress } from '../gateways/gateway.ts'
import type { Result } from '../lib/result.ts'

/** A store's wallet: one account key and one serialiser of its address indices. Named by its wallet id. */
export interface WalletRpc {
  /** Sets the account key once; the same again is fine, another is refused: addresses must stay derivable. */
  configure(account: AccountKey): Promise<Result<null, { reason: 'already_configured' }>>
  /**
   * The address of an invoice on a chain: the next unused index the first time, the same ever after.
   * One index serves every EVM chain of the wallet.
   */
  allocate(chainId: string, invoiceId: string): Promise<Result<AllocatedAddress, AllocateRefusal>>
  /** The invoice that an address index was given to; null when nobody has it. */
  ownerOf(index: number): Promise<string | null>
}

export interface AllocatedAddress extends ReceivingAddress {
  readonly index: number
}

export type AllocateRefusal = AddressRefusal | { readonly reason: 'not_configured'; readonly detail: string }
