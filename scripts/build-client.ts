/**
 * Builds what browsers load: the scripts and styles of the checkout and of the approval pages, the claim page's style, and
 * the widget. Runs before types are checked, tests are run and the system is started; writes only what changed. All of it
 * is git-ignored.
 *   public/build/<name>.<hash>.js   public/widget.js   src/{checkout,claim,approve}/built/assets.ts
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const src = (path: string) => join(root, 'src', path)
const builds = join(root, 'public/build')

/** How long a script of an earlier build is kept. */
const KEPT_MS = 24 * 60 * 60_000
/** Browsers of the last three years or so; esbuild rewrites what they lack. */
const TARGET = ['chrome109', 'firefox115', 'safari16.4']

export async function buildClient(): Promise<void> {
  const [checkout, approve, approver, widget, css, claimCss, approveCss] = await Promise.all([
    bundle({ entryPoints: [src('checkout/client/checkout.ts')], format: 'esm' }),
    bundle({ entryPoints: [src('approve/client/approve.ts')], format: 'esm' }),
    bundle({ entryPoints: [src('approve/client/approver.ts')], format: 'esm' }),
    bundle({ entryPoints: [src('checkout/client/widget.ts')], format: 'iife' }),
    bundle({ entryPoints: [src('checkout/styles.css')] }),
    bundle({ entryPoints: [src('claim/styles.css')] }),
    bundle({ entryPoints: [src('approve/styles.css')] }),
  ])
  const scripts = {
    checkout: named('checkout', checkout),
    approve: named('approve', approve),
    approver: named('approver', approver),
  }
  await write(join(builds, scripts.checkout), checkout)
  await write(join(builds, scripts.approve), approve)
  await write(join(builds, scripts.approver), approver)
  await write(join(root, 'public/widget.js'), widget)
  await write(src('checkout/built/assets.ts'), styleModule(css) + scriptLine('script', scripts.checkout))
  await write(src('claim/built/assets.ts'), styleModule(claimCss))
  const approveLines = scriptLine('approveScript', scripts.approve) + scriptLine('approverScript', scripts.approver)
  await write(src('approve/built/assets.ts'), styleModule(approveCss) + approveLines)
  await removeOld(new Set(Object.values(scripts)))
}

/** The name of a script says what is in it, so that it can be kept for ever. */
function named(name: string, script: string): string {
  return `${name}.${createHash('sha256').update(script).digest('hex').slice(0, 12)}.js`
}

function scriptLine(name: string, file: string): string {
  return `export const ${name} = ${JSON.stringify(`/build/${file}`)}\n`
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
async function removeOld(kept: ReadonlySet<string>): Promise<void> {
  for (const old of await readdir(builds)) {
    if (!/^[a-z]+\.[0-9a-f]{12}\.js$/.test(old) || kept.has(old)) continue
    const { mtimeMs } = await stat(join(builds, old)).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > KEPT_MS) await rm(join(builds, old), { force: true })
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
