import { parseArgs } from 'node:util'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { parseDecimal } from '../../src/money/amount.ts'
import { SEPA } from '../../src/money/bank.ts'
import { decimalsOf } from '../stack/say.ts'

export const USAGE = `usage: npm run wallet -- <command>

  list                                   the store's wallets, with the first addresses of each account
  receive <asset> --amount <decimal>     a new receiving address, of an invoice over the amount
  balance <wallet> [--refresh]           what all addresses of a wallet have together
  addresses <wallet>                     addresses given out, to whom, and what they have
  address <wallet> <address> [--refresh] what one address has

  send <asset> <address> <amount>        sends money: [--reference <text>] [--target <blocks>] [--fee-max <decimal>]
                                         [--wallet <id>] [--wait]; with --key <key> of before it is done once
  send EUR <iban> <amount> --name <name> the same by bank, with the next payment file: [--text <text>] [--reference <text>]
                                         [--bic <bic>] [--key <key>]
  payout <file.csv> [--key <key>]        sends to everybody in a file (address,amount,asset,reference)
  sweep <asset> [--key <key>] [--wait]   brings what lies at deposit addresses to where an EVM hot wallet pays from
  accelerate <txid> [--wallet <wallet>]  hurries a waiting transaction that pays a wallet of coins: [--target <blocks>]
                                         [--fee-max <decimal>] [--key <key>] [--wait]
  refund <invoice> <full, over, amount>  promises money back, and shows the link for its payer: [--asset <asset>] of several;
                                         [--currency <code>] of the amount [--rate then or now] [--reason <text>] [--key <key>]
  refunds <invoice>                      what was promised back, and what can still be
  transfers [--status <s>] [--kind <k>]  the newest transfers
  transfer <id> [--wait]                 one of them
  psbt <id> [--v2] [--out <file>]        what your own wallet has to sign; with --out as a file
  submit <id> <file or text> [--wait]    what your own wallet has signed: a PSBT, or a raw transaction in hexadecimal
  bump <id> [--target <blocks>]          the same payment at a higher fee
  cancel <id> [--wait]                   ends a transfer, or calls it back as long as it waits for a block

A wallet is named by its id, or by an asset it takes (BTC). Balances are as of the newest reading; --refresh has the wallet
read and waits for it. --wait follows a transfer until it is over or somebody has to do something. Exit code 1 when it
failed or was refused, or a balance could not be read; 2 when a transfer waits for an approval or a signature. It is the
demo store that speaks; PAYTOMAT_API_KEY names another one's key.`

export type Command =
  | { readonly command: 'list' }
  | { readonly command: 'receive'; readonly asset: string; readonly amount: string }
  | { readonly command: 'balance'; readonly wallet: string; readonly refresh: boolean }
  | { readonly command: 'addresses'; readonly wallet: string }
  | { readonly command: 'address'; readonly wallet: string; readonly address: string; readonly refresh: boolean }
  | { readonly command: 'send'; readonly wish: SendWish; readonly key: string | null; readonly wait: boolean }
  | { readonly command: 'bank'; readonly wish: BankWish; readonly key: string | null }
  | { readonly command: 'payout'; readonly file: string; readonly key: string | null }
  | { readonly command: 'sweep'; readonly asset: string; readonly key: string | null; readonly wait: boolean }
  | {
      readonly command: 'accelerate'
      readonly wish: AccelerateWish
      readonly wallet: string | null
      readonly key: string | null
      readonly wait: boolean
    }
  | { readonly command: 'refund'; readonly invoice: string; readonly wish: RefundOrder; readonly key: string | null }
  | { readonly command: 'refunds'; readonly invoice: string }
  | { readonly command: 'transfers'; readonly status: string | null; readonly kind: string | null }
  | { readonly command: 'transfer'; readonly id: string; readonly wait: boolean }
  | { readonly command: 'psbt'; readonly id: string; readonly version: '0' | '2'; readonly out: string | null }
  | { readonly command: 'submit'; readonly id: string; readonly signed: string; readonly wait: boolean }
  | { readonly command: 'bump'; readonly id: string; readonly targetBlocks: number | null }
  | { readonly command: 'cancel'; readonly id: string; readonly wait: boolean }

