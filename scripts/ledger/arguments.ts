import { parseArgs } from 'node:util'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { parseDecimal } from '../../src/money/amount.ts'
import { decimalsOf } from '../stack/say.ts'
import type { Order } from './admin.ts'

export const USAGE = `usage: npm run ledger -- <command>

  verify [--merchant <id>]       every ledger: its hashes, postings and balances, its rows in D1, all sums.
                                 Exit code 1 when anything differs.
  rebuild [--merchant <id>]      makes D1's rows anew from the ledgers
  balances [--merchant <id>]     what is on every account
  differences                    what the audit found, and whose money out is frozen. Exit code 1 when there is anything.
  clear <merchant> <id> --by <you> --reason <why>
                                 you have looked at a difference: money can go out again
  settle <wallet> <transfer> --by <you> --reason <why>
                                 ends a transfer that is unknown, or hurries what is gone, and of which no node has anything
  adjust <merchant> --store <id> --asset <code> --amount <decimal> --from <account> --to <account>
         --by <you> --reason <why> [--key <key>]
                                 posts a correction; sent again with the same key it is made once`

export type Command =
  | { readonly command: 'verify' | 'rebuild' | 'balances'; readonly merchant: string | null }
  | { readonly command: 'differences' }
  | { readonly command: 'clear'; readonly merchant: string; readonly id: string; readonly by: string; readonly reason: string }
  | { readonly command: 'settle'; readonly wallet: string; readonly id: string; readonly by: string; readonly reason: string }
  | ({
      readonly command: 'adjust'
      readonly merchant: string
      readonly key: string | null
      readonly posting: Order['postings'][number]
    } & Pick<Order, 'storeId' | 'by' | 'reason'>)

const OPTIONS = {
  verify: ['merchant'],
  rebuild: ['merchant'],
  balances: ['merchant'],
  differences: [],
  clear: ['by', 'reason'],
  settle: ['by', 'reason'],
  adjust: ['store', 'asset', 'amount', 'from', 'to', 'by', 'reason', 'key'],
} as const

const WANTED: Partial<Record<keyof typeof OPTIONS, readonly string[]>> = {
  clear: ['<merchant>', '<id>'],
  settle: ['<wallet>', '<transfer>'],
  adjust: ['<merchant>'],
}

/** What was asked for, or what is wrong with it. */
export function parseArguments(args: readonly string[]): Result<Command, string> {
  const [command, ...rest] = args
  if (command === undefined) return err('Say what to do.')
  if (!Object.hasOwn(OPTIONS, command)) return err(`There is no command "${command}".`)
  const name = command as keyof typeof OPTIONS
  const options = Object.fromEntries(OPTIONS[name].map((option) => [option, { type: 'string' as const }]))
  try {
    const { values, positionals } = parseArgs({ args: rest, allowPositionals: true, options })
    return commandOf(name, values as Record<string, string | undefined>, positionals)
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
}

function commandOf(
  name: keyof typeof OPTIONS,
  values: Readonly<Record<string, string | undefined>>,
  positionals: readonly string[],
): Result<Command, string> {
  const wanted = WANTED[name] ?? []
  if (positionals.length > wanted.length) return err(`"${positionals[wanted.length]}" is one too many.`)
  const missing = wanted[positionals.length] ?? OPTIONS[name].find((option) => isNeeded(option) && !values[option]?.trim())
  if (missing !== undefined) return err(missing.startsWith('<') ? `${missing} is missing.` : `--${missing} is missing.`)
  const [merchant = '', id = ''] = positionals
  const text = (option: string) => values[option] ?? ''
  const word = { by: text('by'), reason: text('reason') }
  if (name === 'differences') return ok({ command: name })
  if (name === 'clear') return ok({ command: name, merchant, id, ...word })
  if (name === 'settle') return ok({ command: name, wallet: merchant, id, ...word })
  if (name !== 'adjust') return ok({ command: name, merchant: values.merchant ?? null })
  const asset = text('asset').toUpperCase()
  const decimals = decimalsOf(asset)
  if (decimals === null) return err(`${asset} is no asset of this installation.`)
  const amount = parseDecimal(text('amount'), decimals)
  if (!amount.ok || amount.value === 0n)
    return err(`--amount must be a decimal such as 0.5, over zero, with at most ${decimals} digits after the point.`)
  const posting = { from: text('from'), to: text('to'), asset, amount: String(amount.value) }
  return ok({ command: name, merchant, storeId: text('store'), key: values.key ?? null, ...word, posting })
}

function isNeeded(option: string): boolean {
  return option !== 'merchant' && option !== 'key'
}
