import { beforeEach, describe, expect, test, vi } from 'vitest'
import { keySignerOf } from '../../../src/gateways/key-signers.ts'
import { err, ok } from '../../../src/lib/result.ts'
import { registryOf } from '../../../src/money/registry.ts'
import type { Approval, SignRefusal } from '../../../src/signer/rpc.ts'
import { READING_LEASE_MS } from '../../../src/wallet/balances.ts'
import { FUNDS_WAIT_MS, HANDED_MS, SIGNATURE_WAIT_MS } from '../../../src/wallet/transfers/limits.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'
import { testEnv } from '../../storage/databases.ts'
import { World } from './world.ts'

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

const approval = (signature: string): Approval => ({
  credentialId: signature,
  authenticatorData: '',
  clientDataJson: '',
  signature,
})

/** The signer says no, for as long as it is told to. */
function refusing(world: World, refusal: SignRefusal): { stop(): void } {
  const before = world.around
  world.around = (name, call) => (name === 'signer.sign' ? Promise.resolve(err(refusal)) : call())
  return {
    stop: () => {
      world.around = before
    },
  }
}

const inputsOf = ({ plan }: Transfer) => (plan?.kind === 'coins' ? plan.inputs.map(({ txid, vout }) => `${txid}:${vout}`) : [])

describe('what the signer does not sign', () => {
  test('waits for people without keeping coins, and is signed once as many have approved as it wants', async () => {
    const world = await new World().open([60_000n])
    const no = refusing(world, { reason: 'needs_approval', challenge: 'Y2hhbGxlbmdl', wanted: 2, given: 0 })
    const { id } = await world.pay(20_000n)
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({
      status: 'needs_approval',
      challenge: 'Y2hhbGxlbmdl',
      approvalsWanted: 2,
      plan: null,
    })
    no.stop()
    // Its coins are free for others meanwhile.
    const other = await world.pay(10_000n)
    await world.work()
    expect(await world.wallet.transfer(other.id)).toMatchObject({ status: 'broadcast' })
    expect(await world.wallet.approveTransfer(id, approval('one'))).toMatchObject({ value: { status: 'needs_approval' } })
    expect(await world.wallet.approveTransfer(id, approval('one'))).toMatchObject({ value: { approvals: { length: 1 } } })
    expect(await world.wallet.approveTransfer(id, approval('two'))).toMatchObject({ value: { status: 'queued' } })
    const done = await world.untilOver([id, other.id])
    expect(done.map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
    expect(world.signed.at(-1)?.approvals).toHaveLength(2)
    expect(await world.wallet.approveTransfer(id, approval('three'))).toMatchObject({ error: { reason: 'wrong_status' } })
    expect(world.webhooks.map(({ type }) => type)).toContain('transfer.needs_approval')
  })

  test('over a limit of time waits until there is room; over one for good fails, and gives everything back', async () => {
    const world = await new World().open([60_000n])
    const retryAtMs = world.nowMs + 3_600_000
    const no = refusing(world, { reason: 'limit_reached', limit: 'hour', retryAtMs, detail: '1 of 1' })
    const { id } = await world.pay(20_000n)
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'queued', reason: 'limit hour: 1 of 1', plan: null })
    no.stop()
    await world.later(3_500_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'queued' })
    await world.later(200_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast' })
    refusing(world, { reason: 'limit_reached', limit: 'transfer', retryAtMs: null, detail: 'at most 1' })
    world.chain.mine(2)
    await world.later(60_000)
    await world.read()
    const over = await world.pay(5_000n)
    await world.work()
    expect(await world.wallet.transfer(over.id)).toMatchObject({ status: 'failed', reason: 'limit transfer: at most 1' })
    await vi.waitFor(async () => expect((await world.books()).reserved).toBeUndefined(), 20_000)
  })

  test('is never planned anew while a question may still be answered', async () => {
    const world = await new World().open([60_000n, 50_000n])
    const { id } = await world.pay(20_000n)
    // The first question is on its way when the second is refused, and is signed after that.
    let late: (() => Promise<unknown>) | null = null
    world.around = async (name, call) => {
      if (name !== 'signer.sign') return call()
      if (late === null) {
        late = call
        throw new Error('killed')
      }
      return err({ reason: 'stopped', detail: 'by a person' } satisfies SignRefusal)
    }
    await world.work()
    await world.later(10_000)
    const waiting = await world.wallet.transfer(id)
    expect(waiting).toMatchObject({ status: 'signing', reason: 'stopped: by a person' })
    expect(await world.wallet.cancelTransfer(id, 'somebody')).toMatchObject({ error: { reason: 'wrong_status' } })
    await (late as unknown as () => Promise<unknown>)()
    world.around = (_name, call) => call()
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', plan: waiting?.plan })
    expect(world.received).toBe(20_000n)
  })

  test('and of another transaction than was planned is not taken: the plan stays, and is asked for until the signer has it', async () => {
    const world = await new World().open([60_000n, 50_000n])
    const { sign } = world.signer
    world.signer.sign = ({ plan, ...rest }) => sign({ ...rest, plan: plan.kind === 'coins' ? { ...plan, lockTime: 0 } : plan })
    const { id } = await world.pay(20_000n)
    await world.work()
    const { plan, ...transfer } = (await world.wallet.transfer(id)) as Transfer
    expect(transfer).toMatchObject({ status: 'signing', signed: [], reason: expect.stringContaining('another transaction') })
    await world.later(HANDED_MS)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'signing', signed: [], plan })
    expect([world.chain.seen, world.signed.length]).toEqual([[], 2])
    world.signer.sign = sign
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed' })
    expect(world.received).toBe(20_000n)
  })

  test('is cancelled by people, and costs nothing', async () => {
    const world = await new World().open([60_000n])
    refusing(world, { reason: 'needs_approval', challenge: 'x', wanted: 1, given: 0 })
    const { id } = await world.pay(20_000n)
    await world.work()
    expect(await world.wallet.cancelTransfer(id, 'Ada')).toMatchObject({ value: { status: 'failed', reason: 'cancelled by Ada' } })
    expect(await world.wallet.cancelTransfer(id, 'Ada')).toMatchObject({ error: { reason: 'wrong_status' } })
    expect(await world.wallet.cancelTransfer('tr_none', 'Ada')).toEqual(err({ reason: 'transfer_not_found' }))
    await vi.waitFor(async () => expect(await world.books()).toEqual({ available: 60_000n, wallet: -60_000n }))
    expect(await world.sql("SELECT id FROM transfers WHERE id = 'tr_none'")).toEqual([])
  })
})