/** The body of `POST /v1/transfers`. */
export interface SendWish {
  readonly asset: string
  readonly address: string
  readonly amount: string
  readonly reference: string | null
  readonly walletId: string | null
  readonly targetBlocks: number | null
  readonly feeMax: string | null
}

/** The body of `POST /v1/bank/transfers`. */
export interface BankWish {
  readonly iban: string
  readonly amount: string
  readonly name: string
  readonly bic: string | null
  readonly text: string | null
  readonly reference: string | null
}

/** The body of `POST /v1/wallets/:id/accelerations`. */
export interface AccelerateWish {
  readonly txid: string
  readonly targetBlocks: number | null
  readonly feeMax: string | null
}

/** As the API has it. */
const TARGET_BLOCKS_MAX = 144

/** The body of `POST /v1/invoices/:id/refunds`. */
export interface RefundOrder {
  readonly type: 'full' | 'over' | 'part'
  readonly asset: string | null
  readonly amount: string | null
  readonly currency: string | null
  readonly rate: string | null
  readonly reason: string | null
}

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const

/** What each command must be given, in its order, and what it may be. */
const COMMANDS = {
  list: { wanted: [], options: {} },
  receive: { wanted: ['<asset>'], options: { amount: TEXT } },
  balance: { wanted: ['<wallet>'], options: { refresh: FLAG } },
  addresses: { wanted: ['<wallet>'], options: {} },
  address: { wanted: ['<wallet>', '<address>'], options: { refresh: FLAG } },
  send: {
    wanted: ['<asset>', '<address>', '<amount>'],
    options: {
      reference: TEXT,
      target: TEXT,
      'fee-max': TEXT,
      wallet: TEXT,
      key: TEXT,
      wait: FLAG,
      name: TEXT,
      bic: TEXT,
      text: TEXT,
    },
  },
  payout: { wanted: ['<file.csv>'], options: { key: TEXT } },
  sweep: { wanted: ['<asset>'], options: { key: TEXT, wait: FLAG } },
  accelerate: { wanted: ['<txid>'], options: { target: TEXT, 'fee-max': TEXT, wallet: TEXT, key: TEXT, wait: FLAG } },
  refund: {
    wanted: ['<invoice>', '<full, over, amount>'],
    options: { asset: TEXT, currency: TEXT, rate: TEXT, reason: TEXT, key: TEXT },
  },
  refunds: { wanted: ['<invoice>'], options: {} },
  transfers: { wanted: [], options: { status: TEXT, kind: TEXT } },
  transfer: { wanted: ['<id>'], options: { wait: FLAG } },
  psbt: { wanted: ['<id>'], options: { v2: FLAG, out: TEXT } },
  submit: { wanted: ['<id>', '<file or text>'], options: { wait: FLAG } },
  bump: { wanted: ['<id>'], options: { target: TEXT } },
  cancel: { wanted: ['<id>'], options: { wait: FLAG } },
} as const

type Values = Readonly<Record<string, string | boolean | undefined>>

