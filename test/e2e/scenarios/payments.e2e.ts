import { sha256 } from '@noble/hashes/sha2.js'
import { HDKey } from '@scure/bip32'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audit } from './audit.ts'
import { endScene, errorsLogged, mine, open, openStore, type Scene, startScene } from './scene.ts'

/** Money that arrives as it should, or nearly so: in full, in parts, too much. */

let scene: Scene
/** Takes Bitcoin at taproot addresses (BIP 86), and the rest at another EVM account. */
let taproot: Scene

beforeAll(async () => {
  scene = await startScene()
  const seed = sha256(new TextEncoder().encode('a second merchant'))
  const testKeys = HDKey.fromMasterSeed(seed, { private: 0x04358394, public: 0x043587cf })
  const evm = HDKey.fromMasterSeed(seed).derive("m/44'/60'/0'").publicExtendedKey
  taproot = await openStore(scene, [
    { account: { xpub: testKeys.derive("m/86'/1'/0'").publicExtendedKey, script: 'p2tr' }, assets: ['BTC'] },
    { account: { xpub: evm, script: 'evm' }, assets: ['ETH', 'USDC'] },
  ])
})

afterAll(async () => {
  await taproot?.receiver.stop()
  await endScene(scene)
})

const EXACT = [
  {
    store: 'the first store',
    asset: 'BTC',
    due: '0.00033334',
    blocks: 2,
    address: /^bcrt1q/,
    uri: /^bitcoin:bcrt1q\w+\?amount=0\.00033334/,
  },
  {
    store: 'the taproot store',
    asset: 'BTC',
    due: '0.00033334',
    blocks: 2,
    address: /^bcrt1p/,
    uri: /^bitcoin:bcrt1p\w+\?amount=0\.00033334/,
  },
  {
    store: 'the first store',
    asset: 'ETH',
    due: '0.006666666666666667',
    blocks: 3,
    address: /^0x/,
    uri: /^ethereum:0x\w+@31337\?value=6666666666666667/,
  },
  {
    store: 'the taproot store',
    asset: 'USDC',
    due: '21.739131',
    blocks: 3,
    address: /^0x/,
    uri: /^ethereum:0x\w+@31337\/transfer\?address=0x\w+&uint256=21739131/,
  },
] as const

describe('an invoice paid exactly', () => {
  it.each(EXACT)('is settled when it is deep enough: $asset in $store', async ({ store, asset, due, blocks, address, uri }) => {
    const at = store === 'the taproot store' ? taproot : scene
    const { id } = await open(at)
    const method = await at.stack.activate(id, asset)
    expect(method.amountDue).toBe(due)
    expect(method.address).toMatch(address)
    expect(method.uri).toMatch(uri)

    const txid = await at.stack.pay(id, asset)
    const seen = await at.stack.untilInvoice(id, ({ status }) => status === 'processing')
    expect(seen).toMatchObject({ amountPaid: '20.00', amountConfirmed: '0.00', settledAt: null })
    expect(seen.payments).toMatchObject([{ txid, asset, amount: due, status: 'unconfirmed', confirmations: 0, late: false }])

    for (let have = 1; have < blocks; have++) {
      await mine(at, asset, 1)
      const deeper = await at.stack.untilInvoice(id, ({ payments }) => payments[0]?.confirmations === have)
      expect(deeper).toMatchObject({ status: 'processing', amountConfirmed: '0.00' })
    }
    await mine(at, asset, 1)
    const settled = await at.stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect(settled).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00' })
    expect(settled.facts).toEqual({ short: false, over: null, late: false, held: false })

    const { statuses, changesOf, events } = await audit(at, id)
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(changesOf(txid)).toEqual(['seen', 'included', 'confirmed'])
    expect(events.flatMap(({ data }) => data.cause ?? [])).toEqual(['enough_seen', 'enough_confirmed'])
  })

  it('belongs to its store alone, and no two invoices have an address in common', async () => {
    const invoices = await Promise.all([scene, taproot, scene, taproot].map((at) => open(at)))
    const [first, other] = invoices
    expect((await taproot.stack.api('GET', `/v1/invoices/${first?.id}`)).status).toBe(404)
    expect((await scene.stack.api('GET', `/v1/invoices/${other?.id}`)).status).toBe(404)
    const addresses = await Promise.all(
      invoices.flatMap(({ id, storeId }) =>
        ['BTC', 'ETH'].map(async (asset) => {
          const at = storeId === scene.stack.storeId ? scene : taproot
          return (await at.stack.activate(id, asset)).address
        }),
      ),
    )
    expect(new Set(addresses).size).toBe(addresses.length)
  })

  it('may be priced in the asset itself', async () => {
    const { id } = await open(scene, { amount: '0.00123456', currency: 'BTC' })
    const method = await scene.stack.activate(id, 'BTC')
    expect(method.amountDue).toBe('0.00123456')
    await scene.stack.pay(id, 'BTC')
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect((await audit(scene, id)).invoice).toMatchObject({ amountPaid: '0.00123456', amountConfirmed: '0.00123456' })
  })
})

