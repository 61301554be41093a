/**
 * Builds what browsers load: the checkout's script and style, the claim page's style, and the widget. Runs before types
 * are checked, tests are run and the system is started; writes only what changed. All of it is git-ignored.
 *   public/build/checkout.<hash>.js   public/widget.js   src/checkout/built/assets.ts   src/claim/built/assets.ts
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const checkout = join(root, 'src/checkout')
const claim = join(root, 'src/claim')

/** How long a script of an earlier build is kept. */
const KEPT_MS = 24 * 60 * 60_000
/** Browsers of the last three years or so; esbuild rewrites what they lack. */
const TARGET = ['chrome109', 'firefox115', 'safari16.4']

export async function buildClient(): Promise<void> {
  const [script, widget, css, claimCss] = await Promise.all([
    bundle({ entryPoints: [join(checkout, 'client/checkout.ts')], format: 'esm' }),
    bundle({ entryPoints: [join(checkout, 'client/widget.ts')], format: 'iife' }),
    bundle({ entryPoints: [join(checkout, 'styles.css')] }),
    bundle({ entryPoints: [join(claim, 'styles.css')] }),
  ])
  const name = `checkout.${createHash('sha256').update(script).digest('hex').slice(0, 12)}.js`
  await write(join(root, 'public/build', name), script)
  await write(join(root, 'public/widget.js'), widget)
  await write(join(checkout, 'built/assets.ts'), `${styleModule(css)}export const script = ${JSON.stringify(`/build/${name}`)}\n`)
  await write(join(claim, 'built/assets.ts'), styleModule(claimCss))
  await removeOld(join(root, 'public/build'), name)
}

/** A style and the hash that content policies name it by. */
function styleModule(css: string): string {
  const style = css.trim()
  const hash = `sha256-${createHash('sha256').update(style).digest('base64')}`
  return (
    `// Written by scripts/build-client.ts.\nexport const css = ${JSON.stringify(style)}\n` +
    `export const cssHash = ${JSON.stringify(hash)}\n`
  )
}

async function bundle(options: BuildOptions): Promise<string> {
  // In ASCII: the widget is read in whatever encoding the shop's page declares.
  const { outputFiles } = await build({ ...options, bundle: true, minify: true, write: false, charset: 'ascii', target: TARGET })
  return outputFiles?.[0]?.text ?? ''
}

/** Scripts of earlier builds go once no open page or running server can still ask for them. */
async function removeOld(folder: string, name: string): Promise<void> {
  for (const old of await readdir(folder)) {
    if (!/^checkout\.[0-9a-f]{12}\.js$/.test(old) || old === name) continue
    const { mtimeMs } = await stat(join(folder, old)).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > KEPT_MS) await rm(join(folder, old), { force: true })
  }
}

/** By way of a second file and a rename, so that nobody reads half of it. */
async function write(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => null)) === text) return
  await mkdir(dirname(path), { recursive: true })
  const half = `${path}.${process.pid}`
  await writeFile(half, text)
  await rename(half, path)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildClient()