describe('money that may not go out', () => {
  test('of a frozen wallet waits; what is signed is carried to its end', async () => {
    const world = await new World().open([60_000n, 50_000n])
    const first = await world.pay(20_000n)
    await world.work()
    const second = await world.pay(10_000n)
    await world.wallet.freezeSending('coins are missing')
    expect(await world.wallet.createTransfer(world.request(1_000n))).toEqual(
      err({ reason: 'sending_frozen', detail: 'coins are missing' }),
    )
    await world.work()
    world.chain.mine(2)
    for (let rings = 0; rings < 3; rings++) await world.later(60_000)
    expect(await world.wallet.transfer(first.id)).toMatchObject({ status: 'confirmed' })
    expect(await world.wallet.transfer(second.id)).toMatchObject({ status: 'queued', plan: null })
    await world.wallet.allowSending('Ada')
    expect(await world.wallet.sendingFrozen()).toBeNull()
    const [done] = await world.untilOver([second.id])
    expect(done).toMatchObject({ status: 'confirmed' })
    expect(world.signed).toHaveLength(2)
  })

  test('of a frozen ledger is neither reserved nor signed', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.ledger.raise([{ id: 'book', kind: 'book', storeId: null, detail: 'something', sinceMs: 1 }])
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({
      status: 'queued',
      plan: null,
      reason: expect.stringContaining('stopped'),
    })
    expect(await world.wallet.createTransfer(world.request(1_000n))).toMatchObject({ error: { reason: 'sending_frozen' } })
    expect(world.signed).toEqual([])
    await world.ledger.clear({ id: 'book', by: 'Ada', reason: 'looked' })
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed' })
  })
})

