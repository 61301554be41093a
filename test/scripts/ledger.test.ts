import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Admin, type LedgerLine, openAdmin } from '../../scripts/ledger/admin.ts'
import { parseArguments, USAGE } from '../../scripts/ledger/arguments.ts'
import { showBalances, showDifferences } from '../../scripts/ledger/show.ts'
import { rebuild, verify } from '../../scripts/ledger/verify.ts'
import { Refusal } from '../../scripts/stack/tool.ts'
import type { ComparedPage, RebuiltPage } from '../../src/audit/whole.ts'
import type { SegmentCheck } from '../../src/ledger/rpc.ts'

const root = join(import.meta.dirname, '../..')

describe('what was typed', () => {
  const error = (...args: string[]) => {
    const parsed = parseArguments(args)
    return parsed.ok ? 'fine' : parsed.error
  }
  const ADJUST = [
    ...['adjust', 'mer_1', '--store', 'st_1', '--asset', 'btc', '--amount', '0.5', '--from', 'adjustments'],
    ...['--to', 'available', '--by', 'Ada', '--reason', 'found'],
  ]

  test('is understood', () => {
    expect(parseArguments(['verify'])).toEqual({ ok: true, value: { command: 'verify', merchant: null } })
    expect(parseArguments(['rebuild', '--merchant', 'mer_1'])).toMatchObject({ value: { merchant: 'mer_1' } })
    expect(parseArguments(['clear', 'mer_1', 'chain/eip155:1/0xab/native', '--by', 'Ada', '--reason', 'seen'])).toEqual({
      ok: true,
      value: { command: 'clear', merchant: 'mer_1', id: 'chain/eip155:1/0xab/native', by: 'Ada', reason: 'seen' },
    })
    expect(parseArguments(ADJUST)).toMatchObject({
      value: { storeId: 'st_1', key: null, posting: { from: 'adjustments', to: 'available', asset: 'BTC', amount: '50000000' } },
    })
  })

  test('is refused in words when it is not known, missing or too much', () => {
    expect(error()).toBe('Say what to do.')
    expect(error('verfiy')).toBe('There is no command "verfiy".')
    expect(error('toString')).toBe('There is no command "toString".')
    expect(error('verify', 'mer_1')).toBe('"mer_1" is one too many.')
    expect(error('verify', '--store', 'x')).toContain("Unknown option '--store'")
    expect(error('clear', 'mer_1', '--by', 'Ada', '--reason', 'seen')).toBe('<id> is missing.')
    expect(parseArguments(['settle', 'wal_1', 'tr_1', '--by', 'Ada', '--reason', 'seen'])).toEqual({
      ok: true,
      value: { command: 'settle', wallet: 'wal_1', id: 'tr_1', by: 'Ada', reason: 'seen' },
    })
    expect(error('settle', 'wal_1', '--by', 'Ada', '--reason', 'seen')).toBe('<transfer> is missing.')
    expect(error('clear', 'mer_1', 'book', '--by', ' ', '--reason', 'seen')).toBe('--by is missing.')
    for (const option of ['store', 'asset', 'amount', 'from', 'to', 'by', 'reason']) {
      const at = ADJUST.indexOf(`--${option}`)
      expect(error(...ADJUST.toSpliced(at, 2))).toBe(`--${option} is missing.`)
    }
    const changed = (option: string, value: string) => error(...ADJUST.with(ADJUST.indexOf(`--${option}`) + 1, value))
    for (const amount of ['0', '1e3', '0.000000001', '1,5']) expect(changed('amount', amount)).toContain('--amount must be')
    expect(changed('amount', '-1')).toContain("'--amount'")
    expect(changed('asset', 'XYZ')).toBe('XYZ is no asset of this installation.')
  })

  test('is told from the outside too: usage, and that nothing runs', () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-ledger-'))
    const run = (...args: string[]) =>
      spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'scripts/ledger.ts'), ...args], {
        encoding: 'utf8',
        env: { ...process.env, PAYTOMAT_STATE: stateDir },
      })
    expect(run('nonsense')).toMatchObject({ status: 1, stderr: expect.stringContaining(USAGE) })
    expect(run('verify')).toMatchObject({ status: 1, stderr: 'Paytomat is not running here: run "npm start" first.\n' })
    rmSync(stateDir, { recursive: true, force: true })
  })
})

/** Two merchants; what each answers can be replaced. */
function system(changes: Partial<Admin> = {}): Admin {
  const balances = { available: { BTC: 5n }, 'wallet:wal_1': { BTC: -5n } }
  const ledger = (merchantId: string, shard: number): LedgerLine => ({
    merchantId,
    shard,
    no: 150,
    segments: 2,
    stores: [{ storeId: 'st_1', balances, fault: null }],
    differences: [],
  })
  const whole = async (_merchant: string, segment: number): Promise<SegmentCheck> => ({
    transactions: 75,
    lastNo: 75 * (segment + 1),
    isLast: segment === 1,
    fault: null,
  })
  const equal = async (_merchant: string, after: { atMs: number; no: number } | null): Promise<ComparedPage> => ({
    compared: after === null ? 100 : after.no === 100 ? 50 : 0,
    underWay: 0,
    faults: [],
    next: after === null ? { atMs: 1, no: 100 } : after.no === 100 ? { atMs: 2, no: 150 } : null,
  })
  const right = async (merchant: string, after: { atMs: number; no: number } | null): Promise<RebuiltPage> => {
    const { compared, next } = await equal(merchant, after)
    return { transactions: compared, written: 0, deleted: 0, next }
  }
  return {
    async *ledgers(only) {
      for (const line of [ledger('mer_1', 0), ledger('mer_2', 1)]) if (only === null || line.merchantId === only) yield line
    },
    verify: whole,
    compare: equal,
    rebuild: right,
    suspects: async () => [],
    clear: async () => ({ open: 0 }),
    settle: async () => ({ status: 'unknown', reason: null }),
    adjust: async () => ({ no: 1, hash: '' }),
    ...changes,
  }
}

