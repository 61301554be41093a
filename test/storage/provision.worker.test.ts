import { beforeAll, describe, expect, test } from 'vitest'
import { createApiKey, hashApiKey } from '../../src/auth/api-keys.ts'
import type { AccountKey } from '../../src/gateways/gateway.ts'
import { addressBookOf } from '../../src/gateways/registry.ts'
import { isId, randomId } from '../../src/lib/ids.ts'
import { ok } from '../../src/lib/result.ts'
import { NO_FEES } from '../../src/money/fee.ts'
import { registryOf } from '../../src/money/registry.ts'
import { handleProvision, type ProvisionedStore } from '../../src/storage/provision.ts'
import { storeByKeyHash } from '../../src/storage/stores.ts'
import type { WalletRpc } from '../../src/wallet/rpc.ts'
import { bitcoinAccount, evmAccount, VPUB } from './accounts.ts'
import { migrateDatabases, testEnv } from './databases.ts'

beforeAll(migrateDatabases)

const configured = new Map<string, AccountKey>()
const WALLETS = {
  getByName: (id: string) =>
    ({
      configure: async (account: AccountKey) => {
        if (!configured.has(id)) configured.set(id, account)
        return ok(null)
      },
    }) as WalletRpc,
}

async function provision(input: unknown, env: object = {}) {
  const request = new Request('http://core/admin/stores', {
    method: 'POST',
    body: typeof input === 'string' ? input : JSON.stringify(input),
  })
  const response = await handleProvision(request, { ...testEnv, WALLETS, ...env } as never)
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: (await response.json()) as Record<string, unknown>,
  }
}

function storeRequest<T extends object>(seed: string, changes: T = {} as T) {
  const wallets = [
    { account: bitcoinAccount(seed), assets: ['BTC'] },
    { account: evmAccount(seed), assets: ['ETH', 'USDC'] },
  ]
  return {
    name: 'Café Ω',
    wallets,
    latePolicy: 'accept_locked_rate',
    toleranceBps: 50,
    allowedOrigins: ['https://shop.example'],
    ...changes,
  }
}

async function storeOf(apiKey: unknown) {
  return (await storeByKeyHash(testEnv.DIRECTORY, await hashApiKey(String(apiKey))))?.store
}

test('a new store has its wallets configured and answers a key that opens it', async () => {
  const { status, body } = await provision(storeRequest('new'))
  expect(status).toBe(200)
  const made = body as unknown as ProvisionedStore
  expect(isId('st', made.storeId) && isId('mer', made.merchantId)).toBe(true)
  expect(made.apiKey).toMatch(/^ptm_test_/)
  const store = await storeOf(made.apiKey)
  expect(store).toMatchObject({
    storeId: made.storeId,
    storeName: 'Café Ω',
    toleranceBps: 50,
    latePolicy: 'accept_locked_rate',
    shard: made.shard,
  })
  expect(store?.methods.map(({ asset }) => asset)).toEqual(['BTC', 'ETH', 'USDC'])
  expect(store?.methods[1]?.walletId).toBe(store?.methods[2]?.walletId)
  for (const { id, account } of store?.wallets ?? []) expect(configured.get(id)).toEqual(account)
  expect((await provision(storeRequest('live'), { ENVIRONMENT: 'production' })).body.apiKey).toMatch(/^ptm_live_/)
})

test('the answer shows the first three addresses of each account, on each chain of its assets', async () => {
  const { body } = await provision(storeRequest('first addresses'))
  const { wallets } = body as unknown as ProvisionedStore
  expect(wallets.map(({ custody, chains }) => [custody, chains.map(({ assets }) => assets)])).toEqual([
    ['self', [['BTC']]],
    ['self', [['ETH', 'USDC']]],
  ])
  const accounts = [bitcoinAccount('first addresses'), evmAccount('first addresses')]
  for (const [at, { chains }] of wallets.entries()) {
    for (const { chain: id, firstAddresses } of chains) {
      const chain = registryOf(testEnv).chain(id)
      const derived = [0, 1, 2].map((index) => addressBookOf(chain).derive(chain, accounts[at] as AccountKey, index))
      expect(firstAddresses).toEqual(derived.map((one) => one.ok && one.value.address))
    }
  }
})

