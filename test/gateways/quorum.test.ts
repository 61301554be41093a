import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Comparison, heightsToAsk, judge, neededOf, type Place, type Sight, votersOf } from '../../src/gateways/quorum.ts'
import { type Chain, extend, grow } from './quorum-nodes.ts'

const MAIN = grow([], 'main', 101)
const HEAD_AGE_MAX_MS = 60_000
/** What a node shows: its chain; null when it is away. */
type Shown = Chain | null

function compare(shown: readonly Shown[], { ours = MAIN, nowMs = timeOf(MAIN), ranks = [] as number[] } = {}) {
  const recent = ours.toReversed().map(({ ref }): Place => ({ height: ref.height, hash: ref.hash }))
  const draft = shown.map((chain, at): Sight => {
    const head = chain?.at(-1)?.ref ?? null
    return { head, hashes: new Map(head ? [[head.height, head.hash]] : []), rank: ranks[at] ?? 0 }
  })
  const comparison: Comparison = { sights: draft, ours: recent, nowMs, headAgeMaxMs: HEAD_AGE_MAX_MS }
  const asked = heightsToAsk(comparison)
  const sights = draft.map((sight, at): Sight => {
    const more = (asked[at] ?? []).map((height) => [height, shown[at]?.[height]?.ref.hash as string] as const)
    return { ...sight, hashes: new Map([...sight.hashes, ...more]) }
  })
  return { ...judge({ ...comparison, sights }), asked }
}

function timeOf(chain: Chain): number {
  return chain.at(-1)?.ref.timeMs ?? 0
}

const main = (blocks: number): Chain => (blocks <= 101 ? MAIN.slice(0, blocks) : grow(MAIN, 'main', blocks - 101))
const fork = (from: number, blocks: number, branch = 'fork'): Chain => grow(main(from), branch, blocks - from)
const place = (chain: Chain): Place => {
  const { height, hash } = (chain.at(-1) as Chain[number]).ref
  return { height, hash }
}

describe('what is followed, and what each node is called', () => {
  // Blocks as numbers of them: a chain of 101 has its newest at height 100, which is where we are.
  test.each<[string, Shown[], Chain | null, number[], string]>([
    ['two at one head', [main(102), main(102)], main(102), [0, 1], 'ok ok'],
    ['one of two a block ahead: both have what is followed', [main(103), main(102)], main(102), [1, 0], 'ok ok'],
    ['one of two away: the other alone', [null, main(102)], main(102), [1], 'away ok'],
    ['one of two hangs: the other alone', [main(90), main(105)], main(105), [1], 'lagging ok'],
    ['two on branches of one block: we stay, with the one we have read from', [main(101), fork(100, 101)], main(101), [0], 'ok ok'],
    ['two on branches of three blocks: we stay', [fork(98, 101), main(101)], main(101), [1], 'ok ok'],
    ['two on branches of four blocks: nobody knows', [main(101), fork(97, 101)], null, [], 'disagrees disagrees'],
    ['two on branches, one far longer: nobody knows', [main(101), fork(97, 150)], null, [], 'disagrees disagrees'],
    ['three at one head', [main(102), main(102), main(102)], main(102), [0, 1, 2], 'ok ok ok'],
    ['one of three behind: it is not gone back to', [main(96), main(102), main(102)], main(102), [1, 2], 'lagging ok ok'],
    ['one of three with a longer chain of its own', [fork(99, 150), main(102), main(102)], main(102), [1, 2], 'ok ok ok'],
    ['the same, parted long ago', [fork(80, 150), main(102), main(102)], main(102), [1, 2], 'disagrees ok ok'],
    ['one of three goes on alone', [grow(main(102), 'fork', 40), main(102), main(102)], main(102), [1, 0, 2], 'ok ok ok'],
    [
      'two of three on another, longer branch: a reorganisation',
      [main(101), fork(99, 102), fork(99, 102)],
      fork(99, 102),
      [1, 2],
      'ok ok ok',
    ],
    ['two of three on another one, as long', [main(101), fork(99, 101), fork(99, 101)], fork(99, 101), [1, 2], 'ok ok ok'],
    ['one of three alone answers: never on one word', [null, main(110), null], null, [], 'away ok away'],
    ['two of three answer, and agree', [null, main(102), main(103)], main(102), [1, 2], 'away ok ok'],
    ['nobody answers', [null, null], null, [], 'away away'],
    [
      'four, two and two',
      [main(101), main(101), fork(90, 101), fork(90, 101)],
      null,
      [],
      'disagrees disagrees disagrees disagrees',
    ],
    [
      'five, two lie together',
      [fork(80, 200), fork(80, 200), main(102), main(102), main(102)],
      main(102),
      [2, 3, 4],
      'disagrees disagrees ok ok ok',
    ],
    ['all behind us: a place to wait at', [main(99), main(99), main(99)], main(99), [0, 1, 2], 'ok ok ok'],
  ])('%s', (_what, shown, followed, by, statuses) => {
    const verdict = compare(shown)
    expect(verdict.follow?.target ?? null).toEqual(followed && place(followed))
    expect(verdict.follow?.by ?? []).toEqual(by)
    expect(verdict.statuses.join(' ')).toBe(statuses)
  })

  test('a node that is a moment behind is read rather than changed for another, and one long behind is not', () => {
    const [older, newer] = [main(102), main(103)]
    expect(compare([older, newer, newer]).follow?.by[0]).toBe(1)
    const quick = newer.with(-1, {
      ref: { ...(newer.at(-1) as Chain[number]).ref, timeMs: timeOf(older) + 2_000 },
      transactions: [],
    })
    expect(compare([older, quick, quick]).follow).toEqual({ target: place(older), by: [0, 1, 2], partial: false })
  })

  test('who is read from: the lowest rank, then one whose newest block is what is followed, then as configured', () => {
    expect(compare([main(103), main(102)]).follow).toMatchObject({ by: [1, 0], partial: false })
    expect(compare([main(103), main(102)], { ranks: [0, 1] }).follow).toMatchObject({ by: [0, 1], partial: true })
    expect(compare([main(102), main(102)], { ranks: [2, 0] }).follow).toMatchObject({ by: [1, 0], partial: false })
  })

  test('a node with nobody to compare it with is asked for nothing more', () => {
    expect(compare([main(102), main(102), null]).asked).toEqual([[], [], []])
    expect(compare([main(103), main(102)]).asked).toEqual([
      [101, 98, 100],
      [98, 100],
    ])
  })

  test('before the first look, what is agreed on is followed', () => {
    expect(compare([main(101), fork(100, 101)], { ours: [] }).follow?.target).toEqual(place(main(98)))
  })
})

