import fc from 'fast-check'
import { encodeFunctionData, erc20Abi, type Hex, parseTransaction, serializeTransaction } from 'viem'
import { describe, expect, test } from 'vitest'
import { ownDelegate } from '../../../src/gateways/evm/delegate.ts'
import { planNothing } from '../../../src/gateways/evm/pricing.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { account, ask, BOB, chain, ETHER, fees, funds, GWEI, planOf, seed, USDC, viemAccount } from './money-out.ts'

const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => `0x${toHex(bytes)}`)
  .filter((text) => !text.startsWith('0x000000') && text !== USDC)
const payment = fc.record({
  asset: fc.constantFrom('ETH', 'USDC'),
  to: address,
  units: fc.bigInt({ min: 1n, max: 5n * ETHER }),
  index: fc.integer({ min: 0, max: 20 }),
  nonce: fc.integer({ min: 0, max: 2 ** 40 }),
  gas: fc.bigInt({ min: 21_000n, max: 200_000n }),
})
const paid = (one: { asset: string; to: string; units: bigint; index: number; nonce: number; gas: bigint }) =>
  planOf(ask(one.asset, [{ address: one.to, units: one.units }], { index: one.index, nonce: one.nonce, gas: one.gas }))

/** The same transaction in viem's words. */
const viemOf = (plan: AccountPlan) => ({
  type: 'eip1559' as const,
  chainId: 31337,
  nonce: plan.nonce,
  to: plan.to as Hex,
  value: plan.value,
  data: plan.data as Hex,
  gas: plan.gasLimit,
  maxFeePerGas: plan.maxFeePerGas,
  maxPriorityFeePerGas: plan.maxPriorityFeePerGas,
})

describe('a plan', () => {
  test('of the native asset is a plain payment, at exactly what plain payments take', () => {
    expect(planOf(ask('ETH', [{ address: BOB, units: ETHER }]))).toEqual({
      kind: 'account',
      chainId: chain.id,
      index: 3,
      nonce: 7,
      to: BOB.toLowerCase(),
      value: ETHER,
      data: '0x',
      gasLimit: 21_000n,
      maxFeePerGas: 20n * GWEI,
      maxPriorityFeePerGas: GWEI,
      fee: 21_000n * 20n * GWEI,
    })
  })

  test('to a recipient with code has a fifth more gas than the estimate', () => {
    expect(planOf(ask('ETH', [{ address: BOB, units: 1n }], { gas: 21_055n })).gasLimit).toBe(25_266n)
  })

  test('of a token calls its transfer, as viem encodes it', () => {
    const plan = planOf(ask('USDC', [{ address: BOB, units: 5_000_000n }], { gas: 51_274n }))
    expect(plan).toMatchObject({ to: USDC, value: 0n, gasLimit: 61_529n })
    expect(plan.data).toBe(encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [BOB, 5_000_000n] }))
  })

  test('says what a rollup takes for the data, and keeps the fee in its limit', () => {
    const request = ask('ETH', [{ address: BOB, units: 1n }])
    const dear = { ...request, fees: { ...fees, dataFee: 5n } }
    expect(planOf(dear).fee).toBe(21_000n * 20n * GWEI + 5n)
    const fee = 21_000n * 20n * GWEI + 5n
    expect(evmSpender.plan(chain, account, { ...dear, feeMax: fee })).toMatchObject({ ok: true })
    expect(evmSpender.plan(chain, account, { ...dear, feeMax: fee - 1n })).toMatchObject({
      error: { reason: 'fee_over_limit', fee },
    })
  })

  test('is refused without the money for it, and says how much is missing', () => {
    const fee = 21_000n * 20n * GWEI
    const refusal = (asset: string, units: bigint, changes: Partial<typeof funds>) =>
      evmSpender.plan(chain, account, ask(asset, [{ address: BOB, units }], changes))
    expect(refusal('ETH', ETHER, { units: ETHER, native: ETHER })).toMatchObject({
      error: { reason: 'insufficient_funds', asset: 'ETH', missing: fee },
    })
    expect(refusal('ETH', ETHER, { units: ETHER + fee, native: ETHER + fee })).toMatchObject({ ok: true })
    expect(refusal('USDC', 5n, { units: 4n })).toMatchObject({
      error: { reason: 'insufficient_funds', asset: 'USDC', missing: 1n },
    })
    expect(refusal('USDC', 5n, { units: 5n, native: 0n })).toMatchObject({ error: { asset: 'ETH', missing: fee } })
    // A node that refuses to estimate for want of money: what is missing is told, not that the call fails.
    expect(refusal('USDC', 5n, { units: 4n, gas: null })).toMatchObject({ error: { reason: 'insufficient_funds' } })
    expect(refusal('USDC', 5n, { gas: null })).toMatchObject({ error: { reason: 'bad_output' } })
  })

  test.each([
    ['no address', 'bob', /40 hexadecimal digits/],
    ['one without 0x', BOB.slice(2), /40 hexadecimal digits/],
    ['one digit too many', `${BOB}0`, /40 hexadecimal digits/],
    ['a wrong capital', BOB.replace('d', 'D'), /capitals/],
    ['the zero address', `0x${'0'.repeat(40)}`, /zero address/],
    ['a precompile', `0x${'0'.repeat(38)}05`, /precompiled/],
    ['the token itself', USDC, /contract of USDC/],
  ])('is refused for %s, by name', (_name, to, detail) => {
    const plan = evmSpender.plan(chain, account, ask('USDC', [{ address: to, units: 1n }], { gas: 50_000n }))
    expect(plan).toMatchObject({ ok: false, error: { reason: 'bad_output', position: 0, detail: expect.stringMatching(detail) } })
  })

  test.each([BOB.toLowerCase(), `0x${BOB.slice(2).toUpperCase()}`, BOB])(
    'takes %s: an address without a checksum has none to be wrong',
    (to) => {
      expect(planOf(ask('ETH', [{ address: to, units: 1n }])).to).toBe(BOB.toLowerCase())
    },
  )

  test('is refused for amounts that are none, and for nobody', () => {
    for (const units of [0n, -1n, 2n ** 256n]) {
      expect(evmSpender.plan(chain, account, ask('ETH', [{ address: BOB, units }]))).toMatchObject({
        error: { reason: 'bad_output' },
      })
    }
    expect(evmSpender.plan(chain, account, ask('ETH', []))).toMatchObject({ error: { reason: 'bad_output' } })
  })
})

