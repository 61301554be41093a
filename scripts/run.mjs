/**
 * Runs a script of this project with a Node.js that can: this one when it is 22.18 or newer (it reads TypeScript),
 * else the one that `npm ci` brought along. Plain JavaScript that Node.js 20 understands.
 *   node scripts/run.mjs <file or command in node_modules/.bin> [arguments]
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

function suitableNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
  const name = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  const bundled = join(root, 'node_modules', `${name}-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(bundled)) return bundled
  console.error(
    `Paytomat needs Node.js 22.18 or newer to run; this is ${process.version} on ${process.platform} ${process.arch}.\n` +
      'Run "npm ci" (it brings a newer Node.js along for Linux and macOS), or install Node.js 24 or newer.',
  )
  process.exit(1)
}

const [script, ...args] = process.argv.slice(2)
if (!script) {
  console.error('usage: node scripts/run.mjs <script> [arguments]')
  process.exit(2)
}
const node = suitableNode()
const bin = join(root, 'node_modules', '.bin')
const path = [dirname(node), bin, process.env.PATH].join(process.platform === 'win32' ? ';' : ':')
const isFile = /\.(ts|mjs|js)$/.test(script)
const child = isFile
  ? spawn(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], {
      stdio: 'inherit',
      cwd: root,
      env: { ...process.env, PATH: path },
    })
  : spawn(join(bin, script), args, { stdio: 'inherit', cwd: root, env: { ...process.env, PATH: path } })

// Ctrl-C in a terminal reaches the child by itself; without one, and for other signals, it is handed on. Then wait for its end.
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) child.kill('SIGINT')
})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(`could not run ${script}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(signal ? 128 : (code ?? 1)))
