import { EMPTY_LOG, followLog, type LogEntry } from '../../src/signer/log.ts'
import type { Say } from '../stack/say.ts'
import type { WalletLine } from './client.ts'

export function showWallet({ walletId, account, policy, policyVersion, stopped, head }: WalletLine, say: Say): void {
  say.line(walletId)
  if (account) say.line(`  account  ${account.script} ${account.xpub}`)
  else say.line('  no seed here')
  say.line(`  switch   ${stopped === null ? 'signs' : `stopped: ${stopped}`}`)
  say.line(`  log      ${head.no} entries, ${head.no === 0 ? 'none yet' : head.hash}`)
  if (policy) say.line(`  policy   version ${policyVersion}\n${JSON.stringify(policy, null, 2)}`)
  else if (account) say.line('  policy   none: nothing is signed')
}

/** Every entry, and whether all hold together. Answers what does not, or null. */
export async function showLog(pages: AsyncIterable<LogEntry[]>, asJson: boolean, say: Say): Promise<string | null> {
  let head = EMPTY_LOG
  for await (const page of pages) {
    for (const entry of page) say.line(asJson ? JSON.stringify(entry) : lineOf(entry))
    const followed = followLog(head, page)
    head = followed.head
    if (followed.fault === null) continue
    say.line(asJson ? JSON.stringify({ fault: followed.fault }) : `FAULT: ${followed.fault}`)
    return followed.fault
  }
  if (!asJson) say.line(`${head.no} entries, whole. Ends in ${head.hash}`)
  return null
}

function lineOf({ no, atMs, kind, body }: LogEntry): string {
  return `${String(no).padStart(5)}  ${new Date(atMs).toISOString()}  ${kind.padEnd(13)}  ${body}`
}
