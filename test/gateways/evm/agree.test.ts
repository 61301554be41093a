import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agreedFacts, type NodeFacts } from '../../../src/gateways/evm/agree.ts'
import type { NodeError } from '../../../src/gateways/gateway.ts'
import type { SpendFacts } from '../../../src/gateways/send.ts'
import { err, ok, type Result } from '../../../src/lib/result.ts'
import { chain } from './money-out.ts'

/** What several nodes say of what a plan needs, of which some lag, hang or lie. */

const NOW = 1_790_000_000_000
const AWAY = err({ reason: 'node_unreachable', detail: 'no answer' } as const)

interface Said {
  readonly nonce: number
  readonly pendingNonce: number
  readonly units: bigint
  readonly native: bigint
  readonly gas: bigint | null
  readonly maxFeePerGas: bigint
  readonly tip: bigint
  readonly dataFee: bigint
  readonly height: number
}

const SAID: Said = {
  nonce: 5,
  pendingNonce: 6,
  units: 700n,
  native: 900n,
  gas: 50_000n,
  maxFeePerGas: 20n,
  tip: 2n,
  dataFee: 0n,
  height: 100,
}

function node(changes: Partial<Said> = {}, headTimeMs = NOW): Result<NodeFacts, NodeError> {
  const { nonce, pendingNonce, units, native, gas, maxFeePerGas, tip, dataFee, height } = { ...SAID, ...changes }
  const fees = { kind: 'account' as const, maxFeePerGas, maxPriorityFeePerGas: tip, ...(dataFee > 0n && { dataFee }) }
  const deposits = [{ nonce, units, native, delegated: nonce > 5 }]
  return ok({ headTimeMs, facts: { fees, height, payer: { nonce, pendingNonce, units, native, gas }, deposits } })
}

function agreed(...answers: Result<NodeFacts, NodeError>[]): SpendFacts {
  const facts = agreedFacts(chain, answers, NOW)
  if (!facts.ok) throw new Error(facts.error.detail)
  return facts.value
}

function flat({ fees, height, payer, deposits }: SpendFacts): Record<string, number | bigint | boolean | null | undefined> {
  if (fees.kind !== 'account') throw new Error('fees of coins')
  const { maxFeePerGas, maxPriorityFeePerGas: tip, dataFee = 0n } = fees
  return { ...payer, maxFeePerGas, tip, dataFee, height, delegated: deposits?.[0]?.delegated, ofDeposit: deposits?.[0]?.units }
}

const LIES: Partial<Said>[] = [
  { nonce: 9, pendingNonce: 9 },
  { nonce: 0, pendingNonce: 0 },
  { units: 0n, native: 0n },
  { units: 10n ** 30n, native: 10n ** 30n },
  { gas: null },
  { gas: 1n },
  { gas: 10n ** 12n, maxFeePerGas: 10n ** 18n, tip: 10n ** 18n, dataFee: 10n ** 18n },
  { maxFeePerGas: 0n, tip: 0n },
  { height: 1 },
  { height: 10 ** 9 },
]

describe('one node', () => {
  test('is believed', () => expect(agreed(node({ nonce: 9 }))).toEqual(node({ nonce: 9 }).ok && flatten(node({ nonce: 9 }))))
  test('that does not answer is told', () => {
    expect(agreedFacts(chain, [AWAY], NOW)).toEqual(AWAY)
    expect(agreedFacts(chain, [], NOW)).toMatchObject({ error: { detail: 'no node is configured' } })
  })
})

describe('of three nodes', () => {
  test.each(LIES)('one alone changes nothing, whatever it says: %o', (lie) => {
    for (const at of [0, 1, 2]) {
      const answers = [node(), node(), node()].with(at, node(lie))
      expect(flat(agreed(...answers))).toEqual(flat(agreed(node())))
    }
  })

  test('two that answer go on when they agree, and one alone is not followed', () => {
    expect(flat(agreed(AWAY, node(), node()))).toEqual(flat(agreed(node())))
    expect(agreedFacts(chain, [AWAY, AWAY, node()], NOW)).toMatchObject({
      error: { reason: 'node_unreachable', detail: '1 of 3 nodes answered, and 2 must agree: no answer' },
    })
  })

  test('one that hangs has no vote', () => {
    const hanging = node({ nonce: 3, units: 1n, native: 1n }, NOW - 3 * chain.headAgeMaxMs)
    expect(flat(agreed(hanging, node(), node({ nonce: 6 })))).toMatchObject({ nonce: 5, units: 700n })
  })
})

describe('of two nodes', () => {
  test('the careful word is followed: the lower number and less money, more gas and a higher fee', () => {
    const other = node({
      nonce: 4,
      pendingNonce: 9,
      units: 1n,
      native: 1_000n,
      gas: 60_000n,
      maxFeePerGas: 30n,
      tip: 1n,
      dataFee: 7n,
    })
    expect(flat(agreed(node({ nonce: 6 }), other))).toEqual({
      nonce: 4,
      pendingNonce: 6,
      units: 1n,
      native: 900n,
      gas: 60_000n,
      maxFeePerGas: 30n,
      tip: 2n,
      dataFee: 7n,
      height: 100,
      delegated: false,
      ofDeposit: 1n,
    })
    expect(agreed(node(), node({ gas: null })).payer?.gas).toBeNull()
    expect(flat(agreed(AWAY, node()))).toEqual(flat(agreed(node())))
  })
})

test('however honest nodes lag, fewer liars than must agree bring no figure outside what the honest say', () => {
  const figure = fc.bigInt({ min: 0n, max: 1_000n })
  const said = fc.record({
    nonce: fc.nat(20),
    pendingNonce: fc.nat(20),
    units: figure,
    native: figure,
    gas: fc.option(figure),
    maxFeePerGas: figure,
    tip: figure,
    dataFee: figure,
    height: fc.nat(50),
  })
  fc.assert(
    fc.property(fc.array(said, { minLength: 2, maxLength: 5 }), fc.array(said, { maxLength: 4 }), (honest, lying) => {
      // A majority of all is honest.
      const liars = lying.slice(0, honest.length - 1)
      const answers = [...honest, ...liars].map((one) => node(one))
      const told = flat(agreed(...answers))
      for (const name of ['nonce', 'pendingNonce', 'units', 'native', 'maxFeePerGas', 'tip', 'dataFee', 'height'] as const) {
        const values = honest.map((one) => BigInt(one[name])).sort((a, b) => (a < b ? -1 : 1))
        expect(BigInt(told[name] as bigint)).toBeGreaterThanOrEqual(values[0] as bigint)
        expect(BigInt(told[name] as bigint)).toBeLessThanOrEqual(values.at(-1) as bigint)
      }
      expect(
        (told.tip as bigint) <= (told.maxFeePerGas as bigint) ||
          honest.some((one) => one.tip > one.maxFeePerGas) ||
          liars.some((one) => one.tip > one.maxFeePerGas),
      ).toBe(true)
    }),
  )
})

function flatten(answer: Result<NodeFacts, NodeError>): SpendFacts | null {
  return answer.ok ? answer.value.facts : null
}