describe('on the chain', () => {
  test('a replacement spends the same coins at a higher fee, and its fee is booked', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.work()
    const first = (await world.wallet.transfer(id)) as Transfer
    world.chain.satsPerKvb = 20_000n
    expect(await world.wallet.bumpTransfer(id, 1)).toMatchObject({ ok: true, value: { targetBlocks: 1 } })
    await world.work()
    const second = (await world.wallet.transfer(id)) as Transfer
    expect(second.signed).toHaveLength(2)
    expect(inputsOf(second)).toEqual(expect.arrayContaining(inputsOf(first)))
    expect(second.fee).toBeGreaterThan(first.fee ?? 0n)
    expect(world.chain.seen).toHaveLength(1)
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', fee: second.fee })
    const left = 40_000n - (second.fee ?? 0n)
    expect(await world.books()).toEqual({ available: left, wallet: -left })
    expect(await world.wallet.bumpTransfer(id, 1)).toMatchObject({ error: { reason: 'wrong_status' } })
  })

  test('one that waits too long is replaced by itself; the first may be mined all the same, and what it did not cost comes back', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.work()
    const first = (await world.wallet.transfer(id)) as Transfer
    const [waiting] = world.chain.seen
    await world.later(4 * 3_600_000)
    await world.work()
    const second = (await world.wallet.transfer(id)) as Transfer
    expect(second.signed).toHaveLength(2)
    // A miner had only heard of the first.
    world.chain.seen.splice(0, 1, ...(waiting ? [waiting] : []))
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', fee: first.fee, included: { txid: first.signed[0]?.txid } })
    const left = 40_000n - (first.fee ?? 0n)
    expect(await world.books()).toEqual({ available: left, wallet: -left })
  })

  test('what is called back pays nobody: its coins are spent once, and all but the fee is the merchant’s again', async () => {
    const world = await new World().open([60_000n])
    // All of it: nothing is left for another fee.
    const { id } = await world.pay(59_000n)
    await world.work()
    const first = (await world.wallet.transfer(id)) as Transfer
    expect(await world.wallet.cancelTransfer(id, 'Ada')).toMatchObject({ error: { reason: 'wrong_status' } })
    expect(await world.wallet.callBackTransfer(id, 'Ada')).toMatchObject({
      value: { status: 'broadcast', reason: 'being called back by Ada' },
    })
    await world.work()
    const called = (await world.wallet.transfer(id)) as Transfer
    expect(called.signed).toHaveLength(2)
    expect(inputsOf(called)).toEqual(inputsOf(first))
    expect(await world.wallet.callBackTransfer(id, 'Ada')).toMatchObject({ value: { version: called.version } })
    // A payment is never put in its place again.
    await world.wallet.bumpTransfer(id, 1)
    await world.work()
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'failed', reason: 'called back by Ada', signed: { length: 3 } })
    expect(world.received).toBe(0n)
    const left = 60_000n - (done?.fee ?? 0n)
    expect(await world.books()).toEqual({ available: left, wallet: -left })
    expect(world.webhooks.map(({ type }) => type)).toContain('transfer.failed')
    // What came back can be sent.
    const next = await world.pay(50_000n)
    expect(await world.untilOver([next.id])).toMatchObject([{ status: 'confirmed' }])
    expect(world.received).toBe(50_000n)
  })

  test('what comes into a block before it can be called back is paid, also when a reorganisation changes its mind', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.work()
    const [payment] = world.chain.seen
    await world.wallet.callBackTransfer(id, 'Ada')
    await world.work()
    world.chain.mine()
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast', reason: 'called back by Ada', included: {} })
    expect(await world.books()).toMatchObject({ in_transit: expect.any(BigInt) })
    expect(await world.wallet.callBackTransfer(id, 'Ada')).toMatchObject({ error: { reason: 'wrong_status' } })
    world.chain.reorganise(1)
    world.chain.seen.splice(0, 1, ...(payment ? [payment] : []))
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', included: { txid: payment?.txid } })
    expect(world.received).toBe(20_000n)
    const left = 40_000n - (done?.fee ?? 0n)
    expect(await world.books()).toEqual({ available: left, wallet: -left })
  })

  test('what is lost from every mempool, or out of a block, is sent again', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.work()
    world.chain.forget()
    await world.later(60_000)
    expect(world.chain.seen).toHaveLength(1)
    world.chain.mine()
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast', included: { confirmations: 1 } })
    world.chain.reorganise(1)
    world.chain.forget()
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast', included: null })
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', signed: { length: 1 } })
    expect(world.received).toBe(20_000n)
  })

  test('what somebody else spent is unknown until that is final; then nothing was paid, and the money is there', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.work()
    world.chain.steal(inputsOf((await world.wallet.transfer(id)) as Transfer))
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'unknown' })
    expect(await world.books()).toMatchObject({ in_transit: expect.any(BigInt) })
    world.chain.mine(2)
    for (let rings = 0; rings < 3; rings++) await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'failed', fee: 0n })
    await vi.waitFor(async () => expect(await world.books()).toEqual({ available: 60_000n, wallet: -60_000n }))
  })

  test('what is unknown and ends nowhere is ended by a person, when no node has anything of it', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.work()
    const word = { by: 'Ada', reason: 'the deposit was taken back for good' }
    expect(await world.wallet.settleTransfer(id, word)).toMatchObject({ error: { reason: 'wrong_status' } })
    expect(await world.wallet.settleTransfer('tr_none', word)).toMatchObject({ error: { reason: 'transfer_not_found' } })
    const [payment] = world.chain.seen
    const steal = () => world.chain.steal(inputsOf({ plan: planned } as Transfer), null)
    const { plan: planned } = (await world.wallet.transfer(id)) as Transfer
    steal()
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'unknown' })
    // It is there after all: then nobody ends it.
    world.chain.seen.splice(0, 1, ...(payment ? [payment] : []))
    expect(await world.wallet.settleTransfer(id, word)).toMatchObject({
      value: { status: 'unknown', reason: 'being ended by Ada: looking for it once more' },
    })
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast' })
    steal()
    await world.later(60_000)
    world.chain.isDown = true
    await world.wallet.settleTransfer(id, word)
    await world.work()
    // Who does not answer says nothing.
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'unknown' })
    world.chain.isDown = false
    await world.later(60_000)
    const ended = { status: 'failed', reason: 'ended by Ada: the deposit was taken back for good', fee: 0n }
    expect(await world.wallet.transfer(id)).toMatchObject(ended)
    await vi.waitFor(async () => expect(await world.books()).toEqual({ available: 60_000n, wallet: -60_000n }))
    const rows = await world.ledger.unprojected()
    expect(JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? String(value) : value))).toContain(word.reason)
  })

  test('its own replacement is not taken for somebody else by who began to look before that was signed', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(20_000n)
    await world.work()
    const looking = await world.wallet.nextStep(id)
    if (looking.do !== 'look') throw new Error('it waits, and is looked for')
    world.chain.satsPerKvb = 20_000n
    await world.wallet.bumpTransfer(id, 1)
    await world.work()
    world.chain.mine(3)
    const late = await world.chain.sender.look(looking.question)
    expect(late).toMatchObject({ value: { status: 'conflict', final: true } })
    await world.wallet.takeSighting(id, late, looking.question.txids.length)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast' })
    expect(await world.untilOver([id])).toMatchObject([{ status: 'confirmed', signed: { length: 2 } }])
    expect(world.received).toBe(20_000n)
  })

  test('nodes that do not answer are asked again, and change nothing', async () => {
    const world = await new World().open([60_000n])
    world.chain.isDown = true
    const { id } = await world.pay(20_000n)
    await world.work()
    await world.later(5_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'queued', reason: 'no node could be asked: no node answers' })
    const before = (await world.wallet.transfer(id))?.version
    for (let rings = 0; rings < 5; rings++) await world.later(60_000)
    expect((await world.wallet.transfer(id))?.version).toBe(before)
    world.chain.isDown = false
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed' })
  })
})