test('the key itself is kept nowhere', async () => {
  const { body } = await provision(storeRequest('secret'))
  const secret = String(body.apiKey).slice(-56)
  for (const table of ['stores', 'api_keys']) {
    const { results } = await testEnv.DIRECTORY.prepare(`SELECT * FROM ${table}`).all()
    expect(JSON.stringify(results)).not.toContain(secret)
  }
})

test('the same request again, with names of the caller’s choice, gives the same answer and one key', async () => {
  const chosen = storeRequest('again', { storeId: randomId('st'), apiKey: createApiKey('test') })
  const first = await provision(chosen)
  const second = await provision(chosen)
  expect(first).toEqual(second)
  expect(first.body).toMatchObject({ storeId: chosen.storeId, apiKey: chosen.apiKey })
  const { results } = await testEnv.DIRECTORY.prepare('SELECT id FROM api_keys WHERE store_id = ?').bind(chosen.storeId).all()
  expect(results).toHaveLength(1)
})

test('a store takes new origins and policies, and keeps its shard and merchant', async () => {
  const storeId = randomId('st')
  const apiKey = createApiKey('test')
  const first = await provision(storeRequest('keep', { storeId, apiKey, shard: 1 }))
  expect(first.body.shard).toBe(1)
  await provision(storeRequest('keep', { storeId, apiKey, allowedOrigins: ['http://localhost:3000'], latePolicy: 'hold' }))
  expect(await storeOf(apiKey)).toMatchObject({
    shard: 1,
    merchantId: first.body.merchantId,
    allowedOrigins: ['http://localhost:3000'],
    latePolicy: 'hold',
  })
  expect(await provision(storeRequest('keep', { storeId, apiKey, shard: 0 }))).toMatchObject({
    status: 409,
    body: { code: 'conflict', param: 'shard' },
  })
  const other = await provision(storeRequest('keep', { storeId, apiKey, merchantId: randomId('mer') }))
  expect(other).toMatchObject({ status: 409, body: { param: 'merchantId' } })
})

test('all stores of a merchant are in the merchant’s shard, whatever is asked and however the shards are filled', async () => {
  const first = await provision(storeRequest('shard of one', { shard: 1 }))
  const { merchantId } = first.body
  expect((await provision(storeRequest('shard of two', { merchantId }))).body).toMatchObject({ merchantId, shard: 1 })
  expect((await provision(storeRequest('shard of three', { merchantId, shard: 1 }))).status).toBe(200)
  expect(await provision(storeRequest('shard of four', { merchantId, shard: 0 }))).toMatchObject({
    status: 409,
    body: { code: 'conflict', param: 'shard' },
  })
  const { results } = await testEnv.DIRECTORY.prepare('SELECT shard, created_at_ms FROM merchants WHERE id = ?')
    .bind(merchantId)
    .all()
  expect(results).toEqual([{ shard: 1, created_at_ms: expect.any(Number) }])
})

test('stores of one new merchant made at once in different shards end in one; who lost is told and has no key', async () => {
  const merchantId = randomId('mer')
  const requests = Array.from({ length: 8 }, (_, n) =>
    storeRequest(`at once ${n}`, { merchantId, shard: n % 2, storeId: randomId('st'), apiKey: createApiKey('test') }),
  )
  const answers = await Promise.all(requests.map((request) => provision(request)))
  const shard = await testEnv.DIRECTORY.prepare('SELECT shard FROM merchants WHERE id = ?').bind(merchantId).first('shard')
  for (const [n, { status }] of answers.entries()) {
    expect(status).toBe(n % 2 === shard ? 200 : 409)
    expect((await storeOf(requests[n]?.apiKey))?.shard).toBe(n % 2 === shard ? shard : undefined)
  }
})

