import { beforeEach, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import { watchKeyOf } from '../../../src/gateways/registry.ts'
import { decodeJson } from '../../../src/lib/json.ts'
import { err } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { faultOfPlan } from '../../../src/signer/plans.ts'
import type { SignRequest } from '../../../src/signer/rpc.ts'
import type { CreateTransfer } from '../../../src/wallet/transfers/rpc.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'
import { evmAccount } from '../../storage/accounts.ts'
import { PlainChain } from './plain-chain.ts'
import { SweepChain } from './sweep-chain.ts'
import { World } from './world.ts'

/** Deposits of an EVM hot wallet are brought to its treasury by itself, when a transfer waits for them. */

const logged: string[] = []

beforeEach(() => {
  logged.length = 0
  for (const level of ['error', 'warn', 'log'] as const)
    vi.spyOn(console, level).mockImplementation((line: unknown) => void logged.push(JSON.stringify(line)))
})

const local = DEVELOPMENT_CHAINS.find(({ id }) => id === EVM_LOCAL) as ChainConfig
const { delegateFactory: _, ...without } = local
const PAYEE = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

/** A wallet with USDC at deposit addresses, as much in the books, and gas in the treasury. */
async function sweepWorld(deposits: readonly bigint[], chainConfig: ChainConfig = local) {
  const world = new World({ chainId: EVM_LOCAL, account: evmAccount })
  world.chains = JSON.stringify(DEVELOPMENT_CHAINS.map((chain) => (chain.id === EVM_LOCAL ? chainConfig : chain)))
  await world.open([])
  let treasury = ''
  let treasuryKey = ''
  const chain = new SweepChain(world.made, chainConfig, () => treasury)
  world.sender = chain.node
  const keys = new Map<string, string>()
  const deposit = async (name: string, units: bigint) => {
    const given = await world.wallet.allocate(EVM_LOCAL, name)
    if (!given.ok) throw new Error('no address')
    chain.deposits.set(given.value.address.toLowerCase(), units)
    keys.set(String(given.value.watchKey), given.value.address.toLowerCase())
    await world.earn(units, 'USDC')
    world.nowMs += 1_000
  }
  world.chain.balanceOf = (key) => {
    if (String(key) === treasuryKey) return { assetCode: 'ETH', confirmed: chain.native, leaving: 0n, coins: [] }
    const confirmed = chain.deposits.get(keys.get(String(key)) ?? '')
    return confirmed === undefined ? null : { assetCode: 'USDC', confirmed, leaving: 0n, coins: [] }
  }
  for (const [at, units] of deposits.entries()) await deposit(`inv_${at}`, units)
  treasury = ((await world.wallet.payer(EVM_LOCAL))?.address ?? '').toLowerCase()
  treasuryKey = String(watchKeyOf(chainConfig, treasury))
  const pay = (units: bigint, changes: Partial<CreateTransfer> = {}) =>
    world.pay(units, { asset: 'USDC', outputs: [{ address: PAYEE, units }], ...changes })
  /** Blocks come, and readings, and time goes by. */
  const rounds = async (count: number) => {
    for (let round = 0; round < count; round++) {
      chain.mine()
      await world.later(61_000)
      await world.read()
      await world.work()
      await world.project()
    }
  }
  const read = async (id: string) => (await world.wallet.transfer(id)) as Transfer
  const sweeps = async () => {
    const rows = await world.sql('SELECT body FROM transfers')
    return rows.map(({ body }) => decodeJson<{ transfer: Transfer }>(String(body)).transfer).filter(({ kind }) => kind === 'sweep')
  }
  return { world, chain, pay, rounds, read, sweeps, deposit, treasury }
}

describe('transfers that wait for deposits', () => {
  test('have them brought by one sweep, after the treasury is made ready, and are paid; the gas is the platform’s', async () => {
    const { world, chain, pay, rounds, read, sweeps, treasury } = await sweepWorld([300n, 200n, 500n])
    const made = [await pay(400n), await pay(350n), await pay(250n)]
    await world.work()
    await world.read()
    await world.work()
    const words = (await world.all(made.map(({ id }) => id))).map(({ reason }) => reason)
    for (const word of words) expect(word?.toLowerCase()).toContain(`waiting for deposits to be brought to ${treasury} by tr_`)
    // One that brings it, and waits for one that makes the treasury ready.
    expect((await sweeps()).map(({ reason }) => reason?.replace(/tr_\w+/, 'tr_'))).toEqual(
      expect.arrayContaining(['waiting for the treasury to be made ready by tr_']),
    )
    expect(await sweeps()).toHaveLength(2)
    await rounds(14)
    expect((await world.all(made.map(({ id }) => id))).map(({ status }) => status)).toEqual(['confirmed', 'confirmed', 'confirmed'])
    expect(chain.done.filter((does) => does !== 'pay')).toEqual(['deploy', 'flush'])
    expect((await sweeps()).map(({ merchantId }) => merchantId)).toEqual([world.merchantId, world.merchantId])
    expect(chain.done.filter((does) => does === 'pay')).toHaveLength(3)
    expect(chain.units).toBe(0n)
    expect((await sweeps()).map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
    const all = [...(await sweeps()), ...(await Promise.all(made.map(({ id }) => read(id))))]
    const gas = all.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n)
    expect(await world.books('USDC')).toEqual({})
    expect(await world.books('ETH')).toEqual({ treasury: -gas, wallet: gas })
    expect(chain.native).toBe(10n ** 18n - gas)
  })

  test('have it made again when somebody cancels it before it is signed; afterwards nobody can', async () => {
    const { world, chain, pay, rounds, read, sweeps } = await sweepWorld([300n])
    const { id } = await pay(250n)
    await world.work()
    await world.read()
    await world.work()
    const [first] = (await sweeps()).filter(({ reason }) => reason?.includes('made ready'))
    expect(await world.wallet.callBackTransfer(first?.id ?? '', 'Ada')).toMatchObject({ value: { status: 'failed' } })
    const refused: string[] = []
    for (let round = 0; round < 16; round++) {
      await rounds(1)
      for (const sweep of (await sweeps()).filter(({ status }) => status === 'broadcast')) {
        const answer = await world.wallet.callBackTransfer(sweep.id, 'Ada')
        refused.push(answer.ok ? 'called back' : answer.error.reason)
      }
    }
    expect(new Set(refused)).toEqual(new Set(['wrong_status']))
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    expect(chain.done).toEqual(['deploy', 'flush', 'pay'])
  })

  test('have another one made when a reading tells of more, and none when the books alone say that there is', async () => {
    const { world, chain, pay, rounds, read, deposit } = await sweepWorld([100n])
    await world.earn(1_000n, 'USDC')
    const more = await pay(150n)
    await rounds(3)
    // Nothing that is known would bring it.
    expect(await read(more.id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('too little USDC') })
    expect(chain.done).toEqual([])
    await deposit('inv_later', 100n)
    const again = await pay(150n)
    await rounds(12)
    expect(await read(again.id)).toMatchObject({ status: 'confirmed' })
    expect(chain.units).toBe(50n)
    await deposit('inv_last', 70n)
    const last = await pay(120n)
    await rounds(12)
    expect(await read(last.id)).toMatchObject({ status: 'confirmed' })
    expect(chain.done).toEqual(['deploy', 'flush', 'pay', 'flush', 'pay'])
  })

  test('say by name why the signer does not sweep, and go on when it may', async () => {
    const { world, pay, rounds, read, chain } = await sweepWorld([100n])
    let isAllowed = false
    const asked: string[] = []
    world.around = (name, call) => {
      if (name !== 'signer.sign' || isAllowed) return call()
      asked.push(name)
      return Promise.resolve(err({ reason: 'no_policy', detail: 'no policy allows a sweep in USDC' }))
    }
    const { id } = await pay(60n)
    await rounds(3)
    expect(asked.length).toBeGreaterThan(0)
    expect((await read(id)).reason).toMatch(/by tr_\w+: no_policy: no policy allows a sweep in USDC$/)
    expect(chain.sent).toEqual([])
    isAllowed = true
    await rounds(12)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
  })

  test('say that gas is missing, and where, once in the log; what the operator sends is seen', async () => {
    const { world, chain, pay, rounds, read, treasury } = await sweepWorld([100n])
    chain.native = 0n
    expect(await world.wallet.payer(EVM_LOCAL)).toMatchObject({ native: null, low: true })
    const { id } = await pay(60n)
    await rounds(4)
    expect((await read(id)).reason?.toLowerCase()).toMatch(new RegExp(`waiting for eth for the network fee at ${treasury}`))
    const hints = logged.filter((line) => line.includes('wallet_needs_gas'))
    expect(hints.length).toBeGreaterThan(0)
    expect(hints[0]?.toLowerCase()).toContain(treasury)
    expect(await world.wallet.payer(EVM_LOCAL)).toMatchObject({ native: 0n, low: true })
    chain.native = 10n ** 18n
    await rounds(12)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    expect(await world.wallet.payer(EVM_LOCAL)).toMatchObject({ low: false })
  })

  test('are paid once and swept for once, whatever is killed on the way', async () => {
    for (let at = 1; at <= 40; at += 3) {
      const { world, chain, pay, rounds, read } = await sweepWorld([100n, 50n])
      const { id } = await pay(120n)
      let calls = 0
      let isDead = false
      world.around = async (name, call) => {
        if (isDead && name !== 'ledger.balances') throw new Error('killed')
        calls++
        const before = at % 2 === 0
        isDead = calls === at
        if (isDead && before) throw new Error('killed')
        const answer = await call()
        if (isDead) throw new Error('killed')
        return answer
      }
      for (let round = 0; round < 30 && !isDead; round++) await rounds(1)
      isDead = false
      await world.kill()
      await rounds(16)
      expect(await read(id), `killed at call ${at}`).toMatchObject({ status: 'confirmed' })
      expect(chain.done).toEqual(['deploy', 'flush', 'pay'])
    }
  }, 120_000)
})

describe('a sweep that somebody asks for', () => {
  test('is one at a time of each asset, and the same again is the same', async () => {
    const { world, rounds, read, chain } = await sweepWorld([100n])
    const request = world.request(0n, { kind: 'sweep', asset: 'USDC', outputs: [] })
    const first = await world.wallet.createTransfer(request)
    expect(first).toMatchObject({ ok: true })
    expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true, value: { id: request.id } })
    const other = await world.wallet.createTransfer(world.request(0n, { kind: 'sweep', asset: 'USDC', outputs: [] }))
    expect(other).toMatchObject({ error: { reason: 'too_many_transfers', detail: `${request.id} brings in USDC already` } })
    const ether = await world.wallet.createTransfer(world.request(0n, { kind: 'sweep', asset: 'ETH', outputs: [] }))
    expect(ether).toMatchObject({ ok: true })
    await rounds(6)
    expect(await read(request.id)).toMatchObject({ status: 'confirmed' })
    // The treasury is made ready once for both.
    expect(chain.done).toEqual(['deploy', 'flush'])
  })

  test('of nothing, by a treasury that is ready, fails without gas', async () => {
    const { world, chain, rounds, read } = await sweepWorld([])
    chain.isDelegateMade = true
    await world.read()
    const { id } = await world.pay(0n, { kind: 'sweep', asset: 'USDC', outputs: [] })
    await rounds(2)
    expect(await read(id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('no USDC to be brought in') })
    expect(chain.sent).toEqual([])
  })
})