describe('coins', () => {
  test('of transfers under way are nobody else’s; their change is spent once it is in a block', async () => {
    const world = await new World().open([100_000n])
    const made = [await world.pay(20_000n), await world.pay(15_000n), await world.pay(10_000n)]
    await world.work()
    const now = await world.all(made.map(({ id }) => id))
    expect(now.map(({ status, reason }) => [status, reason])).toEqual([
      ['broadcast', null],
      ['queued', 'waiting for the wallet to be read'],
      ['queued', 'waiting for the wallet to be read'],
    ])
    // No reading in between: what came back is known from the transfer itself. A node is at the first all the while.
    const [row] = await world.sql('SELECT body FROM balances')
    const { running } = JSON.parse(String(row?.body))
    for (let rounds = 0; rounds < 24; rounds++) {
      if (rounds % 4 === 0) world.chain.mine()
      await world.wallet.stillReading(world.chainId, running.id)
      await world.later(READING_LEASE_MS - 1_000)
    }
    const done = await world.all(made.map(({ id }) => id))
    expect(done.map(({ status }) => status)).toEqual(['confirmed', 'confirmed', 'confirmed'])
    const spent = done.flatMap(inputsOf)
    expect(new Set(spent).size).toBe(spent.length)
    const change = await world.sql("SELECT invoice_id FROM addresses WHERE invoice_id LIKE 'change/%'")
    expect(change).toHaveLength(3)
    // A reading knows the same coins, once.
    const fees = done.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n)
    // The reading that was asked for at first has not heard of the change; what it does not know is not forgotten.
    await world.read()
    expect((await world.wallet.balance(world.chainId)).reading?.sums.BTC).toBeUndefined()
    expect(await world.sql('SELECT id FROM transfers WHERE live_height IS NOT NULL')).not.toEqual([])
    await world.later(3_600_000)
    await world.read()
    const { reading } = await world.wallet.balance(world.chainId)
    expect(reading?.sums.BTC?.confirmed).toBe(55_000n - fees)
    const rest = await world.pay(40_000n)
    await world.work()
    expect(await world.wallet.transfer(rest.id)).toMatchObject({ status: 'broadcast' })
  })

  test('that are missing are looked for in a new reading; then the transfer fails', async () => {
    const world = await new World().open([30_000n], 100_000n)
    const { id } = await world.pay(50_000n)
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'queued', reason: 'waiting for the wallet to be read' })
    world.nowMs += 1_000
    await world.read()
    await world.later(2_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('too little BTC') })
    await vi.waitFor(async () => expect(await world.books()).toEqual({ available: 100_000n, wallet: -100_000n }))
  })

  test('are not waited for longer than a day', async () => {
    const world = await new World().open([30_000n], 100_000n)
    const { id } = await world.pay(50_000n)
    await world.work()
    await world.later(FUNDS_WAIT_MS / 2)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'queued' })
    await world.later(FUNDS_WAIT_MS)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'failed' })
  })
})

