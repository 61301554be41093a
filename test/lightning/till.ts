import { hashApiKey } from '../../src/auth/api-keys.ts'
import { createCln } from '../../src/gateways/lightning/cln.ts'
import { createLnd } from '../../src/gateways/lightning/lnd.ts'
import type { LightningNode, SendingEndpoint, SendingPolicy } from '../../src/gateways/lightning/node.ts'
import { createClnPayer } from '../../src/gateways/lightning/pay/cln.ts'
import { createLndPayer } from '../../src/gateways/lightning/pay/lnd.ts'
import { createPhoenixdPayer } from '../../src/gateways/lightning/pay/phoenixd.ts'
import { createPhoenixd } from '../../src/gateways/lightning/phoenixd.ts'
import type { StoreConfig } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import type { LookState } from '../../src/lightning/rpc.ts'
import { carryPayment } from '../../src/lightning/transfers/carry.ts'
import { type LightningPorts, lookAtPayments, runErrands } from '../../src/lightning/work.ts'
import { testLightning } from '../../src/money/lightning.ts'
import { provisionStore } from '../../src/storage/provision.ts'
import { storeByKeyHash } from '../../src/storage/stores.ts'
import { cln } from '../gateways/lightning/cln.ts'
import { lnd } from '../gateways/lightning/lnd.ts'
import { phoenixd } from '../gateways/lightning/phoenixd.ts'
import { fetchOf, type StandIn } from '../gateways/lightning/stand-in.ts'
import { createRequest } from '../invoice/builders.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { testEnv } from '../storage/databases.ts'

const KINDS = {
  phoenixd: [phoenixd, createPhoenixd, createPhoenixdPayer],
  lnd: [lnd, createLnd, createLndPayer],
  cln: [cln, createCln, createClnPayer],
} as const
/** More than anything that is served waits for. */
const ROUNDS_MAX = 1_000
let tills = 0

/** A store that is paid on chain and by Lightning, its node, and the gateways Worker's part, which a test runs by hand. */
export interface Till {
  readonly store: StoreConfig
  readonly apiKey: string
  readonly walletId: string
  readonly node: StandIn
  /** Does what waits for the node, until the answer is there. */
  serve<T>(answer: Promise<T>): Promise<T>
  /** One look at payments, which waits for nothing. */
  look(changes?: Partial<LookState>): Promise<void>
  /** Carries a transfer as far as it goes now. */
  carry(transferId: string): Promise<void>
  /** What the node's configuration lets it pay, from the next look on; nothing at first. */
  allow(policy: SendingPolicy | null): void
}

export async function openTill(kind: keyof typeof KINDS = 'cln', changes: object = {}): Promise<Till> {
  const name = `till-${tills++}-${randomId('wal').slice(4, 14)}`
  const made = await provisionStore(testEnv, { name: 'Northwind', wallets: walletsOf(name), ...changes }, Date.now())
  if (!made.ok) throw new Error(made.error.detail)
  const found = await storeByKeyHash(testEnv.DIRECTORY, await hashApiKey(made.value.apiKey))
  const walletId = found?.store.lightningNodes?.[0]?.id
  if (!found || !walletId) throw new Error('the store was made, with its node')
  const [create, connect, connectPayer] = KINDS[kind]
  const node = create()
  const client: LightningNode = connect({ ...node.endpoint, name }, fetchOf(node))
  const { paymentMaxSats: _payment, dayMaxSats: _day, ...credential } = node.sendingEndpoint().sending as SendingEndpoint
  const { url } = node.endpoint
  const payer = connectPayer({ url, ...credential }, fetchOf(node))
  let policy: SendingPolicy | null = null
  const object = testEnv.LIGHTNINGS.getByName(walletId)
  const ports: LightningPorts = {
    object,
    clock: Date.now,
    railOf: () => testLightning('regtest'),
    connect: (named) => (named.name === name ? { node: client, nodeId: null, sending: policy } : null),
  }
  return {
    store: found.store,
    apiKey: made.value.apiKey,
    walletId,
    node,
    async serve(answer) {
      let isDone = false
      const done = () => {
        isDone = true
      }
      answer.then(done, done)
      for (let round = 0; round < ROUNDS_MAX && !isDone; round++) {
        await runErrands(ports)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return answer
    },
    allow(allowed) {
      policy = allowed
    },
    carry: (transferId) => carryPayment({ object, paying: policy && { payer, policy } }, transferId),
    look: (changed = {}) =>
      lookAtPayments({
        ...ports,
        object: {
          begin: async () => {
            const state = await object.begin()
            return state && { ...state, waitMs: 0, ...changed }
          },
          commit: (look: Parameters<typeof object.commit>[0]) => object.commit(look),
          failLook: (...told: Parameters<typeof object.failLook>) => object.failLook(...told),
        } as typeof object,
      }),
  }
}

export function walletsOf(name: string) {
  return [
    { account: bitcoinAccount(name), assets: ['BTC'] },
    { account: { lightning: name }, assets: ['BTC-LN'] },
  ]
}

/** An invoice over 60.00 EUR: 100,000 satoshi. */
export async function newInvoice({ store }: Till, changes: object = {}) {
  const id = randomId('inv')
  const invoice = testEnv.INVOICES.getByName(id)
  const created = await invoice.create({ ...createRequest(), id, store, price: 6_000n, toleranceBps: 0, ...changes })
  if (!created.ok) throw new Error(created.error.reason)
  const read = async () => {
    const now = await invoice.read()
    if (!now) throw new Error('the invoice was made')
    return now
  }
  return { id, invoice, read, status: async () => (await read()).status }
}

/** The invoice of the node that is shown now. */
export function shownAt({ node }: Till) {
  const last = node.invoices().at(-1)
  if (!last) throw new Error('the node has made no invoice')
  return last
}