describe('custody', () => {
  const custodyOf = async (apiKey: unknown) => (await storeOf(apiKey))?.methods.map(({ custody }) => custody)
  const platform = (account: AccountKey, assets: readonly string[]) => ({ account, assets, custody: 'platform' })

  test('is the merchant’s own unless the wallet is the platform’s, by method', async () => {
    const wallets = [platform(bitcoinAccount('hot'), ['BTC']), { account: evmAccount('own'), assets: ['ETH', 'USDC'] }]
    const { body } = await provision({ name: 'Shop', wallets })
    expect(await custodyOf(body.apiKey)).toEqual(['platform', 'self', 'self'])
  })

  test('of a wallet is one for ever, for every store; a wallet of the platform may serve many', async () => {
    const hot = platform(bitcoinAccount('hot for all'), ['BTC'])
    const own = { account: bitcoinAccount('own for ever'), assets: ['BTC'] }
    const made = [await provision({ name: 'One', wallets: [hot] }), await provision({ name: 'Two', wallets: [hot] })]
    const [one, two] = await Promise.all(made.map(({ body }) => storeOf(body.apiKey)))
    expect(one?.methods).toEqual(two?.methods)
    expect((await provision({ name: 'Own', wallets: [own] })).status).toBe(200)
    const swapped = [
      { ...hot, custody: 'self' },
      { ...hot, account: bitcoinAccount('hot for all', VPUB), custody: undefined },
      { ...own, custody: 'platform' },
    ]
    for (const wallet of swapped)
      expect(await provision({ name: 'Other', wallets: [wallet] })).toMatchObject({
        status: 409,
        body: { code: 'conflict', param: 'wallets[0].custody' },
      })
  })

  test('claimed at once in both ways is given to one of them', async () => {
    const account = bitcoinAccount('claimed at once')
    const ways = ['self', 'platform', 'self', 'platform']
    const answers = await Promise.all(
      ways.map((custody) => provision({ name: 'Shop', wallets: [{ account, assets: ['BTC'], custody }] })),
    )
    const won = ways.filter((_way, n) => answers[n]?.status === 200)
    expect(won).toHaveLength(2)
    expect(new Set(won).size).toBe(1)
  })

  test('of one account cannot be two in one store', async () => {
    const account = evmAccount('split')
    const wallets = [platform(account, ['ETH']), { account, assets: ['USDC'] }]
    expect(await provision({ name: 'Shop', wallets })).toMatchObject({ status: 400, body: { param: 'wallets[1].custody' } })
  })
})

describe('the fee plan', () => {
  const PLAN = {
    currency: 'EUR',
    default: { percentBps: 100, fixed: '0.10', min: '0.05', max: '5.00' },
    methods: { BTC: { marginBps: 50 }, USDC: { percentBps: 0 } },
    partner: { id: 'par_acme', shareBps: 2_000 },
  }
  const planOf = async (apiKey: unknown) => (await storeOf(apiKey))?.plan

  test('is the merchant’s: every store has it, in base units, and a new one holds from then on', async () => {
    const storeId = randomId('st')
    const apiKey = createApiKey('test')
    const { body } = await provision(storeRequest('plan', { storeId, apiKey, plan: PLAN }))
    const second = await provision(storeRequest('plan too', { merchantId: body.merchantId }))
    const expected = {
      currency: 'EUR',
      default: { model: 'fee', bps: 100, fixed: 10n, min: 5n, max: 500n },
      methods: {
        BTC: { model: 'margin', bps: 50 },
        USDC: { model: 'fee', bps: 0, fixed: 0n, min: null, max: null },
      },
      partner: { id: 'par_acme', shareBps: 2_000 },
    }
    for (const key of [apiKey, second.body.apiKey]) expect(await planOf(key)).toEqual(expected)
    await provision(storeRequest('plan', { storeId, apiKey }))
    expect(await planOf(apiKey)).toEqual(expected)
    await provision(
      storeRequest('plan', { storeId, apiKey, plan: { currency: 'BTC', default: { percentBps: 25, fixed: '0.00001' } } }),
    )
    for (const key of [apiKey, second.body.apiKey])
      expect(await planOf(key)).toEqual({
        currency: 'BTC',
        default: { model: 'fee', bps: 25, fixed: 1_000n, min: null, max: null },
        methods: {},
        partner: null,
      })
  })

  test('is none unless it is given', async () => {
    const { body } = await provision(storeRequest('no plan'))
    expect(await planOf(body.apiKey)).toEqual(NO_FEES)
  })

  test.each([
    ['a plan without default', { currency: 'EUR' }, 'plan.default'],
    ['an unknown currency', { ...PLAN, currency: 'DOGE' }, 'plan.currency'],
    ['an unknown asset', { ...PLAN, methods: { DOGE: { percentBps: 1 } } }, 'plan.methods.DOGE'],
    ['a currency that nothing is paid in', { ...PLAN, methods: { USD: { percentBps: 1 } } }, 'plan.methods.USD'],
    ['a rule that takes nothing by name', { ...PLAN, default: {} }, 'plan.default.percentBps'],
    ['more than a fifth', { ...PLAN, default: { percentBps: 2_001 } }, 'plan.default.percentBps'],
    ['a margin of more than a fifth', { ...PLAN, methods: { BTC: { marginBps: 2_001 } } }, 'plan.methods.BTC.marginBps'],
    ['a margin beside a percentage', { ...PLAN, default: { marginBps: 1, percentBps: 1 } }, 'plan.default.percentBps'],
    ['a margin beside an amount', { ...PLAN, default: { marginBps: 1, max: '1' } }, 'plan.default.max'],
    ['an amount that is a number', { ...PLAN, default: { percentBps: 1, fixed: 0.1 } }, 'plan.default.fixed'],
    ['an amount with too many digits', { ...PLAN, default: { percentBps: 1, min: '0.001' } }, 'plan.default.min'],
    ['a negative amount', { ...PLAN, default: { percentBps: 1, fixed: '-1' } }, 'plan.default.fixed'],
    ['a maximum under the minimum', { ...PLAN, default: { percentBps: 1, min: '2', max: '1.99' } }, 'plan.default.max'],
    ['a partner with another’s account name', { ...PLAN, partner: { id: 'a:b', shareBps: 1 } }, 'plan.partner.id'],
    ['a partner who gets more than all', { ...PLAN, partner: { id: 'a', shareBps: 10_001 } }, 'plan.partner.shareBps'],
  ])('%s is refused by name', async (_what, plan, param) => {
    expect(await provision(storeRequest('bad plan', { plan }))).toMatchObject({ status: 400, body: { param } })
  })
})

