import type { StoreTerms } from '../../src/invoice/types.ts'
import { toHex } from '../../src/lib/bytes.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { SignerEnv } from '../../workers/signer/env.ts'
import type { SimChain } from './chain.ts'
import type { SimOutput, SimTransaction, TransactionCost } from './transactions.ts'
import type { World } from './world.ts'

/** Satoshi for 1,000 virtual bytes. */
const RATES: readonly bigint[] = [1_000n, 1_000n, 1_000n, 2_000n, 5_000n, 30_000n]
/** Of a transaction that pays by one key for each input. */
const BASE_VSIZE = 11
const INPUT_VSIZE = 68
const OUTPUT_VSIZE = 31

/** What is known from outside: whoever audits compares the system with this, and never asks the system itself. */
export class Plot {
  readonly world: World
  /** The bindings of whoever is outside. */
  readonly env: CoreEnv & SignerEnv
  readonly storeOfInvoice = new Map<string, StoreTerms>()
  /** Invoices whose creation was answered. */
  readonly acknowledged = new Set<string>()
  /** Merchant, and key of a movement of money that was answered. */
  readonly promisedKeys: [merchantId: string, key: string][] = []
  /** The same of one that was refused. */
  readonly refusedKeys: [merchantId: string, key: string][] = []
  /** Wallet and id of a transfer that was answered; invoice and id of a refund. */
  readonly promisedTransfers: [walletId: string, id: string][] = []
  readonly refunds: [invoiceId: string, id: string][] = []
  /** By transfer, the members who have said yes to it. */
  readonly approved = new Map<string, Set<string>>()
  /** By transfer, what members were shown to sign. */
  readonly challenges = new Map<string, string>()
  /** The chain's own asset that operators have sent to treasuries: in no books. */
  readonly gas: { readonly walletId: string; readonly chainId: string; readonly txid: string; readonly units: bigint }[] = []
  /** What wallets of the platform had from the beginning, and whose it is by the books. */
  readonly endowed: { readonly storeId: string; readonly walletId: string; readonly asset: string; readonly units: bigint }[] = []
  /** Every movement that was ever signed, by `<chain>/<txid>/<index>`. */
  readonly outputs = new Map<string, SimOutput>()
  /** By chain and key: whose address it is, as a shopper was told. */
  readonly ownerOfKey = new Map<string, string>()
  /** People go home when the trouble ends: what they still had in mind is not done. */
  isOver = false
  readonly failed: (thrown: unknown) => void
  readonly #shownKeys: Uint8Array[] = []
  readonly #onShown: (chainId: string, key: Uint8Array, invoiceId: string) => void
  #made = 0

  constructor(
    world: World,
    failed: (thrown: unknown) => void,
    onShown: (chainId: string, key: Uint8Array, invoiceId: string) => void,
  ) {
    this.world = world
    this.env = world.envOf(world.outside)
    this.failed = failed
    this.#onShown = onShown
  }

  next(): number {
    return this.#made++
  }

  transaction(chain: SimChain, spends: readonly string[], outputs: readonly SimOutput[]): SimTransaction {
    const n = this.next()
    const txid = chain.config.gateway === 'bitcoin' ? hex64(n) : `eth-tx-${n}`
    for (const output of outputs) {
      const key = `${chain.config.id}/${txid}/${output.index}`
      this.outputs.set(key, output)
    }
    const cost = this.world.hasMoneyOut && chain.config.gateway === 'bitcoin' ? this.#costOf(spends, outputs) : null
    return { txid, spends, outputs, bornAtMs: this.world.nowMs, ...(cost && { cost }) }
  }

  /** What somebody's wallet thinks right, which may be too little. */
  #costOf(spends: readonly string[], outputs: readonly SimOutput[]): TransactionCost {
    const vsize = BASE_VSIZE + INPUT_VSIZE * spends.length + OUTPUT_VSIZE * outputs.length
    return { fee: (this.world.random.pick(RATES) * BigInt(vsize)) / 1_000n, vsize }
  }

  /** A shopper sees the address now. */
  shown(chainId: string, key: Uint8Array, invoiceId: string): void {
    this.ownerOfKey.set(`${chainId}/${toHex(key)}`, invoiceId)
    if (chainId.startsWith('bip122')) this.#shownKeys.push(key)
    this.#onShown(chainId, key, invoiceId)
  }

  ownerOf(chainId: string, key: Uint8Array): string | undefined {
    return this.ownerOfKey.get(`${chainId}/${toHex(key)}`)
  }

  giftTo(isWanted: boolean): Uint8Array[] {
    return isWanted && this.#shownKeys.length > 0 ? [this.world.random.pick(this.#shownKeys)] : []
  }
}

/** A name as Bitcoin's transactions have them. */
export function hex64(n: number): string {
  return n.toString(16).padStart(64, 'c0ffee00')
}
