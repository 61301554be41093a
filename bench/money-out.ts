import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { p2wpkh, TEST_NETWORK } from '@scure/btc-signer'
import { pubECDSA } from '@scure/btc-signer/utils.js'
import type { Stack } from '../scripts/stack/supervisor.ts'
import { type Bench, type Figure, ms, percentile } from './lib/figure.ts'
import { type Client, createClient } from './lib/load.ts'
import { merchantHeaders, newInvoice } from './lib/merchant.ts'
import { startSystem } from './lib/system.ts'

const REFUNDS = 100
const GOAL_MS = 1_000
const ROWS = 1_000
const ROW_SATS = 1_000n
const POLL_MS = 5
const WAIT_MS_MAX = 60_000
const REGTEST = { ...TEST_NETWORK, bech32: 'bcrt' }

/** From the last word that was wanted to the node having the transaction, by the hot wallet of the demo store. */
export const moneyOut: Bench = {
  name: 'money-out',
  title: 'Sending money',
  async run() {
    const system = await startSystem()
    const client = createClient(4)
    try {
      const { stack } = system
      const invoices = await paidInvoices(client, stack)
      const refunds: number[] = []
      for (const invoiceId of invoices) refunds.push(await refund(client, stack, invoiceId))
      const p = (share: number) => percentile(refunds, share)
      const batchMs = await payout(client, stack)
      const absolute = { floor: '-', ratio: '-' }
      const figures: Figure[] = [
        { what: 'refund approved to broadcast, p50', measured: ms(p(0.5)), ...absolute, goal: '-', met: null },
        { what: 'p95', measured: ms(p(0.95)), ...absolute, goal: `<= ${GOAL_MS} ms`, met: p(0.95) <= GOAL_MS },
        {
          what: `payout of ${ROWS.toLocaleString('en')} rows, sent to broadcast`,
          measured: ms(batchMs),
          ...absolute,
          goal: '-',
          met: null,
        },
      ]
      return {
        figures,
        notes: `${REFUNDS} refunds in bitcoin, one after the other: from the payer's confirming their address, which is the last word that the demo store's policy wants, to the API telling the transaction as broadcast: the node has it then. Between are the books (two reservations), a plan, the signer, which asks the invoice and the ledger for itself, and the node. The payout is one CSV file and one transaction of ${ROWS.toLocaleString('en')} outputs.`,
      }
    } finally {
      client.close()
      await system.stop()
    }
  },
}

/** Invoices that are settled, a coin each, and one more coin that pays for the batch. */
async function paidInvoices(client: Client, stack: Stack): Promise<string[]> {
  await stack.wallets.bitcoin.mine(1)
  const ids: string[] = []
  const due: { address: string; units: bigint }[] = []
  for (let n = 0; n <= REFUNDS; n++) {
    const id = await newInvoice(client, stack, JSON.stringify({ amount: '12.50', currency: 'EUR', confirmations: 1 }))
    const path = `/v1/invoices/${id}/payment_methods/BTC`
    const { paymentMethods } = await call<{ paymentMethods: { asset: string; address: string; amountDue: string }[] }>(
      client,
      stack,
      'POST',
      path,
      {},
    )
    const method = paymentMethods.find(({ asset }) => asset === 'BTC')
    if (!method) throw new Error('the demo store takes bitcoin')
    const extra = n === REFUNDS ? 10n * BigInt(ROWS) * ROW_SATS : 0n
    due.push({ address: method.address, units: BigInt(method.amountDue.replace('.', '')) + extra })
    ids.push(id)
  }
  await stack.wallets.bitcoin.sendMany(due)
  await stack.wallets.bitcoin.mine(1)
  for (const id of ids) {
    const path = `/v1/invoices/${id}`
    await until(async () => (await call<{ status: string }>(client, stack, 'GET', path)).status === 'settled')
  }
  return ids.slice(0, REFUNDS)
}

async function refund(client: Client, stack: Stack, invoiceId: string): Promise<number> {
  const path = `/v1/invoices/${invoiceId}/refunds`
  const order = { type: 'part', asset: 'BTC', amount: '0.00010000' }
  const { id, claimUrl } = await call<{ id: string; claimUrl: string }>(client, stack, 'POST', path, order)
  const body = new URLSearchParams({ address: somebody(), step: 'confirm' }).toString()
  const startedAt = performance.now()
  const claimed = await client.send(claimUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: stack.origin },
    body,
  })
  if (claimed.status !== 303) throw new Error(`claiming: ${claimed.status} ${claimed.body.slice(0, 300)}`)
  await untilSent(client, stack, `${path}/${id}`)
  return performance.now() - startedAt
}

async function payout(client: Client, stack: Stack): Promise<number> {
  const rows = Array.from({ length: ROWS }, () => `${somebody()},0.0000${ROW_SATS},BTC,bench`)
  const startedAt = performance.now()
  const { data } = await call<{ data: { id: string }[] }>(
    client,
    stack,
    'POST',
    '/v1/payouts',
    ['address,amount,asset,reference', ...rows].join('\r\n'),
    'text/csv',
  )
  for (const { id } of data) await untilSent(client, stack, `/v1/transfers/${id}`)
  return performance.now() - startedAt
}

function untilSent(client: Client, stack: Stack, path: string): Promise<void> {
  return until(async () => {
    const { status, txid } = await call<{ status: string; txid: string | null }>(client, stack, 'GET', path)
    if (status === 'failed') throw new Error(`${path} failed`)
    return txid !== null && (status === 'broadcast' || status === 'confirmed')
  })
}

async function call<T>(
  client: Client,
  stack: Stack,
  method: string,
  path: string,
  body?: unknown,
  type = 'application/json',
): Promise<T> {
  const answer = await client.send(`${stack.origin}${path}`, {
    method,
    headers: {
      ...merchantHeaders(stack),
      ...(body === undefined ? {} : { 'content-type': type, 'idempotency-key': randomBytes(16).toString('hex') }),
    },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.slice(0, 300)}`)
  return JSON.parse(answer.body) as T
}

async function until(isThere: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + WAIT_MS_MAX
  while (!(await isThere())) {
    if (performance.now() > endsAt) throw new Error(`not there after ${WAIT_MS_MAX} ms`)
    await sleep(POLL_MS)
  }
}

/** An address of nobody's, another each time. */
function somebody(): string {
  const { address } = p2wpkh(pubECDSA(randomBytes(32)), REGTEST)
  if (!address) throw new Error('a p2wpkh output has an address')
  return address
}
