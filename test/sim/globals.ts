import { createCipheriv, createDecipheriv, createHash, createHmac, createPublicKey, hkdfSync, verify } from 'node:crypto'
import type { Random } from './random.ts'
import type { Happening, Scheduler } from './scheduler.ts'
import { GoneError } from './storage.ts'

interface HkdfParams {
  readonly salt: Uint8Array
  readonly info: Uint8Array
}

interface AesGcmParams {
  readonly iv: Uint8Array
  readonly additionalData: Uint8Array
}

/** What the code of a history takes from its surroundings. */
export interface Surroundings {
  readonly scheduler: Scheduler
  readonly random: Random
  /** A line the code logged. */
  readonly logged: (line: string) => void
  /** A promise was rejected that nobody waits for. */
  readonly failed: (thrown: unknown) => void
}

const AES_KEY_BYTES = 32
/** WebCrypto has the tag of AES-GCM behind the ciphertext. */
const TAG_BYTES = 16

let now: Surroundings | null = null
let isBeside = false

/** Runs something that is done once for all histories: it takes no chance from the one that happens to be first. */
export function besideHistory<T>(run: () => T): T {
  const was = isBeside
  isBeside = true
  try {
    return run()
  } finally {
    isBeside = was
  }
}

/**
 * Time, chance, timers, and the log of this process belong to the history that runs, for ever: a process that simulates
 * does nothing else. Cryptography answers at once, since a pool of threads has an order of its own.
 */
export function takeOverGlobals(): void {
  const here = (): Surroundings => {
    if (!now) throw new Error('no history runs')
    return now
  }
  const realNow = Date.now
  Date.now = () => (now ? now.scheduler.nowMs : realNow())
  Math.random = () => here().random.fraction()
  const globals = globalThis as unknown as Record<string, unknown>
  globals.setTimeout = (run: () => void, ms: number) => here().scheduler.after(ms, 'timer', run)
  globals.clearTimeout = (timer: Happening | undefined) => {
    if (timer) timer.cancelled = true
  }
  globals.setInterval = (run: () => void, ms: number) => every(here().scheduler, ms, run)
  globals.clearInterval = (timer: Repeated | undefined) => timer?.stop()
  globals.scheduler = { wait: (ms: number) => here().scheduler.sleep(ms, 'wait') }
  crypto.getRandomValues = ((bytes: Uint8Array) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = isBeside ? i + 1 : here().random.word()
    return bytes
  }) as typeof crypto.getRandomValues
  Object.defineProperty(crypto, 'subtle', {
    value: {
      importKey: async (_form: string, key: Uint8Array) => key,
      sign: async (_name: string, key: Uint8Array, data: Uint8Array) => exact(createHmac('sha256', key).update(data).digest()),
      verify: async (_how: unknown, spki: Uint8Array, signature: Uint8Array, data: Uint8Array) => {
        const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
        return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)
      },
      digest: async (_name: string, data: Uint8Array) => exact(createHash('sha256').update(data).digest()),
      deriveKey: async ({ salt, info }: HkdfParams, material: Uint8Array) =>
        new Uint8Array(hkdfSync('sha256', material, salt, info, AES_KEY_BYTES)),
      encrypt: async (how: AesGcmParams, key: Uint8Array, data: Uint8Array) => {
        const cipher = createCipheriv('aes-256-gcm', key, how.iv).setAAD(how.additionalData)
        return exact(Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]))
      },
      decrypt: async (how: AesGcmParams, key: Uint8Array, data: Uint8Array) => {
        const decipher = createDecipheriv('aes-256-gcm', key, how.iv).setAAD(how.additionalData)
        decipher.setAuthTag(data.subarray(data.length - TAG_BYTES))
        return exact(Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]))
      },
    },
  })
  process.on('unhandledRejection', (thrown) => {
    // What still runs in an instance that ended has nobody to tell.
    if (!(thrown instanceof GoneError)) here().failed(thrown)
  })
  for (const level of ['log', 'warn', 'error'] as const) {
    const real = console[level]
    console[level] = (...said: unknown[]) => (now ? now.logged(String(said[0])) : real(...said))
  }
}

interface Repeated {
  stop(): void
}

function every(scheduler: Scheduler, ms: number, run: () => void): Repeated {
  let next: Happening
  const again = (): void => {
    next = scheduler.after(ms, 'interval', again)
    run()
  }
  next = scheduler.after(ms, 'interval', again)
  return {
    stop() {
      next.cancelled = true
    },
  }
}

export function surroundWith(surroundings: Surroundings | null): void {
  now = surroundings
}

function exact(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}
