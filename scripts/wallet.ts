/** `npm run wallet -- <command>`: addresses and balances of the running development system. See docs/operations.md. */
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Refusal } from './ledger/admin.ts'
import { terminalSay } from './ledger/say.ts'
import { readDevFile } from './stack/dev-file.ts'
import { parseArguments, USAGE } from './wallet/arguments.ts'
import { openWallets } from './wallet/client.ts'
import { showAddress, showAddresses, showBalance, showWallets, untilRead } from './wallet/show.ts'

// Whoever reads along has gone, `head` for example.
process.stdout.on('error', () => process.exit(1))
try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Refusal ? error.message : error)
  process.exitCode = 1
}

/** 1 when a balance was asked for that could not be read. */
async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2))
  if (!parsed.ok) throw new Refusal(`${parsed.error}\n\n${USAGE}`)
  const order = parsed.value
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const dev = readDevFile(resolve(root, process.env.PAYTOMAT_STATE || '.paytomat'))
  if (dev === null) throw new Refusal('Paytomat is not running here: run "npm start" first.')
  const wallets = openWallets({ origin: dev.origin, apiKey: process.env.PAYTOMAT_API_KEY || dev.apiKey })
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
  }
}
