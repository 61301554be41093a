import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleWorker } from '../../scripts/stack/bundle.ts'

const root = join(import.meta.dirname, '../..')
const build = () => bundleWorker(join(root, 'workers/courier/index.ts'), 'courier.mjs')

test('a place in a Worker is named as that in our file', async () => {
  const { code, named } = await build()
  const said = 'redirect: "manual"'
  const line = code.split('\n').findIndex((text) => text.includes(said)) + 1
  const text = named(`Error: no\n    at attempt (file:///any/where/courier.mjs:${line}:7)\n    at core.mjs:1:1`)
  const [, file = '', number] = /\n {4}at attempt \((src\/.+\.ts):(\d+):\d+\)\n {4}at core\.mjs:1:1$/.exec(text) ?? []
  expect(readFileSync(join(root, file), 'utf8').split('\n')[Number(number) - 1]).toContain("redirect: 'manual'")
})

test('what is built once is not built again', async () => {
  expect(await build()).toBe(await build())
})
