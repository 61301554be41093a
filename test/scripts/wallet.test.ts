import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseArguments, USAGE } from '../../scripts/wallet/arguments.ts'
import type { BalanceAnswer, ChainLine, GivenLine, WalletLine } from '../../scripts/wallet/client.ts'
import { showAddress, showAddresses, showBalance, showWallets, untilRead } from '../../scripts/wallet/show.ts'

const root = join(import.meta.dirname, '../..')

async function said(work: (say: { line(text?: string): void; progress(): void }) => unknown) {
  const lines: string[] = []
  const answer = await work({ line: (text = '') => void lines.push(text), progress: () => {} })
  return { answer, text: lines.join('\n') }
}

describe('the command line', () => {
  const command = (...args: string[]) => {
    const parsed = parseArguments(args)
    return parsed.ok ? parsed.value : parsed.error
  }

  test('is read, or what is wrong with it is said', () => {
    expect(command('list')).toEqual({ command: 'list' })
    expect(command('balance', 'BTC', '--refresh')).toEqual({ command: 'balance', wallet: 'BTC', refresh: true })
    expect(command('addresses', 'wal_1')).toEqual({ command: 'addresses', wallet: 'wal_1' })
    expect(command('address', 'wal_1', 'bcrt1q')).toEqual({
      command: 'address',
      wallet: 'wal_1',
      address: 'bcrt1q',
      refresh: false,
    })
    expect(command('receive', 'btc', '--amount', '0.5')).toEqual({ command: 'receive', asset: 'BTC', amount: '0.5' })
    expect(command()).toBe('Say what to do.')
    expect(command('toString')).toBe('There is no command "toString".')
    expect(command('balance')).toBe('<wallet> is missing.')
    expect(command('address', 'wal_1')).toBe('<address> is missing.')
    expect(command('list', 'x')).toBe('"x" is one too many.')
    expect(command('list', '--refresh')).toContain("Unknown option '--refresh'")
    expect(command('receive', 'XYZ', '--amount', '1')).toBe('XYZ is no asset of this installation.')
    expect(command('receive', 'BTC')).toBe('--amount is missing.')
    for (const amount of ['0', '0.000000001', '1,5'])
      expect(command('receive', 'BTC', '--amount', amount)).toContain('--amount must be')
  })

  test('is told from the outside too: usage, and that nothing runs', () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-wallet-'))
    const run = (...args: string[]) =>
      spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'scripts/wallet.ts'), ...args], {
        encoding: 'utf8',
        env: { ...process.env, PAYTOMAT_STATE: stateDir },
      })
    expect(run('nonsense')).toMatchObject({ status: 1, stderr: expect.stringContaining(USAGE) })
    expect(run('list')).toMatchObject({ status: 1, stderr: 'Paytomat is not running here: run "npm start" first.\n' })
    rmSync(stateDir, { recursive: true, force: true })
  })
})

const line = (changes: Partial<ChainLine> = {}): ChainLine => ({
  chain: 'bip122:1',
  name: 'Bitcoin',
  asOf: { height: 7, hash: 'ab', at: '2026-11-22T00:00:00.000Z' },
  readAt: '2026-11-22T00:01:00.000Z',
  addresses: 4,
  stale: false,
  refreshing: false,
  error: null,
  assets: [{ asset: 'BTC', confirmed: '0.00033334', pending: '0.00000001', leaving: '0.00000000', reserved: '0.00000002' }],
  ...changes,
})
const answer = (changes: Partial<ChainLine> = {}): BalanceAnswer => ({
  walletId: 'wal_1',
  custody: 'self',
  chains: [line(changes)],
})

