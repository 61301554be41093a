import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import {
  commandOf,
  endLeftovers,
  endProcess,
  isAlive,
  openProcessBook,
  takeLock,
  writePrivate,
} from '../../scripts/stack/processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'paytomat-processes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A process that does nothing, with a mark in its command line; `deaf` ignores SIGTERM. */
async function idle(mark: string, deaf = false): Promise<number> {
  const script = `${deaf ? "process.on('SIGTERM', () => {});" : ''} console.log('up'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', script, mark], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return child.pid ?? 0
}

test('what an earlier start left running is ended, known by its id and its command', async () => {
  const pid = await idle('left-over')
  openProcessBook(folder).add(pid, 'left-over')
  expect(await endLeftovers(folder)).toEqual(['left-over'])
  expect(commandOf(pid)).toBeNull()
  expect(await endLeftovers(folder)).toEqual([])
})

test('a process that has got the id of an old one is left alone', async () => {
  const pid = await idle('innocent')
  writePrivate(join(folder, 'processes.json'), JSON.stringify([{ pid, name: 'workers', command: 'workerd serve' }]))
  expect(await endLeftovers(folder)).toEqual([])
  expect(isAlive(pid)).toBe(true)
  expect(await endProcess(pid, 'SIGKILL', 2_000)).toBe(true)
})

test('a process that does not hear is killed', async () => {
  const pid = await idle('deaf', true)
  expect(await endProcess(pid, 'SIGTERM', 300)).toBe(true)
  expect(commandOf(pid)).toBeNull()
})

test('a state folder has one owner; the lock of a dead one is taken over', async () => {
  const pid = await idle('owner')
  const lock = (launchers: { pid: number; command: string }[]) =>
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid, command: commandOf(pid), launchers }))
  lock([])
  expect(await takeLock(folder)).toEqual({ held: false, pid })

  // Its launcher is gone: nobody can end it by Ctrl-C any more, so it is ended and its lock taken over.
  lock([{ pid: 2 ** 30, command: 'npm start' }])
  const taken = await takeLock(folder)
  expect(taken.held).toBe(true)
  expect(commandOf(pid)).toBeNull()
  if (taken.held) taken.release()
})

test('secrets are for their owner alone', () => {
  const path = join(folder, 'secret.json')
  writeFileSync(path, 'old', { mode: 0o644 })
  writePrivate(path, 'new')
  expect(statSync(path).mode & 0o777).toBe(0o600)
})
