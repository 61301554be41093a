import { describe, expect, test } from 'vitest'
import type { CoinPlan } from '../../src/gateways/spend.ts'
import type { Result } from '../../src/lib/result.ts'
import { REFUSALS_PER_HOUR_MAX, SignerBook } from '../../src/signer/book.ts'
import type { Facts } from '../../src/signer/decide.ts'
import { HOUR_MS } from '../../src/signer/limits.ts'
import { EMPTY_LOG, followLog } from '../../src/signer/log.ts'
import type { AssetPolicy } from '../../src/signer/policy.ts'
import type { Intent, SignRefusal } from '../../src/signer/rpc.ts'
import { openRows } from '../ledger/sqlite.ts'
import { ask, COVERED, ENVELOPE, intent, NOW, plan, policy, refund, registry, SHOPPERS } from './builders.ts'

function signer(changes: Partial<AssetPolicy> = {}) {
  const rows = openRows()
  const book = new SignerBook(rows.sql, registry)
  rows.step(() => book.importSeed(ENVELOPE, 'tpub', 'Ada', NOW))
  rows.step(() => book.setPolicy(policy(changes), 'Ada', NOW))
  const sign = (
    wanted: Intent,
    planned: CoinPlan = plan([wanted.id]),
    facts: Partial<Facts> = {},
    atMs = NOW,
  ): 'signed' | SignRefusal => {
    const asked = ask(wanted, planned)
    const hash = JSON.stringify([planned.inputs.map(({ txid, units }) => [txid, String(units)]), String(planned.fee)])
    const kept = book.find(wanted, hash)
    if (!kept.ok) return kept.error
    const verdict: Result<{ feeAdded: bigint }, SignRefusal> = book.decide(asked, { ...COVERED, ...facts }, atMs)
    if (verdict.ok) rows.step(() => book.keep(asked, hash, { txid: hash, raw: '00' }, verdict.value, [], atMs))
    else rows.step(() => book.refuse(wanted, verdict.error, atMs))
    return verdict.ok ? 'signed' : verdict.error
  }
  return { rows, book, sign }
}

const received = (most: bigint, failed: string[] = []): Partial<Facts> => ({ cover: { ok: true, value: { most, failed } } })

describe('without a word that allows it nothing is signed', () => {
  test('no policy, no policy for the asset, a kind that is not in it', () => {
    const rows = openRows()
    const book = new SignerBook(rows.sql, registry)
    rows.step(() => book.importSeed(ENVELOPE, 'tpub', 'Ada', NOW))
    expect(book.decide(ask(intent('1')), COVERED, NOW)).toMatchObject({ error: { reason: 'no_policy' } })
    const { sign } = signer({ kinds: ['refund'] })
    expect(sign(intent('1'))).toMatchObject({ reason: 'no_policy' })
    expect(sign(intent('1', { asset: 'toString' }))).toMatchObject({ reason: 'no_policy' })
  })

  test('what the gateway has against a plan, and what is not covered', () => {
    const { book, sign } = signer()
    expect(book.decide(ask(intent('1'), plan(['a']), 'it pays Eve'), COVERED, NOW)).toMatchObject({
      error: { detail: 'it pays Eve' },
    })
    expect(book.decide(ask(intent('1')), null, NOW)).toMatchObject({ error: { reason: 'unavailable' } })
    const refused = { cover: { ok: false, error: { reason: 'not_covered', detail: 'no' } } } as const
    expect(sign(intent('1'), undefined, refused)).toMatchObject({ reason: 'not_covered' })
  })
})