describe('a transaction', () => {
  test('is, unsigned and signed, byte for byte what viem makes of it', async () => {
    await fc.assert(
      fc.asyncProperty(payment, async (one) => {
        const plan = paid(one)
        const unsigned = evmSpender.unsigned(chain, account, plan).evm
        expect(unsigned?.serialized).toBe(serializeTransaction(viemOf(plan)))
        const signed = evmSigner.sign(chain, seed, 'evm', plan)
        expect(signed.raw).toBe(await viemAccount(one.index).signTransaction(viemOf(plan)))
        expect(evmSigner.sign(chain, seed, 'evm', plan)).toEqual(signed)
        expect(evmSpender.readSigned(chain, account, plan, signed.raw)).toEqual({ ok: true, value: signed })
      }),
      { numRuns: 20 },
    )
  })

  test('is shown with the fields that wallets take', () => {
    const plan = planOf(ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n }))
    expect(evmSpender.unsigned(chain, account, plan).evm?.fields).toEqual({
      type: '0x2',
      chainId: '0x7a69',
      from: viemAccount(3).address.toLowerCase(),
      to: USDC,
      nonce: '0x7',
      value: '0x0',
      data: plan.data,
      gas: '0xea60',
      maxFeePerGas: '0x4a817c800',
      maxPriorityFeePerGas: '0x3b9aca00',
    })
  })

  test('signed elsewhere is taken back in any case, with 0x or without', async () => {
    const plan = planOf(ask('ETH', [{ address: BOB, units: 1n }]))
    const raw = await viemAccount(3).signTransaction(viemOf(plan))
    const value = evmSigner.sign(chain, seed, 'evm', plan)
    for (const text of [raw, raw.slice(2), raw.toUpperCase().replace('0X', '0x'), ` ${raw}\n`]) {
      expect(evmSpender.readSigned(chain, account, plan, text)).toEqual({ ok: true, value })
    }
  })

  test.each([
    ['chain', { chainId: 1 }],
    ['nonce', { nonce: 8 }],
    ['recipient', { to: USDC as Hex }],
    ['value', { value: 2n }],
    ['data', { data: '0x00' as Hex }],
    ['gas limit', { gas: 21_001n }],
    ['maxFeePerGas', { maxFeePerGas: 19n * GWEI }],
    ['maxPriorityFeePerGas', { maxPriorityFeePerGas: 2n * GWEI }],
    ['access list', { accessList: [{ address: USDC as Hex, storageKeys: [] }] }],
  ])('with another %s is not the one that was planned', async (name, change) => {
    const plan = planOf(ask('ETH', [{ address: BOB, units: 1n }]))
    const raw = await viemAccount(3).signTransaction({ ...viemOf(plan), ...change })
    expect(evmSpender.readSigned(chain, account, plan, raw)).toMatchObject({
      ok: false,
      error: { reason: 'differs', detail: expect.stringContaining(name) },
    })
  })

  test('of another type, of another key, or without a signature is refused as what it is', async () => {
    const plan = planOf(ask('ETH', [{ address: BOB, units: 1n }]))
    const read = (text: string) => evmSpender.readSigned(chain, account, plan, text)
    const { to, value, nonce } = viemOf(plan)
    const legacy = await viemAccount(3).signTransaction({
      type: 'legacy',
      chainId: 31337,
      to,
      value,
      nonce,
      gas: 21_000n,
      gasPrice: GWEI,
    })
    expect(read(legacy)).toMatchObject({ error: { reason: 'differs', detail: expect.stringContaining('type 2') } })
    expect(read(await viemAccount(4).signTransaction(viemOf(plan)))).toMatchObject({
      error: { reason: 'not_signed', detail: expect.stringContaining(viemAccount(4).address.toLowerCase()) },
    })
    expect(read(serializeTransaction(viemOf(plan)))).toMatchObject({ error: { reason: 'not_signed' } })
    expect(read('hello')).toMatchObject({ error: { reason: 'unreadable' } })
    expect(read('0x02c0')).toMatchObject({ error: { reason: 'unreadable' } })
    expect(read(`0x${'00'.repeat(200_000)}`)).toMatchObject({ error: { reason: 'unreadable' } })
  })

  test('with the other, higher s of its signature (EIP-2) is refused: nodes refuse it too', async () => {
    const plan = planOf(ask('ETH', [{ address: BOB, units: 1n }]))
    const { r, s, yParity } = parseTransaction(evmSigner.sign(chain, seed, 'evm', plan).raw as Hex)
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const high = `0x${(order - BigInt(s ?? 0)).toString(16)}` as Hex
    const raw = serializeTransaction(viemOf(plan), { r: r ?? '0x', s: high, yParity: yParity === 0 ? 1 : 0 })
    expect(evmSpender.readSigned(chain, account, plan, raw)).toMatchObject({ error: { reason: 'not_signed' } })
  })

  test('damaged anywhere is refused, and never throws', () => {
    const plan = planOf(ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n }))
    const { raw } = evmSigner.sign(chain, seed, 'evm', plan)
    fc.assert(
      fc.property(fc.integer({ min: 2, max: raw.length - 1 }), fc.constantFrom(...'0123456789abcdef'), (at, digit) => {
        fc.pre(raw[at] !== digit)
        expect(evmSpender.readSigned(chain, account, plan, raw.slice(0, at) + digit + raw.slice(at + 1)).ok).toBe(false)
        expect(evmSpender.readSigned(chain, account, plan, raw.slice(0, at)).ok).toBe(false)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a bump', () => {
  const before = planOf(ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n }))
  const request = ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n, nonce: 99 })

  test('is the same payment under the same number, an eighth dearer at least', () => {
    const bumped = evmSpender.bump(chain, account, before, request)
    expect(bumped).toEqual({
      ok: true,
      value: {
        ...before,
        maxFeePerGas: 22_500_000_000n,
        maxPriorityFeePerGas: 1_125_000_000n,
        fee: before.gasLimit * 22_500_000_000n,
      },
    })
  })

  test('pays what a place in a block costs now, when that is more', () => {
    const dear = { ...request, fees: { ...fees, maxFeePerGas: 50n * GWEI, maxPriorityFeePerGas: GWEI } }
    expect(evmSpender.bump(chain, account, before, dear)).toMatchObject({
      value: { maxFeePerGas: 50n * GWEI, maxPriorityFeePerGas: 1_125_000_000n },
    })
  })

  test('is over what nodes ask of a replacement, whatever the fees were', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 13n }), fc.bigInt({ min: 0n, max: 10n ** 13n }), (base, tip) => {
        const old = { ...before, maxFeePerGas: base + tip, maxPriorityFeePerGas: tip }
        const bumped = evmSpender.bump(chain, account, old, {
          ...request,
          feeMax: 10n ** 30n,
          funds: { ...funds, gas: 50_000n, native: 10n ** 30n },
        })
        if (!bumped.ok || bumped.value.kind !== 'account') throw new Error('refused')
        const plan = bumped.value
        expect(plan.maxFeePerGas * 10n).toBeGreaterThanOrEqual(old.maxFeePerGas * 11n)
        expect(plan.maxPriorityFeePerGas * 10n).toBeGreaterThanOrEqual(old.maxPriorityFeePerGas * 11n)
        expect(plan.maxPriorityFeePerGas).toBeLessThanOrEqual(plan.maxFeePerGas)
      }),
    )
  })

  test('never has less gas than before', () => {
    expect(evmSpender.bump(chain, account, before, { ...request, funds: { ...funds, gas: 30_000n } })).toMatchObject({
      value: { gasLimit: before.gasLimit },
    })
  })

  test('of another payment, or from another address, is refused', () => {
    const other = { ...request, outputs: [{ address: BOB, units: 6n }] }
    expect(evmSpender.bump(chain, account, before, other)).toMatchObject({ error: { reason: 'not_bumpable' } })
    expect(evmSpender.bump(chain, account, before, { ...request, funds: { ...funds, index: 4 } })).toMatchObject({
      error: { reason: 'not_bumpable' },
    })
  })

  test('is kept in the limit of its fee', () => {
    expect(evmSpender.bump(chain, account, before, { ...request, feeMax: before.fee })).toMatchObject({
      error: { reason: 'fee_over_limit' },
    })
  })
})

