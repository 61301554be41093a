import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { DEVELOPMENT_CHAINS } from './config/development.ts'
import { buildClient } from './scripts/build-client.ts'

// The checkout's style and script are part of what it answers, so they are built before anything imports it.
await buildClient()

/**
 * Three kinds of tests: `*.test.ts` pure, on Node; `*.worker.test.ts` inside workerd with the core Worker's real
 * bindings; `*.e2e.ts` against the whole running system on real nodes.
 */
export default defineConfig({
  test: {
    // Tests wait (for nodes, sockets, workerd) as much as they compute: no processor is kept free.
    maxWorkers: '100%',
    projects: [
      {
        // Pure: the files of a worker share its modules. Those in workerd do not: each file has storage of its own.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.worker.test.ts'],
          isolate: false,
          restoreMocks: true,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './workers/core/wrangler.toml' },
            miniflare: {
              bindings: {
                // For test/storage/databases.ts, which applies them.
                DIRECTORY_MIGRATIONS: await readD1Migrations('migrations/directory'),
                SHARD_MIGRATIONS: await readD1Migrations('migrations/shard'),
                CHAINS: JSON.stringify(DEVELOPMENT_CHAINS),
                ENVIRONMENT: 'development',
                ORIGIN: 'http://localhost:8787',
                WEBHOOK_SECRET: 'test-only-webhook-secret',
                FIXED_RATES: JSON.stringify({
                  'BTC/EUR': '60000',
                  'ETH/EUR': '3000',
                  'USDC/EUR': '0.92',
                  'BTC/USD': '65000',
                  'ETH/USD': '3250',
                  'USDC/USD': '1',
                }),
              },
            },
          }),
        ],
        test: { name: 'worker', include: ['test/**/*.worker.test.ts'] },
      },
      {
        test: { name: 'e2e', include: ['test/**/*.e2e.ts'], testTimeout: 120_000, hookTimeout: 180_000, fileParallelism: false },
      },
    ],
  },
})