describe('an intent', () => {
  test('is signed again at a higher fee, over the same coins, and counts once', () => {
    const { sign } = signer({ perTransfer: 100_000n, perHour: 100_000n })
    expect(sign(intent('1'), plan(['a', 'b'], { fee: 100n }))).toBe('signed')
    expect(sign(intent('1'), plan(['a', 'b', 'c'], { fee: 200n }), {}, NOW + 1)).toBe('signed')
    expect(sign(intent('1'), plan(['a', 'b'], { fee: 300n }))).toMatchObject({ reason: 'bad_plan' })
    expect(sign(intent('1'), plan(['b', 'c', 'd'], { fee: 300n }))).toMatchObject({ reason: 'bad_plan' })
    expect(sign(intent('2'))).toMatchObject({ limit: 'per_hour' })
  })

  test('of an account keeps its number and its payer', () => {
    const { sign } = signer()
    const nonce = (index: number, number: number, fee: bigint) =>
      ({ ...plan([]), kind: 'account', index, nonce: number, fee }) as unknown as CoinPlan
    const wanted = intent('1')
    const planned = (index: number, number: number, fee: bigint) => ({
      ...nonce(index, number, fee),
      inputs: [{ txid: `${fee}`, vout: 0, units: 1n, index: 0 }],
    })
    expect(sign(wanted, planned(3, 7, 10n))).toBe('signed')
    expect(sign(wanted, planned(3, 8, 20n))).toMatchObject({ reason: 'bad_plan' })
    expect(sign(wanted, planned(4, 7, 20n))).toMatchObject({ reason: 'bad_plan' })
    expect(sign(wanted, plan(['a'], { fee: 20n }))).toMatchObject({ reason: 'bad_plan' })
    expect(sign(wanted, planned(3, 7, 20n))).toBe('signed')
  })

  test('whose id stood for other words is refused, whatever differs', () => {
    const { sign } = signer()
    expect(sign(intent('1'))).toBe('signed')
    const changes: Partial<Intent>[] = [
      { storeId: 'st_2' },
      { merchantId: 'mer_2' },
      { kind: 'sweep' },
      { outputs: [{ address: SHOPPERS[1], units: 100_000n }] },
      { outputs: [{ address: SHOPPERS[0], units: 100_001n }] },
      { outputs: [] },
    ]
    for (const change of changes) expect(sign(intent('1', change))).toMatchObject({ reason: 'bad_intent' })
  })
})

describe('refunds of one invoice', () => {
  test('never pass what it received, in how many parts and bumps ever', () => {
    const { sign } = signer()
    expect(sign(refund('1', 60n), undefined, received(100n))).toBe('signed')
    expect(sign(refund('1', 60n), plan(['tr_1'], { fee: 2_000n }), received(100n))).toBe('signed')
    expect(sign(refund('2', 41n), undefined, received(100n))).toMatchObject({ reason: 'not_covered' })
    expect(sign(refund('3', 40n), undefined, received(100n))).toBe('signed')
    expect(sign(refund('4', 1n), undefined, received(100n))).toMatchObject({ reason: 'not_covered' })
    expect(sign(refund('5', 1n, { invoiceId: 'inv_2' }), undefined, received(100n))).toBe('signed')
    // More came in.
    expect(sign(refund('4', 1n), undefined, received(101n))).toBe('signed')
  })

  test('that are said to have failed are made again when people say so, and within what was received', () => {
    const { sign } = signer()
    const failed = received(100n, ['tr_1'])
    expect(sign(refund('1', 60n), undefined, received(100n))).toBe('signed')
    expect(sign(refund('2', 60n), undefined, failed)).toMatchObject({ reason: 'needs_approval', wanted: 1, given: 0 })
    expect(sign(refund('2', 60n), undefined, { ...failed, members: ['Ada'] })).toBe('signed')
    expect(sign(refund('3', 41n), undefined, { ...failed, members: ['Ada'] })).toMatchObject({ reason: 'not_covered' })
    // What fits beside both needs nobody.
    expect(sign(refund('4', 40n), undefined, received(160n, ['tr_1']))).toBe('signed')
  })
})

