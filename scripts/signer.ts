/** `npm run signer -- <command>`: looks after the hot wallets of the running development system. See docs/signer.md. */
import { readFileSync } from 'node:fs'
import { ALL_WALLETS } from '../src/signer/object-rpc.ts'
import type { Approver } from '../src/signer/policy.ts'
import type { SealedFile } from './ceremony/sealed-file.ts'
import { changeApprovers } from './signer/approvers.ts'
import { parseArguments, USAGE } from './signer/arguments.ts'
import { openSigner } from './signer/client.ts'
import { showLog, showWallet } from './signer/show.ts'
import { terminalSay } from './stack/say.ts'
import { Refusal, runningSystem, runTool } from './stack/tool.ts'

await runTool(USAGE, main)

/** 1 when a log does not hold together. */
async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2))
  if (!parsed.ok) throw new Refusal(`${parsed.error}\n\n${USAGE}`)
  const order = parsed.value
  const signer = openSigner(runningSystem().dev.admin)
  const say = terminalSay(process.stdout)
  switch (order.command) {
    case 'import': {
      for (const { walletId, kind, envelope } of readFile<SealedFile>(order.file).wallets ?? []) {
        const { account } = await signer.importSeed(walletId, { by: order.by, envelope })
        say.line(`${walletId}  ${kind}\n  ${account.xpub}`)
      }
      say.line('Nothing is signed for a wallet before it has a policy: npm run signer -- policy <wallet> <file> --by <you>')
      return 0
    }
    case 'policy': {
      const { policyVersion } = await signer.setPolicy(order.wallet, { by: order.by, policy: readFile(order.file) })
      say.line(`Policy ${policyVersion} holds from now on.`)
      return 0
    }
    case 'approver': {
      const { policy } = await signer.show(order.wallet)
      if (!policy) throw new Refusal('The wallet has no policy to name approvers in yet.')
      const { change } = order
      const changed = changeApprovers(policy, 'add' in change ? { add: readFile<Approver>(change.add) } : change)
      if (!changed.ok) throw new Refusal(changed.error)
      const { policyVersion } = await signer.setPolicy(order.wallet, { by: order.by, policy: changed.value })
      say.line(
        `Policy ${policyVersion} holds from now on: ${changed.value.approvers.map(({ name }) => name).join(', ') || 'no approvers'}.`,
      )
      return 0
    }
    case 'stop':
    case 'allow': {
      await signer.turn(order.command, order.wallet, { by: order.by, reason: order.reason })
      const which = order.wallet === ALL_WALLETS ? 'any wallet' : order.wallet
      say.line(order.command === 'stop' ? `Nothing is signed for ${which} any more.` : `Signing for ${which} is allowed again.`)
      return 0
    }
    case 'show':
      showWallet(await signer.show(order.wallet), say)
      return 0
    case 'log':
      return (await showLog(signer.log(order.wallet), order.json, say)) === null ? 0 : 1
  }
}

/** `-`: what is piped in. */
function readFile<T>(path: string): T {
  try {
    return JSON.parse(readFileSync(path === '-' ? 0 : path, 'utf8')) as T
  } catch (error) {
    throw new Refusal(`${path} is no JSON file that can be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
