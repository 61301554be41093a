/**
 * `npm run pay -- <invoice id> [--method BTC] [--amount 0.001]`: pays an invoice of the running development system
 * from the demo wallet, and follows it until the payment is seen. Without --amount it pays what is due.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DEVELOPMENT_CHAINS } from '../config/development.ts'
import type { InvoiceResource, PaymentMethodResource } from '../src/invoice/resource.ts'
import { formatDecimal, parseDecimal } from '../src/money/amount.ts'
import { createRegistry } from '../src/money/registry.ts'
import { openDemoWallets } from './stack/demo-wallets.ts'
import type { DevFile } from './stack/dev-file.ts'
import { askJson, Refusal, runningSystem, runTool } from './stack/tool.ts'

const USAGE = 'usage: npm run pay -- <invoice id> [--method BTC] [--amount 0.001]'
const SEEN_WITHIN_MS = 60_000
const POLL_MS = 500

await runTool(USAGE, pay)

async function pay(): Promise<number> {
  const { invoiceId, methodCode, amount } = readArguments()
  const { dev, stateDir } = runningSystem()
  const invoice = await callApi(dev, 'GET', `/v1/invoices/${encodeURIComponent(invoiceId)}`)
  const code = chooseMethod(invoice, methodCode)
  // An address that is there already can be paid even when the invoice is over: late money is a case to try.
  const isActive = methodOf(invoice, code)?.address != null
  const activated = isActive ? invoice : await callApi(dev, 'POST', `/v1/invoices/${invoice.id}/payment_methods/${code}`)
  const method = methodOf(activated, code)
  if (method === null || method.address === null) throw new Refusal(`The invoice gave no address for ${code}.`)

  const { decimals } = createRegistry(DEVELOPMENT_CHAINS).asset(code)
  const units = unitsToPay(method, amount, decimals)
  const wallets = openDemoWallets({
    chains: DEVELOPMENT_CHAINS,
    bitcoin: dev.bitcoin,
    bitcoinStateDir: join(stateDir, 'bitcoin'),
    evm: dev.evm,
  })
  console.log(`Paying ${formatDecimal(units, decimals, 2)} ${code} to ${method.address}`)
  console.log(`txid ${await wallets.pay({ asset: code, address: method.address, units })}`)
  await follow(dev, activated)
  return 0
}

function readArguments(): { invoiceId: string; methodCode: string | null; amount: string | null } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { method: { type: 'string' }, amount: { type: 'string' } },
    })
    const [invoiceId, ...more] = positionals
    if (!invoiceId || more.length > 0) throw new Refusal(USAGE)
    return { invoiceId, methodCode: values.method?.toUpperCase() ?? null, amount: values.amount ?? null }
  } catch (error) {
    throw new Refusal(error instanceof Refusal ? error.message : `${error instanceof Error ? error.message : error}\n${USAGE}`)
  }
}

function chooseMethod(invoice: InvoiceResource, wanted: string | null): string {
  const offered = invoice.paymentMethods.map((method) => method.asset)
  const chosen = wanted ?? invoice.paymentMethods.find((method) => method.address !== null)?.asset ?? offered[0]
  if (chosen !== undefined && offered.includes(chosen)) return chosen
  throw new Refusal(
    offered.length === 0
      ? 'This invoice offers no payment method.'
      : `This invoice cannot be paid in ${wanted}; it offers ${offered.join(', ')}.`,
  )
}

function methodOf(invoice: InvoiceResource, code: string): PaymentMethodResource | null {
  return invoice.paymentMethods.find((method) => method.asset === code) ?? null
}

function unitsToPay(method: PaymentMethodResource, amount: string | null, decimals: number): bigint {
  const parsed = parseDecimal(amount ?? method.amountDue, decimals)
  if (!parsed.ok) {
    const why =
      parsed.error === 'too_many_digits' ? `has more than ${decimals} decimal places` : 'is not a plain decimal such as 0.001'
    throw new Refusal(`--amount ${amount} ${why}.`)
  }
  if (parsed.value > 0n) return parsed.value
  throw new Refusal(
    amount === null ? 'Nothing is due on this invoice (give --amount to pay anyway).' : '--amount must be more than zero.',
  )
}

/** Prints each change of status until the payment is seen, or a minute has passed. */
async function follow(dev: DevFile, before: InvoiceResource): Promise<void> {
  let last = before
  const deadline = Date.now() + SEEN_WITHIN_MS
  while (Date.now() < deadline) {
    const invoice = await callApi(dev, 'GET', `/v1/invoices/${before.id}`)
    if (invoice.status !== last.status || invoice.payments.length !== last.payments.length) {
      console.log(`${invoice.status}: ${invoice.amountPaid} of ${invoice.amount} ${invoice.currency} paid`)
    }
    if (invoice.payments.length > before.payments.length) return
    last = invoice
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
  throw new Refusal(`The payment was sent and has not been seen within a minute: look at ${dev.origin}/health.`)
}

function callApi({ origin, apiKey }: DevFile, method: 'GET' | 'POST', path: string): Promise<InvoiceResource> {
  return askJson({ url: origin, token: apiKey }, { method, path })
}