describe('a payment of nothing', () => {
  const payment = planOf(ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n }))
  const wanted = { native: ETHER, gas: null, fees, feeMax: ETHER, before: payment }

  test('goes to oneself and uses up the number', () => {
    const plan = planNothing(chain, account, wanted)
    expect(plan).toMatchObject({
      value: { nonce: 7, gasLimit: 30_000n, to: viemAccount(3).address.toLowerCase(), value: 0n, data: '0x' },
    })
    if (plan.ok) expect(evmSpender.check(chain, account, plan.value, 'ETH', [])).toEqual({ ok: true, value: null })
  })

  test('takes the place of what is under that number, an eighth dearer', () => {
    for (const before of [payment, { ...payment, index: 4, nonce: 9 }])
      expect(planNothing(chain, account, { ...wanted, before })).toMatchObject({
        value: {
          index: before.index,
          nonce: before.nonce,
          to: viemAccount(before.index).address.toLowerCase(),
          maxFeePerGas: 22_500_000_000n,
          maxPriorityFeePerGas: 1_125_000_000n,
        },
      })
  })

  test('has the gas that a node estimates for it, as where a rollup counts its price on Ethereum as gas', () => {
    const before = planOf(ask('ETH', [{ address: BOB, units: 5n }]))
    for (const [gas, gasLimit] of [
      [21_000n, 30_000n],
      [400_000n, 480_000n],
    ] as const) {
      expect(planNothing(chain, account, { ...wanted, gas })).toMatchObject({ value: { gasLimit } })
      expect(evmSpender.callBack(chain, account, before, ask('ETH', [], { gas }))).toMatchObject({ value: { gasLimit } })
    }
  })

  test('is what calls back, by its place alone', () => {
    const payment = ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n })
    const before = planOf(payment)
    const empty = evmSpender.callBack(chain, account, before, {
      ...payment,
      funds: { ...payment.funds, gas: null } as typeof payment.funds,
    })
    expect(empty).toMatchObject({ value: { nonce: before.nonce, index: before.index, value: 0n, data: '0x' } })
    expect(evmSpender.txidOf(chain, account, before)).toBeNull()
  })

  test('may delegate the payer to its own delegate, as a payment to many does, and nobody else', () => {
    const withFactory = { ...chain, delegateFactory: '0x4e59b44847b379578588920ca78fbf26c0b4956c' }
    const own = { index: 3, nonce: 8, address: ownDelegate(withFactory, viemAccount(3).address.toLowerCase()) }
    const before = { ...planOf(ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n })), authorizations: [own] }
    const plan = planNothing(withFactory, account, { ...wanted, before })
    if (!plan.ok) throw new Error('no plan')
    expect(plan.value.authorizations).toEqual([own])
    const check = (changes: object) => evmSpender.check(withFactory, account, { ...plan.value, ...changes }, 'USDC', []).ok
    expect(check({})).toBe(true)
    for (const authorizations of [
      [own, own],
      [{ ...own, nonce: 9 }],
      [{ ...own, index: 2 }],
      [{ ...own, address: BOB.toLowerCase() }],
    ])
      expect(check({ authorizations })).toBe(false)
  })

  test('is refused without the gas for it', () => {
    expect(planNothing(chain, account, { ...wanted, native: 0n })).toMatchObject({ error: { reason: 'insufficient_funds' } })
    expect(planNothing(chain, account, { ...wanted, feeMax: 1n })).toMatchObject({ error: { reason: 'fee_over_limit' } })
  })
})

