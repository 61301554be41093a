import type { FactsQuestion, ParentFacts } from '../../src/gateways/send.ts'
import type { WaitingTransaction } from '../../src/gateways/spend.ts'
import { toHex } from '../../src/lib/bytes.ts'
import type { SimNode } from './node.ts'
import { ancestorsIn } from './packages.ts'
import type { Random } from './random.ts'
import type { SimTransaction } from './transactions.ts'

/** Outputs that are asked for beside those that were spent, as the gateway does. */
const OUTPUTS_ASKED = 20

/** What one node knows of a transaction that is to be hurried. */
export function parentAt(node: SimNode, { txid, vouts }: NonNullable<FactsQuestion['parent']>): ParentFacts {
  const parent = node.mempool.get(txid)
  if (!parent?.cost) {
    const asked = [...vouts, ...Array.from({ length: OUTPUTS_ASKED }, (_, vout) => vout)]
    return { status: asked.some((vout) => node.state.coins.has(`${txid}:${vout}`)) ? 'in_block' : 'unknown' }
  }
  const leaving = new Set([...node.mempool.values()].flatMap(({ spends }) => spends))
  const outputs = parent.outputs.map(({ index, units, key }) => {
    return { vout: Number(index), units, script: toHex(key), spent: leaving.has(`${txid}:${index}`) }
  })
  return { status: 'waiting', version: 2, outputs, ancestors: [...ancestorsIn(node.mempool, parent), parent].flatMap(waiting) }
}

/** Another word than the node's own: of what it has waiting, fees that are not so; what it does not have is where it is not. */
export function misled(facts: ParentFacts, random: Random): ParentFacts {
  if (facts.status !== 'waiting') return { status: random.pick(['in_block', 'unknown']) }
  const fee = (of: bigint) => random.pick([0n, of / 2n, of * 10n])
  return random.pick([
    { status: 'in_block' } as const,
    { status: 'unknown' } as const,
    { ...facts, ancestors: facts.ancestors.map((one) => ({ ...one, fee: fee(one.fee) })) },
    { ...facts, ancestors: facts.ancestors.slice(-1) },
  ])
}

function waiting({ txid, spends, cost }: SimTransaction): WaitingTransaction[] {
  return cost ? [{ txid, spends, ...cost }] : []
}