describe('an invoice paid in parts', () => {
  it('takes the rest on the same address', async () => {
    const { id } = await open(scene)
    const { address } = await scene.stack.activate(id, 'BTC')
    const first = await scene.stack.pay(id, 'BTC', 10_000n)
    const short = await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 1)
    expect(short).toMatchObject({ status: 'new', amountPaid: '5.99', facts: { short: true, over: null } })

    const rest = await scene.stack.activate(id, 'BTC')
    expect(rest).toMatchObject({ address, amountDue: '0.00023334' })
    expect(rest.uri).toContain('amount=0.00023334')
    const second = await scene.stack.pay(id, 'BTC')
    const enough = await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    expect(enough).toMatchObject({ amountPaid: '20.00', facts: { short: false, over: null } })
    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')

    const { invoice, statuses } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(invoice.payments.map(({ txid, amount }) => [txid, amount])).toEqual([
      [first, '0.00010000'],
      [second, '0.00023334'],
    ])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { short: false, over: null } })
  })

  it('takes one half in Bitcoin and the other in ether, and waits for both', async () => {
    const { id } = await open(scene)
    await scene.stack.pay(id, 'BTC', 16_667n)
    await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 1)
    const rest = await scene.stack.activate(id, 'ETH')
    // 16667 of 33334 satoshi are one half; the other half of 6666666666666667 wei is rounded up.
    expect(rest.amountDue).toBe('0.003333333333333334')
    await scene.stack.pay(id, 'ETH')
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')

    await mine(scene, 'ETH', 3)
    const half = await scene.stack.untilInvoice(id, ({ amountConfirmed }) => amountConfirmed !== '0.00')
    expect(half).toMatchObject({ status: 'processing', amountConfirmed: '10.00' })
    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice } = await audit(scene, id)
    expect(invoice.payments.map(({ asset, amount }) => [asset, amount])).toEqual([
      ['BTC', '0.00016667'],
      ['ETH', '0.003333333333333334'],
    ])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00' })
  })

  it('is paid when what is missing is within the tolerance, and not a unit earlier', async () => {
    const { id } = await open(scene, { toleranceBps: 100 })
    // 99 percent of 21.739131 are 21.52173969: one millionth less than 21.521740 is short.
    await scene.stack.pay(id, 'USDC', 21_521_739n)
    const short = await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 1)
    expect(short).toMatchObject({ status: 'new', facts: { short: true } })
    await scene.stack.pay(id, 'USDC', 1n)
    const enough = await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    expect(enough.facts.short).toBe(false)
    expect(enough.paymentMethods.find(({ asset }) => asset === 'USDC')).toMatchObject({ amountDue: '0.000000', uri: null })
    await mine(scene, 'USDC', 3)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice } = await audit(scene, id)
    expect(invoice).toMatchObject({ amountPaid: '19.80', amountConfirmed: '19.80', facts: { short: false, over: null } })
  })
})

describe('an invoice paid too much', () => {
  const cases = [
    { asset: 'BTC', units: 35_000n, over: '0.00001666', paid: '20.99' },
    { asset: 'ETH', units: 6_666_666_666_666_668n, over: '0.000000000000000001', paid: '20.00' },
    { asset: 'USDC', units: 43_478_262n, over: '21.739131', paid: '40.00' },
  ]
  it.each(cases)('says by how much, to the last unit: $asset', async ({ asset, units, over, paid }) => {
    const { id } = await open(scene)
    await scene.stack.pay(id, asset, units)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, asset, 3)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice } = await audit(scene, id)
    expect(invoice.facts).toEqual({ short: false, over: { asset, amount: over }, late: false, held: false })
    expect(invoice).toMatchObject({ amountPaid: paid, amountConfirmed: paid })
  })

  it('counts what comes after it was settled', async () => {
    const { id } = await open(scene)
    const { address } = await scene.stack.activate(id, 'BTC')
    await scene.stack.pay(id, 'BTC')
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    // Whoever pays twice does it to the address they know.
    await scene.stack.wallets.pay({ asset: 'BTC', address, units: 33_334n })
    await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 2)
    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ amountConfirmed }) => amountConfirmed === '40.00')
    const { invoice, statuses } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(invoice).toMatchObject({
      status: 'settled',
      amountPaid: '40.00',
      facts: { over: { asset: 'BTC', amount: '0.00033334' } },
    })
  })
})

it('no Worker has spoken of a defect', () => {
  expect(errorsLogged(scene)).toEqual([])
})
