import { expect, test } from 'vitest'
import type { Call } from '../../src/api/call.ts'
import { ownAmong } from '../../src/api/wallet-access.ts'

test('of a page of addresses each invoice is asked once, and those of other stores are left out', async () => {
  const asked: string[] = []
  const read = async (id: string) => {
    asked.push(id)
    return id === 'gone' ? null : { terms: { storeId: id.startsWith('own') ? 'st_a' : 'st_b' } }
  }
  const env = { INVOICES: { getByName: (id: string) => ({ read: () => read(id) }) } }
  const call = { env, identity: { store: { storeId: 'st_a' } } } as unknown as Call
  const given = ['own1', 'theirs', 'own1', 'own2', 'gone', 'theirs', 'own1'].map((invoiceId, index) => ({ index, invoiceId }))
  expect((await ownAmong(call, given)).map(({ index }) => index)).toEqual([0, 2, 3, 6])
  expect(asked.sort()).toEqual(['gone', 'own1', 'own2', 'theirs'])
})
