import { SourceMap } from 'node:module'
import { relative, resolve } from 'node:path'
import { build } from 'esbuild'

export interface Bundle {
  /** One ES module. */
  readonly code: string
  /** A text of the runtime's, its places in the module (`core.mjs:12:3`) named as those in our files. */
  named(text: string): string
}

/** Built once in a process: a system that is started again runs the same code. */
const bundles = new Map<string, Promise<Bundle>>()

/**
 * One Worker as `wrangler deploy` would make it; in stack traces it is known as `name`. The source map stays here: miniflare
 * reads none inside a module, and copies what is in one many times. Throws with esbuild's own message when the code does
 * not build.
 */
export function bundleWorker(entry: string, name: string): Promise<Bundle> {
  const known = bundles.get(entry)
  if (known) return known
  const made = makeBundle(entry, name)
  bundles.set(entry, made)
  return made
}

async function makeBundle(entry: string, name: string): Promise<Bundle> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    outfile: name,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    jsx: 'automatic',
    jsxImportSource: 'hono/jsx',
    sourcemap: 'external',
    sourcesContent: false,
    loader: { '.sql': 'text', '.html': 'text', '.txt': 'text' },
    logLevel: 'silent',
  })
  const [map, code] = ['.map', name].map((ending) => result.outputFiles.find(({ path }) => path.endsWith(ending))?.text)
  if (map === undefined || code === undefined) throw new Error(`esbuild made nothing of ${entry}`)
  return { code, named: placeNamer(name, map) }
}

/** The map is read when a first place is to be named: hardly ever. */
function placeNamer(name: string, map: string): (text: string) => string {
  const places = new RegExp(`[^\\s(]*\\b${name.replaceAll('.', '\\.')}:(\\d+):(\\d+)`, 'g')
  let read: SourceMap | undefined
  return (text) =>
    text.replace(places, (place, line: string, column: string) => {
      read ??= new SourceMap(JSON.parse(map))
      const origin = read.findOrigin(Number(line), Number(column))
      if (!('fileName' in origin)) return place
      return `${relative('', resolve(origin.fileName))}:${origin.lineNumber}:${origin.columnNumber}`
    })
}
