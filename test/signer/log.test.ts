import { expect, test } from 'vitest'
import { EMPTY_LOG, followLog, type LogEntry, nextEntry } from '../../src/signer/log.ts'

function log(count: number): LogEntry[] {
  const entries: LogEntry[] = []
  for (let at = 0; at < count; at++) entries.push(nextEntry(entries.at(-1) ?? EMPTY_LOG, 'refused', `{"at":${at}}`, 1_000 + at))
  return entries
}

test('a log that is whole is followed to its end, page by page', () => {
  const entries = log(10)
  const first = followLog(EMPTY_LOG, entries.slice(0, 4))
  const second = followLog(first.head, entries.slice(4))
  expect(first.fault ?? second.fault).toBeNull()
  expect(second.head).toEqual({ no: 10, atMs: 1_009, hash: entries[9]?.hash })
})

test('whatever is changed, left out, put in or moved is found', () => {
  const entries = log(5)
  const faultOf = (changed: readonly LogEntry[]) => followLog(EMPTY_LOG, changed).fault
  const third = entries[2] as LogEntry
  for (const change of [{ no: 9 }, { atMs: 1 }, { kind: 'signed' as const }, { body: '{}' }, { previous: 'x' }, { hash: 'x' }])
    expect(faultOf(entries.with(2, { ...third, ...change }))).toContain('entry')
  expect(faultOf(entries.toSpliced(2, 1))).toBe('entry 4: follows entry 2')
  expect(faultOf(entries.toSpliced(2, 0, third))).toContain('entry 3')
  expect(faultOf([...entries].reverse())).toContain('entry 5')
  // An entry that was made anew does not fit those after it.
  const forged = nextEntry(entries[1] as LogEntry, 'signed', '{}', 1_002)
  expect(faultOf(entries.with(2, forged))).toBe('entry 4: does not follow the hash of the one before')
})

test('time never goes back in it', () => {
  const first = nextEntry(EMPTY_LOG, 'stopped', '{}', 5_000)
  expect(nextEntry(first, 'allowed', '{}', 4_000).atMs).toBe(5_000)
})
