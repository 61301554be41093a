import type { Hex } from 'viem'
import { BITCOIN_REGTEST, EVM_LOCAL } from '../config/development.ts'
import { FEES, payer } from '../scripts/stack/evm/accounts.ts'
import { call } from '../scripts/stack/evm/call.ts'
import type { Stack } from '../scripts/stack/supervisor.ts'
import { type Bench, type Figure, ms } from './lib/figure.ts'
import { type Client, createClient, drive } from './lib/load.ts'
import { merchantHeaders, newInvoice } from './lib/merchant.ts'
import { startSystem } from './lib/system.ts'
import { startBenchWorker } from './lib/workerd.ts'

const PAYMENTS = 1_000
const CLIENTS = 8
/** Outputs in one bitcoin transaction. */
const OUTPUTS = 100
const WAIT_MS_MAX = 120_000

interface Due {
  readonly invoiceId: string
  readonly address: string
  readonly units: bigint
}

/** 1,000 payments in one block to 1,000 settled invoices. */
export const fullBlock: Bench = {
  name: 'full-block',
  title: 'A block full of payments',
  async run() {
    const bare = await startBenchWorker('lib/bare-worker.ts', { BARE: 'BareObject' })
    const system = await startSystem()
    const client = createClient(CLIENTS)
    try {
      const { stack } = system
      await stack.wallets.bitcoin.mine(1)
      const figures: Figure[] = []
      for (const { asset, chainId, pay, mine } of chainsOf(stack)) {
        const due = await openInvoices(client, stack, asset)
        await pay(due)
        await untilAll(client, stack, due, (invoice) => invoice.payments.length > 0)
        const floorMs = await writeBare(client, bare.origin)
        const startedAt = performance.now()
        await mine()
        await untilAll(client, stack, due, ({ status }) => status === 'settled')
        const tookMs = performance.now() - startedAt
        figures.push({
          what: `${asset} (${chainId}): ${PAYMENTS.toLocaleString('en')} payments in a block, all settled`,
          measured: ms(tookMs),
          floor: ms(floorMs),
          ratio: (tookMs / floorMs).toFixed(2),
          goal: '-',
          met: null,
        })
      }
      return {
        figures,
        notes: `From the call that mines the block to the last of ${PAYMENTS.toLocaleString('en')} invoices told as settled by the API, each with its ledger, its projection and its log, the wait for the next look at the chain and the asking (${CLIENTS} connections) in it. One confirmation wanted. Bitcoin: ${PAYMENTS / OUTPUTS} transactions of ${OUTPUTS} outputs; EVM: one transaction each. Floor: a bare Worker that creates ${PAYMENTS.toLocaleString('en')} objects and writes a row in each, over the same connections.`,
      }
    } finally {
      client.close()
      await bare.stop()
      await system.stop()
    }
  },
}

function chainsOf({ wallets, evm }: Stack) {
  return [
    {
      asset: 'BTC',
      chainId: BITCOIN_REGTEST,
      async pay(due: readonly Due[]) {
        for (let from = 0; from < due.length; from += OUTPUTS) await wallets.bitcoin.sendMany(due.slice(from, from + OUTPUTS))
      },
      mine: () => wallets.bitcoin.mine(1),
    },
    { asset: 'ETH', chainId: EVM_LOCAL, pay: (due: readonly Due[]) => payEther(evm, due), mine: () => wallets.evm.mine(1) },
  ]
}

async function openInvoices(client: Client, stack: Stack, asset: string): Promise<Due[]> {
  const body = JSON.stringify({ amount: '12.50', currency: 'EUR', confirmations: 1 })
  const due: Due[] = []
  await drive(CLIENTS, PAYMENTS, async () => {
    const invoiceId = await newInvoice(client, stack, body)
    const url = `${stack.origin}/v1/invoices/${invoiceId}/payment_methods/${asset}`
    const answer = await client.send(url, { method: 'POST', headers: merchantHeaders(stack), body: '{}' })
    const { paymentMethods } = JSON.parse(answer.body) as {
      paymentMethods: { asset: string; address: string; amountDue: string }[]
    }
    const method = paymentMethods.find((one) => one.asset === asset)
    if (!method) throw new Error(`choosing ${asset}: ${answer.status} ${answer.body.slice(0, 300)}`)
    due.push({ invoiceId, address: method.address, units: BigInt(method.amountDue.replace('.', '')) })
    return answer
  })
  return due
}

async function payEther({ rpcUrl, chainId }: Stack['evm'], due: readonly Due[]): Promise<void> {
  const first = Number(await call<Hex>(rpcUrl, 'eth_getTransactionCount', [payer.address, 'pending']))
  for (const [at, { address, units }] of due.entries()) {
    const payment = { to: address as Hex, value: units, gas: 21_000n, nonce: first + at, ...FEES }
    await call(rpcUrl, 'eth_sendRawTransaction', [await payer.signTransaction({ ...payment, chainId, type: 'eip1559' })])
  }
}

interface Told {
  readonly status: string
  readonly payments: readonly unknown[]
}

/** Asks for those that are not there yet, round after round. */
async function untilAll(client: Client, stack: Stack, due: readonly Due[], isThere: (invoice: Told) => boolean): Promise<void> {
  const endsAt = performance.now() + WAIT_MS_MAX
  let missing = due.map(({ invoiceId }) => invoiceId)
  while (missing.length > 0) {
    if (performance.now() > endsAt)
      throw new Error(`${missing.length} of ${due.length} invoices are not there after ${WAIT_MS_MAX} ms`)
    const still: string[] = []
    await drive(CLIENTS, missing.length, async (n) => {
      const invoiceId = missing[n] as string
      const answer = await client.send(`${stack.origin}/v1/invoices/${invoiceId}`, { headers: merchantHeaders(stack) })
      if (!isThere(JSON.parse(answer.body) as Told)) still.push(invoiceId)
      return answer
    })
    missing = still
  }
}

async function writeBare(client: Client, origin: string): Promise<number> {
  const startedAt = performance.now()
  await drive(CLIENTS, PAYMENTS, () => client.send(origin, { method: 'POST', body: 'x'.repeat(500) }))
  return performance.now() - startedAt
}
