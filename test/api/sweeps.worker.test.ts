import { beforeEach, expect, test, vi } from 'vitest'
import { EVM_LOCAL } from '../../config/development.ts'
import { randomId } from '../../src/lib/ids.ts'
import { newSender, type Sender } from './money-out.ts'

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

const sweep = ({ merchant }: Sender, wallet: string, asset: unknown, key: string | null = randomId('req')) =>
  merchant.call('POST', `/v1/wallets/${wallet}/sweeps`, { asset }, key === null ? {} : { 'idempotency-key': key })

test('a sweep of an EVM hot wallet is a transfer that pays nobody, once for each key', async () => {
  const sender = await newSender('platform')
  const made = await sweep(sender, sender.evm, 'USDC', 'k1')
  expect(made.status).toBe(201)
  expect(made.json).toMatchObject({ kind: 'sweep', asset: 'USDC', amount: '0.000000', outputs: [], status: 'queued' })
  expect((await sweep(sender, sender.evm, 'USDC', 'k1')).json).toMatchObject({ id: made.json.id })
  expect(await sweep(sender, sender.evm, 'ETH', 'k1')).toMatchObject({ status: 422, json: { code: 'idempotency_key_reused' } })
  // One at a time of each asset.
  expect(await sweep(sender, sender.evm, 'USDC', 'k2')).toMatchObject({ json: { code: 'too_many_transfers' } })
  expect((await sweep(sender, sender.evm, 'ETH', 'k3')).status).toBe(201)
})

test('what cannot be swept is refused by name', async () => {
  const hot = await newSender('platform')
  const own = await newSender('self')
  expect((await sweep(hot, hot.evm, 'USDC', null)).json).toMatchObject({ code: 'idempotency_key_missing' })
  expect((await sweep(hot, hot.evm, 'XYZ')).json).toMatchObject({ param: 'asset' })
  expect((await sweep(hot, hot.evm, 'BTC')).json).toMatchObject({ param: 'asset' })
  expect((await sweep(hot, 'wal_none', 'USDC')).json).toMatchObject({ code: 'wallet_not_found' })
  expect((await sweep(hot, hot.bitcoin, 'BTC')).json).toMatchObject({
    detail: expect.stringContaining('nothing needs to be swept'),
  })
  expect((await sweep(own, own.evm, 'USDC')).json).toMatchObject({ detail: expect.stringContaining('hot wallet') })
})

test('the address that an EVM hot wallet pays from is shown with what it has for gas, and stays the same', async () => {
  const hot = await newSender('platform')
  const payers = async ({ merchant }: Sender) => {
    const { json } = await merchant.call('GET', '/v1/wallets')
    const wallets = json.data as unknown as { chains: { chain: string; payer: { address: string } | null }[] }[]
    return wallets
      .flatMap(({ chains }) => chains)
      .map(({ chain, payer }) => [chain === EVM_LOCAL ? 'evm' : 'bitcoin', payer] as const)
  }
  const shown = new Map(await payers(hot))
  expect(shown.get('bitcoin')).toBeNull()
  expect(shown.get('evm')).toEqual({ address: expect.stringMatching(/^0x[0-9a-fA-F]{40}$/), native: null, low: true })
  expect(new Map(await payers(hot))).toEqual(shown)
  const { json } = await hot.merchant.call('GET', `/v1/wallets/${hot.evm}/balance`)
  expect(json).toMatchObject({ chains: [{ payer: shown.get('evm') }] })
  expect((await payers(await newSender('self'))).map(([, payer]) => payer)).toEqual([null, null])
})
