import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { LightningEndpoint, SendingPolicy } from '../../../src/gateways/lightning/node.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { decodeJson, encodeJson } from '../../../src/lib/json.ts'
import { makeFolder, writePrivate } from '../processes.ts'
import { Book, type HeldInvoice, randomHex } from './book.ts'
import { answerAsPhoenixd, type Phoenixd } from './phoenixd.ts'
import { type HeldPayment, Purse } from './purse.ts'
import { type Asked, serveNode, type Told } from './serve.ts'

interface LightningOptions {
  /** Invoices, payments and funds survive a restart in here. */
  readonly stateDir: string
  /** What Paytomat may use the demo store's node to pay. */
  readonly sending: SendingPolicy
  readonly log: (line: string) => void
}

/** How the demo payer's node is reached. */
export interface PayerAccess {
  readonly url: string
  readonly password: string
}

export interface LightningStandIn {
  /** The demo store's node, as `NODES` has it. */
  readonly endpoint: LightningEndpoint
  readonly payer: PayerAccess
  stop(): Promise<void>
}

/** What stores, `GET /v1/wallets` and logs call the demo store's node: nobody is to take it for a real one. */
export const STAND_IN = 'stand-in'

/** What is kept of each node; what is older is forgotten, as in the demo shop. */
const KEPT_MAX = 500
/** Millisatoshi that the demo store's node begins with, so that a payout can be tried before anything is sold; and the payer's. */
const STORE_FUNDS = 5_000_000_000n
const PAYER_FUNDS = 1_000_000_000_000n

/**
 * A Lightning network for development, without a chain or channels: the demo store's node and the demo payer's, which pay each
 * other. Both are stand-ins for phoenixd and are spoken to as it is (`phoenixd.ts`); a real one needs money on mainnet or testnet.
 */
export async function startLightning({ stateDir, sending, log }: LightningOptions): Promise<LightningStandIn> {
  makeFolder(stateDir)
  const path = join(stateDir, 'nodes.json')
  const kept = readKept(path)
  const nodes: DevelopmentNode[] = []
  const store = new DevelopmentNode(kept?.store ?? newNode(STORE_FUNDS), nodes)
  const payer = new DevelopmentNode(kept?.payer ?? newNode(PAYER_FUNDS), nodes)
  nodes.push(store, payer)
  const save = () => writePrivate(path, encodeJson({ store: store.kept(), payer: payer.kept() }))

  /** A request changes both nodes or none: they are written in one step, before it is answered. */
  const serve = (name: string, node: DevelopmentNode) =>
    serveNode(async (asked) => {
      const told = await answerOf(asked, node)
      if (asked.method === 'POST') {
        save()
        log(`${name} ${asked.path} ${told?.status} ${JSON.stringify(told?.body)}`)
      }
      return told
    })

  save()
  const storeServer = await serve('store', store)
  const payerServer = await serve('payer', payer)
  const { password, fullPassword, book } = store
  return {
    endpoint: {
      name: STAND_IN,
      kind: 'phoenixd',
      url: storeServer.url,
      password,
      nodeId: toHex(secp256k1.getPublicKey(fromHex(book.key))),
      sending: { ...sending, password: fullPassword },
    },
    payer: { url: payerServer.url, password: payer.fullPassword },
    async stop() {
      await Promise.all([storeServer.close(), payerServer.close()])
    },
  }
}

/** A number that is none, an invoice that cannot be read: phoenixd says so in words. */
async function answerOf(asked: Asked, node: Phoenixd): Promise<Told | null> {
  try {
    return await answerAsPhoenixd(asked, node)
  } catch (error) {
    return { status: 400, body: error instanceof Error ? error.message : String(error) }
  }
}

interface KeptNode {
  readonly key: string
  readonly password: string
  readonly fullPassword: string
  readonly funds: bigint
  readonly invoices: HeldInvoice[]
  readonly payments: HeldPayment[]
}

function newNode(funds: bigint): KeptNode {
  return { key: randomHex(), password: randomHex(), fullPassword: randomHex(), funds, invoices: [], payments: [] }
}

/** Null when nothing was kept yet. It is written in one step: what is there is whole. */
function readKept(path: string): { readonly store: KeptNode; readonly payer: KeptNode } | null {
  try {
    return decodeJson(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

class DevelopmentNode implements Phoenixd {
  readonly book: Book
  readonly purse: Channels
  readonly password: string
  readonly fullPassword: string

  constructor(kept: KeptNode, nodes: readonly DevelopmentNode[]) {
    this.book = new Book(kept)
    this.purse = new Channels(kept, (payment) => nodes.find((node) => node !== this && node.receives(payment)) ?? null)
    this.password = kept.password
    this.fullPassword = kept.fullPassword
  }

  receives({ paymentHash, msat }: HeldPayment): boolean {
    const invoice = this.book.byHash(paymentHash)
    return invoice?.state === 'open' && invoice.expiresAtMs > Date.now() && msat >= invoice.msat
  }

  /** The proof of it. */
  receive({ paymentHash, msat }: HeldPayment): string | null {
    this.purse.funds += this.book.pay(paymentHash, { msat })
    return this.book.byHash(paymentHash)?.preimage ?? null
  }

  kept(): KeptNode {
    const { book, purse, password, fullPassword } = this
    return {
      key: book.key,
      password,
      fullPassword,
      funds: purse.funds,
      invoices: book.invoices.slice(-KEPT_MAX),
      payments: purse.payments.slice(-KEPT_MAX),
    }
  }
}

/** Pays at once, or not at all. */
class Channels extends Purse {
  readonly #payeeOf: (payment: HeldPayment) => DevelopmentNode | null

  constructor({ funds, payments }: KeptNode, payeeOf: (payment: HeldPayment) => DevelopmentNode | null) {
    super()
    this.funds = funds
    this.payments.push(...payments)
    this.#payeeOf = payeeOf
  }

  /** ACINQ's: 0.4 % and 4 satoshi, in whole satoshi. */
  protected override feeOf(msat: bigint): bigint {
    return ((msat * 4n + 999_999n) / 1_000_000n + 4n) * 1_000n
  }

  protected override carry(payment: HeldPayment): void {
    const payee = this.#payeeOf(payment)
    if (payee) this.succeed(payment, payee.receive(payment))
    else this.fail(payment, 'refused')
  }
}