describe('coins', () => {
  test('have one value for ever: two plans that each understate another coin are not both signed', () => {
    const { sign } = signer()
    const [a, b] = plan(['a', 'b']).inputs
    if (!a || !b) throw new Error('two coins')
    const less = (coin: typeof a) => ({ ...coin, units: 1n })
    expect(sign(intent('1'), plan([], { inputs: [a, less(b)] }))).toBe('signed')
    expect(sign(intent('1'), plan([], { inputs: [less(a), b] }))).toMatchObject({ reason: 'bad_plan' })
    expect(sign(intent('2'), plan([], { inputs: [less(a), b] }))).toMatchObject({ reason: 'bad_plan' })
  })
})

describe('fees', () => {
  test('are capped by what is paid, with a floor and a ceiling; a sweep pays nobody, so only the ceiling holds', () => {
    const { sign } = signer({ fee: { max: 5_000n, bps: 100, floor: 1_500n, perDay: 100_000n } })
    const fee = (units: bigint, most: bigint, id: string) => {
      const wanted = intent(id, { outputs: [{ address: SHOPPERS[0], units }] })
      expect(sign(wanted, plan([id], { fee: most + 1n }))).toMatchObject({ reason: 'fee_over_limit' })
      expect(sign(wanted, plan([id], { fee: most }))).toBe('signed')
    }
    fee(10_000n, 1_500n, 'a')
    fee(200_000n, 2_000n, 'b')
    fee(900_000n, 5_000n, 'c')
    const sweep = intent('d', { kind: 'sweep', outputs: [] })
    expect(sign(sweep, plan(['d'], { fee: 5_001n }))).toMatchObject({ reason: 'fee_over_limit' })
    expect(sign(sweep, plan(['d'], { fee: 5_000n }))).toBe('signed')
  })
})

describe('approvals', () => {
  test('are wanted above the limit of the kind, from as many members as the policy says', () => {
    const { sign } = signer({ autoApproveUpTo: { refund: 100n, payout: 0n }, approvals: 2 })
    expect(sign(refund('1', 100n), undefined, received(1_000n))).toBe('signed')
    const wanted = { reason: 'needs_approval', challenge: 'challenge', wanted: 2 }
    expect(sign(refund('2', 101n), undefined, received(1_000n))).toEqual({ ...wanted, given: 0, members: [] })
    expect(sign(intent('3'))).toEqual({ ...wanted, given: 0, members: [] })
    expect(sign(intent('3'), undefined, { members: ['Ada'] })).toEqual({ ...wanted, given: 1, members: ['Ada'] })
    expect(sign(intent('3'), undefined, { members: ['Ada', 'Bob'] })).toBe('signed')
    // A sweep stays in the wallet.
    expect(sign(intent('4', { kind: 'sweep', outputs: [] }))).toBe('signed')
  })

  test('do not lift a limit', () => {
    const { sign } = signer({ autoApproveUpTo: { refund: 0n, payout: 0n } })
    const big = intent('1', { outputs: [{ address: SHOPPERS[0], units: 1_000_001n }] })
    expect(sign(big, undefined, { members: ['Ada', 'Bob'] })).toMatchObject({ limit: 'per_transfer', retryAtMs: null })
  })
})