describe('what is shown', () => {
  test('of a balance: as of which block, and every figure', async () => {
    const { answer: failed, text } = await said((say) => showBalance(answer(), say))
    expect(failed).toBe(0)
    expect(text).toContain('Bitcoin: as of block 7 (2026-11-22T00:00:00.000Z), 4 read at 2026-11-22T00:01:00.000Z')
    expect(text).toMatch(/BTC +0\.00033334 +0\.00000001 +0\.00000000 +0\.00000002/)
  })

  test('of one that was never read, is old, or could not be read', async () => {
    expect((await said((say) => showBalance(answer({ asOf: null, readAt: null, stale: true }), say))).text).toContain(
      'never read, stale: --refresh',
    )
    const error = { reason: 'node_unreachable', detail: 'node: away', at: '2026-11-22T00:02:00.000Z' }
    const { answer: failed, text } = await said((say) => showBalance(answer({ error }), say))
    expect(failed).toBe(1)
    expect(text).toContain('not read at 2026-11-22T00:02:00.000Z: node_unreachable: node: away')
    expect(text).toContain('0.00033334')
  })

  test('of a bank account and a Lightning node, which have no blocks', async () => {
    const account = { name: 'SEPA', asOf: null, readAt: '2026-11-23T00:00:00.000Z' }
    const { answer: well, text } = await said((say) => showBalance(answer({ ...account, stale: true }), say))
    expect(well).toBe(0)
    expect(text).toContain('SEPA: as of 2026-11-23T00:00:00.000Z, stale: a newer statement is wanted')
    expect(text).toMatch(/0\.00033334 +0\.00000001 +0\.00000000 +0\.00000002/)
    const error = { reason: 'balance_difference', detail: 'closed with 1', at: '2026-11-24T00:00:00.000Z' }
    const wrong = await said((say) => showBalance(answer({ ...account, error }), say))
    expect(wrong.answer).toBe(1)
    expect(wrong.text).toContain('since 2026-11-24T00:00:00.000Z: balance_difference: closed with 1')
  })

  test('of wallets and addresses', async () => {
    const wallet: WalletLine = {
      id: 'wal_1',
      custody: 'platform',
      script: 'p2wpkh',
      addressesUsed: 3,
      chains: [
        { chain: 'bip122:1', name: 'Bitcoin', assets: ['BTC'], firstAddresses: ['bc1one', 'bc1two', 'bc1three'], payer: null },
      ],
    }
    expect((await said((say) => showWallets([wallet], say))).text).toContain('    2  bc1three')
    const payer = { address: '0xcd', native: null, low: true }
    const evm = { ...wallet, chains: wallet.chains.map((chain) => ({ ...chain, payer })) }
    expect((await said((say) => showWallets([evm], say))).text).toContain('pays from 0xcd; what it has for gas is not known')
    const poor = { ...evm, chains: evm.chains.map((chain) => ({ ...chain, payer: { ...payer, native: '0.0' } })) }
    expect((await said((say) => showWallets([poor], say))).text).toContain('pays from 0xcd, which has 0.0 for gas: send it more')
    const full = { ...evm, chains: evm.chains.map((chain) => ({ ...chain, payer: { ...payer, native: '1.0', low: false } })) }
    expect((await said((say) => showWallets([full], say))).text).toMatch(/pays from 0xcd, which has 1\.0 for gas$/)
    const given: GivenLine = {
      index: 3,
      invoiceId: 'inv_1',
      chains: ['eip155:1', 'eip155:8453'].map((chain) => ({
        chain,
        address: '0xab',
        assets: [{ asset: chain === 'eip155:1' ? 'ETH' : 'ETH-BASE', confirmed: '1.0', pending: '0.5', leaving: '0.0' }],
      })),
    }
    async function* all() {
      yield given
    }
    const { text } = await said((say) => showAddresses(all(), say))
    expect(text).toBe('     3  0xab  inv_1  1.0 ETH (and 0.5 waiting), 1.0 ETH-BASE (and 0.5 waiting)')
    const one = { address: '0xab', index: 3, invoiceId: 'inv_1', chains: [line()] }
    expect((await said((say) => showAddress(one, say))).text).toContain('0xab  index 3, inv_1')
  })

  test('with --refresh is what it is when the reading has ended', async () => {
    const answers = [answer({ refreshing: true, asOf: null }), answer({ refreshing: true, asOf: null }), answer()]
    const asked: boolean[] = []
    const ask = async (refresh: boolean) => {
      asked.push(refresh)
      return answers.shift() as BalanceAnswer
    }
    const { answer: last } = await said((say) => untilRead(ask, say, async () => {}))
    expect(asked).toEqual([true, false, false])
    expect(last).toEqual(answer())
  })
})
