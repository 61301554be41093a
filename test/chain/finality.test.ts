import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { finalHeightOf, moveTag } from '../../src/chain/finality.ts'
import type { Place } from '../../src/chain/follow.ts'

const PLACE: Place = { tip: { height: 20, hash: 'h20' }, tipBefore: 19, floor: 19, rolledBack: false }
/** Of our chain the blocks from 10 on are kept. */
const hashAt = (height: number) => (height >= 10 && height <= 20 ? `h${height}` : null)
const FINAL = (height: number, hash = `h${height}`) => ({ height, hash })

describe('the height up to which blocks are final', () => {
  test('is so many blocks below the tip, where confirmations decide', () => {
    expect(finalHeightOf({ confirmations: 3 }, 10, null)).toBe(8)
    expect(finalHeightOf({ confirmations: 1 }, 10, null)).toBe(10)
    expect(finalHeightOf({ confirmations: 0 }, 10, null)).toBe(10)
    expect(finalHeightOf({ confirmations: 3 }, 1, null)).toBeNull()
    expect(finalHeightOf({ confirmations: 3 }, null, null)).toBeNull()
  })

  test('is that of the tag, where the chain has one, however deep', () => {
    expect(finalHeightOf({ confirmations: 1, finality: 'safe' }, 10, 4)).toBe(4)
    expect(finalHeightOf({ confirmations: 1, finality: 'finalized' }, 10, null)).toBeNull()
  })
})

describe('the tag', () => {
  test('rises to the block the node names', () => {
    expect(moveTag(null, PLACE, FINAL(12), hashAt)).toEqual({ from: null, to: 12, undone: false, disagrees: false })
    expect(moveTag(12, PLACE, FINAL(20), hashAt)).toMatchObject({ from: 12, to: 20 })
  })

  test('stays when the node names none, the same, or an older one: another node may lag', () => {
    for (const final of [null, undefined, FINAL(14), FINAL(11, 'other')])
      expect(moveTag(14, PLACE, final, hashAt)).toEqual({ from: 14, to: 14, undone: false, disagrees: false })
  })

  test('stays, and a person hears of it, when the block is not ours', () => {
    const stays = { from: 12, to: 12, disagrees: true }
    expect(moveTag(12, PLACE, FINAL(15, 'other'), hashAt)).toMatchObject(stays)
    expect(moveTag(12, PLACE, FINAL(21), hashAt)).toMatchObject(stays)
  })

  test('is believed of blocks too old to be kept: they are too deep to leave', () => {
    expect(moveTag(null, PLACE, FINAL(5, 'whatever'), hashAt)).toMatchObject({ to: 5, disagrees: false })
  })

  test('goes back with the blocks under it, and is told of those in their place anew', () => {
    const rolledBack: Place = { ...PLACE, floor: 13, rolledBack: true }
    expect(moveTag(16, rolledBack, null, hashAt)).toEqual({ from: 13, to: 13, undone: true, disagrees: false })
    expect(moveTag(16, rolledBack, FINAL(15), hashAt)).toMatchObject({ from: 13, to: 15, undone: true })
    expect(moveTag(13, rolledBack, FINAL(15), hashAt)).toMatchObject({ from: 13, to: 15, undone: false })
  })

  test('never falls but by a reorganisation, and never names what is not in the chain', () => {
    const height = fc.integer({ min: 0, max: 25 })
    const named = fc.option(fc.record({ height, hash: height.map((n) => `h${n}`) }))
    fc.assert(
      fc.property(fc.option(height), fc.integer({ min: 9, max: 20 }), fc.boolean(), named, (before, floor, rolledBack, final) => {
        const { from, to, undone, disagrees } = moveTag(before, { ...PLACE, floor, rolledBack }, final, hashAt)
        expect(undone).toBe(rolledBack && before !== null && before > floor)
        expect(from).toBe(undone ? floor : before)
        expect(to ?? -1).toBeGreaterThanOrEqual(from ?? -1)
        if (to !== from) {
          expect(to).toBe(final?.height)
          expect([null, final?.hash]).toContain(hashAt(to as number))
          expect(disagrees).toBe(false)
        }
      }),
    )
  })
})
