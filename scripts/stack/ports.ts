import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Linux gives the ports above to connections that go out, other systems higher ones. */
const FIRST = 10_240
const LAST = 32_767
const ATTEMPTS = 50

/**
 * A port nobody listens on right now: any one, out of so many that who looks at the same time finds another, and none that
 * the system hands out meanwhile.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST + 1)
    if (await isPortFree(port)) return port
  }
  throw new Error(`of ${ATTEMPTS} ports from ${FIRST} to ${LAST} none is free`)
}

/** Whether both loopback addresses are free on this port: `localhost` may mean either. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::1']) if (!(await canListen(port, host))) return false
  return true
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    // A machine without IPv6 answers EADDRNOTAVAIL or EAFNOSUPPORT: nobody else can be there either.
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE' && error.code !== 'EACCES'))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

/** Who listens on a port, in words for a person (`process 4711, node server.js`), or null when nobody here can tell. */
export function whoListens(port: number): string | null {
  try {
    const pid = execFileSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .split('\n')[0]
      ?.trim()
    if (!pid) return null
    const command = execFileSync('ps', ['-p', pid, '-o', 'command='], { encoding: 'utf8' }).trim()
    return `process ${pid}, ${command.slice(0, 120)}`
  } catch {
    return null
  }
}
