import { build } from 'esbuild'

/**
 * One Worker as one ES module, as `wrangler deploy` would make it, with its source map inside so that
 * stack traces name our files. Throws with esbuild's own message when the code does not build.
 */
export async function bundleWorker(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    jsx: 'automatic',
    jsxImportSource: 'hono/jsx',
    sourcemap: 'inline',
    loader: { '.sql': 'text', '.html': 'text', '.txt': 'text' },
    logLevel: 'silent',
  })
  const file = result.outputFiles[0]
  if (!file) throw new Error(`esbuild made nothing of ${entry}`)
  return file.text
}
