import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError } from '../gateway.ts'
import { neededOf, votersOf } from '../quorum.ts'
import type { SpendFacts } from '../send.ts'
import type { Deposit, FeeFacts } from '../spend.ts'

/** What one node says, and how old its newest block is. */
export interface NodeFacts {
  readonly facts: SpendFacts
  readonly headTimeMs: number
}

/**
 * What all nodes together say of what a plan needs; an answer for each node. Of every figure the safest that as many nodes
 * bear out as must agree (decision 012): numbers of transactions and money are what so many have, or more; gas and fees are
 * enough for so many. So whoever is alone with a figure changes none beyond what honest nodes say, and of two that differ
 * the careful one is followed. A node that hangs has no vote.
 */
export function agreedFacts(
  chain: ChainConfig,
  answers: readonly Result<NodeFacts, NodeError>[],
  nowMs: number,
): Result<SpendFacts, NodeError> {
  const sights = answers.map((answer) => ({ head: answer.ok ? { timeMs: answer.value.headTimeMs } : null }))
  const voters = votersOf({ sights, nowMs, headAgeMaxMs: chain.headAgeMaxMs })
  const told = voters.flatMap((node) => {
    const answer = answers[node]
    return answer?.ok ? [answer.value.facts] : []
  })
  const needed = neededOf(answers.length, told.length)
  const [first] = told
  if (first === undefined || told.length < needed) return err(failureOf(answers, told.length, needed))
  const has = <T extends number | bigint>(values: readonly T[]): T => values.toSorted(byHeight)[values.length - needed] as T
  const takes = <T extends number | bigint>(values: readonly T[]): T => values.toSorted(byHeight)[needed - 1] as T
  const fees = feesOf(
    told.map((one) => one.fees),
    takes,
  )
  const height = has(told.map((one) => one.height))
  const payers = told.flatMap(({ payer }) => payer ?? [])
  if (payers.length < told.length) return ok({ fees, height, payer: null })
  const estimates = payers.flatMap(({ gas }) => gas ?? [])
  const refusing = payers.flatMap((one) => one.refusing ?? [])
  const refused = refusing.find((at) => refusing.filter((other) => other === at).length >= needed)
  const payer = {
    nonce: has(payers.map((one) => one.nonce)),
    pendingNonce: has(payers.map((one) => one.pendingNonce)),
    units: has(payers.map((one) => one.units)),
    native: has(payers.map((one) => one.native)),
    // What fails for so many that the others are too few fails.
    gas: estimates.length < needed ? null : takes(estimates),
    ...(refused !== undefined && { refusing: refused }),
  }
  const deposits = first.deposits?.map((_one, at): Omit<Deposit, 'index'> => {
    const same = told.flatMap((one) => one.deposits?.[at] ?? [])
    return {
      nonce: has(same.map((one) => one.nonce)),
      native: has(same.map((one) => one.native)),
      units: has(same.map((one) => one.units)),
      delegated: same.filter(({ delegated }) => delegated).length >= needed,
    }
  })
  return ok({ fees, height, payer, ...(deposits && { deposits }) })
}

function feesOf(told: readonly FeeFacts[], takes: (values: readonly bigint[]) => bigint): FeeFacts {
  const fees = told.flatMap((one) => (one.kind === 'account' ? [one] : []))
  const dataFee = takes(fees.map((one) => one.dataFee ?? 0n))
  return {
    kind: 'account',
    maxFeePerGas: takes(fees.map((one) => one.maxFeePerGas)),
    maxPriorityFeePerGas: takes(fees.map((one) => one.maxPriorityFeePerGas)),
    ...(dataFee > 0n && { dataFee }),
  }
}

function failureOf(answers: readonly Result<NodeFacts, NodeError>[], told: number, needed: number): NodeError {
  const failure = answers.find((answer) => !answer.ok)
  const error: NodeError = failure && !failure.ok ? failure.error : { reason: 'protocol', detail: 'no node is configured' }
  return told === 0
    ? error
    : { ...error, detail: `${told} of ${answers.length} nodes answered, and ${needed} must agree: ${error.detail}` }
}

function byHeight(one: number | bigint, other: number | bigint): number {
  return one < other ? -1 : one > other ? 1 : 0
}