describe('where there are no delegates', () => {
  /** USDC at deposit addresses, as much in the books, and ether for gas in the treasury alone. */
  async function plainWorld(deposits: readonly bigint[]) {
    const world = new World({ chainId: EVM_LOCAL, account: evmAccount })
    world.chains = JSON.stringify(DEVELOPMENT_CHAINS.map((chain) => (chain.id === EVM_LOCAL ? without : chain)))
    await world.open([])
    const chain = new PlainChain(world.made, without, world.account)
    world.sender = chain.sender
    world.balancesOf = (key) => chain.balancesOf(key)
    const addresses: string[] = []
    const deposit = async (units: bigint, asset: 'USDC' | 'ETH' = 'USDC') => {
      const given = await world.wallet.allocate(EVM_LOCAL, `inv_${addresses.length}`)
      if (!given.ok) throw new Error('no address')
      chain.at(given.value.address)[asset] += units
      addresses.push(given.value.address.toLowerCase())
      await world.earn(units, asset)
      world.nowMs += 1_000
    }
    for (const units of deposits) await deposit(units)
    const treasury = ((await world.wallet.payer(EVM_LOCAL))?.address ?? '').toLowerCase()
    chain.at(treasury).ETH = GIVEN
    const pay = (units: bigint, changes: Partial<CreateTransfer> = {}) =>
      world.pay(units, { asset: 'USDC', outputs: [{ address: PAYEE, units }], ...changes })
    const rounds = async (count: number) => {
      for (let round = 0; round < count; round++) {
        chain.mine()
        await world.later(61_000)
        await world.read()
        await world.work()
        await world.project()
      }
    }
    const transfers = async () => {
      const rows = await world.sql('SELECT body FROM transfers')
      return rows.map(({ body }) => decodeJson<{ transfer: Transfer }>(String(body)).transfer)
    }
    const read = async (id: string) => (await world.wallet.transfer(id)) as Transfer
    /** Books and chain agree to the last unit: what operators gave is beside the books, and only gas is gone. */
    const check = async () => {
      const own = [treasury, ...addresses].map((address) => chain.at(address))
      const held = (asset: 'ETH' | 'USDC') => own.reduce((sum, account) => sum + account[asset], 0n)
      const [ether, usdc] = [await world.books('ETH'), await world.books('USDC')]
      expect(held('USDC')).toBe(-(usdc.wallet ?? 0n))
      expect(held('ETH')).toBe(GIVEN - (ether.wallet ?? 0n))
      expect(-(ether.treasury ?? 0n)).toBe(chain.burnt)
      expect(chain.payments.filter((to) => addresses.includes(to))).toEqual([])
      for (const { intent, plan } of world.signed.filter((one) => one.intent.kind === 'sweep'))
        expect(faultOfPlan(without, world.account, intent, plan)).toBeNull()
    }
    return { world, chain, addresses, deposit, treasury, pay, rounds, transfers, read, check }
  }
  const GIVEN = 10n ** 18n

  test('each deposit address is given its gas and sends what it has, as few as are needed, several at a time', async () => {
    const { world, chain, addresses, treasury, pay, rounds, transfers, read, check } = await plainWorld([300n, 200n, 500n, 10n])
    const { id } = await pay(750n)
    await rounds(1)
    const { reason } = await read(id)
    expect(reason?.toLowerCase()).toMatch(new RegExp(`^waiting for deposits to be brought to ${treasury} by tr_\\w+ and 1 more`))
    await rounds(14)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    const swept = chain.done.filter(({ to }) => to === treasury)
    expect(swept.map(({ from, units }) => [addresses.indexOf(from), units]).sort()).toEqual([
      [0, 300n],
      [2, 500n],
    ])
    expect(chain.done.filter(({ asset }) => asset === 'ETH').map(({ from }) => from)).toEqual([treasury, treasury])
    expect((await transfers()).filter(({ kind }) => kind === 'sweep').map(({ status }) => status)).toEqual(
      Array(4).fill('confirmed'),
    )
    // Little of the gas is left where it is of no use: what nobody could know before the block.
    const dust = addresses.reduce((sum, address) => sum + chain.at(address).ETH, 0n)
    expect(dust).toBeLessThan(2n * 60_000n * 10n ** 10n)
    await check()
    expect(await world.books('USDC')).toMatchObject({ available: 260n })
  })

  test('those that wait share what is under way, and one waits for gas that the operator must send', async () => {
    const { chain, treasury, pay, rounds, read, check, transfers } = await plainWorld([400n, 300n])
    chain.at(treasury).ETH = 0n
    const made = [await pay(250n), await pay(350n)]
    await rounds(3)
    for (const { id } of made) {
      const { reason } = await read(id)
      expect(reason?.toLowerCase()).toMatch(new RegExp(`by tr_\\w+.*: waiting for eth for the network fee at ${treasury}$`))
    }
    // Once for all of them.
    const hints = logged.filter((line) => line.includes('wallet_needs_gas'))
    expect(hints.map((line) => line.toLowerCase().includes(treasury))).toEqual([true])
    chain.at(treasury).ETH = GIVEN
    await rounds(24)
    for (const { id } of made) expect(await read(id)).toMatchObject({ status: 'confirmed' })
    expect((await transfers()).filter(({ kind }) => kind === 'sweep')).toHaveLength(4)
    await check()
  })

  test('who ends a sweep or a top-up that is not signed gets another, and nothing twice', async () => {
    const { world, chain, treasury, pay, rounds, transfers, read, check } = await plainWorld([100n])
    chain.at(treasury).ETH = 0n
    const { id } = await pay(60n)
    await rounds(2)
    for (const asset of ['ETH', 'USDC']) {
      const one = (await transfers()).find((sweep) => sweep.kind === 'sweep' && sweep.asset === asset && sweep.status === 'queued')
      expect(await world.wallet.cancelTransfer(one?.id ?? '', 'Ada')).toMatchObject({ ok: true })
      await rounds(3)
    }
    chain.at(treasury).ETH = GIVEN
    await rounds(20)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    expect(chain.done.filter(({ asset }) => asset === 'USDC')).toHaveLength(2)
    await check()
  })

  test('a second top-up comes when blocks became dearer, also of what is signed', async () => {
    const { world, chain, treasury, pay, rounds, read, check } = await plainWorld([100n])
    const { id } = await pay(60n)
    for (let round = 0; round < 12 && !world.signed.some(({ intent }) => intent.asset === 'ETH'); round++) await rounds(1)
    chain.baseFee = 18n * 10n ** 9n
    await rounds(20)
    expect(chain.done.filter(({ from, asset }) => from === treasury && asset === 'ETH').length).toBe(2)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    await check()

    const later = await plainWorld([100n])
    const { id: other } = await later.pay(60n)
    // Up to where the address has sent its tokens, and no block has them.
    for (let round = 0; round < 12 && !later.world.signed.some(({ intent }) => intent.asset === 'USDC'); round++)
      await later.rounds(1)
    later.chain.baseFee *= 4n
    await later.rounds(50)
    expect(await later.read(other)).toMatchObject({ status: 'confirmed' })
    expect(later.chain.done.filter(({ from, asset }) => from === later.treasury && asset === 'ETH').length).toBe(2)
    await later.check()
  })

  test('ether is brought where it is worth its gas, and crumbs stay', async () => {
    const { world, chain, treasury, addresses, deposit, pay, rounds, read } = await plainWorld([])
    const given = 10n ** 15n
    chain.at(treasury).ETH = given
    await deposit(10n ** 17n, 'ETH')
    await deposit(given, 'ETH')
    await deposit(2n * 10n ** 17n, 'ETH')
    const { id } = await pay(15n * 10n ** 16n, { asset: 'ETH' })
    await rounds(14)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    expect(chain.done.filter(({ to }) => to === treasury).map(({ from }) => addresses.indexOf(from))).toEqual([2])
    const request = world.request(0n, { kind: 'sweep', asset: 'ETH', outputs: [] })
    expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true })
    await rounds(8)
    // Neither what is too little nor what gas left behind.
    expect(chain.done.filter(({ to }) => to === treasury).map(({ from }) => addresses.indexOf(from))).toEqual([2, 0])
    expect(chain.at(addresses[1] ?? '').ETH).toBe(given)
    const held = [treasury, ...addresses].reduce((sum, address) => sum + chain.at(address).ETH, 0n)
    expect(held).toBe(given - ((await world.books('ETH')).wallet ?? 0n))
  })

  test('ether that a reorganisation took for good is waited for, and what is there instead is brought', async () => {
    const { world, chain, treasury, addresses, deposit, rounds, read } = await plainWorld([])
    await deposit(10n ** 17n, 'ETH')
    const request = world.request(0n, { kind: 'sweep', asset: 'ETH', outputs: [] })
    expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true })
    for (let round = 0; round < 8 && world.signed.length === 0; round++) {
      await world.later(61_000)
      await world.read()
      await world.work()
    }
    expect(world.signed).toHaveLength(1)
    const address = chain.at(addresses[0] ?? '')
    address.ETH = 0n
    await rounds(6)
    expect(await read(request.id)).toMatchObject({ status: 'broadcast', included: null })
    address.ETH = 2n * 10n ** 16n
    await rounds(45)
    expect(await read(request.id)).toMatchObject({ status: 'confirmed' })
    expect(chain.done).toMatchObject([{ to: treasury, asset: 'ETH' }])
    expect(chain.done[0]?.units).toBeLessThan(2n * 10n ** 16n)
  })

  test('who asks for a sweep has one of the richest address, and others beside it; of nothing it fails without gas', async () => {
    const { world, chain, treasury, rounds, read, transfers, check } = await plainWorld([100n, 300n, 200n])
    const request = world.request(0n, { kind: 'sweep', asset: 'USDC', outputs: [] })
    expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true })
    expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true, value: { id: request.id } })
    expect(await world.wallet.createTransfer(world.request(0n, { kind: 'sweep', asset: 'USDC', outputs: [] }))).toMatchObject({
      error: { reason: 'too_many_transfers' },
    })
    await rounds(10)
    expect(await read(request.id)).toMatchObject({ status: 'confirmed' })
    expect(chain.at(treasury).USDC).toBe(600n)
    expect((await transfers()).map(({ status }) => status)).toEqual(Array(6).fill('confirmed'))
    await check()
    const again = world.request(0n, { kind: 'sweep', asset: 'USDC', outputs: [] })
    expect(await world.wallet.createTransfer(again)).toMatchObject({ ok: true })
    await rounds(2)
    expect(await read(again.id)).toMatchObject({ status: 'failed', reason: 'there is no USDC to be brought in' })
    expect(chain.done).toHaveLength(6)
  })

  test('at most twenty at a time, and as many as it takes', async () => {
    const { world, chain, treasury, pay, rounds, read, check, transfers } = await plainWorld(Array(22).fill(10n))
    const { id } = await pay(220n)
    await rounds(1)
    const open = (await transfers()).filter(({ kind, asset }) => kind === 'sweep' && asset === 'USDC')
    expect(open).toHaveLength(20)
    for (let round = 0; round < 20 && (await read(id)).status !== 'confirmed'; round++) await rounds(1)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    expect(chain.done.filter(({ to }) => to === treasury)).toHaveLength(22)
    await check()
    expect(await world.books('USDC')).toEqual({})
  }, 60_000)

  test('each address sends once and is given gas once, whatever is killed on the way', async () => {
    for (let at = 1; at <= 60; at += 5) {
      const { world, chain, treasury, pay, rounds, read, check } = await plainWorld([100n, 50n])
      const { id } = await pay(120n)
      let calls = 0
      let isDead = false
      world.around = async (name, call) => {
        if (isDead && name !== 'ledger.balances') throw new Error('killed')
        calls++
        const before = at % 2 === 0
        isDead = calls === at
        if (isDead && before) throw new Error('killed')
        const answer = await call()
        if (isDead) throw new Error('killed')
        return answer
      }
      for (let round = 0; round < 30 && !isDead; round++) await rounds(1)
      isDead = false
      await world.kill()
      for (let round = 0; round < 20 && (await read(id)).status !== 'confirmed'; round++) await rounds(1)
      await rounds(2)
      expect(await read(id), `killed at call ${at}`).toMatchObject({ status: 'confirmed' })
      expect(chain.done.map(({ asset, from }) => `${asset} ${from === treasury}`).sort()).toEqual([
        'ETH true',
        'ETH true',
        'USDC false',
        'USDC false',
        'USDC true',
      ])
      await check()
    }
  }, 120_000)
})

