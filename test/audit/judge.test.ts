import fc from 'fast-check'
import { expect, test } from 'vitest'
import { judge, keyOf, SUSPECTS_MAX } from '../../src/audit/judge.ts'
import type { Finding, Suspect } from '../../src/audit/rpc.ts'

function finding(id: string, changes: Partial<Finding> = {}): Finding {
  return {
    id,
    kind: 'chain',
    merchantId: 'mer_1',
    storeId: null,
    invoiceId: null,
    detail: 'one is not two',
    waitMs: 100,
    ...changes,
  }
}

const lookedAt = (...ids: string[]) => new Set(ids.map((id) => keyOf({ merchantId: 'mer_1', id })))

test('what does not wait counts at once; what may be under way when it has lasted; each once', () => {
  const first = judge({}, [finding('a', { waitMs: 0 }), finding('b')], lookedAt('a', 'b'), 1_000)
  expect(first.raise.map(({ id }) => id)).toEqual(['a'])
  const second = judge(first.suspects, [finding('a', { waitMs: 0 }), finding('b')], lookedAt('a', 'b'), 1_099)
  expect(second.raise).toEqual([])
  const third = judge(second.suspects, [finding('a', { waitMs: 0 }), finding('b')], lookedAt('a', 'b'), 1_100)
  expect(third.raise).toMatchObject([{ id: 'b', sinceMs: 1_000 }])
  expect(judge(third.suspects, [finding('b')], lookedAt('b'), 9_000).raise).toEqual([])
})

test('a changed sentence is another finding: it has to last itself, and is raised again', () => {
  const first = judge({}, [finding('a')], lookedAt('a'), 0)
  const second = judge(first.suspects, [finding('a')], lookedAt('a'), 100)
  expect(second.raise).toHaveLength(1)
  const changed = judge(second.suspects, [finding('a', { detail: 'one is not three' })], lookedAt('a'), 150)
  expect(changed.raise).toEqual([])
  expect(judge(changed.suspects, [finding('a', { detail: 'one is not three' })], lookedAt('a'), 250).raise).toHaveLength(1)
})

test('what was looked for and not found is forgotten; what was not looked at is kept as it was', () => {
  const { suspects } = judge({}, [finding('a'), finding('b')], lookedAt('a', 'b'), 0)
  const after = judge(suspects, [], lookedAt('a'), 200)
  expect(Object.values(after.suspects)).toMatchObject([{ id: 'b', sinceMs: 0, raised: false }])
  expect(after.raise).toEqual([])
})

test('one id of two merchants is two findings', () => {
  const { suspects } = judge(
    {},
    [finding('a'), finding('a', { merchantId: 'mer_2' }), finding('a', { merchantId: null })],
    new Set(),
    0,
  )
  expect(Object.keys(suspects)).toHaveLength(3)
})

test('whatever is found when: nothing is raised before its time, nor twice, nor never', () => {
  const looks = fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 80 }), found: fc.boolean() }), { maxLength: 30 })
  fc.assert(
    fc.property(looks, (all) => {
      let suspects: Readonly<Record<string, Suspect>> = {}
      let nowMs = 0
      let sinceMs: number | null = null
      let wasRaised = false
      for (const { afterMs, found } of all) {
        nowMs += afterMs
        const judged = judge(suspects, found ? [finding('a')] : [], lookedAt('a'), nowMs)
        if (!found) wasRaised = false
        sinceMs = found ? (sinceMs ?? nowMs) : null
        const counts = sinceMs !== null && nowMs - sinceMs >= 100
        expect(judged.raise).toHaveLength(counts && !wasRaised ? 1 : 0)
        if (counts) wasRaised = true
        suspects = judged.suspects
      }
    }),
  )
})

test('of more suspicions than are kept, none is lost that has not been raised while others can go', () => {
  const raised = Array.from({ length: SUSPECTS_MAX }, (_, n) => finding(`raised ${n}`, { waitMs: 0 }))
  const before = judge({}, raised, new Set(), 0)
  expect(before.raise).toHaveLength(SUSPECTS_MAX)
  const { suspects } = judge(before.suspects, [finding('new')], new Set(), 1)
  expect(Object.keys(suspects)).toHaveLength(SUSPECTS_MAX)
  expect(suspects[keyOf(finding('new'))]).toBeDefined()
})