test('a key of another store, or a revoked one, is not given to a store', async () => {
  const apiKey = createApiKey('test')
  await provision(storeRequest('owner', { storeId: randomId('st'), apiKey }))
  expect(await provision(storeRequest('thief', { storeId: randomId('st'), apiKey }))).toMatchObject({
    status: 409,
    body: { param: 'apiKey' },
  })
  await testEnv.DIRECTORY.prepare('UPDATE api_keys SET revoked_at_ms = 1 WHERE hash = ?')
    .bind(await hashApiKey(apiKey))
    .run()
  expect(await storeOf(apiKey)).toBeUndefined()
})

test('stores are spread over the shards', async () => {
  const count = async () => {
    const { results } = await testEnv.DIRECTORY.prepare('SELECT shard, count(*) AS n FROM stores GROUP BY shard').all<{
      shard: number
      n: number
    }>()
    return [0, 1].map((shard) => results.find((row) => row.shard === shard)?.n ?? 0)
  }
  for (let more = 0; more < 12; more++) await provision(storeRequest(`spread ${more}`))
  const [zero = 0, one = 0] = await count()
  expect(Math.abs(zero - one)).toBeLessThanOrEqual(1)
})

describe('an account of Bitcoin', () => {
  const { xpub } = bitcoinAccount('described')
  const walletsWith = (account: object) => ({ name: 'Shop', wallets: [{ account, assets: ['BTC'] }] })

  test('may come as a descriptor, and is the same wallet as its key; where the key comes from is kept', async () => {
    const plain = await provision(walletsWith({ xpub, script: 'p2wpkh' }))
    const [{ id }] = plain.body.wallets as [{ id: string }]
    for (const account of [
      { descriptor: `wpkh([d34db33f/84h/1h/0h]${xpub}/<0;1>/*)` },
      { xpub, script: 'p2wpkh', origin: 'd34db33f/84h/1h/0h' },
    ]) {
      const { status, body } = await provision(walletsWith(account))
      expect(status).toBe(200)
      expect(body.wallets).toMatchObject([{ id }])
      const store = await storeOf(body.apiKey)
      expect(store?.wallets[0]?.account).toEqual({ xpub, script: 'p2wpkh', origin: 'd34db33f/84h/1h/0h' })
    }
  })

  test.each([
    ['a descriptor of another kind', { descriptor: `pkh(${xpub}/0/*)` }, 'wallets[0].account.descriptor'],
    ['a descriptor with a wrong checksum', { descriptor: `wpkh(${xpub}/0/*)#qqqqqqqq` }, 'wallets[0].account.descriptor'],
    ['a descriptor and a key', { descriptor: `wpkh(${xpub}/0/*)`, xpub }, 'wallets[0].account.xpub'],
    ['an origin that is none', { xpub, script: 'p2wpkh', origin: 'm/84h' }, 'wallets[0].account.origin'],
    ['an origin on an EVM chain', { ...evmAccount('x'), origin: 'd34db33f/44h' }, 'wallets[0].account.origin'],
  ])('%s is refused by its field', async (_what, account, param) => {
    expect(await provision(walletsWith(account))).toMatchObject({ status: 400, body: { param } })
  })
})

