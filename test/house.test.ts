import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/**
 * The floors of the house (docs/ARCHITECTURE.md), from the ground up. What runs is imported from a floor below, or from a
 * room beside it as long as that makes no circle; types from beside in any direction, since rooms call each other by RPC.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['lib'],
  ['money'],
  ['gateways'],
  ['invoice', 'wallet', 'ledger', 'chain', 'exchange', 'delivery', 'bank', 'lightning', 'signer'],
  ['auth', 'storage'],
  ['page'],
  ['api', 'checkout', 'claim', 'approve', 'audit'],
]
const root = join(import.meta.dirname, '..')
const floorOf = (room: string) => FLOORS.findIndex((rooms) => rooms.includes(room))

interface Import {
  readonly file: string
  /** Of src/, or `workers`, or another folder of the repository. */
  readonly from: string
  readonly to: string
  readonly path: string
  readonly isType: boolean
}

const files = globSync('src/**/*.{ts,tsx}', { cwd: root })
const IMPORT = /(?:^|\n)(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)/g

const imports: Import[] = files.flatMap((file) =>
  [...readFileSync(join(root, file), 'utf8').matchAll(IMPORT)].map(([, type, named, called]) => {
    const name = named ?? called ?? ''
    const path = name.startsWith('.') ? normalize(join(dirname(file), name)) : name
    const [folder = '', room = ''] = path.split('/')
    return { file, from: file.split('/')[1] ?? '', to: folder === 'src' ? room : folder, path, isType: type !== undefined }
  }),
)
const between = imports.filter(({ from, to, path }) => /^(src|\.\.|[a-z]+)\//.test(path) && floorOf(to) >= 0 && from !== to)
const named = (found: readonly Import[]) => found.map(({ file, path }) => `${file} imports ${path}`)

test('every room has its floor', () => {
  expect([...new Set(files.map((file) => file.split('/')[1]))].filter((room) => room === undefined || floorOf(room) < 0)).toEqual(
    [],
  )
  expect(between.length).toBeGreaterThan(500)
})

test('arrows point down: no room imports from a floor above it', () => {
  expect(named(between.filter(({ from, to }) => floorOf(to) > floorOf(from)))).toEqual([])
})

test('rooms beside each other make no circle', () => {
  const beside = new Map<string, Set<string>>()
  for (const { from, to, isType } of between) {
    if (!isType && floorOf(from) === floorOf(to)) beside.set(from, (beside.get(from) ?? new Set()).add(to))
  }
  const circles = [...beside.keys()].filter((room) => {
    const reached = new Set<string>()
    const next = [room]
    for (let at = next.pop(); at !== undefined; at = next.pop()) {
      for (const to of beside.get(at) ?? []) if (!reached.has(to)) next.push(reached.add(to) && to)
    }
    return reached.has(room)
  })
  expect(circles).toEqual([])
})

test('pages know nothing of one another: what they share is in page', () => {
  const faces = ['checkout', 'claim', 'approve']
  expect(named(between.filter(({ from, to }) => faces.includes(from) && faces.includes(to)))).toEqual([])
})

test('of doors rooms know the types of their environment alone, and nothing of tests and scripts', () => {
  const outside = imports.filter(({ to }) => ['workers', 'test', 'scripts', 'bench'].includes(to))
  expect(named(outside.filter(({ path, isType }) => !isType || !/^workers\/\w+\/env\.ts$/.test(path)))).toEqual([])
})

test('only objects know what they run on', () => {
  const knowing = imports.filter(({ path, isType }) => path === 'cloudflare:workers' && !isType).map(({ file }) => file)
  expect(knowing.length).toBeGreaterThan(5)
  expect(knowing.filter((file) => !file.endsWith('object.ts'))).toEqual([])
})