describe('a watch-only wallet', () => {
  const sign = (world: World, { plan }: Transfer) => {
    const chain = registryOf(testEnv).chain(world.chainId)
    return plan ? keySignerOf(chain).sign(chain, world.seed, 'p2wpkh', plan) : null
  }

  test('prepares what the merchant signs, takes only that back, and touches no books', async () => {
    const world = await new World().open([60_000n, 50_000n], 0n)
    const { id } = await world.pay(20_000n, { custody: 'self' })
    await world.work()
    const prepared = (await world.wallet.transfer(id)) as Transfer
    expect(prepared).toMatchObject({
      status: 'signing',
      reason: 'waiting for your signature',
      unsigned: { psbt: { v0: expect.any(String) } },
    })
    const other = await world.pay(10_000n, { custody: 'self' })
    await world.work()
    const foreign = sign(world, (await world.wallet.transfer(other.id)) as Transfer)
    expect(await world.wallet.submitSigned(id, foreign?.raw ?? '')).toMatchObject({ error: { reason: 'signature_refused' } })
    expect(await world.wallet.submitSigned(id, 'nonsense')).toMatchObject({ error: { reason: 'signature_refused' } })
    const signed = sign(world, prepared)
    expect(await world.wallet.submitSigned(id, signed?.raw ?? '')).toMatchObject({
      ok: true,
      value: { status: 'broadcast', unsigned: null },
    })
    expect(await world.wallet.submitSigned(id, signed?.raw ?? '')).toMatchObject({ ok: true, value: { signed: { length: 1 } } })
    // While a replacement waits for its signature, too.
    await world.wallet.bumpTransfer(id, 1)
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ unsigned: { psbt: { v0: expect.any(String) } } })
    expect(await world.wallet.submitSigned(id, signed?.raw ?? '')).toMatchObject({ ok: true, value: { signed: { length: 1 } } })
    // Called back instead: what was prepared is put aside, and what takes its place pays nobody.
    await world.wallet.callBackTransfer(id, 'Ada')
    await world.work()
    const back = (await world.wallet.transfer(id)) as Transfer
    expect(back).toMatchObject({ status: 'broadcast', reason: 'waiting for your signature, which calls it back' })
    expect(back.plan?.kind === 'coins' && back.plan.outputs).toHaveLength(1)
    expect(await world.wallet.submitSigned(id, sign(world, back)?.raw ?? '')).toMatchObject({ value: { signed: { length: 2 } } })
    // It came too late: a miner had taken the first.
    const first = world.chain.seen[0]
    await world.work()
    world.chain.seen.splice(0, 1, ...(first ? [first] : []))
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed' })
    expect(await world.wallet.submitSigned(id, signed?.raw ?? '')).toMatchObject({ ok: true, value: { status: 'confirmed' } })
    expect(world.received).toBe(20_000n)
    expect(world.signed).toEqual([])
    expect(await world.books()).toEqual({})
    expect(world.webhooks.map(({ type }) => type)).toContain('transfer.needs_signature')
  })

  test('keeps its coins for a week; one that was sent by hand in the meantime is not taken for failed', async () => {
    const world = await new World().open([60_000n, 50_000n], 0n)
    const made = [await world.pay(20_000n, { custody: 'self' }), await world.pay(10_000n, { custody: 'self' })]
    await world.work()
    const [first, second] = (await world.all(made.map(({ id }) => id))) as [Transfer, Transfer]
    const sent = sign(world, second)
    await world.chain.sender.broadcast(sent?.raw ?? '')
    await world.later(SIGNATURE_WAIT_MS - 60_000)
    expect((await world.all([first.id]))[0]).toMatchObject({ status: 'signing' })
    await world.later(120_000)
    expect(await world.wallet.transfer(first.id)).toMatchObject({ status: 'failed', reason: 'it was not signed in time' })
    expect(await world.wallet.transfer(second.id)).toMatchObject({
      status: 'broadcast',
      unsigned: null,
      signed: [{ txid: sent?.txid, raw: '' }],
    })
    // It may be lost like any other; only who has its bytes can send it again.
    world.chain.forget()
    await world.later(60_000)
    expect(world.chain.seen).toEqual([])
    expect(await world.wallet.submitSigned(second.id, sent?.raw ?? '')).toMatchObject({ value: { signed: [{ raw: sent?.raw }] } })
    await world.work()
    await world.later(60_000)
    expect(world.chain.seen).toHaveLength(1)
    const [done] = await world.untilOver([second.id])
    expect(done).toMatchObject({ status: 'confirmed' })
  })

  const CANCELLING = { status: 'signing', reason: 'cancelling: looking whether it was broadcast' }

  test('ends nothing before the chain was looked at: what was broadcast by hand is its payment, and is followed', async () => {
    const world = await new World().open([60_000n], 0n)
    const { id } = await world.pay(20_000n, { custody: 'self' })
    await world.work()
    const sent = sign(world, (await world.wallet.transfer(id)) as Transfer)
    await world.chain.sender.broadcast(sent?.raw ?? '')
    world.chain.isDown = true
    expect(await world.wallet.cancelTransfer(id, 'Ada')).toMatchObject({ value: CANCELLING })
    await world.work()
    // Nobody can say: it waits, and asking again changes nothing.
    expect(await world.wallet.cancelTransfer(id, 'Bob')).toMatchObject({ value: CANCELLING })
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject(CANCELLING)
    await world.kill()
    world.chain.isDown = false
    await world.later(60_000)
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'broadcast', signed: [{ txid: sent?.txid }] })
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', reason: null })
    expect(world.received).toBe(20_000n)
  })

  test('what nobody has heard of is cancelled; what is signed while it is looked for is sent', async () => {
    const world = await new World().open([60_000n, 50_000n], 0n)
    const made = [await world.pay(20_000n, { custody: 'self' }), await world.pay(10_000n, { custody: 'self' })]
    await world.work()
    const [first, second] = (await world.all(made.map(({ id }) => id))) as [Transfer, Transfer]
    for (const { id } of made) await world.wallet.callBackTransfer(id, 'Ada')
    await world.wallet.submitSigned(second.id, sign(world, second)?.raw ?? '')
    await world.work()
    expect(await world.wallet.transfer(first.id)).toMatchObject({ status: 'failed', reason: 'cancelled by Ada', unsigned: null })
    expect(await world.wallet.transfer(second.id)).toMatchObject({ status: 'broadcast', signed: { length: 1 } })
  })

  test('something else in its place is waited for until it is final; then nothing of it can be paid', async () => {
    const world = await new World().open([60_000n], 0n)
    const { id } = await world.pay(20_000n, { custody: 'self' })
    await world.work()
    const { plan } = (await world.wallet.transfer(id)) as Transfer
    world.chain.steal(plan?.kind === 'coins' ? plan.inputs.map(({ txid, vout }) => `${txid}:${vout}`) : [])
    await world.wallet.cancelTransfer(id, 'Ada')
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'unknown', reason: expect.stringContaining('f'.repeat(64)) })
    expect(await world.wallet.cancelTransfer(id, 'Ada')).toMatchObject({ ok: true })
    world.chain.mine(2)
    await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('something else') })
  })

  test.each([
    ['yet', false],
    ['already', true],
  ])('a refund to another address excludes the one that was prepared before, whoever signs that %s', async (_when, isSent) => {
    const world = await new World().open([30_000n, 60_000n, 50_000n, 40_000n], 0n)
    const refund = { kind: 'refund', invoiceId: 'inv_1', custody: 'self' } as const
    const made: Transfer[] = []
    for (const address of [
      'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
      'bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry',
    ]) {
      const insteadOf = made.map(({ id }) => id)
      const { id } = await world.pay(20_000n, { ...refund, outputs: [{ address, units: 20_000n }], insteadOf })
      await world.work()
      made.push((await world.wallet.transfer(id)) as Transfer)
      if (made.length === 1) await world.wallet.cancelTransfer(id, 'payer')
      if (made.length === 1 && isSent) {
        await world.work()
        world.nowMs += 3_600_000
        await world.chain.sender.broadcast(sign(world, made[0] as Transfer)?.raw ?? '')
        await world.read()
        // Every node has lost it again, and the reading knows it still.
        world.chain.forget()
      }
      // Meanwhile there are others, and coins that fit better.
      await world.work()
    }
    const [first, second] = made as [Transfer, Transfer]
    expect(await world.wallet.transfer(first.id)).toMatchObject({ status: 'failed' })
    const coins = ({ plan }: Transfer) => (plan?.kind === 'coins' ? plan.inputs.map(({ txid }) => txid) : [])
    expect(coins(second).some((coin) => coins(first).includes(coin))).toBe(true)
    // Both are signed, and broadcast by the merchant and by us: one of them is paid.
    await world.chain.sender.broadcast(sign(world, first)?.raw ?? '')
    await world.wallet.submitSigned(second.id, sign(world, second)?.raw ?? '')
    world.chain.mine(3)
    const [done] = await world.untilOver([second.id])
    expect(done).toMatchObject({ status: 'failed', reason: expect.stringContaining('something else') })
    expect(world.received).toBe(20_000n)
  })

  test('a refund that was ended, and paid by hand all the same, is not paid to another address beside it', async () => {
    const world = await new World().open([30_000n, 60_000n, 50_000n, 40_000n], 0n)
    const refund = { kind: 'refund', invoiceId: 'inv_1', custody: 'self' } as const
    const { id } = await world.pay(20_000n, refund)
    await world.work()
    const first = (await world.wallet.transfer(id)) as Transfer
    await world.wallet.cancelTransfer(id, 'payer')
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'failed' })
    await world.chain.sender.broadcast(sign(world, first)?.raw ?? '')
    world.chain.mine(3)
    world.nowMs += 3_600_000
    await world.read()
    const second = await world.pay(20_000n, { ...refund, insteadOf: [id] })
    world.chain.isDown = true
    await world.work()
    expect(await world.wallet.transfer(second.id)).toMatchObject({ status: 'queued', plan: null })
    world.chain.isDown = false
    await world.later(60_000)
    expect(await world.wallet.transfer(second.id)).toMatchObject({
      status: 'failed',
      reason: `what was prepared before was signed all the same, and pays: ${sign(world, first)?.txid}`,
    })
  })

  test('and that they send again at a higher fee out of their own wallet is paid by that', async () => {
    const world = await new World().open([60_000n], 0n)
    const { id } = await world.pay(20_000n, { custody: 'self' })
    await world.work()
    const prepared = (await world.wallet.transfer(id)) as Transfer
    await world.wallet.submitSigned(id, sign(world, prepared)?.raw ?? '')
    await world.work()
    const { look } = world.chain.sender
    const theirs = { byTxid: 'e'.repeat(64), final: false, pays: true, byAll: true }
    world.sender = {
      ...world.chain.sender,
      look: async (question) => {
        if (!question.txids.includes(theirs.byTxid))
          return ok({ status: 'conflict', searchedHeight: world.chain.height, ...theirs })
        const seen = await look(question)
        return seen.ok && seen.value.status === 'included' ? ok({ ...seen.value, txid: theirs.byTxid }) : seen
      },
    }
    world.chain.mine(3)
    for (let looks = 0; looks < 3; looks++) await world.later(60_000)
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'confirmed', included: { txid: theirs.byTxid } })
  })
})

