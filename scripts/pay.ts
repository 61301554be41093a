/**
 * `npm run pay -- <invoice id> [--method BTC] [--amount 0.001]`: pays an invoice of the running development system
 * from the demo wallet, and follows it until the payment is seen. Without --amount it pays what is due.
 * `npm run pay -- --invoice 0.0003`: a Lightning invoice of the demo wallet, for so many BTC, that a refund or payout goes to.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DEVELOPMENT_CHAINS, DEVELOPMENT_LIGHTNING } from '../config/development.ts'
import type { InvoiceResource, PaymentMethodResource } from '../src/invoice/resource.ts'
import { formatDecimal, parseDecimal } from '../src/money/amount.ts'
import { createRegistry } from '../src/money/registry.ts'
import { type DemoWallets, openDemoWallets } from './stack/demo-wallets.ts'
import type { DevFile } from './stack/dev-file.ts'
import { askJson, Refusal, runningSystem, runTool } from './stack/tool.ts'

const USAGE = `usage: npm run pay -- <invoice id> [--method BTC] [--amount 0.001]
       npm run pay -- --invoice 0.0003     a Lightning invoice of the demo wallet, for a refund or a payout`
const SEEN_WITHIN_MS = 60_000
const POLL_MS = 500

const registry = createRegistry(DEVELOPMENT_CHAINS, [DEVELOPMENT_LIGHTNING])

await runTool(USAGE, async () => {
  const words = readArguments()
  const { dev, stateDir } = runningSystem()
  const wallets = openDemoWallets({
    chains: DEVELOPMENT_CHAINS,
    bitcoin: dev.bitcoin,
    bitcoinStateDir: join(stateDir, 'bitcoin'),
    evm: dev.evm,
    lightning: dev.lightning,
  })
  if ('invoiceFor' in words) await askFor(wallets, words.invoiceFor)
  else await pay(dev, wallets, words)
  return 0
})

/** Prints an invoice that asks for so much. */
async function askFor({ lightning }: DemoWallets, amount: string): Promise<void> {
  if (!lightning) throw new Refusal('The running system has no Lightning node.')
  const { code, decimals } = registry.asset(DEVELOPMENT_LIGHTNING.assetCode)
  const units = readUnits('--invoice', amount, decimals)
  if (units === 0n) throw new Refusal('--invoice must be more than zero.')
  console.log(`The demo wallet is paid ${formatDecimal(units, decimals)} ${code} by this invoice, within an hour:`)
  console.log(await lightning.invoice(units))
}

async function pay(dev: DevFile, wallets: DemoWallets, { invoiceId, methodCode, amount }: PayWords): Promise<void> {
  const invoice = await callApi(dev, 'GET', `/v1/invoices/${encodeURIComponent(invoiceId)}`)
  const code = chooseMethod(invoice, methodCode)
  // An address that is there already can be paid even when the invoice is over: late money is a case to try.
  const isActive = methodOf(invoice, code)?.address != null
  const activated = isActive ? invoice : await callApi(dev, 'POST', `/v1/invoices/${invoice.id}/payment_methods/${code}`)
  const method = methodOf(activated, code)
  if (method === null || method.address === null) throw new Refusal(`The invoice gave no address for ${code}.`)

  const { decimals } = registry.asset(code)
  const units = unitsToPay(method, amount, decimals)
  console.log(`Paying ${formatDecimal(units, decimals, 2)} ${code} to ${method.address}`)
  const txid = await wallets.pay({ asset: code, address: method.address, units }).catch((error: unknown) => {
    throw new Refusal(`The demo wallet could not pay: ${error instanceof Error ? error.message : error}`)
  })
  console.log(`txid ${txid}`)
  await follow(dev, activated)
}

interface PayWords {
  readonly invoiceId: string
  readonly methodCode: string | null
  readonly amount: string | null
}

function readArguments(): PayWords | { readonly invoiceFor: string } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { method: { type: 'string' }, amount: { type: 'string' }, invoice: { type: 'string' } },
    })
    const [invoiceId, ...more] = positionals
    const { method, amount, invoice } = values
    if (invoice !== undefined && !invoiceId && !method && !amount) return { invoiceFor: invoice }
    if (!invoiceId || more.length > 0 || invoice !== undefined) throw new Refusal(USAGE)
    return { invoiceId, methodCode: method?.toUpperCase() ?? null, amount: amount ?? null }
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
  const units = readUnits('--amount', amount ?? method.amountDue, decimals)
  if (units > 0n) return units
  throw new Refusal(
    amount === null ? 'Nothing is due on this invoice (give --amount to pay anyway).' : '--amount must be more than zero.',
  )
}

function readUnits(option: string, amount: string, decimals: number): bigint {
  const parsed = parseDecimal(amount, decimals)
  if (parsed.ok) return parsed.value
  const why =
    parsed.error === 'too_many_digits' ? `has more than ${decimals} decimal places` : 'is not a plain decimal such as 0.001'
  throw new Refusal(`${option} ${amount} ${why}.`)
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
