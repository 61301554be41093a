import { askJson, type Door, Refusal } from '../stack/tool.ts'

/** `GET /v1/wallets`. */
export interface WalletLine {
  readonly id: string
  readonly custody: string
  readonly script: string
  readonly addressesUsed: number
  readonly chains: readonly {
    readonly chain: string
    readonly name: string
    readonly assets: readonly string[]
    readonly firstAddresses: readonly string[]
    readonly payer: PayerLine | null
  }[]
}

/** The address that an EVM hot wallet pays from. */
export interface PayerLine {
  readonly address: string
  readonly native: string | null
  readonly low: boolean
}

/** One asset; null when it was never read. */
export interface SumLine {
  readonly asset: string
  readonly confirmed: string | null
  readonly pending: string | null
  readonly leaving: string | null
  readonly reserved?: string
}

export interface ChainLine {
  readonly chain: string
  readonly name: string
  readonly asOf: { readonly height: number; readonly hash: string; readonly at: string } | null
  readonly readAt: string | null
  readonly addresses: number
  readonly stale: boolean
  readonly refreshing: boolean
  readonly error: { readonly reason: string; readonly detail: string; readonly at: string } | null
  readonly assets: readonly SumLine[]
  /** Of a wallet, not of one address. */
  readonly payer?: PayerLine | null
}

/** `GET /v1/wallets/:id/balance`. */
export interface BalanceAnswer {
  readonly walletId: string
  readonly custody: string
  readonly chains: readonly ChainLine[]
}

/** `GET /v1/wallets/:id/addresses/:address/balance`. */
export interface AddressAnswer {
  readonly address: string
  readonly index: number
  readonly invoiceId: string
  readonly chains: readonly ChainLine[]
}

/** One of `GET /v1/wallets/:id/addresses`. */
export interface GivenLine {
  readonly index: number
  readonly invoiceId: string
  readonly chains: readonly { readonly chain: string; readonly address: string; readonly assets: readonly SumLine[] }[]
}

export interface Received {
  readonly invoiceId: string
  readonly address: string
  readonly amount: string
  readonly uri: string | null
}

/** The merchant API of the running system, as one store's key opens it. Throws a Refusal that says why. */
export interface Wallets {
  list(): Promise<readonly WalletLine[]>
  /** By id, or by an asset it takes. */
  find(name: string): Promise<WalletLine>
  /** The only one of coins. */
  ofCoins(): Promise<WalletLine>
  balance(id: string, refresh: boolean): Promise<BalanceAnswer>
  address(id: string, address: string, refresh: boolean): Promise<AddressAnswer>
  addresses(id: string): AsyncGenerator<GivenLine>
  receive(asset: string, amount: string): Promise<Received>
}

/** Pages of addresses that are gone through at most. */
const PAGES_MAX = 1_000

export function openWallets(door: Door): Wallets {
  const call = <T>(path: string, body?: unknown): Promise<T> =>
    askJson<T>(door, body === undefined ? { method: 'GET', path } : { method: 'POST', path, body: JSON.stringify(body) })
  const of = (id: string, rest: string) => `/v1/wallets/${encodeURIComponent(id)}/${rest}`
  const list = async () => (await call<{ data: WalletLine[] }>('/v1/wallets')).data
  return {
    list,
    async find(name) {
      const asset = name.toUpperCase()
      const found = (await list()).find(({ id, chains }) => id === name || chains.some(({ assets }) => assets.includes(asset)))
      if (!found) throw new Refusal(`The store has no wallet ${name}: npm run wallet -- list`)
      return found
    },
    async ofCoins() {
      const [wallet, ...others] = (await list()).filter(({ script }) => script === 'p2wpkh' || script === 'p2tr')
      if (!wallet) throw new Refusal('The store has no wallet of coins: only on Bitcoin and Litecoin a transaction is hurried.')
      if (others.length > 0) throw new Refusal('The store has several wallets of coins: say which with --wallet.')
      return wallet
    },
    balance: (id, refresh) => call(of(id, `balance?refresh=${refresh}`)),
    address: (id, address, refresh) => call(of(id, `addresses/${encodeURIComponent(address)}/balance?refresh=${refresh}`)),
    async *addresses(id) {
      let cursor = ''
      for (let page = 0; page < PAGES_MAX; page++) {
        const { data, nextCursor } = await call<{ data: GivenLine[]; nextCursor: string | null }>(
          of(id, `addresses?limit=100${cursor && `&cursor=${cursor}`}`),
        )
        yield* data
        if (nextCursor === null) return
        cursor = nextCursor
      }
    },
    async receive(asset, amount) {
      const terms = { amount, currency: asset, paymentMethods: [asset] }
      const { id } = await call<{ id: string }>('/v1/invoices', terms)
      const { paymentMethods } = await call<{
        paymentMethods: { asset: string; address: string | null; amount: string; uri: string | null }[]
      }>(`/v1/invoices/${id}/payment_methods/${encodeURIComponent(asset)}`, {})
      const method = paymentMethods.find((one) => one.asset === asset)
      if (!method?.address) throw new Refusal(`Invoice ${id} gave no address for ${asset}.`)
      return { invoiceId: id, address: method.address, amount: method.amount, uri: method.uri }
    },
  }
}
