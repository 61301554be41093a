/**
 * Runs a program that would outlive us, and ends it when the parent ends or a signal comes.
 *   node guard.cjs <program> [arguments]      parent on IPC
 */
const { spawn } = require('node:child_process')

/** bitcoind writes its state to disk before it ends. */
const GRACE_MS = 8_000

const [program, ...args] = process.argv.slice(2)
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
child.on('error', (error) => {
  console.error(`${program} cannot be started: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code) => process.exit(code ?? 1))

function end() {
  child.kill('SIGTERM')
  setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref()
}
process.on('disconnect', end)
process.on('SIGTERM', end)
process.on('SIGINT', end)