async function said(work: (say: { line(text?: string): void; progress(): void }) => Promise<unknown>) {
  const lines: string[] = []
  const answer = await work({ line: (text = '') => void lines.push(text), progress: () => {} })
  return { answer, text: lines.join('\n') }
}

describe('verify', () => {
  test('goes through every segment and every row of every merchant, and shows sums that are zero', async () => {
    const { answer, text } = await said((say) => verify(system(), null, say))
    expect(answer).toBe(0)
    expect(text).toContain('mer_1  shard 0  150 transactions, 150 rows of D1 compared: equal')
    expect(text).toContain('mer_2  shard 1')
    expect(text).toMatch(/available\s+0\.00000010 BTC\n\s+wallet\s+-0\.00000010 BTC\n\s+all accounts\s+0\.00000000 BTC/)
    expect(text).toContain('whole and equal: 2 ledgers')
  })

  const broken: Record<string, Partial<Admin>> = {
    'a segment': { verify: async () => ({ transactions: 75, lastNo: 75, isLast: true, fault: 'the hash is another' }) },
    'a row of D1': { compare: async () => ({ compared: 1, underWay: 0, faults: ['transaction 3 differs'], next: null }) },
    'the balances of a store': {
      async *ledgers() {
        const stores = [{ storeId: 'st_9', balances: {}, fault: 'the hash is another' }]
        yield { merchantId: 'mer_1', shard: 0, no: 0, segments: 1, stores, differences: [] }
      },
    },
    'the sum of all': {
      async *ledgers() {
        const stores = [{ storeId: 'st_9', balances: { available: { BTC: 1n } }, fault: null }]
        yield { merchantId: 'mer_1', shard: 0, no: 0, segments: 1, stores, differences: [] }
      },
    },
  }
  test.each(Object.entries(broken))('tells of a fault in %s', async (_what, changes) => {
    const { answer, text } = await said((say) => verify(system(changes), null, say))
    expect(answer).toBeGreaterThan(0)
    expect(text).toMatch(/the hash is another|transaction 3 differs|add up to 1 BTC/)
    expect(text).toMatch(/\d FAULTS?\.$/)
  })

  test('one merchant can be looked at alone', async () => {
    const { text } = await said((say) => verify(system(), 'mer_2', say))
    expect(text).not.toContain('mer_1')
  })
})

test('rebuild goes to the end and says how much it mended', async () => {
  let pages = 0
  const mending = async () => ({ transactions: 100, written: 2, deleted: 1, next: ++pages % 3 === 0 ? null : { atMs: 1, no: 1 } })
  const { answer, text } = await said((say) => rebuild(system({ rebuild: mending }), null, say))
  expect(answer).toBe(18)
  expect(text).toContain('mer_1  300 transactions: 6 rows written, 3 deleted')
  expect((await said((say) => rebuild(system(), null, say))).text).toContain('Every row was right already.')
})

test('balances are shown in the order of the chart, in the decimals of their asset', async () => {
  const { text } = await said((say) => showBalances(system(), 'mer_1', say))
  expect(text).toMatch(/st_1\n\s+available\s+0\.00000005 BTC\n\s+wallet:wal_1\s+-0\.00000005 BTC/)
})

test('differences say whose money is frozen, and what to do', async () => {
  const suspect = { id: 'wallet:a', merchantId: null, detail: 'too much went out', sinceMs: 0, raised: true }
  const difference = { id: 'book', kind: 'book', storeId: null, detail: 'broken', sinceMs: 0 } as const
  const admin = system({
    async *ledgers() {
      yield { merchantId: 'mer_1', shard: 0, no: 0, segments: 1, stores: [], differences: [difference] }
    },
    suspects: async () => [suspect, { ...suspect, id: 'chain/x', merchantId: 'mer_1', raised: false }],
  })
  const { answer, text } = await said((say) => showDifferences(admin, say))
  expect(answer).toBe(2)
  expect(text).toContain('mer_1: money out is frozen\n  book  since 1970-01-01T00:00:00.000Z\n    broken')
  expect(text).toContain('npm run ledger -- clear')
  expect((await said((say) => showDifferences(system(), say))).text).toBe('Nothing waits for a person.')
})

test('a system that does not answer is told as what it is', async () => {
  const admin = openAdmin({ url: 'http://127.0.0.1:9', token: 'x' })
  await expect(admin.suspects()).rejects.toThrow(Refusal)
  await expect(admin.suspects()).rejects.toThrow('run "npm start" first')
})
