import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

test.each([
  ['pay', '--help'],
  ['bank', '--help'],
  ['ledger', 'help'],
  ['wallet', '--help'],
  ['signer', '-h'],
  ['ceremony', '--help'],
  ['wallet', 'send', 'BTC', '--help'],
])('%s says how it is used to who asks for %s', (name, ...asked) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`scripts/${name}.ts`, ...asked], { cwd: root, encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(new RegExp(`^usage: npm run ${name} -- `))
})
