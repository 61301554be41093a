import { parseArgs } from 'node:util'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { ALL_WALLETS } from '../../src/signer/object-rpc.ts'

export const USAGE = `usage: npm run signer -- <command>

  import <file> --by <you>               gives the signer the seeds that "npm run ceremony" sealed
  policy <wallet> <file> --by <you>      what may be signed for a wallet (docs/signer.md has an example)
  approver add <wallet> <file> --by <you>
                                         a passkey that can approve, put into the wallet's policy: what its member copied
                                         from /approver; "-" reads it from where it is piped
  approver remove <wallet> <member> --by <you>
  stop [wallet] --by <you> --reason <why>
  allow [wallet] --by <you> --reason <why>
                                         the switch of a wallet; without one, of all of them
  show <wallet>                          account, policy, switch
  log <wallet> [--json]                  everything it was told and signed, its hashes checked; --json: a line each, for
                                         keeping elsewhere. Exit code 1 when it does not hold together.

A wallet is named by its id; "all" is the switch of all of them.`

export type Command =
  | { readonly command: 'import'; readonly file: string; readonly by: string }
  | { readonly command: 'policy'; readonly wallet: string; readonly file: string; readonly by: string }
  | { readonly command: 'approver'; readonly change: ApproverChange; readonly wallet: string; readonly by: string }
  | { readonly command: 'stop' | 'allow'; readonly wallet: string; readonly by: string; readonly reason: string }
  | { readonly command: 'show'; readonly wallet: string }
  | { readonly command: 'log'; readonly wallet: string; readonly json: boolean }

/** A file with a passkey's line, or a member's name. */
export type ApproverChange = { readonly add: string } | { readonly remove: string }

/** What each command must be given, in its order, and what else it may be. */
const COMMANDS = {
  import: { wanted: ['<file>'], needed: ['by'], options: [] },
  policy: { wanted: ['<wallet>', '<file>'], needed: ['by'], options: [] },
  approver: { wanted: ['add or remove', '<wallet>', '<file> or <member>'], needed: ['by'], options: [] },
  stop: { wanted: [], needed: ['by', 'reason'], options: [] },
  allow: { wanted: [], needed: ['by', 'reason'], options: [] },
  show: { wanted: ['<wallet>'], needed: [], options: [] },
  log: { wanted: ['<wallet>'], needed: [], options: ['json'] },
} as const

/** What was asked for, or what is wrong with it. */
export function parseArguments(args: readonly string[]): Result<Command, string> {
  const [command, ...rest] = args
  if (command === undefined) return err('Say what to do.')
  if (!Object.hasOwn(COMMANDS, command)) return err(`There is no command "${command}".`)
  const name = command as keyof typeof COMMANDS
  const { wanted, needed, options } = COMMANDS[name]
  const types = Object.fromEntries(
    [...needed, ...options].map((option) => [option, { type: option === 'json' ? ('boolean' as const) : ('string' as const) }]),
  )
  let values: Record<string, string | boolean | undefined>
  let positionals: string[]
  try {
    const parsed = parseArgs({ args: rest, allowPositionals: true, options: types })
    values = parsed.values as typeof values
    positionals = parsed.positionals
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
  const most = name === 'stop' || name === 'allow' ? 1 : wanted.length
  if (positionals.length > most) return err(`"${positionals[most]}" is one too many.`)
  const text = (option: string) => String(values[option] ?? '').trim()
  const missing = wanted[positionals.length] ?? needed.map((option) => `--${option}`).find((option) => !text(option.slice(2)))
  if (missing !== undefined) return err(`${missing} is missing.`)

  const [first = ALL_WALLETS, second = '', third = ''] = positionals
  const by = text('by')
  switch (name) {
    case 'import':
      return ok({ command: name, file: first, by })
    case 'policy':
      return ok({ command: name, wallet: first, file: second, by })
    case 'approver':
      if (first !== 'add' && first !== 'remove') return err(`An approver is added or removed: "${first}" is neither.`)
      return ok({ command: name, change: first === 'add' ? { add: third } : { remove: third }, wallet: second, by })
    case 'stop':
    case 'allow':
      return ok({ command: name, wallet: first, by, reason: text('reason') })
    case 'show':
      return ok({ command: name, wallet: first })
    case 'log':
      return ok({ command: name, wallet: first, json: values.json === true })
  }
}
