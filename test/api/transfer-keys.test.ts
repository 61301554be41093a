import { expect, test } from 'vitest'
import type { Call } from '../../src/api/call.ts'
import { nameTransfer } from '../../src/api/transfer-keys.ts'

/** A store with two wallets, a bank account and a node, and a ledger that keeps who has a key; what is asked is told. */
function world() {
  const claims = new Map<string, string>()
  const made = new Set<string>()
  const asked: string[] = []
  const homes = (kind: string) => ({
    getByName: (walletId: string) => ({
      transfer: async (id: string) => {
        asked.push(`${kind} ${walletId}`)
        return made.has(`${walletId} ${id}`) ? { id, walletId } : null
      },
    }),
  })
  const LEDGERS = {
    getByName: () => ({
      claimKey: async ({ key, purpose }: { key: string; purpose: string }) => {
        if (!claims.has(key)) claims.set(key, purpose)
        return claims.get(key)
      },
    }),
  }
  const store = {
    merchantId: 'mer_1',
    storeId: 'st_1',
    shard: 0,
    wallets: [{ id: 'wal_a' }, { id: 'wal_b' }],
    bankAccounts: [{ id: 'wal_bank' }],
    lightningNodes: [{ id: 'wal_node' }],
  }
  const env = { ID_SECRET: 'secret', WALLETS: homes('wallet'), BANKS: homes('bank'), LIGHTNINGS: homes('node'), LEDGERS }
  const call = { env, identity: { store } } as unknown as Call
  const name = async (key: string, walletId: string) => {
    const named = await nameTransfer(call, key, walletId)
    return named.ok ? { id: named.value.owner.id, isReplay: named.value.isReplay } : named.error.reason
  }
  return { asked, claims, made, name }
}

test('a key asks the books, and of the homes of transfers the one that it is for alone', async () => {
  const { asked, name } = world()
  for (const walletId of ['wal_a', 'wal_bank', 'wal_node']) await name(`key of ${walletId}`, walletId)
  expect(asked).toEqual(['wallet wal_a', 'bank wal_bank', 'node wal_node'])
})

test('a key whose request died between the books and the wallet is the same request’s, and nobody else’s', async () => {
  const { name, made } = world()
  const first = await name('rent', 'wal_a')
  expect(first).toMatchObject({ isReplay: false })
  expect(await name('rent', 'wal_b')).toBe('idempotency_key_reused')
  expect(await name('rent', 'wal_node')).toBe('idempotency_key_reused')
  // Its id is the same however often it dies, and told as made before once it is.
  expect(await name('rent', 'wal_a')).toEqual(first)
  const { id } = first as { id: string }
  made.add(`wal_a ${id}`)
  expect(await name('rent', 'wal_a')).toEqual({ id, isReplay: true })
  expect(await name('rent', 'wal_b')).toBe('idempotency_key_reused')
})

test('a key that a batch has taken makes nothing by itself, also where the batch has made its first transfer', async () => {
  const { name, made, claims } = world()
  const { id } = (await name('pay', 'wal_a')) as { id: string }
  claims.set('pay', 'po_1')
  expect(await name('pay', 'wal_a')).toBe('idempotency_key_reused')
  made.add(`wal_a ${id}`)
  expect(await name('pay', 'wal_a')).toBe('idempotency_key_reused')
})
