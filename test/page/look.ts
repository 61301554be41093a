import { createHash } from 'node:crypto'
import { expect } from 'vitest'

/** A page as it came, and what a person reads of it. */
export interface Looked {
  readonly response: Response
  readonly html: string
  readonly text: string
}

export async function lookAt(response: Response): Promise<Looked> {
  const html = await response.text()
  return { response, html, text: readable(html) }
}

/** No tags, no style, no breaking spaces to stumble over. */
export function readable(html: string): string {
  return html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
    .replace(/[\s\u00a0]+/g, ' ')
}

/** One document in one language, with one headline, nothing inline that could run, and no other script than this. */
export function expectDocument(html: string, script: string | null): void {
  expect(html).toMatch(/^<!doctype html><html lang="(en|de|uk)"><head><meta charset="utf-8"\/>/)
  expect(html).toMatch(/<\/body><\/html>$/)
  expect(html.match(/<h1/g)).toHaveLength(1)
  expect(html.match(/<script.*?<\/script>/gs) ?? []).toEqual(script ? [`<script type="module" src="${script}"></script>`] : [])
  expect(html).not.toMatch(/\son[a-z]+=|\sstyle=|javascript:/)
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const [, refs] of html.matchAll(/\saria-(?:describedby|labelledby)="([^"]+)"/g))
    for (const id of refs?.split(' ') ?? []) expect(ids).toContain(id)
  for (const [, id] of html.matchAll(/<label for="([^"]+)"/g)) expect(ids).toContain(id)
}

/** Tells nobody of its address, is in no index and no cache, sets no cookie, and may do what `policy` says around its style. */
export function expectHeaders({ html, response }: Looked, policy: (style: string) => string): void {
  const style = /<style>(.*?)<\/style>/s.exec(html)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  const { headers } = response
  expect(headers.get('content-security-policy')).toBe(policy(`'sha256-${hash}'`))
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('x-robots-tag')).toBe('noindex, nofollow')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('set-cookie')).toBeNull()
  expect(html).toContain('<meta name="robots" content="noindex"/>')
}

/** Loads and links to these alone, and tells nobody outside where from. */
export function expectLinks(html: string, allowed: RegExp): void {
  for (const [, url] of html.matchAll(/\s(?:href|src|action|formaction)="([^"]+)"/g)) expect(url).toMatch(allowed)
  expect(html).not.toMatch(/href="https[^>]*(?<!rel="noreferrer")>/)
}
