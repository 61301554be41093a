import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const SRC = join(import.meta.dirname, '../../src')
const PAGES = ['checkout', 'claim', 'approve']
const FACES = ['api', 'audit', ...PAGES]

/** The rooms of src/ that a room's scripts and styles import from. */
function roomsUsedBy(room: string): string[] {
  const used = new Set<string>()
  for (const entry of readdirSync(join(SRC, room), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(tsx?|css)$/.test(entry.name) || entry.name === 'assets.ts') continue
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
    for (const [, path = ''] of text.matchAll(/(?:from|@import|import) ['"](\.[^'"]+)['"]/g))
      used.add(relative(SRC, resolve(dirname(join(entry.parentPath, entry.name)), path)).split('/')[0] ?? '')
  }
  used.delete(room)
  return [...used]
}

test.each(PAGES)('%s shares parts of pages with the others, and knows none of them', (room) => {
  const used = roomsUsedBy(room)
  expect(used).toContain('page')
  expect(used.filter((other) => FACES.includes(other))).toEqual([])
})

test('what pages are made of knows no page', () => {
  expect(roomsUsedBy('page').filter((other) => FACES.includes(other))).toEqual([])
})
