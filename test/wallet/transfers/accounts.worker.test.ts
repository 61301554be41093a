import { beforeEach, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { err, ok } from '../../../src/lib/result.ts'
import { registryOf } from '../../../src/money/registry.ts'
import { callsBack, faultOfPlan } from '../../../src/signer/plans.ts'
import type { CreateTransfer } from '../../../src/wallet/transfers/rpc.ts'
import { intentOf } from '../../../src/wallet/transfers/step.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'
import { evmAccount } from '../../storage/accounts.ts'
import { AccountChain } from './account-chain.ts'
import { World } from './world.ts'

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

const FACTORY = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
const CHAINS = JSON.stringify(
  DEVELOPMENT_CHAINS.map((chain) => (chain.id === EVM_LOCAL ? { ...chain, delegateFactory: FACTORY } : chain)),
)
const PAYEE = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const ETH = 10n ** 18n
const chainOf = () => registryOf({ CHAINS }).chain(EVM_LOCAL)
const USDC: Partial<CreateTransfer> = { asset: 'USDC' }

async function accountWorld() {
  const world = new World({ chainId: EVM_LOCAL, account: evmAccount })
  world.chains = CHAINS
  await world.open([])
  const chain = new AccountChain(world.made)
  world.sender = chain.sender
  await world.earn(ETH, 'ETH')
  await world.earn(1_000_000n, 'USDC')
  const pay = (units: bigint, changes: Partial<CreateTransfer> = {}) =>
    world.pay(units, { asset: 'ETH', outputs: [{ address: PAYEE, units }], ...changes })
  const untilOver = async (ids: readonly string[]) => {
    for (let rounds = 0; rounds < 8; rounds++) {
      chain.mine()
      await world.later(60_000)
      await world.later(2_000)
    }
    return world.all(ids)
  }
  return { world, chain, pay, untilOver }
}

test('a merchant’s own EVM wallet pays from the address that has enough, by a transaction that they sign', async () => {
  const { world, chain, untilOver } = await accountWorld()
  const keys: string[] = []
  for (const invoiceId of ['inv_0', 'inv_1', 'inv_2']) {
    const given = await world.wallet.allocate(EVM_LOCAL, invoiceId)
    if (given.ok) keys.push(String(given.value.watchKey))
  }
  const held = [10n ** 15n, 10n ** 17n, 10n ** 16n]
  world.chain.balanceOf = (key) => {
    const confirmed = held[keys.indexOf(String(key))]
    return confirmed === undefined ? null : { assetCode: 'ETH', confirmed, leaving: 0n, coins: [] }
  }
  await world.read()
  const { id } = await world.pay(10n ** 16n, { custody: 'self', asset: 'ETH', outputs: [{ address: PAYEE, units: 10n ** 16n }] })
  await world.work()
  const prepared = (await world.wallet.transfer(id)) as Transfer
  expect(prepared).toMatchObject({ status: 'signing', unsigned: { evm: { serialized: expect.any(String) } } })
  expect(planOf(prepared).index).toBe(1)
  expect(await world.sql("SELECT idx FROM addresses WHERE invoice_id = 'treasury'")).toEqual([])
  const signed = await world.signer.sign({ plan: prepared.plan } as never)
  expect(await world.wallet.submitSigned(id, signed.ok ? signed.value.raw : '')).toMatchObject({ ok: true })
  expect(chain.sent).toEqual([])
  const [done] = await untilOver([id])
  expect(done).toMatchObject({ status: 'confirmed' })
  expect(await world.books('ETH')).toEqual({ available: ETH, wallet: -ETH })
})

describe('what a merchant was given to sign', () => {
  const prepare = async () => {
    const { world, chain, untilOver } = await accountWorld()
    const keys: string[] = []
    for (const invoiceId of ['inv_0', 'inv_1']) {
      const given = await world.wallet.allocate(EVM_LOCAL, invoiceId)
      if (given.ok) keys.push(String(given.value.watchKey))
    }
    const held = [10n ** 17n, 10n ** 16n]
    world.chain.balanceOf = (key) => {
      const confirmed = held[keys.indexOf(String(key))]
      return confirmed === undefined ? null : { assetCode: 'ETH', confirmed, leaving: 0n, coins: [] }
    }
    await world.read()
    const request = { kind: 'refund', invoiceId: 'inv_1', custody: 'self', asset: 'ETH' } as const
    const pay = async (changes: Partial<CreateTransfer> = {}) => {
      const { id } = await world.pay(0n, { ...request, outputs: [{ address: PAYEE, units: 10n ** 15n }], ...changes })
      await world.work()
      return (await world.wallet.transfer(id)) as Transfer
    }
    return { world, chain, held, pay, untilOver }
  }

  test('and broadcast at another fee is found by its number, and is the transfer’s', async () => {
    const { world, chain, pay } = await prepare()
    const { id } = await pay()
    chain.useNonce()
    // Of several nodes one alone may lie: nothing is followed, and nothing ended.
    chain.taker = { byTxid: '0xlie', pays: true, byAll: false }
    await world.wallet.cancelTransfer(id, 'Ada')
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'unknown', signed: [] })
    chain.taker = { byTxid: '0xother', pays: true }
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast', signed: [{ txid: '0xother', raw: '' }] })
  })

  test('is not ended as long as nobody can tell what has its number', async () => {
    const { world, chain, pay } = await prepare()
    const { id } = await pay()
    chain.useNonce()
    await world.wallet.cancelTransfer(id, 'Ada')
    await world.work()
    chain.mine(10)
    for (let rounds = 0; rounds < 3; rounds++) await world.later(3_600_000)
    expect(await world.wallet.transfer(id)).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('bring what you signed'),
    })
    chain.taker = { byTxid: '0xother', pays: false }
    await world.later(3_600_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('something else') })
  })

  test('waits, and says so, for a number below it that nobody has; the next transfer takes that', async () => {
    const { world, chain, pay, untilOver } = await prepare()
    const payout = { kind: 'payout', invoiceId: null } as const
    const [first, second, third] = [await pay(payout), await pay(payout), await pay(payout)]
    expect([first, second, third].map((one) => planOf(one).nonce)).toEqual([0, 1, 2])
    const bring = async ({ id, plan }: Transfer) => {
      const signed = await world.signer.sign({ plan } as never)
      expect(await world.wallet.submitSigned(id, signed.ok ? signed.value.raw : '')).toMatchObject({ ok: true })
      await world.work()
    }
    const words = async ({ id }: Transfer) => (await world.wallet.transfer(id))?.reason
    await bring(second)
    await world.later(60_000)
    // It is the first one's, which waits for its signature.
    expect(await words(second)).toBeNull()
    await world.wallet.cancelTransfer(first.id, 'Ada')
    await world.work()
    const { version } = (await world.wallet.transfer(second.id)) as Transfer
    for (let looks = 0; looks < 3; looks++) await world.later(60_000)
    const gap = /waiting for nonce 0 of 0x\w{40}: another transaction of this wallet must be sent first$/
    expect(await words(second)).toMatch(gap)
    expect((await world.wallet.transfer(second.id))?.version).toBe(version + 1)
    expect(await words(third)).toMatch(/^waiting for your signature; then waiting for nonce 0 /)
    const fourth = await pay(payout)
    expect(planOf(fourth).nonce).toBe(0)
    expect(await words(third)).toBe('waiting for your signature')
    await world.later(60_000)
    expect(await words(second)).toBeNull()
    await bring(fourth)
    await bring(third)
    for (const { status } of await untilOver([second.id, third.id, fourth.id])) expect(status).toBe('confirmed')
    expect(chain.sent.filter(({ height }) => height !== null)).toHaveLength(3)
  })

  test('and ended here, and sent at another fee all the same, is found before anything is made instead of it', async () => {
    const { world, chain, pay } = await prepare()
    const first = await pay()
    await world.wallet.cancelTransfer(first.id, 'payer')
    await world.work()
    chain.useNonce()
    const again = await pay({ insteadOf: [first.id] })
    expect(again).toMatchObject({
      status: 'queued',
      reason: 'something has the place of what was prepared before: looking what it pays',
    })
    chain.taker = { byTxid: '0xother', pays: false }
    await world.later(60_000)
    await world.later(60_000)
    expect(planOf((await world.wallet.transfer(again.id)) as Transfer)).toMatchObject({ nonce: 1 })
    chain.taker = { byTxid: '0xother', pays: true }
    const third = await pay({ insteadOf: [first.id] })
    expect(third).toMatchObject({ status: 'failed', reason: expect.stringContaining('and pays: 0xother') })
  })

  test('and ended here has its address and number in what is made instead of it', async () => {
    const { world, chain, held, pay } = await prepare()
    const first = await pay()
    await world.wallet.cancelTransfer(first.id, 'payer')
    await world.work()
    // Another address would come first now, and another transfer has a number already.
    held.reverse()
    world.nowMs += 60_000
    await world.read()
    const other = await pay({ kind: 'payout', invoiceId: null })
    expect(planOf(other)).toMatchObject({ index: 1, nonce: 0 })
    // Signed and sent all the same: of the two only one can come into a block.
    const signed = await world.signer.sign({ plan: first.plan } as never)
    await chain.sender.broadcast(signed.ok ? signed.value.raw : '')
    expect(chain.pendingNonce).toBe(1)
    const again = await pay({ insteadOf: [first.id], outputs: [{ address: PAYEE, units: 10n ** 14n }] })
    expect(planOf(again)).toMatchObject({ index: 0, nonce: 0 })
  })
})

