import { beforeEach, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import { watchKeyOf } from '../../../src/gateways/registry.ts'
import { decodeJson } from '../../../src/lib/json.ts'
import { err } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import type { SignRequest } from '../../../src/signer/rpc.ts'
import type { CreateTransfer } from '../../../src/wallet/transfers/rpc.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'
import { evmAccount } from '../../storage/accounts.ts'
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

  test('say by name that the chain has no delegates; a sweep of it is refused', async () => {
    const { world, pay, rounds, read, sweeps } = await sweepWorld([100n], without)
    const { id } = await pay(60n)
    await rounds(2)
    expect(await read(id)).toMatchObject({ status: 'queued', reason: expect.stringContaining('has no delegateFactory configured') })
    expect(await sweeps()).toEqual([])
    const asked = await world.wallet.createTransfer(world.request(0n, { kind: 'sweep', asset: 'USDC', outputs: [] }))
    expect(asked).toMatchObject({ error: { reason: 'bad_transfer', detail: expect.stringContaining('no delegateFactory') } })
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
