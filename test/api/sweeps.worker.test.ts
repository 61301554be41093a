import { beforeEach, describe, expect, test, vi } from 'vitest'
import { EVM_LOCAL } from '../../config/development.ts'
import { createApi } from '../../src/api/app.ts'
import { randomId } from '../../src/lib/ids.ts'
import { evmAccount } from '../storage/accounts.ts'
import { testEnv } from '../storage/databases.ts'
import { apiEnv, newMerchant } from './merchant.ts'
import { credit, detail, newSender, plan, receive, type Sender, send, TO } from './money-out.ts'

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

test('a key that has made something else makes no sweep, in whichever wallet that was', async () => {
  const sender = await newSender('platform')
  await credit(sender, 'BTC', 1_000_000n)
  expect((await send(sender, 'k1', { asset: 'BTC', address: TO, amount: '0.001' })).status).toBe(201)
  const refused = { status: 422, json: { code: 'idempotency_key_reused' } }
  expect(await sweep(sender, sender.evm, 'USDC', 'k1')).toMatchObject(refused)
  const made = await sweep(sender, sender.evm, 'USDC', 'k2')
  expect(made.headers.get('idempotent-replayed')).toBeNull()
  expect((await sweep(sender, sender.evm, 'USDC', 'k2')).headers.get('idempotent-replayed')).toBe('true')
})

test('a sweep is the store’s in whose name it was made; others that share the wallet wait for it, and cannot end or hurry it', async () => {
  const account = evmAccount('sweeping for two')
  const wallets = [{ account, assets: ['ETH', 'USDC'], custody: 'platform' }]
  const [one, other] = [await newMerchant(apiEnv, createApi(), { wallets }), await newMerchant(apiEnv, createApi(), { wallets })]
  const evm = ((await one.call('GET', '/v1/wallets')).json.data as unknown as { id: string }[])[0]?.id ?? ''
  const made = detail(await sweep({ merchant: one, bitcoin: '', evm, seed: new Uint8Array() }, evm, 'USDC', 'k'), 201)
  for (const step of ['cancel', 'bump'])
    expect(await other.call('POST', `/v1/transfers/${made.id}/${step}`, step === 'bump' ? {} : undefined)).toMatchObject({
      status: 404,
      json: { code: 'transfer_not_found' },
    })
  expect(detail(await one.call('GET', `/v1/transfers/${made.id}`), 200).status).toBe('queued')
  // Not signed yet, it may be ended; what waits for it makes the next.
  expect(detail(await one.call('POST', `/v1/transfers/${made.id}/cancel`), 200).status).toBe('failed')
})

test('what cannot be swept is refused by name', async () => {
  const hot = await newSender('platform')
  const own = await newSender('self')
  expect((await sweep(hot, hot.evm, 'USDC', null)).json).toMatchObject({ code: 'idempotency_key_missing' })
  expect((await sweep(hot, hot.evm, 'XYZ')).json).toMatchObject({ param: 'asset' })
  const detail = 'asset must be one that the store is paid into this wallet'
  for (const asset of ['BTC', 'EUR', 'BTC-LN'])
    expect((await sweep(hot, hot.evm, asset)).json).toMatchObject({ param: 'asset', detail })
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

describe('an acceleration', () => {
  const TXID = 'AB'.repeat(32)
  const accelerate = ({ merchant }: Sender, wallet: string, body: object, key: string | null = randomId('req')) =>
    merchant.call('POST', `/v1/wallets/${wallet}/accelerations`, body, key === null ? {} : { 'idempotency-key': key })

  test('is a transfer that pays nobody and names what it hurries, once for each key', async () => {
    for (const custody of ['platform', 'self'] as const) {
      const sender = await newSender(custody)
      const made = detail(await accelerate(sender, sender.bitcoin, { txid: TXID, feeMax: '0.0005' }, 'k1'), 201)
      expect(made).toMatchObject({
        kind: 'sweep',
        asset: 'BTC',
        amount: '0.00000000',
        parentTxid: TXID.toLowerCase(),
        targetBlocks: 1,
        feeMax: { amount: '0.00050000' },
        status: 'queued',
        custody,
      })
      const again = await accelerate(sender, sender.bitcoin, { txid: TXID.toLowerCase() }, 'k1')
      expect([again.json.id, again.headers.get('idempotent-replayed')]).toEqual([made.id, 'true'])
      expect(await accelerate(sender, sender.bitcoin, { txid: 'cd'.repeat(32) }, 'k1')).toMatchObject({
        status: 422,
        json: { code: 'idempotency_key_reused' },
      })
      expect(await accelerate(sender, sender.bitcoin, { txid: TXID }, 'k2')).toMatchObject({
        status: 409,
        json: { code: 'already_accelerated', detail: expect.stringContaining(made.id) },
      })
      // Its node says what it is.
      expect(await plan(sender.bitcoin, made.id)).toMatchObject({ do: 'nothing' })
      const failed = await sender.merchant.call('GET', `/v1/transfers/${made.id}`)
      expect(detail(failed, 200)).toMatchObject({ status: 'failed', reason: expect.stringContaining('no node has it waiting') })
    }
  })

  test('is refused by name', async () => {
    const sender = await newSender('platform')
    const other = await newSender('platform')
    const code = async (...args: Parameters<typeof accelerate>) => (await accelerate(...args)).json.code
    expect(await code(sender, sender.bitcoin, { txid: TXID }, null)).toBe('idempotency_key_missing')
    expect(await code(sender, other.bitcoin, { txid: TXID })).toBe('wallet_not_found')
    expect(await code(sender, sender.evm, { txid: TXID })).toBe('bad_transfer')
    expect(await accelerate(sender, sender.bitcoin, { txid: 'AB' })).toMatchObject({ status: 400, json: { param: 'txid' } })
    expect(await accelerate(sender, sender.bitcoin, { txid: TXID, targetBlocks: 0 })).toMatchObject({
      json: { param: 'targetBlocks' },
    })
    expect(await code(sender, sender.bitcoin, { txid: TXID, rate: 3 })).toBe('unknown_field')
    await receive(sender, 50_000n)
    expect(await code(sender, sender.bitcoin, { txid: 'cd'.repeat(32) })).toBe('already_in_block')
    await testEnv.WALLETS.getByName(sender.bitcoin).freezeSending('by hand')
    expect(await code(sender, sender.bitcoin, { txid: TXID })).toBe('sending_frozen')
  })
})
