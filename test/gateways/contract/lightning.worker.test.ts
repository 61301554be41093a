import { describe } from 'vitest'
import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'
import { randomId } from '../../../src/lib/ids.ts'
import { ok } from '../../../src/lib/result.ts'
import { openTill, type Till } from '../../lightning/till.ts'
import { migrateDatabases, testEnv } from '../../storage/databases.ts'
import { foreignInvoice } from '../lightning/purse.ts'
import { runContract, type Sending, type World } from './suite.ts'

/** The four operations of a Lightning node, with stand-ins of each kind's documented shapes. */
describe.each(['phoenixd', 'lnd', 'cln'] as const)('%s', (kind) => {
  runContract('lightning', async () => {
    await migrateDatabases()
    const till = await openTill(kind)
    till.allow({ paymentMaxSats: 10 ** 12, dayMaxSats: 10 ** 12 })
    await till.look()
    return lightningWorld(till)
  })
})

const ASSET = 'BTC-LN'
const FEE_MSAT = 2_000n
const EXPIRY_MS = 3_600_000

function lightningWorld(till: Till): World {
  const { node, store, walletId } = till
  const { purse } = node
  const { merchantId, shard, storeId } = store
  const object = testEnv.LIGHTNINGS.getByName(walletId)
  const expiresAtMs = Date.now() + EXPIRY_MS
  const orders = new Map<string, string>()
  const payers = new Map<string, string>()
  const transfers = new Map<string, string>()
  const carrying = new Set<Promise<void>>()
  // What is paid is under way until it is carried out, and whoever asked for it waits.
  purse.network = 'held'
  purse.patienceMs = 30_000
  purse.feeMsat = FEE_MSAT

  const hashOf = (bolt11: string) => {
    const read = decodeBolt11(bolt11)
    return read.ok ? read.value.paymentHash : ''
  }
  const payerOf = (order: string) => {
    const known = payers.get(order) ?? foreignInvoice(null).bolt11
    payers.set(order, known)
    return known
  }
  const idOf = (name: string) => {
    const known = transfers.get(name) ?? randomId('tr')
    transfers.set(name, known)
    return known
  }

  async function begin(name: string, { address, units }: Sending, invoiceId: string | null) {
    const made = await till.serve(
      object.createTransfer({
        id: idOf(name),
        kind: invoiceId === null ? 'payout' : 'refund',
        merchantId,
        shard,
        storeId,
        custody: 'self',
        chainId: 'lightning:regtest',
        asset: ASSET,
        outputs: [{ address, units }],
        invoiceId,
        reference: null,
        targetBlocks: 1,
        feeMax: null,
      }),
    )
    if (!made.ok) return made
    if (made.value.status !== 'queued') return ok(null)
    const carried = till.carry(made.value.id).finally(() => carrying.delete(carried))
    carrying.add(carried)
    while (purse.of(made.value.lightning.paymentHash) === undefined) await new Promise((resolve) => setTimeout(resolve, 10))
    return ok(null)
  }

  async function letAllGo(): Promise<void> {
    for (const { paymentHash, state } of purse.payments) if (state === 'in_flight') purse.letGo(paymentHash)
    await Promise.all(carrying)
  }

  return {
    assets: [ASSET],
    async receive(order, _asset, units) {
      const wish = { chainId: 'lightning:regtest', invoiceId: order, units, memo: order, expiresAtMs }
      const made = await till.serve(object.allocate(wish))
      if (!made.ok) throw new Error(made.error.reason)
      orders.set(order, made.value.address)
      return made.value.address
    },
    async balanceOf(address) {
      return { confirmed: (await object.find(hashOf(address)))?.paidUnits ?? 0n, pending: 0n }
    },
    async walletBalance() {
      const balance = await till.serve(object.balance())
      if (!balance.ok) throw new Error(balance.error.detail)
      return { confirmed: balance.value, pending: 0n, reserved: (await object.outgoing()).reserved }
    },
    send: (name, sending) => begin(name, sending, null),
    refund: (name, order, asset, units) => begin(name, { asset, address: payerOf(order), units }, order),
    async transfer(name) {
      const id = transfers.get(name)
      const transfer = id === undefined ? null : await object.transfer(id)
      if (!transfer) return null
      return { status: transfer.status, fee: transfer.fee === null ? null : { asset: ASSET, units: transfer.fee } }
    },
    async pay(address, _asset, units) {
      node.pay(hashOf(address), { msat: units * 1_000n })
      await till.look()
    },
    confirm: letAllGo,
    finalise: letAllGo,
    takeBack: async () => {},
    async fund(_asset, units) {
      // What the way of four such payments may cost besides.
      purse.funds += (units + units / 50n + 100n) * 1_000n
    },
    payee: async (_asset, units) => foreignInvoice(units).bolt11,
    async paidTo(address) {
      const payment = purse.of(hashOf(address))
      return payment?.state === 'paid' ? payment.msat / 1_000n : 0n
    },
    payerOf: async (order) => payerOf(order),
    async thwart(name) {
      const transfer = await object.transfer(idOf(name))
      purse.letGo(transfer?.lightning.paymentHash ?? '', 'refused')
      await Promise.all(carrying)
    },
    unreachable: [
      foreignInvoice(150_000n, { network: 'bc' }).bolt11,
      foreignInvoice(150_001n).bolt11,
      'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
      'ana@example.com',
    ],
    async balanceWhileAway() {
      node.behave('away')
      const answer = await till.serve(object.balance())
      node.behave('well')
      return answer
    },
    stop: letAllGo,
  }
}