test('a batch is one transaction, whatever its size, and bad outputs are refused by name', async () => {
  const world = await new World().open([2_000_000n])
  const outputs = Array.from({ length: 200 }, () => ({ address: world.request(1n).outputs[0]?.address ?? '', units: 5_000n }))
  const { id } = await world.pay(0n, { outputs })
  const [done] = await world.untilOver([id])
  expect(done).toMatchObject({ status: 'confirmed', signed: { length: 1 }, units: 1_000_000n })
  expect(world.received).toBe(1_000_000n)
  const [good] = outputs
  for (const bad of [
    [],
    [{ address: 'nobody', units: 5_000n }],
    [{ address: good?.address ?? '', units: 0n }],
    Array.from({ length: 1_001 }, () => good ?? { address: '', units: 1n }),
  ])
    expect(await world.wallet.createTransfer(world.request(0n, { outputs: bad }))).toMatchObject({
      error: { reason: 'bad_transfer' },
    })
  expect(await world.wallet.createTransfer(world.request(5_000n, { asset: 'ETH' }))).toMatchObject({
    error: { reason: 'bad_transfer' },
  })
})

test('a refund of all there is waits for its network fee, and is paid when the balance has it', async () => {
  const world = await new World().open([60_000n], 20_000n)
  const { id } = await world.pay(20_000n, { kind: 'refund', invoiceId: 'inv_1' })
  await world.work()
  const waiting = await world.wallet.transfer(id)
  expect(waiting).toMatchObject({ status: 'queued', plan: null })
  expect(waiting?.reason).toMatch(/^the balance is too small: 0 BTC is available, 0\.00000\d+ BTC is needed for the network fee$/)
  expect(await world.books()).toMatchObject({ reserved: 20_000n })
  // A payment came in; the reading that finds it has it looked at again, not time.
  await world.earn(1_000n)
  await world.read()
  await world.later(2_000)
  await world.work()
  expect(world.signed).toHaveLength(1)
  const [done] = await world.untilOver([id])
  expect(done).toMatchObject({ status: 'confirmed' })
  expect(world.received).toBe(20_000n)
  // A payout is of an amount that somebody chose: it says at once that it is too much.
  const payout = await world.pay(1_000n - (done?.fee ?? 0n))
  await world.work()
  expect(await world.wallet.transfer(payout.id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('network fee') })
})

