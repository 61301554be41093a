import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4WorkerOptions } from 'miniflare'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'
import { bundleWorker } from '../../scripts/stack/bundle.ts'

export const BENCH_FOLDER = dirname(dirname(fileURLToPath(import.meta.url)))

export const PROJECT_FOLDER = dirname(BENCH_FOLDER)

export interface BenchWorker {
  readonly origin: string
  stop(): Promise<void>
}

interface WorkerExtras {
  readonly d1Databases?: Readonly<Record<string, string>>
  /** Variables. */
  readonly bindings?: Readonly<Record<string, string>>
}

/**
 * One Worker of the bench folder in a workerd of its own, its objects and databases on disk as the whole system's are.
 * It stands behind the same static files: locally their router is one more Worker that every request passes.
 */
export async function startBenchWorker(
  entry: string,
  objects: Readonly<Record<string, string>>,
  { d1Databases = {}, bindings = {} }: WorkerExtras = {},
): Promise<BenchWorker> {
  const folder = mkdtempSync(join(tmpdir(), 'paytomat-bench-'))
  const durableObjects = Object.fromEntries(
    Object.entries(objects).map(([binding, className]) => [binding, { className, useSQLite: true }]),
  )
  const { code } = await bundleWorker(join(BENCH_FOLDER, entry), 'bench.mjs')
  const { assets } = unstable_getMiniflareWorkerOptions(join(PROJECT_FOLDER, 'wrangler.toml')).workerOptions
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [
        {
          name: 'bench',
          compatibilityDate: '2026-10-01',
          modules: [{ type: 'ESModule', path: 'bench.mjs', contents: code }],
          durableObjects,
          d1Databases,
          bindings,
          assets,
        } as V4WorkerOptions,
      ],
      host: '127.0.0.1',
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
    }),
    resourcePersistencePath: folder,
  })
  const url = await miniflare.ready
  return {
    origin: url.origin,
    async stop() {
      await miniflare.dispose()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
