import { HDKey } from '@scure/bip32'
import { Transaction } from '@scure/btc-signer'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { createBitcoinBalances } from '../../../src/gateways/bitcoin/balance.ts'
import { bitcoinWatchKey } from '../../../src/gateways/bitcoin/parse-address.ts'
import { createBitcoinSender } from '../../../src/gateways/bitcoin/sender.ts'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import { bitcoinSpender } from '../../../src/gateways/bitcoin/spend.ts'
import type { AccountKey, NodeEndpoint } from '../../../src/gateways/gateway.ts'
import type { OwnCoin } from '../../../src/gateways/spend.ts'
import type { Result } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { INDICES } from './chain-world.ts'
import type { MoneyOutWorld } from './money-out.ts'

/** What there is to a node of Bitcoin's family, for a world of coins. */
export interface CoinsNode {
  readonly chain: ChainConfig
  readonly endpoint: NodeEndpoint
  /** Pays from somebody else's wallet. */
  pay(address: string, units: bigint): Promise<unknown>
  mine(blocks: number): Promise<unknown>
  takeBack(): Promise<unknown>
  stop(): Promise<void>
  /** Signs inputs of P2WPKH by the node's own wallet; where there is none, and of P2TR, @scure/btc-signer does. */
  signPsbt?(psbt: string, master: HDKey): Promise<string>
}

const TEST_VERSIONS = { public: 0x043587cf, private: 0x04358394 }

export function coinsWorld(node: CoinsNode): MoneyOutWorld {
  const { chain, endpoint } = node
  const seed = new Uint8Array(32).fill(41)
  const master = HDKey.fromMasterSeed(seed, TEST_VERSIONS)
  const balances = createBitcoinBalances(chain, [endpoint], fetch)
  const senderOver = (endpoints: readonly NodeEndpoint[]) => createBitcoinSender(chain, endpoints, fetch)
  const sender = senderOver([endpoint])
  const strangers = bitcoinSigner.account(chain, new Uint8Array(32).fill(42), 'p2tr')
  let nextStranger = 0
  let nextIndex = 0
  const derive = (account: AccountKey, index: number) => must(bitcoinAddresses.derive(chain, account, index))
  const keys = new Map<string, Uint8Array[]>()

  /** What the account has, less what waiting transactions spend. */
  async function coinsOf(account: AccountKey): Promise<OwnCoin[]> {
    const own = keys.get(account.xpub) ?? Array.from({ length: INDICES }, (_, index) => derive(account, index).watchKey)
    keys.set(account.xpub, own)
    const sight = must(await balances.read(own, null))
    return sight.balances.flatMap(({ position, coins }) =>
      coins.filter((coin) => coin.leaving === false).map(({ txid, vout, units }) => ({ txid, vout, units, index: position })),
    )
  }

  return {
    chain,
    spender: bitcoinSpender,
    signer: bitcoinSigner,
    sender,
    senderOver,
    endpoint,
    seed,
    assets: [chain.native.code],
    stranger: async () => derive(strangers, nextStranger++).address,
    async balanceOf(address) {
      const watchKey = bitcoinWatchKey(chain, address)
      if (!watchKey) throw new Error(`${address} is no address`)
      return must(await balances.read([watchKey], null)).balances.reduce((sum, { confirmed }) => sum + confirmed, 0n)
    },
    async fund(account, _asset, units) {
      // Two coins, so that there is something to choose and to add.
      for (let n = 0; n < 2; n++) await node.pay(derive(account, nextIndex++).address, units)
      await node.mine(1)
    },
    async funds(account) {
      const coins = await coinsOf(account)
      const { fees, height } = must(await sender.facts({ targetBlocks: 2, payer: null }))
      return { funds: { kind: 'coins', coins, changeIndex: nextIndex++, height }, fees, height }
    },
    dearer: (fees) => (fees.kind === 'coins' ? { ...fees, satsPerKvb: 5n * fees.satsPerKvb } : fees),
    async signElsewhere(account, { psbt }) {
      if (!psbt) throw new Error('no PSBT')
      if (node.signPsbt && account.script === 'p2wpkh') return node.signPsbt(psbt.v0, master)
      const transaction = Transaction.fromPSBT(Uint8Array.from(Buffer.from(psbt.v2, 'base64')))
      transaction.sign(master as HDKey & Exclude<Parameters<Transaction['sign']>[0], Uint8Array>)
      return Buffer.from(transaction.toPSBT(2)).toString('base64')
    },
    mine: node.mine,
    takeBack: node.takeBack,
    stop: node.stop,
  }
}

function must<T>(result: Result<T, { detail: string }>): T {
  if (!result.ok) throw new Error(result.error.detail)
  return result.value
}
