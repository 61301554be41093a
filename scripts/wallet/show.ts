import { type Say, table } from '../stack/say.ts'
import { Refusal } from '../stack/tool.ts'
import type { AddressAnswer, BalanceAnswer, ChainLine, GivenLine, PayerLine, SumLine, WalletLine } from './client.ts'

/** How long a reading is waited for: a scan of all coins takes minutes on a big chain. */
const READ_MS_MAX = 10 * 60_000
const POLL_MS = 300

/** Has the wallet read, and answers when that has ended. */
export async function untilRead<T extends { readonly chains: readonly ChainLine[] }>(
  ask: (refresh: boolean) => Promise<T>,
  say: Say,
  sleep: (ms: number) => Promise<unknown> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<T> {
  const deadline = Date.now() + READ_MS_MAX
  let answer = await ask(true)
  while (answer.chains.some(({ refreshing }) => refreshing)) {
    if (Date.now() > deadline) throw new Refusal('The wallet is still being read. Ask again later, without --refresh.')
    say.progress('  the wallet is being read')
    await sleep(POLL_MS)
    answer = await ask(false)
  }
  return answer
}

/** What is the merchant's own where it is no key. */
const OWN: Readonly<Record<string, string>> = { sepa: 'your own account', lightning: 'your own node' }

export function showWallets(wallets: readonly WalletLine[], say: Say): void {
  for (const { id, custody, script, addressesUsed, chains } of wallets) {
    const key = custody === 'platform' ? 'the platform’s key' : (OWN[script] ?? 'your own key')
    const given = script === 'lightning' ? 'invoices' : 'addresses'
    say.line(`${id}  ${script}, ${key}, ${addressesUsed} of its ${given} given out`)
    for (const { name, assets, firstAddresses, payer } of chains) {
      say.line(`  ${name}: ${assets.join(', ')}`)
      for (const [index, address] of firstAddresses.entries())
        say.line(script === 'sepa' ? `    ${address}` : `    ${index}  ${address}`)
      if (payer) say.line(`    pays from ${payerWords(payer)}`)
    }
  }
}

/** 1 when a chain of the wallet could not be read, or something does not agree. */
export function showBalance({ walletId, chains }: BalanceAnswer, say: Say): number {
  say.line(walletId)
  return showChains(chains, say)
}

/** 1 when a chain of the address could not be read. */
export function showAddress({ address, index, invoiceId, chains }: AddressAnswer, say: Say): number {
  say.line(`${address}  index ${index}, ${invoiceId}`)
  return showChains(chains, say)
}

export async function showAddresses(addresses: AsyncIterable<GivenLine>, say: Say): Promise<void> {
  let shown = 0
  for await (const { index, invoiceId, chains } of addresses) {
    shown++
    // One address serves all chains of an EVM wallet.
    for (const [address, same] of Map.groupBy(chains, (chain) => chain.address)) {
      const sums = same
        .flatMap(({ assets }) => assets)
        .map(({ asset, confirmed, pending }) => `${confirmed} ${asset}${waits(pending)}`)
      say.line(`  ${String(index).padStart(4)}  ${address}  ${invoiceId}  ${sums.join(', ')}`.trimEnd())
    }
  }
  if (shown === 0) say.line('  no address was given out yet')
}

function showChains(chains: readonly ChainLine[], say: Say): number {
  let failed = 0
  for (const { name, asOf, readAt, addresses, refreshing, stale, error, assets, payer } of chains) {
    // A bank account is known up to its newest statement and a Lightning node as of now: they have no blocks.
    const place = asOf === null ? (readAt ?? '') : `block ${asOf.height} (${asOf.at}), ${addresses} read at ${readAt}`
    const words = readAt === null ? 'never read' : `as of ${place}`
    const isBrought = readAt !== null && asOf === null
    const old = isBrought ? ', stale: a newer statement is wanted' : ', stale: --refresh'
    say.line(`  ${name}: ${words}${refreshing ? ', being read' : stale ? old : ''}`)
    if (readAt !== null) table(say, rowsOf(assets))
    if (payer) say.line(`    pays from ${payerWords(payer)}`)
    if (error === null) continue
    failed = 1
    say.line(`    ${isBrought ? 'since' : 'not read at'} ${error.at}: ${error.reason}: ${error.detail}`)
  }
  return failed
}

function payerWords({ address, native, low }: PayerLine): string {
  if (native === null) return `${address}; what it has for gas is not known before the wallet is read: balance <wallet> --refresh`
  return `${address}, which has ${native} for gas${low ? ': send it more' : ''}`
}

function rowsOf(assets: readonly SumLine[]): string[][] {
  const head = [
    '  ',
    'confirmed',
    'pending',
    'leaving',
    ...(assets.some(({ reserved }) => reserved !== undefined) ? ['reserved'] : []),
  ]
  const rows = assets.map(({ asset, confirmed, pending, leaving, reserved }) =>
    [`  ${asset}`, confirmed, pending, leaving, reserved].filter((cell) => cell !== undefined).map((cell) => cell ?? '?'),
  )
  const all = [head, ...rows]
  const widths = head.map((_cell, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map(([name = '', ...cells]) => [name, ...cells.map((cell, at) => cell.padStart(widths[at + 1] ?? 0))])
}

function waits(pending: string | null): string {
  return pending !== null && /[1-9]/.test(pending) ? ` (and ${pending} waiting)` : ''
}
