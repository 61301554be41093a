import { expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import type { NodeError } from '../../src/gateways/gateway.ts'
import type { Sighting } from '../../src/gateways/send.ts'
import { mergeSights, type Sight } from '../../src/gateways/sightings.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import type { ChainConfig } from '../../src/money/chain.ts'

const chain = DEVELOPMENT_CHAINS[0] as ChainConfig
const TXID = 'aa'.repeat(32)
const away = err({ reason: 'node_unreachable', detail: 'away' } as const)
const at = (headHeight: number, sighting: Sighting) => ok({ headHeight, sighting })
const included = (headHeight: number, { blockHash = 'b1', final = true, reverted = false, fee = 5n, txid = TXID } = {}) =>
  at(headHeight, {
    status: 'included',
    txid,
    height: 100,
    blockHash,
    confirmations: headHeight - 99,
    final,
    reverted,
    fee,
  })
const waiting = (headHeight: number) => at(headHeight, { status: 'waiting', txid: TXID })
const absent = (headHeight: number) => at(headHeight, { status: 'absent', searchedHeight: headHeight })
const conflict = (
  headHeight: number,
  { byTxid = null, final = true, searchedHeight = headHeight, ...told }: Partial<Extract<Sighting, { status: 'conflict' }>> = {},
) => at(headHeight, { status: 'conflict', byTxid, final, searchedHeight, ...told })

test.each<[string, Result<Sight, NodeError>[], Partial<Sighting>]>([
  ['one node’s word, where there is one', [included(105)], { status: 'included', final: true }],
  [
    'in a block for one is in a block',
    [absent(99), waiting(99), included(105, { final: false })],
    { status: 'included', final: false },
  ],
  ['of two, one that lags does not hold it up', [waiting(99), included(105)], { status: 'included', final: true }],
  ['the deepest is told', [included(103, { final: false }), included(105)], { status: 'included', confirmations: 6, final: true }],
  ['of three, one alone makes nothing final', [included(105), waiting(99), away], { status: 'included', final: false }],
  ['of three, two do', [included(105), included(104), away], { status: 'included', final: true }],
  ['not while one has another block at its height', [included(105), included(105, { blockHash: 'b2' })], { final: false }],
  ['nor while one does not know it there', [included(105), included(105), absent(104)], { status: 'included', final: false }],
  ['nor that it moved nothing, by one alone', [included(109, { reverted: true }), included(105), included(105)], { final: false }],
  ['nor what it cost', [included(105), included(109, { fee: 5_000_000n }), included(105)], { final: false }],
  ['nor which of them it is', [included(105), included(105, { txid: 'bb' }), included(105)], { final: false }],
  ['a conflict is final by the word of all', [conflict(9), conflict(9, { byTxid: 'cc' })], { final: true, byTxid: 'cc' }],
  ['not when one is away', [conflict(9), away], { status: 'conflict', final: false }],
  ['nor when one does not say so', [conflict(9), conflict(9, { final: false })], { status: 'conflict', final: false }],
  ['what one has not searched is not searched', [conflict(9), conflict(9, { searchedHeight: 4 })], { searchedHeight: 4 }],
  [
    'what took its place pays the same by the word of one',
    [conflict(9, { byTxid: 'cc', pays: false }), conflict(9, { byTxid: 'dd', pays: true })],
    { byTxid: 'dd', pays: true },
  ],
  ['and something else by the word of all', [conflict(9, { pays: false }), conflict(9, { pays: false })], { pays: false }],
  ['one that waits for one node is not absent', [absent(9), waiting(9)], { status: 'waiting' }],
  ['nor undisputed, where another has it replaced', [waiting(9), conflict(9)], { status: 'conflict', final: false }],
  ['absent as of the newest block', [absent(7), absent(9)], { status: 'absent', searchedHeight: 9 }],
])('%s', (_what, answers, expected) => {
  vi.spyOn(console, 'log').mockReturnValue(undefined)
  vi.spyOn(console, 'warn').mockReturnValue(undefined)
  const merged = mergeSights(chain, answers)
  expect(merged).toMatchObject({ ok: true, value: expected })
})

test('that something else pays something else is not known while one cannot tell', () => {
  expect(mergeSights(chain, [conflict(9, { pays: false }), conflict(9)])).not.toHaveProperty('value.pays')
})

test('of a conflict it is told whether all say so, or only those that answer and have searched everything', () => {
  const wordOf = (...answers: Result<Sight, NodeError>[]) => {
    const merged = mergeSights(chain, answers)
    return merged.ok && merged.value.status === 'conflict' ? [merged.value.byAll ?? false, merged.value.open ?? false] : null
  }
  expect(wordOf(conflict(9), conflict(9))).toEqual([true, false])
  expect(wordOf(conflict(9), away)).toEqual([false, true])
  expect(wordOf(conflict(9, { final: false, open: true }), conflict(9))).toEqual([false, true])
  expect(wordOf(conflict(9), waiting(9), away)).toEqual([false, false])
})

test('that what it hangs on is nowhere is the word of all', () => {
  const orphan = at(9, { status: 'absent', searchedHeight: 9, orphan: true })
  expect(mergeSights(chain, [orphan, orphan])).toMatchObject({ value: { status: 'absent', orphan: true } })
  for (const other of [absent(9), away]) expect(mergeSights(chain, [orphan, other])).not.toHaveProperty('value.orphan')
})

test('when no node answers there is nothing to tell', () => {
  expect(mergeSights(chain, [away, away])).toEqual(away)
  expect(mergeSights(chain, [])).toMatchObject({ ok: false, error: { reason: 'protocol' } })
})
