import { isBankRail, isLightning } from '../bank/receive.ts'
import { PAYMENTS_PAGE_MAX, type PaymentFact, type PaymentsPart } from '../chain/rpc.ts'
import type { LedgerEntry } from '../ledger/types.ts'
import { registryOf } from '../money/registry.ts'
import { type InvoiceQuestion, lookAtInvoice, type Owner, type PaymentsEnv } from './payments.ts'
import type { AuditMemory, Finding, Suspect } from './rpc.ts'
import type { Trouble } from './trouble.ts'

/** Payments of each chain that one run looks at: those that change, those that have become final, and older ones in turn. */
const PARTS: Readonly<Record<PaymentsPart, number>> = { loose: 50, near: 100, all: 25 }
/** Suspected payments that are looked at again in one run: those that have not counted yet come first. */
const AGAIN_MAX = 200

export interface PaymentsRound {
  /** Of each part of each chain where there is more. */
  readonly cursors: Readonly<Record<string, string>>
  readonly payments: number
  readonly findings: readonly Finding[]
  /** `keyOf` of all that was looked at. */
  readonly looked: readonly string[]
}

/** The next payments of each chain, those that the looked-at books speak of, and those that are suspected. */
export async function roundOfPayments(
  env: PaymentsEnv & { readonly CHAINS: string },
  memory: AuditMemory,
  books: ReadonlyMap<string, readonly LedgerEntry[]>,
  graceMs: number,
  trouble: Trouble,
): Promise<PaymentsRound> {
  const chainIds = registryOf(env).chains.map(({ id }) => id)
  const cursors: Record<string, string> = {}
  const facts = new Map<string, PaymentFact>()
  const parts = chainIds.flatMap((chainId) => (Object.keys(PARTS) as PaymentsPart[]).map((part) => ({ chainId, part })))
  await trouble.aroundEach(
    'chain payments',
    parts,
    ({ chainId }) => ({ chainId }),
    async ({ chainId, part }) => {
      const name = `${chainId} ${part}`
      const after = memory.cursors[name] ?? null
      if (after !== null) cursors[name] = after
      const { payments, next } = await env.CHAINS_FOLLOWED.getByName(chainId).paymentsPage(part, after, PARTS[part])
      if (next === null) delete cursors[name]
      else cursors[name] = next
      for (const fact of payments) facts.set(fact.key, fact)
    },
  )
  const questions = questionsOf([...facts.values()], books, Object.values(memory.suspects))
  const answered = await askChains(env, questions, chainIds, facts, trouble)
  const looks = await trouble.aroundEach(
    'invoice',
    answered,
    ({ invoiceId }) => ({ invoiceId }),
    (question) => lookAtInvoice(env, question, facts, graceMs),
  )
  return {
    cursors,
    payments: answered.reduce((sum, { payments }) => sum + payments.length, 0),
    findings: looks.flatMap(({ findings }) => findings),
    looked: looks.flatMap(({ looked }) => looked),
  }
}

/** Each invoice once, with all of its payments that are to be looked at, and whose books speak of it. */
function questionsOf(
  facts: readonly PaymentFact[],
  books: ReadonlyMap<string, readonly LedgerEntry[]>,
  suspects: readonly Suspect[],
): InvoiceQuestion[] {
  const questions = new Map<string, { owners: Map<string, Owner>; payments: Set<string> }>()
  const ask = (invoiceId: string, owner: Owner | null, payment: string | null) => {
    const question = questions.get(invoiceId) ?? { owners: new Map(), payments: new Set() }
    questions.set(invoiceId, question)
    if (owner !== null) question.owners.set(`${owner.merchantId} ${owner.storeId}`, owner)
    if (payment !== null) question.payments.add(payment)
  }
  for (const { invoiceId, key } of facts) ask(invoiceId, null, key)
  for (const [merchantId, entries] of books) {
    for (const { transaction } of entries) {
      const { storeId, invoiceId, payment } = transaction
      if (invoiceId !== null && payment !== null) ask(invoiceId, { merchantId, storeId }, payment)
    }
  }
  const again = suspects
    .filter(({ invoiceId }) => invoiceId !== null)
    .sort((one, other) => Number(one.raised) - Number(other.raised))
  for (const { merchantId, storeId, invoiceId, id } of again.slice(0, AGAIN_MAX)) {
    const owner = merchantId !== null && storeId !== null ? { merchantId, storeId } : null
    ask(invoiceId as string, owner, id.startsWith('chain/') ? id.slice('chain/'.length) : null)
  }
  return [...questions].map(([invoiceId, { owners, payments }]) => ({
    invoiceId,
    owners: [...owners.values()],
    payments: [...payments],
  }))
}

/**
 * Adds to `facts` what the chains know of the payments that are asked about. What can't be known, since a chain did not
 * answer or is not configured any more, is asked no more: it is not the same as a payment that is not there.
 */
async function askChains(
  env: PaymentsEnv,
  questions: readonly InvoiceQuestion[],
  chainIds: readonly string[],
  facts: Map<string, PaymentFact>,
  trouble: Trouble,
): Promise<InvoiceQuestion[]> {
  const unknown = new Set(questions.flatMap(({ payments }) => payments).filter((key) => !facts.has(key)))
  const answered = new Set<string>()
  for (const chainId of chainIds) {
    const keys = [...unknown].filter((key) => chainOf(key) === chainId)
    const found = await trouble.around('payments of books', { chainId }, () => factsOf(env, chainId, keys))
    if (found === null) continue
    answered.add(chainId)
    for (const fact of found) facts.set(fact.key, fact)
  }
  // A payment by bank transfer or Lightning ends in the wallet id of its account or node.
  const told = [...unknown].filter((key) => isBankRail(chainOf(key)) || isLightning(chainOf(key)))
  for (const [walletId, keys] of Map.groupBy(told, (key) => key.slice(key.lastIndexOf('/') + 1))) {
    const some = keys.slice(0, PAYMENTS_PAGE_MAX)
    const places = isLightning(chainOf(some[0] ?? '')) ? env.LIGHTNINGS : env.BANKS
    const found = await trouble.around('payments of books', { walletId }, () => places.getByName(walletId).paymentsAt(some))
    if (found === null) continue
    for (const key of some) answered.add(key)
    for (const fact of found) facts.set(fact.key, fact)
  }
  return questions.map((question) => ({
    ...question,
    payments: question.payments.filter((key) => facts.has(key) || answered.has(chainOf(key)) || answered.has(key)),
  }))
}

async function factsOf(env: PaymentsEnv, chainId: string, keys: readonly string[]): Promise<PaymentFact[]> {
  const facts: PaymentFact[] = []
  for (let at = 0; at < keys.length; at += PAYMENTS_PAGE_MAX)
    facts.push(...(await env.CHAINS_FOLLOWED.getByName(chainId).paymentsAt(keys.slice(at, at + PAYMENTS_PAGE_MAX))))
  return facts
}

function chainOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}
