import { existsSync, statfsSync } from 'node:fs'
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { DEVELOPMENT_CHAINS } from './config/development.ts'
import { buildClient } from './scripts/build-client.ts'

// The checkout's style and script are part of what it answers, so they are built before anything imports it.
await buildClient()

/** Gateways alone against real nodes, or stand-ins that keep one waiting: too slow to be run at every turn. */
const NODE_TESTS = [
  'test/gateways/*/node.test.ts',
  'test/gateways/contract/*.test.ts',
  'test/gateways/lightning/{nodes,payers,lightningd}.test.ts',
  'test/gateways/evm/{contracts,sending,sweeping}.test.ts',
]
/** Byte by byte, over thousands of random histories, or by starting our own tools: seconds for each file. */
const THOROUGH_TESTS = [
  'test/bank/{take,transfers}.test.ts',
  'test/gateways/bitcoin/{plan,reader,sign,signed}.test.ts',
  'test/lightning/transfers.test.ts',
  'test/signer/{ceremony,limits}.test.ts',
  'test/scripts/{help,tally-reporter,wallet-transfers}.test.ts',
  'test/wallet/transfers/waiting.test.ts',
]
/** Money out killed at every step, thousands of random calls and rows, days and hours of the audit: seconds to minutes in workerd. */
const THOROUGH_WORKER_TESTS = [
  'test/gateways/contract/*.worker.test.ts',
  'test/lightning/{object,transfers}.worker.test.ts',
  'test/storage/ledger-{projection,rebuild,statement}.worker.test.ts',
  'test/wallet/transfers/{accelerations,crash,sweeps,states}.worker.test.ts',
  'test/api/{fuzz,money-back-fuzz,lightning}.worker.test.ts',
  'test/audit/{run,wallets}.worker.test.ts',
]
/** Thousands of simulated histories. */
const SIMULATION = ['test/sim/*.test.ts']

/** The longest of the whole system, and among them those that compute beside those that wait. */
const LONGEST = [
  'test/e2e/scenarios/payouts.e2e.ts',
  'test/e2e/scenarios/outage.e2e.ts',
  'test/checkout/browser.e2e.ts',
  'test/e2e/scenarios/deadline.e2e.ts',
  'test/approve/browser.e2e.ts',
  'test/e2e/scenarios/lightning.e2e.ts',
  'test/e2e/scenarios/interrupted-transfers.e2e.ts',
  'test/claim/browser.e2e.ts',
  'test/e2e/scenarios/evm-sweeps.e2e.ts',
]

/** Long files begin first: none is left alone at the end, with all other processors idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification) =>
      LONGEST.findIndex((name) => moduleId.endsWith(name)) + 1 || LONGEST.length + 1
    return (await super.sort(files)).toSorted((one, other) => rankOf(one) - rankOf(other))
  }
}

/** A test that waits longer than this waits for nothing. No measure of speed: machines are busy. */
const PATIENCE_MS = 30_000
const PATIENT = { testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS, expect: { poll: { timeout: PATIENCE_MS / 2 } } }
/** A scenario of whole systems, killed and started again, is many such waits. */
const MORE_PATIENT = { ...PATIENT, testTimeout: 10 * PATIENCE_MS, hookTimeout: 10 * PATIENCE_MS }

/** Where Linux has a file system in memory. */
const MEMORY = '/dev/shm'
/** Containers have 64 MB there; what tests write at a time is under 100. */
const MEMORY_MIN_BYTES = 2 ** 30

// Each object that a test makes is a database: on a disk tests in workerd, and whole systems, wait for it most of the time.
if (process.env.TMPDIR === undefined && existsSync(MEMORY)) {
  const { bavail, bsize } = statfsSync(MEMORY)
  if (bavail * bsize >= MEMORY_MIN_BYTES) process.env.TMPDIR = MEMORY
}

/** For test/storage/databases.ts, which applies them. */
const migrations = {
  DIRECTORY_MIGRATIONS: await readD1Migrations('migrations/directory'),
  SHARD_MIGRATIONS: await readD1Migrations('migrations/shard'),
}

/** Files share one workerd and its modules; each begins with storage that is empty. */
const IN_WORKERD = { ...PATIENT, isolate: false, setupFiles: ['test/workerd.ts'] }

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
    // What is logged belongs to tests that look at it, or fail.
    silent: 'passed-only',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        // Pure: the files of a worker share its modules.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.worker.test.ts', ...NODE_TESTS, ...THOROUGH_TESTS, ...SIMULATION],
          ...PATIENT,
          isolate: false,
          restoreMocks: true,
        },
      },
      { test: { ...PATIENT, name: 'nodes', include: NODE_TESTS, exclude: ['test/**/*.worker.test.ts'] } },
      { test: { ...PATIENT, name: 'thorough', include: THOROUGH_TESTS } },
      { test: { name: 'sim', include: SIMULATION } },
      {
        plugins: [workerd()],
        // A workerd is kept only for a next file of the same project: so those in workerd come one project after another.
        test: {
          ...IN_WORKERD,
          name: 'worker',
          include: ['test/**/*.worker.test.ts'],
          exclude: THOROUGH_WORKER_TESTS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        plugins: [workerd()],
        test: { ...IN_WORKERD, name: 'thorough-worker', include: THOROUGH_WORKER_TESTS, sequence: { groupOrder: 2 } },
      },
      {
        // Three systems at a time: they wait, for blocks and looks and the audit's patience, more than they compute. The files
        // of a worker share its modules, and the Workers as they were built.
        test: { name: 'e2e', include: ['test/**/*.e2e.ts'], ...MORE_PATIENT, isolate: false, maxWorkers: 3 },
      },
    ],
  },
})