describe('who is asked', () => {
  const sightOf = (ageMs: number): Sight => {
    const head = { height: 1, hash: 'a', parentHash: 'b', timeMs: 1_000_000 - ageMs }
    return { head, hashes: new Map(), rank: 0 }
  }
  const voters = (...ages: number[]) => votersOf({ sights: ages.map(sightOf), nowMs: 1_000_000, headAgeMaxMs: HEAD_AGE_MAX_MS })

  test('not those that hang, unless most do', () => {
    expect(voters(0, HEAD_AGE_MAX_MS)).toEqual([0, 1])
    expect(voters(0, HEAD_AGE_MAX_MS + 1)).toEqual([0])
    expect(voters(0, 90_000, 90_000)).toEqual([0, 1, 2])
    expect(voters(0, 0, 90_000, 90_000)).toEqual([0, 1])
    expect(voters(90_000, 90_000)).toEqual([0, 1])
  })

  test('a majority must agree, and of three or more never one alone', () => {
    expect([1, 2].map((count) => neededOf(2, count))).toEqual([1, 2])
    expect([1, 2, 3].map((count) => neededOf(3, count))).toEqual([2, 2, 2])
    expect([1, 2, 3, 4, 5].map((count) => neededOf(5, count))).toEqual([2, 2, 2, 3, 3])
  })
})

/** A minority of anything: away, behind, on a branch of its own, ahead of all, or together on one branch. */
const odd = fc.oneof(
  fc.constant(null),
  fc.integer({ min: 1, max: 101 }).map(main),
  fc
    .tuple(fc.integer({ min: 1, max: 101 }), fc.integer({ min: 0, max: 150 }))
    .map(([from, more]) => fork(from, from + more, 'lie')),
  fc.tuple(fc.integer({ min: 1, max: 101 }), fc.integer({ min: 0, max: 5 })).map(([from, more]) => {
    return extend(fork(from, from + more, 'other'), 'other')
  }),
)

test('whatever a minority shows, nothing is followed that the others do not have, and never one backwards', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }).chain((minority) =>
        fc.record({
          odd: fc.array(odd, { minLength: minority, maxLength: minority }),
          /** Of the majority: how far each has come. */
          blocks: fc.array(fc.integer({ min: 101, max: 104 }), { minLength: minority + 1, maxLength: minority + 2 }),
          read: fc.integer({ min: 90, max: 101 }),
          order: fc.nat(),
          isStill: fc.boolean(),
        }),
      ),
      ({ odd: few, blocks, read, order, isStill }) => {
        const shown: readonly Shown[] = [...blocks.map((count) => main(count)), ...few]
        const turned = shown.map((_, at) => shown[(at + order) % shown.length] as Shown)
        const nowMs = timeOf(main(104)) + (isStill ? 10 * HEAD_AGE_MAX_MS : 0)
        const { follow } = compare(turned, { ours: main(read), nowMs })
        const least = Math.min(...blocks)
        // All of the majority have so much: we come there at least.
        expect(follow?.target.height).toBeGreaterThanOrEqual(least - 1)
        expect(main(104)[follow?.target.height ?? -1]?.ref.hash).toBe(follow?.target.hash)
        expect(follow?.target.height).toBeGreaterThanOrEqual(read - 1)
        // The one that is read has it too, or says that it has.
        expect(turned[follow?.by[0] ?? -1]?.[follow?.target.height ?? -1]?.ref.hash).toBe(follow?.target.hash)
      },
    ),
    { numRuns: 2_000 },
  )
})
