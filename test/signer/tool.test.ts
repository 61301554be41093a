import { expect, test } from 'vitest'
import { changeApprovers } from '../../scripts/signer/approvers.ts'
import { parseArguments } from '../../scripts/signer/arguments.ts'
import { showLog, showWallet } from '../../scripts/signer/show.ts'
import { EMPTY_LOG, type LogEntry, nextEntry } from '../../src/signer/log.ts'

const error = (...args: string[]) => {
  const parsed = parseArguments(args)
  return parsed.ok ? 'fine' : parsed.error
}

test('what was typed is understood', () => {
  expect(parseArguments(['import', 'a.json', '--by', 'Ada'])).toEqual({
    ok: true,
    value: { command: 'import', file: 'a.json', by: 'Ada' },
  })
  expect(parseArguments(['stop', '--by', 'Ada', '--reason', 'odd'])).toMatchObject({ value: { command: 'stop', wallet: 'all' } })
  expect(parseArguments(['allow', 'wal_1', '--by', 'Ada', '--reason', 'fine'])).toMatchObject({
    value: { wallet: 'wal_1', reason: 'fine' },
  })
  expect(parseArguments(['log', 'wal_1', '--json'])).toMatchObject({ value: { json: true } })
  expect(parseArguments(['approver', 'add', 'wal_1', 'ada.json', '--by', 'Bob'])).toMatchObject({
    value: { wallet: 'wal_1', change: { add: 'ada.json' }, by: 'Bob' },
  })
  expect(parseArguments(['approver', 'add', 'wal_1', '-', '--by', 'Bob'])).toMatchObject({ value: { change: { add: '-' } } })
  expect(parseArguments(['approver', 'remove', 'wal_1', 'Ada', '--by', 'Bob'])).toMatchObject({
    value: { wallet: 'wal_1', change: { remove: 'Ada' } },
  })
})

test('what is not known, missing or too much is refused in words', () => {
  expect(error()).toBe('Say what to do.')
  expect(error('sign', 'wal_1')).toBe('There is no command "sign".')
  expect(error('toString')).toBe('There is no command "toString".')
  expect(error('import', '--by', 'Ada')).toBe('<file> is missing.')
  expect(error('import', 'a.json')).toBe('--by is missing.')
  expect(error('policy', 'wal_1', '--by', 'Ada')).toBe('<file> is missing.')
  expect(error('stop', '--by', ' ', '--reason', 'x')).toBe('--by is missing.')
  expect(error('stop', 'wal_1', 'wal_2', '--by', 'Ada', '--reason', 'x')).toBe('"wal_2" is one too many.')
  expect(error('show')).toBe('<wallet> is missing.')
  expect(error('show', 'wal_1', '--by', 'x')).toContain("Unknown option '--by'")
  expect(error('approver', 'add', 'wal_1', '--by', 'Ada')).toBe('<file> or <member> is missing.')
  expect(error('approver', 'add', 'wal_1', 'ada.json')).toBe('--by is missing.')
  expect(error('approver', 'wal_1', 'add', 'x', '--by', 'Ada')).toBe('An approver is added or removed: "wal_1" is neither.')
})

test('a passkey more, or a member less', () => {
  const approver = (name: string) => ({ name, credentialId: name, publicKey: 'k', rpId: 'r', origin: 'o' })
  const policy = { assets: {}, approvers: [approver('Ada')] }
  expect(changeApprovers(policy, { add: approver('Bob') })).toMatchObject({
    value: { approvers: [{ name: 'Ada' }, { name: 'Bob' }] },
  })
  expect(changeApprovers(policy, { remove: 'Ada' })).toMatchObject({ value: { approvers: [] } })
  expect(changeApprovers(policy, { remove: 'Eve' })).toEqual({ ok: false, error: 'No approver is called Eve.' })
})

test('a log is shown line by line, and checked over its pages', async () => {
  const entries: LogEntry[] = []
  for (let at = 0; at < 4; at++) entries.push(nextEntry(entries.at(-1) ?? EMPTY_LOG, 'refused', `{"at":${at}}`, 1_790_000_000_000))
  const pages = async function* (all: readonly LogEntry[]) {
    yield all.slice(0, 2)
    yield all.slice(2)
  }
  const lines: string[] = []
  const say = { line: (text = '') => void lines.push(text), progress: () => {} }
  expect(await showLog(pages(entries), false, say)).toBeNull()
  expect(lines[0]).toBe('    1  2026-09-21T14:13:20.000Z  refused        {"at":0}')
  expect(lines.at(-1)).toBe(`4 entries, whole. Ends in ${entries[3]?.hash}`)
  lines.length = 0
  expect(await showLog(pages(entries), true, say)).toBeNull()
  expect(lines.map((line) => JSON.parse(line))).toEqual(entries)
  expect(await showLog(pages(entries.toSpliced(2, 1)), false, say)).toBe('entry 4: follows entry 2')
  expect(lines.at(-1)).toBe('FAULT: entry 4: follows entry 2')
})

test('a wallet is shown with what holds it back', () => {
  const shown = (changes: object) => {
    const lines: string[] = []
    const wallet = {
      walletId: 'wal_1',
      account: { xpub: 'xpub', script: 'evm' as const },
      policy: null,
      policyVersion: 0,
      stopped: null,
      head: EMPTY_LOG,
    }
    showWallet({ ...wallet, ...changes }, { line: (text = '') => void lines.push(text), progress: () => {} })
    return lines.join('\n')
  }
  expect(shown({})).toContain('policy   none: nothing is signed')
  expect(shown({ account: null })).toContain('no seed here')
  expect(shown({ stopped: 'odd' })).toContain('stopped: odd')
  expect(shown({ policy: { assets: {}, approvers: [] }, policyVersion: 3 })).toContain('version 3')
})
