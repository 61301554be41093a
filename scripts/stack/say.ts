import { DEVELOPMENT_CHAINS, DEVELOPMENT_LIGHTNING } from '../../config/development.ts'
import { ACCOUNT_KINDS, accountKind } from '../../src/ledger/accounts.ts'
import { formatDecimal } from '../../src/money/amount.ts'
import { createRegistry } from '../../src/money/registry.ts'

/** Where words go: lines that stay, and one that shows how far it is and is written over. */
export interface Say {
  line(text?: string): void
  progress(text: string): void
}

export function terminalSay(stream: NodeJS.WriteStream): Say {
  let isOpen = false
  const clear = () => {
    if (isOpen) stream.write('\r\u001b[K')
    isOpen = false
  }
  return {
    line(text = '') {
      clear()
      stream.write(`${text}\n`)
    },
    progress(text) {
      if (!stream.isTTY) return
      clear()
      stream.write(text.slice(0, stream.columns - 1))
      isOpen = true
    },
  }
}

/** With Lightning, where a store's node is configured. */
const registry = createRegistry(DEVELOPMENT_CHAINS, [DEVELOPMENT_LIGHTNING])

export function decimalsOf(asset: string): number | null {
  return registry.findAsset(asset)?.decimals ?? null
}

/** `0.00100000 BTC`; base units where the asset is not known here. */
export function money(units: bigint, asset: string): string {
  const decimals = decimalsOf(asset)
  return decimals === null ? `${units} base units of ${asset}` : `${formatDecimal(units, decimals)} ${asset}`
}

/** `1 row`, `2 rows` */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : what === what.toUpperCase() ? 'S' : 's'}`
}

/** Columns as wide as they need to be, the last one ragged. Numbers are for the caller to pad. */
export function table(say: Say, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows) say.line(`  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd())
}

/** Accounts in the order of the chart, and by name within a kind. */
export function inChartOrder(accounts: readonly string[]): string[] {
  const place = (account: string) => ACCOUNT_KINDS.indexOf(accountKind(account))
  return [...accounts].sort((one, other) => place(one) - place(other) || (one < other ? -1 : 1))
}
