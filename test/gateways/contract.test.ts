import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CLAIMS, type Claim, EXEMPT } from './contract/claims.ts'

const guide = readFileSync('docs/adding-a-gateway.md', 'utf8')
const files = readdirSync('test/gateways/contract').filter((name) => name.endsWith('.test.ts'))

test.each(Object.keys(EXEMPT))('%s runs the contract', (gateway) => {
  const runs = files.filter((name) => readFileSync(`test/gateways/contract/${name}`, 'utf8').includes(`runContract('${gateway}'`))
  expect(runs).toHaveLength(1)
})

test('what is not claimed of a gateway is in the guide, with why, and nothing else is', () => {
  const rows = Object.entries(EXEMPT).flatMap(([gateway, claims]) =>
    Object.entries(claims).map(([claim, why]) => `| ${gateway} | ${CLAIMS[claim as Claim]} | ${why} |`),
  )
  const [, table = ''] = guide.split('| Gateway | Not claimed | Why |\n|---|---|---|\n')
  expect(table.split('\n\n')[0]?.trim().split('\n')).toEqual(rows)
})

test('the claims are in the guide, word for word', () => {
  for (const words of Object.values(CLAIMS)) expect(guide).toContain(`- ${words}\n`)
})