describe('a check', () => {
  test('accepts what a plan was made for, and nothing else', () => {
    fc.assert(
      fc.property(payment, address, (one, other) => {
        const plan = paid(one)
        const check = (asset: string, to: string, units: bigint) =>
          evmSpender.check(chain, account, plan, asset, [{ address: to, units }]).ok
        expect(check(one.asset, one.to, one.units)).toBe(true)
        expect(check(one.asset, one.to, one.units + 1n)).toBe(false)
        expect(check(one.asset === 'ETH' ? 'USDC' : 'ETH', one.to, one.units)).toBe(false)
        if (other !== one.to) expect(check(one.asset, other, one.units)).toBe(false)
        expect(evmSpender.check(chain, account, plan, one.asset, []).ok).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    ['another chain', { chainId: 'eip155:1' }],
    ['value beside a call', { value: 1n }],
    ['another contract', { to: BOB.toLowerCase() }],
    ['an approval', { data: encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [BOB, 5n] }) }],
    [
      'a transfer from somebody',
      { data: encodeFunctionData({ abi: erc20Abi, functionName: 'transferFrom', args: [BOB, BOB, 5n] }) },
    ],
    ['a word more', { data: `${planOf(ask('USDC', [{ address: BOB, units: 5n }])).data}${'0'.repeat(64)}` }],
    ['a fee that is more than it says', { fee: 1n }],
    ['a tip over the fee', { maxPriorityFeePerGas: 21n * GWEI }],
    ['a number that is none', { nonce: -1 }],
    ['an index that is none', { index: 2 ** 31 }],
    ['an authorization', { authorizations: [{ index: 3, nonce: 8, address: BOB.toLowerCase() }] }],
    ['an empty list of authorizations', { authorizations: [] }],
    ['data that is not hexadecimal', { data: planOf(ask('USDC', [{ address: BOB, units: 5n }])).data.replace(/5$/, 'x') }],
    ['data in capitals', { data: planOf(ask('USDC', [{ address: BOB, units: 5n }])).data.toUpperCase() }],
    ['numbers that are not whole', { value: 0 as unknown as bigint }],
  ])('refuses %s', (_name, change) => {
    const plan = { ...planOf(ask('USDC', [{ address: BOB, units: 5n }])), ...change }
    expect(evmSpender.check(chain, account, plan, 'USDC', [{ address: BOB, units: 5n }])).toMatchObject({
      error: { reason: 'bad_plan' },
    })
  })
})

describe('a key', () => {
  test('is that of the account and its addresses which every Ethereum tool derives from the seed', () => {
    expect(account.xpub).toBe(
      'xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP',
    )
  })

  test('signs no plan of another chain', () => {
    const plan = { ...planOf(ask('ETH', [{ address: BOB, units: 1n }])), chainId: 'eip155:1' }
    expect(() => evmSigner.sign(chain, seed, 'evm', plan)).toThrow(/this EVM chain/)
  })
})