test('a refund of the only coin there is waits for another, and has the wallet read until one has come', async () => {
  const world = await new World().open([20_000n], 20_000n)
  const { id } = await world.pay(20_000n, { kind: 'refund', invoiceId: 'inv_0' })
  const reading = async () => (await world.wallet.balance(world.chainId)).refreshing
  await world.work()
  await world.read()
  await world.later(2_000)
  const waiting = {
    status: 'queued',
    reason: expect.stringMatching(/^the wallet has too little BTC: 0\.00000\d+ BTC more is needed$/),
  }
  expect(await world.wallet.transfer(id)).toMatchObject(waiting)
  // What was read just now is not read again.
  expect(await reading()).toBe(false)
  await world.later(60_000)
  expect(await reading()).toBe(true)
  await world.read()
  await world.later(2_000)
  expect([await world.wallet.transfer(id), await reading()]).toMatchObject([waiting, false])
  const given = await world.wallet.allocate(world.chainId, 'inv_later')
  if (given.ok) world.chain.fund(given.value.watchKey, 5_000n)
  await world.earn(5_000n)
  await world.later(60_000)
  expect(await reading()).toBe(true)
  await world.read()
  const [done] = await world.untilOver([id])
  expect(done).toMatchObject({ status: 'confirmed' })
  expect(world.received).toBe(20_000n)
})

test('of a refund its invoice hears, until it has', async () => {
  const world = await new World().open([60_000n])
  const { id } = await world.pay(20_000n, { kind: 'refund', invoiceId: 'inv_1' })
  const [done] = await world.untilOver([id])
  expect(done).toMatchObject({ status: 'confirmed' })
  expect(world.refunds.at(-1)).toMatchObject({
    refundId: id,
    status: 'confirmed',
    txid: done?.signed[0]?.txid,
    version: done?.version,
  })
})
