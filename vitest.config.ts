import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { DEVELOPMENT_CHAINS } from './config/development.ts'
import { buildClient } from './scripts/build-client.ts'

// The checkout's style and script are part of what it answers, so they are built before anything imports it.
await buildClient()

/** Gateways alone against real nodes: too slow to be run at every turn. */
const NODE_TESTS = ['test/gateways/*/node.test.ts', 'test/gateways/contract/*.test.ts', 'test/gateways/evm/contracts.test.ts']
/** Thousands of simulated histories. */
const SIMULATION = ['test/sim/*.test.ts']

/**
 * Five kinds of tests: `*.test.ts` pure, on Node, but for those that start nodes and the simulation, which `npm run
 * check` leaves out; `*.worker.test.ts` inside workerd with the core Worker's real bindings; `*.e2e.ts` against the whole
 * running system on real nodes.
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
          exclude: ['test/**/*.worker.test.ts', ...NODE_TESTS, ...SIMULATION],
          isolate: false,
          restoreMocks: true,
        },
      },
      { test: { name: 'nodes', include: NODE_TESTS } },
      { test: { name: 'sim', include: SIMULATION } },
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
