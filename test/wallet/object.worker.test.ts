import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { HDKey } from '@scure/bip32'
import { expect, test } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import type { AccountKey } from '../../src/gateways/gateway.ts'
import { addressBookOf } from '../../src/gateways/registry.ts'
import { createRegistry } from '../../src/money/registry.ts'
import type { CoreEnv } from '../../workers/core/env.ts'

const env = testEnv as unknown as CoreEnv
const chains = createRegistry(DEVELOPMENT_CHAINS)
const raw = (name: string) => (testEnv as unknown as { WALLETS: DurableObjectNamespace }).WALLETS.getByName(name)

const TESTNET = { private: 0x04358394, public: 0x043587cf }
const BITCOIN: AccountKey = { xpub: accountKey("m/84'/1'/0'", TESTNET), script: 'p2wpkh' }
const EVM: AccountKey = { xpub: accountKey("m/44'/60'/0'", undefined), script: 'evm' }

function accountKey(path: string, versions: { private: number; public: number } | undefined): string {
  return HDKey.fromMasterSeed(new Uint8Array(32).fill(9), versions).derive(path).publicExtendedKey
}

async function walletOf(name: string, account: AccountKey) {
  const wallet = env.WALLETS.getByName(name)
  expect(await wallet.configure(account)).toEqual({ ok: true, value: null })
  return wallet
}

test('200 allocations at once give 200 indices without a gap, and each again the same', async () => {
  const wallet = await walletOf('wal_many', BITCOIN)
  const invoices = Array.from({ length: 200 }, (_, n) => `inv_${n}`)
  const [first, second] = await Promise.all([
    Promise.all(invoices.map((id) => wallet.allocate(BITCOIN_REGTEST, id))),
    Promise.all(invoices.map((id) => wallet.allocate(BITCOIN_REGTEST, id))),
  ])
  expect(second).toEqual(first)
  const allocated = first.flatMap((answer) => (answer.ok ? [answer.value] : []))
  expect(allocated.map(({ index }) => index).sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n))
  expect(new Set(allocated.map(({ address }) => address)).size).toBe(200)

  await evictDurableObject(raw('wal_many'))
  expect(await wallet.allocate(BITCOIN_REGTEST, 'inv_77')).toEqual(first[77])
  expect(await wallet.allocate(BITCOIN_REGTEST, 'inv_new')).toMatchObject({ value: { index: 200 } })
})

test('the address is that of the account key at the index', async () => {
  const wallet = await walletOf('wal_derive', BITCOIN)
  await wallet.allocate(BITCOIN_REGTEST, 'inv_0')
  const chain = chains.chain(BITCOIN_REGTEST)
  const expected = addressBookOf(chain).derive(chain, BITCOIN, 1)
  expect(expected.ok).toBe(true)
  if (expected.ok)
    expect(await wallet.allocate(BITCOIN_REGTEST, 'inv_1')).toEqual({ ok: true, value: { ...expected.value, index: 1 } })
})

test('one index of an invoice serves every EVM chain, with one address', async () => {
  const base = { ...chains.chain(EVM_LOCAL), id: 'eip155:8453', network: 'mainnet' as const }
  await walletOf('wal_evm', EVM)
  await runInDurableObject(raw('wal_evm'), async (object) => {
    const wallet = Object.assign(object, { env: { ...env, CHAINS: JSON.stringify([chains.chain(EVM_LOCAL), twin(base)]) } })
    const here = await (wallet as unknown as ReturnType<CoreEnv['WALLETS']['getByName']>).allocate(EVM_LOCAL, 'inv_a')
    const there = await (wallet as unknown as ReturnType<CoreEnv['WALLETS']['getByName']>).allocate('eip155:8453', 'inv_a')
    expect(here).toMatchObject({ ok: true, value: { index: 0 } })
    expect(there).toEqual(here)
  })
})

test('an account key is set once; the same again is fine', async () => {
  const wallet = await walletOf('wal_once', BITCOIN)
  expect(await wallet.configure(BITCOIN)).toEqual({ ok: true, value: null })
  expect(await wallet.configure({ ...BITCOIN, script: 'p2tr' })).toEqual({ ok: false, error: { reason: 'already_configured' } })
  expect(await wallet.configure(EVM)).toEqual({ ok: false, error: { reason: 'already_configured' } })
})

