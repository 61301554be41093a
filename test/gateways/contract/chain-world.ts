import type { AccountKey, BalanceReader, ChainReader, NodeEndpoint, ReceivingAddress } from '../../../src/gateways/gateway.ts'
import { addressBookOf } from '../../../src/gateways/registry.ts'
import type { Sighting } from '../../../src/gateways/send.ts'
import type { Funds, SignedTransaction, SpendPlan } from '../../../src/gateways/spend.ts'
import { err, ok, type Result } from '../../../src/lib/result.ts'
import { must } from '../bitcoin/spending.ts'
import { transfersTo } from '../scans.ts'
import type { MoneyOutWorld } from './money-out.ts'
import type { Balance, Outcome, Refusal, Sending, WalletBalance, World } from './suite.ts'

/** What a chain needs besides its way out. */
export interface ChainSide {
  readonly script: AccountKey['script']
  readonly reader: ChainReader
  balancesOver(endpoints: readonly NodeEndpoint[]): BalanceReader
  pay(address: string, asset: string, units: bigint): Promise<unknown>
  /** Addresses of other networks, and one with a mistyped letter. */
  readonly unreachable: World['unreachable']
}

interface Kept {
  readonly sending: Sending
  readonly plan: SpendPlan
  readonly signed: readonly SignedTransaction[]
  readonly height: number
}

/** The wallet is these indices. What is paid from and changed to is low (`MoneyOutWorld`), receiving is from the top down. */
export const INDICES = 300
const FEE_MAX = 10n ** 18n

/**
 * The four operations on a chain, put together from the parts of its gateway as wallet objects put them together. What a
 * wallet object keeps (who has which index, what was planned and signed) is kept in maps here.
 */
export function chainWorld(out: MoneyOutWorld, { script, reader, balancesOver, pay, unreachable }: ChainSide): World {
  const { chain, spender, signer, sender } = out
  const seed = new Uint8Array(32).fill(77)
  const account = signer.account(chain, seed, script)
  const own = Array.from({ length: INDICES }, (_, index) => derive(index))
  const balances = balancesOver([out.endpoint])
  const orders = new Map<string, ReceivingAddress>()
  const payers = new Map<string, string>()
  const kept = new Map<string, Kept>()

  function derive(index: number): ReceivingAddress {
    return must(addressBookOf(chain).derive(chain, account, index))
  }

  async function sumsOf(addresses: readonly ReceivingAddress[], asset: string): Promise<WalletBalance> {
    const keys = addresses.map(({ watchKey }) => watchKey)
    const found = must(await balances.read(keys, null)).balances.filter(({ assetCode }) => assetCode === asset)
    const waiting = (await transfersTo(keys, must(await reader.mempool()))).filter(({ assetCode }) => assetCode === asset)
    return {
      confirmed: found.reduce((sum, { confirmed }) => sum + confirmed, 0n),
      pending: waiting.reduce((sum, { units }) => sum + units, 0n),
      reserved: found.reduce((sum, { leaving }) => sum + leaving, 0n),
    }
  }

  async function send(id: string, sending: Sending): Promise<Result<null, Refusal>> {
    const made = kept.get(id) ?? (await make(sending))
    if ('reason' in made) return err(made)
    kept.set(id, made)
    const raw = made.signed.at(-1)?.raw ?? ''
    const answer = must(await sender.broadcast(raw))
    return answer.answer === 'taken' ? ok(null) : err({ reason: answer.why })
  }

  async function make(sending: Sending): Promise<Kept | Refusal> {
    const { asset, address, units } = sending
    const outputs = [{ address, units }]
    const { funds, fees, height } = await out.funds(account, asset, outputs)
    const plan = spender.plan(chain, account, { asset, outputs, funds, fees, feeMax: FEE_MAX })
    if (!plan.ok) return plan.error
    must(spender.check(chain, account, plan.value, asset, outputs))
    return { sending, plan: plan.value, signed: [signer.sign(chain, seed, script, plan.value)], height }
  }

  async function transfer(id: string): Promise<Outcome | null> {
    const known = kept.get(id)
    if (!known) return null
    const { plan, signed, height } = known
    const payer = plan.kind === 'account' ? derive(plan.index).address : ''
    const sight = must(await sender.look({ txids: signed.map(({ txid }) => txid), plan, payer, searchedHeight: height }))
    return { status: statusOf(sight), fee: sight.status === 'included' ? { asset: chain.native.code, units: sight.fee } : null }
  }

  return {
    assets: out.assets,
    async receive(order) {
      const address = orders.get(order) ?? derive(INDICES - 1 - orders.size)
      orders.set(order, address)
      return address.address
    },
    async balanceOf(address, asset): Promise<Balance> {
      const { confirmed, pending } = await sumsOf(
        own.filter((one) => one.address === address),
        asset,
      )
      return { confirmed, pending }
    },
    walletBalance: (asset) => sumsOf(own, asset),
    send,
    // A payer names the address that a refund goes to: nothing on a chain tells it.
    async refund(id, order, asset, units) {
      return send(id, { asset, address: await payerOf(order), units })
    },
    transfer,
    pay,
    confirm: () => out.mine(1),
    finalise: () => out.mine(chain.confirmations),
    takeBack: out.takeBack,
    fund: (asset, units) => out.fund(account, asset, units),
    payee: out.stranger,
    paidTo: out.balanceOf,
    payerOf,
    async thwart(id) {
      const known = kept.get(id)
      if (!known) throw new Error(`${id} was never sent`)
      // The same coins, or the same nonce, signed by the same seed in another place, and at a fee that nodes prefer.
      const { sending, plan } = known
      const outputs = [{ address: await out.stranger(), units: sending.units - 1n }]
      const { funds, fees } = await out.funds(account, sending.asset, outputs)
      const request = { asset: sending.asset, outputs, funds: fundsOf(plan, funds), fees: out.dearer(fees), feeMax: FEE_MAX }
      const elsewhere = signer.sign(chain, seed, script, must(spender.plan(chain, account, request)))
      const answer = must(await sender.broadcast(elsewhere.raw))
      if (answer.answer !== 'taken') throw new Error(`the node refuses it: ${answer.detail}`)
      await out.mine(1)
      await out.mine(chain.confirmations)
    },
    unreachable,
    balanceWhileAway: () => balancesOver([{ url: 'http://127.0.0.1:9' }]).read([derive(0).watchKey], null),
    stop: async () => {},
  }

  async function payerOf(order: string): Promise<string> {
    const payer = payers.get(order) ?? (await out.stranger())
    payers.set(order, payer)
    return payer
  }
}

/** As a wallet would have it that knows nothing of the plan: what the plan spends may be spent. */
function fundsOf(plan: SpendPlan, funds: Funds): Funds {
  if (plan.kind === 'coins' && funds.kind === 'coins') return { ...funds, coins: plan.inputs }
  if (plan.kind === 'account' && funds.kind === 'account') return { ...funds, nonce: plan.nonce }
  throw new Error('a plan of another kind')
}

function statusOf(sight: Sighting): Outcome['status'] {
  switch (sight.status) {
    case 'included':
      return sight.final && !sight.reverted ? 'confirmed' : sight.final ? 'failed' : 'broadcast'
    case 'conflict':
      return sight.final ? 'failed' : 'broadcast'
    default:
      return 'broadcast'
  }
}