describe('a new destination', () => {
  test('waits from when a payout to it was first asked for; refunds do not wait', () => {
    const { sign } = signer({ newDestinationHours: 2 })
    const at = (hours: number, id = '1') => sign(intent(id), undefined, {}, NOW + hours * HOUR_MS)
    expect(at(0)).toMatchObject({ limit: 'new_destination', retryAtMs: NOW + 2 * HOUR_MS })
    expect(at(1)).toMatchObject({ limit: 'new_destination', retryAtMs: NOW + 2 * HOUR_MS })
    expect(at(2)).toBe('signed')
    expect(at(2, '2')).toBe('signed')
    expect(sign(intent('3', { outputs: [{ address: SHOPPERS[1], units: 1n }] }), undefined, {}, NOW + 3 * HOUR_MS)).toMatchObject({
      limit: 'new_destination',
    })
    expect(sign(refund('4', 1n, { outputs: [{ address: SHOPPERS[2], units: 1n }] }), undefined, received(1n))).toBe('signed')
  })

  test('is noted also when another limit kept the payout a moment before', () => {
    const { sign } = signer({ newDestinationHours: 2, fee: { max: 100_000n, bps: null, floor: 0n, perDay: 1_000n } })
    const dear = plan(['1'], { fee: 1_001n })
    expect(sign(intent('1'), dear)).toMatchObject({ limit: 'fees_per_day' })
    expect(sign(intent('1'))).toMatchObject({ limit: 'new_destination', retryAtMs: NOW + 2 * HOUR_MS })
    expect(sign(intent('1'), undefined, {}, NOW + 2 * HOUR_MS)).toBe('signed')
  })
})

describe('the log', () => {
  test('has everything in one chain, and says why each was signed', () => {
    const { rows, book, sign } = signer({ autoApproveUpTo: { refund: 0n, payout: 0n } })
    sign(intent('1'))
    sign(intent('1'))
    sign(intent('1'), undefined, { members: ['Ada'] })
    rows.step(() => book.stop({ by: 'Bob', reason: 'odd' }, NOW))
    rows.step(() => book.allow({ by: 'Bob', reason: 'fine' }, NOW))
    const entries = book.entriesAfter(0, 100)
    expect(entries.map(({ kind }) => kind)).toEqual(['seed_imported', 'policy_set', 'refused', 'signed', 'stopped', 'allowed'])
    expect(followLog(EMPTY_LOG, entries)).toEqual({ head: book.head(), fault: null })
    expect(JSON.parse(entries[3]?.body ?? '')).toMatchObject({ intent: { id: 'tr_1' }, attempt: 1, policyVersion: 1 })
  })

  test('takes only so many refusals in an hour, and limits hold over more entries than are read at once', () => {
    const { rows, book, sign } = signer({ perTransfer: 10n, perHour: 10n })
    expect(sign(intent('0', { outputs: [{ address: SHOPPERS[0], units: 10n }] }))).toBe('signed')
    for (let at = 1; at <= REFUSALS_PER_HOUR_MAX + 50; at++) sign(intent(`${at}`))
    expect(book.head().no).toBe(3 + REFUSALS_PER_HOUR_MAX)
    // As after a restart: the first entry is pages away from the last.
    const again = new SignerBook(rows.sql, registry)
    const one = ask(intent('last', { outputs: [{ address: SHOPPERS[0], units: 1n }] }))
    expect(again.decide(one, COVERED, NOW)).toMatchObject({ error: { limit: 'per_hour', retryAtMs: NOW + HOUR_MS } })
  })
})

test('nothing is written for a wallet that is only asked about', () => {
  const rows = openRows()
  const book = new SignerBook(rows.sql, registry)
  expect(book.wallet()).toBeNull()
  expect(book.head().no).toBe(0)
  expect(book.entriesAfter(0, 10)).toEqual([])
  expect(rows.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'").toArray()).toEqual([])
})

test('a wallet’s seed stays: the same account may be sealed anew, another is refused', () => {
  const rows = openRows()
  const book = new SignerBook(rows.sql, registry)
  const put = (sealed: string, xpub: string) => rows.step(() => book.importSeed({ ...ENVELOPE, sealed }, xpub, 'Ada', NOW))
  expect(put('one', 'tpub')).toEqual({ ok: true, value: null })
  expect(put('one', 'tpub')).toEqual({ ok: true, value: null })
  expect(book.head().no).toBe(1)
  expect(put('two', 'tpub')).toEqual({ ok: true, value: null })
  expect(book.wallet()?.envelope.sealed).toBe('two')
  expect(put('three', 'another')).toEqual({ ok: false, error: 'another_seed' })
  expect(book.wallet()?.envelope.sealed).toBe('two')
})
