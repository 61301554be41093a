/** `npm run wallet -- <command>`: addresses, balances and money out of the running development system. See docs/wallets.md. */
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { terminalSay } from './stack/say.ts'
import { Refusal, runningSystem, runTool, writeOut } from './stack/tool.ts'
import { type Command, parseArguments, USAGE } from './wallet/arguments.ts'
import { openWallets } from './wallet/client.ts'
import { showAddress, showAddresses, showBalance, showWallets, untilRead } from './wallet/show.ts'
import { exitCodeOf, follow, showPayout, showRefund, showRefunds, showTransfer, showTransfers } from './wallet/show-transfers.ts'
import { openTransfers } from './wallet/transfers.ts'

await runTool(USAGE, main)

/** 1 when a balance could not be read or a transfer failed, 2 when a transfer waits for somebody. */
async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2))
  if (!parsed.ok) throw new Refusal(`${parsed.error}\n\n${USAGE}`)
  const order = parsed.value
  const { dev } = runningSystem()
  const door = { url: dev.origin, token: process.env.PAYTOMAT_API_KEY || dev.apiKey }
  const wallets = openWallets(door)
  const transfers = openTransfers(door)
  const say = terminalSay(process.stdout)
  switch (order.command) {
    case 'list':
      showWallets(await wallets.list(), say)
      return 0
    case 'balance': {
      const { id } = await wallets.find(order.wallet)
      const ask = (refresh: boolean) => wallets.balance(id, refresh)
      return showBalance(order.refresh ? await untilRead(ask, say) : await ask(false), say)
    }
    case 'addresses':
      await showAddresses(wallets.addresses((await wallets.find(order.wallet)).id), say)
      return 0
    case 'address': {
      const { id } = await wallets.find(order.wallet)
      const ask = (refresh: boolean) => wallets.address(id, order.address, refresh)
      return showAddress(order.refresh ? await untilRead(ask, say) : await ask(false), say)
    }
    case 'receive': {
      const { invoiceId, address, amount, uri } = await wallets.receive(order.asset, order.amount)
      say.line(`${address}`)
      say.line(`  for ${amount} ${order.asset}, invoice ${invoiceId}`)
      if (uri !== null) say.line(`  ${uri}`)
      return 0
    }
    case 'send': {
      const key = keyFor(order.key)
      const sent = await transfers.send(key, order.wish)
      return shown(order.wait, sent.id)
    }
    case 'bank': {
      const key = keyFor(order.key)
      return shown(false, (await transfers.sendByBank(key, order.wish)).id)
    }
    case 'payout': {
      const rows = readText(order.file)
      return showPayout(await transfers.payout(keyFor(order.key), rows), say)
    }
    case 'sweep': {
      const { id } = await wallets.find(order.asset)
      const key = keyFor(order.key)
      return shown(order.wait, (await transfers.sweep(key, id, order.asset)).id)
    }
    case 'accelerate': {
      const { id } = await (order.wallet === null ? wallets.ofCoins() : wallets.find(order.wallet))
      const key = keyFor(order.key)
      return shown(order.wait, (await transfers.accelerate(key, id, order.wish)).id)
    }
    case 'refund':
      showRefund(await transfers.refund(keyFor(order.key), order.invoice, order.wish), say)
      return 0
    case 'refunds':
      showRefunds(await transfers.refunds(order.invoice), say)
      return 0
    case 'transfers':
      showTransfers(await transfers.list({ status: order.status, kind: order.kind }), say)
      return 0
    case 'transfer':
      return shown(order.wait, order.id)
    case 'psbt':
      if (order.out === null) say.line(await transfers.psbt(order.id, order.version))
      else writeOut(order.out, await transfers.psbtFile(order.id, order.version))
      return 0
    case 'submit':
      await transfers.submit(order.id, signedText(order))
      return shown(order.wait, order.id)
    case 'bump':
      await transfers.bump(order.id, order.targetBlocks)
      return shown(false, order.id)
    case 'cancel': {
      const asked = await transfers.cancel(order.id)
      const ended = order.wait ? await follow(() => transfers.read(order.id), say) : asked
      showTransfer(ended, say)
      // What was wanted is that it fails.
      return ended.status === 'confirmed' ? 1 : ended.status === 'failed' ? 0 : exitCodeOf(ended)
    }
  }

  async function shown(wait: boolean, id: string): Promise<number> {
    const read = () => transfers.read(id)
    const transfer = wait ? await follow(read, say) : await read()
    showTransfer(transfer, say)
    return exitCodeOf(transfer)
  }

  /** Shown before it is sent: with the same key it can be sent again, whatever became of the first time. */
  function keyFor(given: string | null): string {
    const key = given ?? randomUUID()
    say.line(`key ${key}`)
    return key
  }
}

/** A PSBT file is binary or its base64 text; what is no file and may be base64 or hexadecimal is the text itself. */
function signedText({ signed }: Extract<Command, { command: 'submit' }>): string {
  if (!existsSync(signed) && /^(0x)?[A-Za-z0-9+/\s]+=*$/.test(signed)) return signed
  const bytes = readBytes(signed)
  const isBinary = bytes.subarray(0, 5).equals(Buffer.from('psbt\xff', 'latin1'))
  return isBinary ? bytes.toString('base64') : bytes.toString('utf8').trim()
}

/** What is not UTF-8 is refused: an umlaut of another encoding would be sent as something else. */
function readText(path: string): string {
  const bytes = readBytes(path)
  if (!isUtf8(bytes)) throw new Refusal(`${path} is not UTF-8: save it as that, without another choice of characters.`)
  return bytes.toString('utf8')
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Refusal(`${path} can't be read: ${error instanceof Error ? error.message : error}`)
  }
}
