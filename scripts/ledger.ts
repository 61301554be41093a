/** `npm run ledger -- <command>`: looks after the ledgers of the running development system. See docs/operations.md. */
import { randomUUID } from 'node:crypto'
import { openAdmin } from './ledger/admin.ts'
import { parseArguments, USAGE } from './ledger/arguments.ts'
import { showBalances, showDifferences } from './ledger/show.ts'
import { rebuild, verify } from './ledger/verify.ts'
import { terminalSay } from './stack/say.ts'
import { Refusal, runningSystem, runTool } from './stack/tool.ts'

await runTool(USAGE, main)

/** 1 when something differs. */
async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2))
  if (!parsed.ok) throw new Refusal(`${parsed.error}\n\n${USAGE}`)
  const order = parsed.value
  const admin = openAdmin(runningSystem().dev.admin)
  const say = terminalSay(process.stdout)
  switch (order.command) {
    case 'verify':
      return (await verify(admin, order.merchant, say)) > 0 ? 1 : 0
    case 'rebuild':
      await rebuild(admin, order.merchant, say)
      return 0
    case 'balances':
      await showBalances(admin, order.merchant, say)
      return 0
    case 'differences':
      return (await showDifferences(admin, say)) > 0 ? 1 : 0
    case 'clear': {
      const { merchant, id, by, reason } = order
      const { open } = await admin.clear(merchant, id, { by, reason })
      say.line(open === 0 ? 'Cleared. Money can go out again.' : `Cleared. ${open} more keep money out frozen.`)
      return 0
    }
    case 'settle': {
      const { wallet, id, by, reason } = order
      const settled = await admin.settle(wallet, id, { by, reason })
      say.line(`${id}: ${settled.status}, ${settled.reason}`)
      if (settled.status !== 'failed') say.line('It has failed when no node has anything of it: npm run wallet -- transfer <id>')
      return 0
    }
    case 'adjust': {
      const key = order.key ?? randomUUID()
      // Shown before it is sent: with the same key it can be sent again, whatever became of the first time.
      say.line(`key ${key}`)
      const { storeId, by, reason, posting } = order
      const { no, hash } = await admin.adjust(order.merchant, { storeId, key, by, reason, postings: [posting] })
      say.line(`Posted as transaction ${no}, hash ${hash}.`)
      return 0
    }
  }
}