describe('many outputs', () => {
  const outputs = (count: number) => Array.from({ length: count }, (_one, at) => ({ address: PAYEE, units: BigInt(at + 1) }))

  test('are paid in one transaction by a treasury that is made ready first', async () => {
    const { world, chain, pay, rounds, read } = await sweepWorld([])
    await world.earn(10_000n, 'USDC')
    chain.units = 10_000n
    const { id } = await pay(0n, { outputs: outputs(5) })
    await world.work()
    expect(await read(id)).toMatchObject({ status: 'queued', reason: expect.stringContaining('made ready') })
    await rounds(10)
    expect(await read(id)).toMatchObject({ status: 'confirmed' })
    expect(chain.done).toEqual(['deploy', 'pay'])
  })

  test('that a recipient refuses fail, when the treasury is ready', async () => {
    const { world, chain, pay, rounds, read } = await sweepWorld([])
    await world.earn(10_000n, 'USDC')
    chain.units = 10_000n
    const { facts } = chain.node
    world.sender = {
      ...chain.node,
      facts: async (question) => {
        const told = await facts(question)
        if (!told.ok || !told.value.payer || (question.payer?.outputs.length ?? 0) < 2) return told
        return { ok: true, value: { ...told.value, payer: { ...told.value.payer, gas: null } } }
      },
    }
    const { id } = await pay(0n, { outputs: outputs(2) })
    await rounds(8)
    expect(await read(id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('a recipient refuses it') })
    expect(chain.done).toEqual(['deploy'])
    expect(await world.books('USDC')).toMatchObject({ available: 10_000n })
  })

  test('of several transfers go out one in a block, when nodes keep one that waits', async () => {
    const { world, chain, pay, rounds } = await sweepWorld([])
    await world.earn(10_000n, 'USDC')
    chain.units = 10_000n
    chain.isDelegateMade = true
    chain.isDelegated = true
    const made = [await pay(0n, { outputs: outputs(3) }), await pay(0n, { outputs: outputs(4) }), await pay(5n)]
    await rounds(16)
    expect((await world.all(made.map(({ id }) => id))).map(({ status }) => status)).toEqual(['confirmed', 'confirmed', 'confirmed'])
    expect(chain.putOff).toBeGreaterThan(0)
    expect(chain.done).toEqual(['pay', 'pay', 'pay'])
  })

  test('are refused by name to who signs themselves', async () => {
    const { world, pay, read, deposit } = await sweepWorld([])
    await deposit('inv_own', 1_000n)
    await world.read()
    const { id } = await pay(0n, { custody: 'self', outputs: outputs(2) })
    await world.work()
    const { status, reason } = await read(id)
    expect([status, reason]).toEqual(['failed', expect.stringMatching(/delegate|one output/)])
  })
})

test('a signature for a sweep is asked for as one: it pays nobody, and no other asset', async () => {
  const { world, pay, rounds } = await sweepWorld([100n])
  await pay(60n)
  await rounds(12)
  const intents = world.signed.map(({ intent }: SignRequest) => [intent.kind, intent.asset, intent.outputs.length])
  expect(intents).toEqual([
    ['sweep', 'USDC', 0],
    ['sweep', 'USDC', 0],
    ['payout', 'USDC', 1],
  ])
})