test('the origin of an account key is kept, may be told later, and is not forgotten when it is left out', async () => {
  const wallet = await walletOf('wal_origin', BITCOIN)
  const origin = 'd34db33f/84h/1h/0h'
  const kept = () => originOf('wal_origin')
  expect(await kept()).toBeNull()
  expect(await wallet.configure({ ...BITCOIN, origin })).toEqual({ ok: true, value: null })
  expect(await kept()).toBe(origin)
  expect(await wallet.configure(BITCOIN)).toEqual({ ok: true, value: null })
  expect(await kept()).toBe(origin)
  await wallet.configure({ ...BITCOIN, origin: 'd34db340/84h/1h/0h' })
  expect(await kept()).toBe('d34db340/84h/1h/0h')
})

test('a wallet made before origins were kept goes on, and takes one', async () => {
  const wallet = await walletOf('wal_older', BITCOIN)
  const before = await wallet.allocate(BITCOIN_REGTEST, 'inv_a')
  await runInDurableObject(raw('wal_older'), (_object, { storage }) => {
    storage.sql.exec('ALTER TABLE account DROP COLUMN origin')
  })
  await evictDurableObject(raw('wal_older'))
  expect(await wallet.allocate(BITCOIN_REGTEST, 'inv_a')).toEqual(before)
  expect(await wallet.configure({ ...BITCOIN, origin: 'd34db33f/84h/1h/0h' })).toEqual({ ok: true, value: null })
  expect(await originOf('wal_older')).toBe('d34db33f/84h/1h/0h')
})

function originOf(name: string): Promise<unknown> {
  return runInDurableObject(raw(name), (_object, { storage }) => storage.sql.exec('SELECT origin FROM account').one().origin)
}

test('the address that an EVM wallet pays from has one index for ever, on all its chains; others have none', async () => {
  const wallet = await walletOf('wal_payer', EVM)
  await wallet.allocate(EVM_LOCAL, 'inv_a')
  const payer = await wallet.payer(EVM_LOCAL)
  expect(payer).toMatchObject({ native: null, low: true })
  await wallet.allocate(EVM_LOCAL, 'inv_b')
  expect(await wallet.payer(EVM_LOCAL)).toEqual(payer)
  expect(await wallet.ownerOf(1)).toBe('treasury')
  expect(await wallet.payer(BITCOIN_REGTEST)).toBeNull()
  expect(await (await walletOf('wal_no_payer', BITCOIN)).payer(BITCOIN_REGTEST)).toBeNull()
  expect(await env.WALLETS.getByName('wal_unknown').payer(EVM_LOCAL)).toBeNull()
})

test('what cannot be derived is refused, and an index once given stays given', async () => {
  expect(await env.WALLETS.getByName('wal_none').allocate(BITCOIN_REGTEST, 'inv_a')).toMatchObject({
    error: { reason: 'not_configured' },
  })
  const wallet = await walletOf('wal_refused', EVM)
  expect(await wallet.allocate('bip122:unknown', 'inv_a')).toMatchObject({ error: { reason: 'wrong_network' } })
  expect(await wallet.allocate(BITCOIN_REGTEST, 'inv_a')).toMatchObject({ ok: false })
  expect(await wallet.allocate(EVM_LOCAL, 'inv_b')).toMatchObject({ value: { index: 1 } })
  expect(await wallet.allocate(EVM_LOCAL, 'inv_a')).toMatchObject({ value: { index: 0 } })
})

/** The same chain under other names: an asset code may be configured once only. */
function twin<T extends { native: { code: string }; tokens: readonly unknown[] }>(chain: T): T {
  return { ...chain, native: { ...chain.native, code: 'ETH-TWO' }, tokens: [] }
}

test('who an index was given to can be asked, and asking gives none out', async () => {
  const wallet = await walletOf('wal_owner', BITCOIN)
  await wallet.allocate(BITCOIN_REGTEST, 'inv_a')
  expect(await wallet.ownerOf(0)).toBe('inv_a')
  expect(await wallet.ownerOf(1)).toBeNull()
  expect(await wallet.allocate(BITCOIN_REGTEST, 'inv_b')).toMatchObject({ value: { index: 1 } })
})
