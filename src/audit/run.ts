import { logEvent } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { Patience } from './books.ts'
import { judge, keyOf } from './judge.ts'
import { statusOf } from './memory.ts'
import type { PaymentsEnv } from './payments.ts'
import { type MerchantsEnv, roundOfMerchants } from './round-merchants.ts'
import { roundOfPayments } from './round-payments.ts'
import { roundOfWallets, type WalletsEnv, walletOfDifference } from './round-wallets.ts'
import { AUDIT_NAME, type AuditRpc, type AuditStatus, type Pass, type Passed, type Suspect } from './rpc.ts'
import { endOfPass, newPass } from './totals.ts'
import { Trouble } from './trouble.ts'

/** Well over the longest pause between two tries to tell: a minute between objects, five from the ledger to D1. */
const PATIENCE: Patience = { graceMs: 100_000, lagMs: 15 * 60_000, walletsMs: 60 * 60_000 }
/** For a run that a person asks for: wallets too, whenever they were looked at. */
export const AT_ONCE: Patience = { ...PATIENCE, walletsMs: 0 }

export interface AuditEnv extends MerchantsEnv, PaymentsEnv, WalletsEnv {
  readonly CHAINS: string
  readonly AUDITS: ObjectNamespace<AuditRpc>
}

export interface AuditReport {
  readonly status: AuditStatus
  /** What does not agree right now, also what may be under way. */
  readonly suspects: readonly Suspect[]
  /** Of these, what has just begun to count. */
  readonly raised: readonly Suspect[]
}

/**
 * One run of the audit: the books of the next merchants, the next payments of each chain, the next wallets of the
 * platform, and all that is suspected.
 * What has not agreed for long enough is raised with its merchant's ledger, which then lets no money out. Carried out by
 * cron each minute; answers null when another run is under way. Bounded, whatever there is to look at.
 */
export async function runAudit(env: AuditEnv, nowMs: number, patience: Patience = PATIENCE): Promise<AuditReport | null> {
  const audit = env.AUDITS.getByName(AUDIT_NAME)
  const memory = await audit.begin(nowMs)
  if (memory === null) return null
  const trouble = new Trouble()
  const merchants = await roundOfMerchants(env, memory, patience, trouble)
  const payments = await roundOfPayments(env, memory, merchants.entries, patience.graceMs, trouble)
  const wallets = await roundOfWallets(env, memory, nowMs, patience, trouble)
  const pass = { ...merchants.pass, payments: merchants.pass.payments + payments.payments }
  const end = merchants.isPassed ? endOfPass(pass, Object.values(memory.suspects), patience.graceMs) : null

  const findings = [...merchants.findings, ...payments.findings, ...wallets.findings, ...(end?.findings ?? [])]
  const looked = new Set([...merchants.looked, ...payments.looked, ...wallets.looked, ...(end?.looked ?? [])])
  const { suspects, raise } = judge(memory.suspects, findings, looked, nowMs)
  const { heard, open } = await raiseAll(env, raise, trouble)
  for (const suspect of raise) if (!heard.includes(suspect)) suspects[keyOf(suspect)] = { ...suspect, raised: false }

  const after = {
    run: memory.run,
    atMs: trouble.first === null ? nowMs : memory.atMs,
    error: trouble.first,
    cursors: {
      ...payments.cursors,
      ...(merchants.cursor === undefined ? {} : { merchants: merchants.cursor }),
      ...(wallets.cursor === undefined ? {} : { wallets: wallets.cursor }),
    },
    suspects,
    open: { ...merchants.open, ...open },
    wallets: wallets.waiting,
    walletsFromMs: wallets.fromMs,
    pass: end ? newPass(pass.no + 1) : pass,
    passed: end ? passedOf(pass, nowMs) : memory.passed,
  }
  await audit.finish(after)
  return { status: statusOf(after), suspects: Object.values(suspects), raised: heard }
}

function passedOf({ merchants, payments, accounts }: Pass, atMs: number): Passed {
  return { merchants, payments, accounts, atMs }
}

/** Answers what its ledgers have heard of, and how many differences are open there now. What nobody is to hear of is only logged. */
async function raiseAll(
  env: AuditEnv,
  raise: readonly Suspect[],
  trouble: Trouble,
): Promise<{ heard: Suspect[]; open: Record<string, number> }> {
  const heard: Suspect[] = []
  const open: Record<string, number> = {}
  for (const [merchantId, suspects] of Map.groupBy(raise, (suspect) => suspect.merchantId)) {
    const done = await trouble.around('raise', { merchantId }, async () => {
      // Nobody's money leaves a wallet whose coins are not what they should be, whichever ledger allows it.
      for (const { id, detail } of suspects) {
        const walletId = walletOfDifference(id)
        if (walletId !== null) await env.WALLETS.getByName(walletId).freezeSending(`${id}: ${detail}`)
      }
      if (merchantId === null) return
      const ledger = env.LEDGERS.getByName(merchantId)
      await ledger.raise(suspects.map(({ id, kind, storeId, detail, sinceMs }) => ({ id, kind, storeId, detail, sinceMs })))
      open[merchantId] = (await ledger.standing()).differences.length
    })
    if (done === null) continue
    heard.push(...suspects)
    // The alarm. Ids only: both figures are with the ledger, and in the answer of the admin door.
    for (const { id, kind, storeId, invoiceId } of suspects)
      logEvent('error', 'ledger_difference', { id, kind, merchantId, storeId, invoiceId })
  }
  return { heard, open }
}
