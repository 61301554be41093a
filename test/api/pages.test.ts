import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createPages } from '../../src/api/pages.tsx'
import { PROBLEMS } from '../../src/api/problems.ts'

const page = async (path: string) => {
  const response = await createPages().request(path)
  return { response, html: await response.text() }
}

test('each error code has its place on the page that problems point to', async () => {
  const { html } = await page('/docs/errors')
  for (const { code } of Object.values(PROBLEMS)) expect(html.split(`id="${code}"`)).toHaveLength(2)
})

test.each(['/', '/docs/errors'])('%s allows its own style and nothing else, and is framed by nobody', async (path) => {
  const { response, html } = await page(path)
  const style = /<style>(.*?)<\/style>/s.exec(html)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain(`style-src 'sha256-${hash}'`)
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(html.startsWith('<!doctype html>')).toBe(true)
})
