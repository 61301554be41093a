import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { DEVELOPMENT_CHAINS, DEVELOPMENT_RATES } from '../../config/development.ts'
import { buildClient } from '../../scripts/build-client.ts'
import { silentProgress } from '../../scripts/stack/progress.ts'
import { type Stack, startStack } from '../../scripts/stack/supervisor.ts'
import { BENCH_FOLDER, PROJECT_FOLDER } from './workerd.ts'

const CONFIGS = {
  edge: 'wrangler.toml',
  core: 'workers/core/wrangler.toml',
  gateways: 'workers/gateways/wrangler.toml',
  signer: 'workers/signer/wrangler.toml',
  courier: 'workers/courier/wrangler.toml',
}

export interface SystemOptions {
  /** Entry modules of this folder that stand in for a Worker's own and pass everything on to it. */
  readonly entries?: Partial<Record<keyof typeof CONFIGS, string>>
  /** Warnings and errors of the Workers. */
  readonly onTrouble?: (line: string) => void
}

export interface System {
  readonly stack: Stack
  stop(): Promise<void>
}

/** The whole system, as `npm start` runs it, on real nodes, without miner and shop, in a folder that goes away. */
export async function startSystem({ entries = {}, onTrouble = () => {} }: SystemOptions = {}): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), 'paytomat-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    await buildClient()
    const stack = await startStack({
      root: Object.keys(entries).length === 0 ? PROJECT_FOLDER : configFolder(folder, entries),
      stateDir: join(folder, 'state'),
      port: null,
      shards: 2,
      chains: DEVELOPMENT_CHAINS,
      fixedRates: DEVELOPMENT_RATES,
      evmBlockSeconds: 0,
      miner: false,
      shop: false,
      progress: silentProgress,
      onTrouble,
    })
    return {
      stack,
      async stop() {
        await stack.stop()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

/** A copy of the Workers' configurations with other entry modules: the bindings stay those that are deployed. */
function configFolder(folder: string, entries: NonNullable<SystemOptions['entries']>): string {
  for (const [key, path] of Object.entries(CONFIGS)) {
    const from = join(PROJECT_FOLDER, path)
    const entry = entries[key as keyof typeof CONFIGS]
    const text = readFileSync(from, 'utf8').replace(/^(main|migrations_dir|directory) = "([^"]+)"$/gm, (_line, name, value) => {
      const absolute = name === 'main' && entry ? join(BENCH_FOLDER, entry) : resolve(dirname(from), value)
      return `${name} = ${JSON.stringify(absolute)}`
    })
    const to = join(folder, 'configs', path)
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, text)
  }
  return join(folder, 'configs')
}
