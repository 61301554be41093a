import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readJson } from '../../scripts/stack/processes.ts'
import { TALLY_FILE, type Tally } from '../../scripts/tally.ts'

const root = join(import.meta.dirname, '../..')
const FILES = {
  'test.test.ts': `
    test('passes', () => {})
    describe('a group', () => { test('fails', () => expect(1).toBe(2)) })`,
  'hooks.test.ts': `
    describe('a group', () => { beforeAll(() => { throw new Error('no hook') }); test('is not run', () => {}) })
    afterAll(() => { throw new Error('no end') })`,
  'broken.test.ts': `import './nowhere.ts'`,
  'late.test.ts': `
    test('passes', () => {})
    test('leaves something', () => { void Promise.reject(new Error('too late')) })`,
}

test('whatever fails in vitest is named: a test, a hook, a file, a promise that nobody waits for', () => {
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, 'node_modules/.cache/tally-'))
  try {
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text)
    const file = join(folder, 'tally.json')
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const { status } = spawnSync(
      process.execPath,
      [vitest, 'run', '--root', folder, '--globals', '--exclude', 'none', `--reporter=${join(root, 'scripts/tally.ts')}`],
      { cwd: folder, env: { ...process.env, [TALLY_FILE]: file }, encoding: 'utf8' },
    )
    const tally = readJson<Tally>(file)
    expect([status, tally?.passed]).toEqual([1, 3])
    expect(tally?.failures.toSorted()).toEqual([
      expect.stringMatching(/^broken\.test\.ts: .*nowhere\.ts/),
      'hooks.test.ts > a group: Error: no hook',
      'hooks.test.ts: Error: no end',
      'outside of any test: Error: too late',
      'test.test.ts > a group > fails: AssertionError: expected 1 to be 2 // Object.is equality',
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