test('one account is one wallet, in whatever store and spelling: its addresses are counted once', async () => {
  const walletOf = async (account: AccountKey) => {
    const { body } = await provision({ name: 'Shop', wallets: [{ account, assets: ['BTC'] }] })
    return (await storeOf(body.apiKey))?.methods[0]?.walletId
  }
  const wallet = await walletOf(bitcoinAccount('shared'))
  expect(wallet).toBeDefined()
  expect(await walletOf(bitcoinAccount('shared'))).toBe(wallet)
  expect(await walletOf(bitcoinAccount('shared', VPUB))).toBe(wallet)
  expect(await walletOf({ ...bitcoinAccount('shared'), script: 'p2tr' })).not.toBe(wallet)
  expect(await walletOf(bitcoinAccount('other'))).not.toBe(wallet)
})

test.each([
  ['text that is not JSON', '{', undefined],
  ['no object', [], ''],
  ['an unknown field', storeRequest('x', { latePolice: 'hold' }), 'latePolice'],
  ['no name', storeRequest('x', { name: undefined }), 'name'],
  ['a shard that is not there', storeRequest('x', { shard: 2 }), 'shard'],
  ['a store id of the wrong form', storeRequest('x', { storeId: 'st_1' }), 'storeId'],
  ['a key of the wrong form', storeRequest('x', { apiKey: 'secret' }), 'apiKey'],
  [
    'a custody that is none',
    { name: 'x', wallets: [{ account: evmAccount('x'), assets: ['ETH'], custody: 'bank' }] },
    'wallets[0].custody',
  ],
  ['an origin with a path', storeRequest('x', { allowedOrigins: ['https://shop.example/'] }), 'allowedOrigins'],
  ['no wallet', storeRequest('x', { wallets: [] }), 'wallets'],
  ['an unknown asset', { name: 'x', wallets: [{ account: evmAccount('x'), assets: ['DOGE'] }] }, 'wallets[0].assets[0]'],
  ['fiat in a wallet', { name: 'x', wallets: [{ account: evmAccount('x'), assets: ['EUR'] }] }, 'wallets[0].assets[0]'],
  [
    'an xpub that is none',
    { name: 'x', wallets: [{ account: { xpub: 'xpub123', script: 'p2wpkh' }, assets: ['BTC'] }] },
    'wallets[0].account',
  ],
  ['an account of another family', { name: 'x', wallets: [{ account: evmAccount('x'), assets: ['BTC'] }] }, 'wallets[0].account'],
  [
    'an asset in two wallets',
    { name: 'x', wallets: [evmAccount('x'), evmAccount('y')].map((account) => ({ account, assets: ['ETH'] })) },
    'wallets[1].assets[0]',
  ],
])('%s is refused by name, and nothing is made', async (_what, input, param) => {
  const stores = () => testEnv.DIRECTORY.prepare('SELECT count(*) AS n FROM stores').first('n')
  const before = await stores()
  const { status, type, body } = await provision(input)
  expect(status).toBe(400)
  expect(type).toBe('application/problem+json')
  expect(body.param ?? undefined).toBe(param)
  expect(await stores()).toBe(before)
})
