import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { DEVELOPMENT_CHAINS } from './config/development.ts'
import { buildClient } from './scripts/build-client.ts'

// The checkout's style and script are part of what it answers, so they are built before anything imports it.
await buildClient()

/** Gateways alone against real nodes: too slow to be run at every turn. */
const NODE_TESTS = [
  'test/gateways/*/node.test.ts',
  'test/gateways/contract/*.test.ts',
  'test/gateways/evm/{contracts,sending,sweeping}.test.ts',
]
/** Byte by byte, or by starting our own tools: seconds for each file. */
const THOROUGH_TESTS = [
  'test/gateways/bitcoin/{sign,signed}.test.ts',
  'test/signer/ceremony.test.ts',
  'test/scripts/wallet-transfers.test.ts',
]
/** Money out killed at every step, and thousands of random calls: minutes in workerd. */
const THOROUGH_WORKER_TESTS = [
  'test/wallet/transfers/{crash,sweeps,states}.worker.test.ts',
  'test/api/{fuzz,money-back-fuzz}.worker.test.ts',
]
/** Thousands of simulated histories. */
const SIMULATION = ['test/sim/*.test.ts']

/** A test that waits longer than this waits for nothing. No measure of speed: machines are busy. */
const PATIENCE_MS = 30_000

/** For test/storage/databases.ts, which applies them. */
const migrations = {
  DIRECTORY_MIGRATIONS: await readD1Migrations('migrations/directory'),
  SHARD_MIGRATIONS: await readD1Migrations('migrations/shard'),
}

/** Core's Worker, and the signer's object beside it. */
const workerd = () =>
  cloudflareTest({
    main: './test/signer/worker.ts',
    wrangler: { configPath: './workers/core/wrangler.toml' },
    miniflare: {
      durableObjects: { SIGNERS: { className: 'SignerObject', useSQLite: true } },
      bindings: {
        ...migrations,
        CHAINS: JSON.stringify([...DEVELOPMENT_CHAINS, 'lightning-regtest']),
        ENVIRONMENT: 'development',
        ORIGIN: 'http://localhost:8787',
        WEBHOOK_SECRET: 'test-only-webhook-secret',
        SIGNER_KEK: 'dGVzdC1vbmx5IGtleSBvZiB0aGlydHktdHdvIGJ5dGU',
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
  })

/**
 * Kinds of tests: `*.test.ts` pure, on Node, but for those that start nodes or take long and the simulation, which `npm
 * run check` leaves out; `*.worker.test.ts` inside workerd with the core Worker's real bindings; `*.e2e.ts` against the whole
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
          exclude: ['test/**/*.worker.test.ts', ...NODE_TESTS, ...THOROUGH_TESTS, ...SIMULATION],
          isolate: false,
          testTimeout: PATIENCE_MS,
          restoreMocks: true,
        },
      },
      { test: { name: 'nodes', include: NODE_TESTS } },
      { test: { name: 'thorough', include: THOROUGH_TESTS, testTimeout: PATIENCE_MS } },
      { test: { name: 'sim', include: SIMULATION } },
      {
        plugins: [workerd()],
        test: { name: 'worker', include: ['test/**/*.worker.test.ts'], exclude: THOROUGH_WORKER_TESTS, testTimeout: PATIENCE_MS },
      },
      {
        plugins: [workerd()],
        test: { name: 'thorough-worker', include: THOROUGH_WORKER_TESTS, testTimeout: PATIENCE_MS },
      },
      {
        // Two systems at a time: they wait, for blocks and looks and the audit's patience, more than they compute.
        test: { name: 'e2e', include: ['test/**/*.e2e.ts'], testTimeout: 120_000, hookTimeout: 180_000, maxWorkers: 2 },
      },
    ],
  },
})