/** What was asked for, or what is wrong with it. */
export function parseArguments(args: readonly string[]): Result<Command, string> {
  const [command, ...rest] = args
  if (command === undefined) return err('Say what to do.')
  if (!Object.hasOwn(COMMANDS, command)) return err(`There is no command "${command}".`)
  const name = command as keyof typeof COMMANDS
  const { wanted, options } = COMMANDS[name]
  let values: Values
  let positionals: string[]
  try {
    const parsed = parseArgs({ args: rest, allowPositionals: true, options })
    values = parsed.values as Values
    positionals = parsed.positionals
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
  if (positionals.length > wanted.length) return err(`"${positionals[wanted.length]}" is one too many.`)
  const missing = wanted[positionals.length]
  if (missing !== undefined) return err(`${missing} is missing.`)
  return commandOf(name, positionals, values)
}

function commandOf(name: keyof typeof COMMANDS, given: readonly string[], values: Values): Result<Command, string> {
  const [first = '', second = '', third = ''] = given
  const text = (option: string) => (typeof values[option] === 'string' ? values[option] : null)
  const refresh = values.refresh === true
  const wait = values.wait === true
  const target = readTarget(text('target'))
  if (!target.ok) return target
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
      return readReceive(first.toUpperCase(), text('amount'))
    case 'send': {
      const asset = first.toUpperCase()
      const amount = readAmount('<amount>', asset, third)
      if (!amount.ok) return amount
      if (asset === SEPA.assetCode) return readBankWish(second, third, text)
      const more = { reference: text('reference'), walletId: text('wallet'), targetBlocks: target.value, feeMax: text('fee-max') }
      return ok({ command: name, wish: { asset, address: second, amount: third, ...more }, key: text('key'), wait })
    }
    case 'payout':
      return ok({ command: name, file: first, key: text('key') })
    case 'sweep': {
      const asset = first.toUpperCase()
      return decimalsOf(asset) === null ? noAsset(asset) : ok({ command: name, asset, key: text('key'), wait })
    }
    case 'accelerate': {
      if (!/^[0-9a-fA-F]{64}$/.test(first)) return err('<txid> must be the 64 hexadecimal digits of a transaction’s id.')
      const wish = { txid: first, targetBlocks: target.value, feeMax: text('fee-max') }
      return ok({ command: name, wish, wallet: text('wallet'), key: text('key'), wait })
    }
    case 'refund': {
      const type = second === 'full' || second === 'over' ? second : 'part'
      const amount = type === 'part' ? second : null
      const [asset, currency] = [text('asset')?.toUpperCase() ?? null, text('currency')?.toUpperCase() ?? null]
      const wish = { type, amount, asset, currency, rate: text('rate'), reason: text('reason') } as const
      return ok({ command: name, invoice: first, wish, key: text('key') })
    }
    case 'refunds':
      return ok({ command: name, invoice: first })
    case 'transfers':
      return ok({ command: name, status: text('status'), kind: text('kind') })
    case 'transfer':
      return ok({ command: name, id: first, wait })
    case 'psbt':
      return ok({ command: name, id: first, version: values.v2 === true ? '2' : '0', out: text('out') })
    case 'submit':
      return ok({ command: name, id: first, signed: second, wait })
    case 'bump':
      return ok({ command: name, id: first, targetBlocks: target.value })
    case 'cancel':
      return ok({ command: name, id: first, wait })
  }
}

function readReceive(asset: string, amount: string | null): Result<Command, string> {
  if (amount === null) return decimalsOf(asset) === null ? noAsset(asset) : err('--amount is missing.')
  const checked = readAmount('--amount', asset, amount)
  return checked.ok ? ok({ command: 'receive', asset, amount }) : checked
}

function readBankWish(iban: string, amount: string, text: (option: string) => string | null): Result<Command, string> {
  const name = text('name')
  if (name === null) return err('--name is missing: whose account it is.')
  const wish = { iban, amount, name, bic: text('bic'), text: text('text'), reference: text('reference') }
  return ok({ command: 'bank', wish, key: text('key') })
}

function readAmount(what: string, asset: string, amount: string): Result<null, string> {
  const decimals = decimalsOf(asset)
  if (decimals === null) return noAsset(asset)
  const units = parseDecimal(amount, decimals)
  return units.ok && units.value > 0n
    ? ok(null)
    : err(`${what} must be a decimal such as 0.5, over zero, with at most ${decimals} digits after the point.`)
}

function noAsset(asset: string): Result<never, string> {
  return err(`${asset} is no asset of this installation.`)
}

function readTarget(text: string | null): Result<number | null, string> {
  if (text === null) return ok(null)
  const isTarget = /^[1-9]\d{0,2}$/.test(text) && Number(text) <= TARGET_BLOCKS_MAX
  return isTarget ? ok(Number(text)) : err(`--target must be a number of blocks, from 1 to ${TARGET_BLOCKS_MAX}.`)
}
