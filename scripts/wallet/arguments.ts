import { parseArgs } from 'node:util'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { parseDecimal } from '../../src/money/amount.ts'
import { decimalsOf } from '../ledger/say.ts'

export const USAGE = `usage: npm run wallet -- <command>

  list                                   the store's wallets, with the first addresses of each account
  receive <asset> --amount <decimal>     a new receiving address, of an invoice over the amount
  balance <wallet> [--refresh]           what all addresses of a wallet have together
  addresses <wallet>                     addresses given out, to whom, and what they have
  address <wallet> <address> [--refresh] what one address has

A wallet is named by its id, or by an asset it takes (BTC). Balances are as of the newest reading; --refresh has the wallet
read and waits for it. Exit code 1 when that fails. It is the demo store that speaks; PAYTOMAT_API_KEY names another one's key.`

export type Command =
  | { readonly command: 'list' }
  | { readonly command: 'receive'; readonly asset: string; readonly amount: string }
  | { readonly command: 'balance'; readonly wallet: string; readonly refresh: boolean }
  | { readonly command: 'addresses'; readonly wallet: string }
  | { readonly command: 'address'; readonly wallet: string; readonly address: string; readonly refresh: boolean }

/** What each command must be given, in its order, and what it may be. */
const COMMANDS = {
  list: { wanted: [], options: {} },
  receive: { wanted: ['<asset>'], options: { amount: { type: 'string' } } },
  balance: { wanted: ['<wallet>'], options: { refresh: { type: 'boolean' } } },
  addresses: { wanted: ['<wallet>'], options: {} },
  address: { wanted: ['<wallet>', '<address>'], options: { refresh: { type: 'boolean' } } },
} as const

/** What was asked for, or what is wrong with it. */
export function parseArguments(args: readonly string[]): Result<Command, string> {
  const [command, ...rest] = args
  if (command === undefined) return err('Say what to do.')
  if (!Object.hasOwn(COMMANDS, command)) return err(`There is no command "${command}".`)
  const name = command as keyof typeof COMMANDS
  const { wanted, options } = COMMANDS[name]
  let values: Readonly<Record<string, string | boolean | undefined>>
  let positionals: string[]
  try {
    const parsed = parseArgs({ args: rest, allowPositionals: true, options })
    values = parsed.values as typeof values
    positionals = parsed.positionals
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
  if (positionals.length > wanted.length) return err(`"${positionals[wanted.length]}" is one too many.`)
  const missing = wanted[positionals.length]
  if (missing !== undefined) return err(`${missing} is missing.`)
  const [first = '', second = ''] = positionals
  const refresh = values.refresh === true
  switch (name) {
    case 'list':
      return ok({ command: name })
    case 'balance':
      return ok({ command: name, wallet: first, refresh })
    case 'addresses':
      return ok({ command: name, wallet: first })
    case 'address':
      return ok({ command: name, wallet: first, address: second, refresh })
    case 'receive':
      return readReceive(first.toUpperCase(), values.amount)
  }
}

function readReceive(asset: string, amount: string | boolean | undefined): Result<Command, string> {
  const decimals = decimalsOf(asset)
  if (decimals === null) return err(`${asset} is no asset of this installation.`)
  if (typeof amount !== 'string') return err('--amount is missing.')
  const units = parseDecimal(amount, decimals)
  if (!units.ok || units.value === 0n)
    return err(`--amount must be a decimal such as 0.5, over zero, with at most ${decimals} digits after the point.`)
  return ok({ command: 'receive', asset, amount })
}
