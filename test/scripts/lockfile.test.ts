import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Lock, missingOptional, platformOf } from '../../scripts/lockfile.ts'

const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as Lock

test('the lock file has the packages of every system, so that npm ci takes it on each (else: npm run lock)', () => {
  expect(missingOptional(lock)).toEqual([])
})

test('the lock file names no registry', () => {
  expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})

test('a package that is only named is missed, and one beside or above it is found', () => {
  const version = '1.0.0'
  const packages = { 'node_modules/a': { version, optionalDependencies: { 'a-linux': version } } }
  expect(missingOptional({ packages })).toEqual([{ name: 'a-linux', version, dev: false }])
  expect(missingOptional({ packages: { ...packages, 'node_modules/a-linux': { version } } })).toEqual([])
  expect(missingOptional({ packages: { ...packages, 'node_modules/a/node_modules/a-linux': { version } } })).toEqual([])
})

test('the name tells the system', () => {
  expect(platformOf('@biomejs/cli-linux-x64-musl')).toEqual({ os: ['linux'], cpu: ['x64'], libc: ['musl'] })
  expect(platformOf('@cloudflare/workerd-darwin-64')).toEqual({ os: ['darwin'], cpu: ['x64'] })
  expect(platformOf('@foundry-rs/anvil-win32-amd64')).toEqual({ os: ['win32'], cpu: ['x64'] })
  expect(() => platformOf('fsevents')).toThrow('by hand')
})