const planOf = ({ plan }: Transfer) => plan as AccountPlan

describe('an EVM hot wallet', () => {
  test('has the number again of what a person has ended: a stranger’s that only waits may never use it', async () => {
    const { world, chain, pay, untilOver } = await accountWorld()
    const { id } = await pay(10n ** 16n)
    await world.work()
    const isOurs = world.sender
    world.sender = {
      ...isOurs,
      look: async () => ok({ status: 'conflict', byTxid: null, final: false, searchedHeight: chain.height, byAll: true }),
    }
    await world.later(60_000)
    await world.wallet.settleTransfer(id, { by: 'Ada', reason: 'it is not ours' })
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'failed', reason: 'ended by Ada: it is not ours' })
    world.sender = isOurs
    chain.sent.splice(0)
    const again = await pay(10n ** 15n)
    const [done] = await untilOver([again.id])
    expect(done).toMatchObject({ status: 'confirmed', plan: { nonce: 0 } })
  })

  test('pays from its treasury in the order of its numbers; the fee is the merchant’s, and what gas did not take comes back', async () => {
    const { world, pay, untilOver } = await accountWorld()
    const made = [await pay(10n ** 16n), await pay(10n ** 15n), await pay(10n ** 14n)]
    await world.work()
    for (let rounds = 0; rounds < 4; rounds++) await world.later(2_000)
    const sent = await world.all(made.map(({ id }) => id))
    expect(sent.map(({ status }) => status)).toEqual(['broadcast', 'broadcast', 'broadcast'])
    expect(sent.map((one) => planOf(one).nonce).sort()).toEqual([0, 1, 2])
    expect(new Set(sent.map((one) => planOf(one).index))).toEqual(new Set([0]))
    expect(await world.sql("SELECT idx FROM addresses WHERE invoice_id = 'treasury'")).toEqual([{ idx: 0 }])
    const done = await untilOver(made.map(({ id }) => id))
    expect(done.map(({ status }) => status)).toEqual(['confirmed', 'confirmed', 'confirmed'])
    const out = 10n ** 16n + 10n ** 15n + 10n ** 14n + done.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n)
    expect(await world.books('ETH')).toEqual({ available: ETH - out, wallet: -(ETH - out) })
  })

  test('pays the gas of tokens out of the platform’s own', async () => {
    const { world, pay, untilOver } = await accountWorld()
    const { id } = await pay(250_000n, USDC)
    const [done] = await untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed' })
    expect(await world.books('USDC')).toEqual({ available: 750_000n, wallet: -750_000n })
    const fee = done?.fee ?? 0n
    expect(await world.books('ETH')).toEqual({ available: ETH, treasury: -fee, wallet: -(ETH - fee) })
  })

  test('gives a number to nobody else before it is signed, and again when it is not', async () => {
    const { world, pay, untilOver } = await accountWorld()
    let isRefusing = true
    world.around = (name, call) =>
      name === 'signer.sign' && isRefusing
        ? Promise.resolve(err({ reason: 'needs_approval', challenge: 'x', wanted: 1, given: 0 }))
        : call()
    const first = await pay(10n ** 15n)
    await world.work()
    expect(await world.wallet.transfer(first.id)).toMatchObject({ status: 'needs_approval' })
    isRefusing = false
    const second = await pay(10n ** 15n)
    await world.work()
    expect(planOf((await world.wallet.transfer(second.id)) as Transfer).nonce).toBe(0)
    await world.wallet.approveTransfer(first.id, { credentialId: 'c', authenticatorData: '', clientDataJson: '', signature: 's' })
    const done = await untilOver([first.id, second.id])
    expect(done.map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
    expect(done.map((one) => planOf(one).nonce)).toEqual([1, 0])
  })

  test('replaces what is stuck, the first number alone, at the fee of that time', async () => {
    const { world, chain, pay, untilOver } = await accountWorld()
    const made = [await pay(10n ** 15n), await pay(10n ** 15n)]
    await world.work()
    await world.later(2_000)
    chain.gwei = 30n
    for (let rounds = 0; rounds < 6; rounds++) await world.later(60_000)
    const [first, second] = (await world.all(made.map(({ id }) => id))).sort(
      (one, other) => planOf(one).nonce - planOf(other).nonce,
    )
    expect(first?.signed.length).toBeGreaterThan(1)
    expect(second?.signed).toHaveLength(1)
    expect(planOf(first as Transfer)).toMatchObject({ nonce: 0 })
    expect(planOf(first as Transfer).maxFeePerGas).toBeGreaterThanOrEqual(30n * 10n ** 9n)
    const done = await untilOver(made.map(({ id }) => id))
    expect(done.map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
    const out = 2n * 10n ** 15n + done.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n)
    expect(await world.books('ETH')).toEqual({ available: ETH - out, wallet: -(ETH - out) })
  })

  test('what is called back uses up all its numbers, and those behind it come into blocks', async () => {
    const { world, chain, pay, untilOver } = await accountWorld()
    const outputs = [1, 2, 3].map((n) => ({ address: PAYEE, units: BigInt(n) * 1_000n }))
    const many = await pay(0n, { asset: 'USDC', outputs })
    await world.work()
    const next = await pay(10n ** 15n)
    await world.work()
    for (const { txid, plan } of chain.sent) if (plan.nonce === 0) chain.stuck.add(txid)
    chain.mine(3)
    await world.later(60_000)
    expect((await world.all([many.id, next.id])).map(({ included }) => included)).toEqual([null, null])
    // The token refuses it by now.
    chain.gas = null
    await world.wallet.callBackTransfer(many.id, 'Ada')
    await world.work()
    const called = (await world.wallet.transfer(many.id)) as Transfer
    expect(planOf(called)).toMatchObject({ nonce: 0, value: 0n, data: '0x', gasLimit: 505_000n, authorizations: [{ nonce: 1 }] })
    expect(faultOfPlan(chainOf(), world.account, intentOf(called), planOf(called))).not.toBeNull()
    expect(callsBack(chainOf(), world.account, intentOf(called), planOf(called))).toBe(true)
    const [failed, paid] = await untilOver([many.id, next.id])
    expect(failed).toMatchObject({ status: 'failed', reason: 'called back by Ada' })
    expect(paid).toMatchObject({ status: 'confirmed' })
    expect(await world.books('USDC')).toEqual({ available: 1_000_000n, wallet: -1_000_000n })
    // The gas of tokens is the platform's, also of those that come back.
    const [gas, fee] = [failed?.fee ?? 0n, paid?.fee ?? 0n]
    const left = ETH - 10n ** 15n - fee
    expect(await world.books('ETH')).toEqual({ available: left, treasury: -gas, wallet: -(left - gas) })
    const last = await pay(10n ** 14n)
    chain.gas = 21_000n
    await world.later(60_000)
    expect(planOf((await world.wallet.transfer(last.id)) as Transfer).nonce).toBe(3)
  })

  test('a transaction that is in a block and moved nothing has failed once it is final; its gas is paid', async () => {
    const { world, chain, pay, untilOver } = await accountWorld()
    const { id } = await pay(10n ** 16n)
    await world.work()
    for (const { txid } of chain.sent) chain.reverting.add(txid)
    chain.mine()
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'unknown', reason: 'it is in a block and moved nothing' })
    const [done] = await untilOver([id])
    expect(done).toMatchObject({ status: 'failed' })
    const fee = done?.fee ?? 0n
    expect(fee).toBeGreaterThan(0n)
    expect(await world.books('ETH')).toEqual({ available: ETH - fee, wallet: -(ETH - fee) })
  })

  test('a number that somebody else used up makes it fail, when that is final; the next one is not used again', async () => {
    const { world, chain, pay, untilOver } = await accountWorld()
    const { id } = await pay(10n ** 16n)
    await world.work()
    chain.useNonce()
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'unknown' })
    const [done] = await untilOver([id])
    expect(done).toMatchObject({ status: 'failed', fee: 0n })
    expect(await world.books('ETH')).toEqual({ available: ETH, wallet: -ETH })
    // A node that lags shows an old count.
    chain.nonce = 0
    const again = await pay(10n ** 15n)
    await world.work()
    expect(planOf((await world.wallet.transfer(again.id)) as Transfer).nonce).toBe(1)
  })

  test('does not promise twice what others under way will take', async () => {
    const { world, chain, pay } = await accountWorld()
    chain.units = 300_000n
    const made = [await pay(200_000n, USDC), await pay(200_000n, USDC)]
    await world.work()
    await world.later(2_000)
    const statuses = (await world.all(made.map(({ id }) => id))).map(({ status, reason }) => [status, reason]).sort()
    expect(statuses).toEqual([
      ['broadcast', null],
      ['queued', 'waiting for the wallet to be read'],
    ])
    // Read, it is known to wait for nothing but those.
    world.nowMs += 60_000
    await world.wallet.refresh(EVM_LOCAL)
    await world.read()
    await world.later(2_000)
    const reasons = (await world.all(made.map(({ id }) => id))).map(({ reason }) => reason)
    expect(reasons).toContain('waiting for other transfers of the wallet')
  })

  test('whose treasury has no gas says so, and goes on when it has', async () => {
    const { world, chain, pay, untilOver } = await accountWorld()
    chain.native = 1n
    const { id } = await pay(1_000n, USDC)
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({
      status: 'queued',
      reason: expect.stringMatching(/^waiting for ETH for the network fee at 0x/),
    })
    chain.native = ETH
    const [done] = await untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed' })
  })

  test('pays many at once, which takes two numbers, and sweeps what lies elsewhere, after it was made ready', async () => {
    const { world, chain, pay, untilOver } = await accountWorld()
    const outputs = [1, 2, 3].map((n) => ({ address: PAYEE, units: BigInt(n) * 1_000n }))
    const many = await pay(0n, { asset: 'USDC', outputs })
    await world.work()
    const next = await pay(1_000n, USDC)
    await world.work()
    const nonces = (await world.all([many.id, next.id])).map((one) => planOf(one).nonce)
    expect(nonces).toEqual([0, 2])
    await untilOver([many.id, next.id])
    expect(await world.wallet.createTransfer(world.request(1n, { kind: 'sweep', asset: 'USDC' }))).toMatchObject({
      error: { reason: 'bad_transfer' },
    })
    chain.gas = null
    const sweep = await pay(0n, { kind: 'sweep', asset: 'USDC', outputs: [] })
    await world.work()
    expect(await world.wallet.transfer(sweep.id)).toMatchObject({ reason: 'waiting for the wallet to be read' })
    await world.read()
    const [done] = await untilOver([sweep.id])
    expect(done).toMatchObject({ status: 'confirmed', units: 0n })
    const books = await world.books('USDC')
    expect(books).toEqual({ available: 993_000n, wallet: -993_000n })
  })
})
