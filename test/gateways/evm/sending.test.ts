import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { payerOf } from '../../../src/gateways/evm/address.ts'
import { deployCall } from '../../../src/gateways/evm/calls.ts'
import { delegateOf } from '../../../src/gateways/evm/delegate.ts'
import { createEvmSender } from '../../../src/gateways/evm/sender.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import type { LookQuestion, Sender } from '../../../src/gateways/send.ts'
import type { AccountPlan, Output, SignedTransaction, SpendPlan, SpendRequest } from '../../../src/gateways/spend.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { account, ETHER, FACTORY, GWEI, chain as local, seed, USDC, withoutDelegates } from './money-out.ts'

/** Money out on a real node: planned, signed, sent, replaced, looked for. */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
const TREASURY = 3
const treasury = payerOf(local, account, TREASURY)
let anvil: Anvil
let usdt: string
let feeToken: string
let chain: typeof local
let sender: Sender

beforeAll(async () => {
  anvil = await startAnvil()
  usdt = await anvil.deploy('TestUsdt')
  feeToken = await anvil.deploy('TestFeeToken')
  const token = (code: string, contract: string) => ({ code, ticker: code, name: code, decimals: 6, contract })
  chain = { ...local, tokens: [...local.tokens, token('USDT', usdt), token('FEE', feeToken)] }
  sender = createEvmSender(chain, [{ url: anvil.node.rpcUrl }, { url: anvil.node.rpcUrl }], fetch)
  await anvil.miner.sendToken({ to: treasury, units: 1_000_000_000n })
  await anvil.write('TestUsdt', usdt, 'transfer', [treasury, 1_000_000_000n])
  await anvil.write('TestFeeToken', feeToken, 'transfer', [treasury, 1_000_000_000n])
})

afterAll(() => anvil.stop())

describe('a payment', () => {
  test('of the native asset costs what was planned at most, and arrives whole', async () => {
    const to = newAddress()
    const plan = await planned('ETH', [{ address: to, units: ETHER }])
    expect(plan).toMatchObject({ gasLimit: 21_000n, data: '0x' })
    const before = await anvil.native(treasury)
    const sighting = await carryOut(plan)
    expect(sighting).toMatchObject({ status: 'included', confirmations: 1, final: false, reverted: false })
    if (sighting.status !== 'included') throw new Error('not in a block')
    expect(await anvil.native(to)).toBe(ETHER)
    expect(await anvil.native(treasury)).toBe(before - ETHER - sighting.fee)
    expect(sighting.fee).toBeLessThanOrEqual(plan.fee)
  })

  test.each([
    ['a plain token', 'USDC', () => USDC, 5_000_000n],
    ['one that answers nothing', 'USDT', () => usdt, 5_000_000n],
    ['one that keeps a part, which the recipient lacks', 'FEE', () => feeToken, 4_950_000n],
  ])('of %s arrives', async (_name, code, contract, arrives) => {
    const to = newAddress()
    const plan = await planned(code, [{ address: to, units: 5_000_000n }])
    expect(await carryOut(plan)).toMatchObject({ status: 'included', reverted: false })
    expect(await anvil.tokens(contract(), to)).toBe(arrives)
  })

  test('is waiting until it is in a block, and final in the third', async () => {
    const plan = await planned('ETH', [{ address: newAddress(), units: 1n }])
    const signed = evmSigner.sign(chain, seed, 'evm', plan)
    expect(await look(plan, signed)).toMatchObject({ status: 'absent' })
    expect(must(await sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
    expect(must(await sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
    expect(await look(plan, signed)).toEqual({ status: 'waiting', txid: signed.txid })
    await anvil.miner.mine(2)
    expect(await look(plan, signed)).toMatchObject({ status: 'included', confirmations: 2, final: false })
    await anvil.miner.mine(1)
    expect(await look(plan, signed)).toMatchObject({ status: 'included', confirmations: 3, final: true })
    expect(must(await sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
  })

  test('that a reorganisation takes out is sent again as it is', async () => {
    const plan = await planned('ETH', [{ address: newAddress(), units: 1n }])
    const signed = evmSigner.sign(chain, seed, 'evm', plan)
    must(await sender.broadcast(signed.raw))
    await anvil.miner.mine(1)
    expect(await look(plan, signed)).toMatchObject({ status: 'included' })
    await anvil.miner.reorg(1)
    expect(await look(plan, signed)).toMatchObject({ status: 'absent' })
    expect(must(await sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
    await anvil.miner.mine(1)
    expect(await look(plan, signed)).toMatchObject({ status: 'included' })
  })

  test('by somebody without the gas or the tokens is refused with what is missing', async () => {
    const poor = 40
    const outputs = [{ address: newAddress(), units: 5n }]
    expect(await tryPlan('USDC', outputs, poor)).toMatchObject({
      error: { reason: 'insufficient_funds', asset: 'USDC', missing: 5n },
    })
    await anvil.miner.sendToken({ to: payerOf(chain, account, poor), units: 5n })
    await anvil.miner.mine(1)
    expect(await tryPlan('USDC', outputs, poor)).toMatchObject({ error: { reason: 'insufficient_funds', asset: 'ETH' } })
  })

  test('that a token would refuse is not planned', async () => {
    // A token that reverts whatever it is asked.
    const stopped = newAddress()
    await anvil.rpc('anvil_setCode', stopped, '0x5f5ffd')
    const outputs = [{ address: stopped, units: 1n }]
    expect(await tryPlan('ETH', outputs, TREASURY)).toMatchObject({
      error: { reason: 'bad_output', detail: expect.stringContaining('would fail') },
    })
  })

  test('that fails in its block is told as failed, with what it cost', async () => {
    const index = 41
    const payer = payerOf(chain, account, index)
    await anvil.miner.sendToken({ to: payer, units: 10n })
    await anvil.miner.sendNative({ to: payer, units: ETHER })
    await anvil.miner.mine(1)
    const first = await planned('USDC', [{ address: newAddress(), units: 10n }], { index })
    const second = { ...first, nonce: 1 }
    for (const plan of [first, second]) must(await sender.broadcast(evmSigner.sign(chain, seed, 'evm', plan).raw))
    await anvil.miner.mine(1)
    const sighting = await look(second, evmSigner.sign(chain, seed, 'evm', second))
    expect(sighting).toMatchObject({ status: 'included', reverted: true })
    if (sighting.status === 'included') expect(sighting.fee).toBeGreaterThan(0n)
  })

  test('on a rollup pays for its data and its operator too', async () => {
    const oracle = '0x420000000000000000000000000000000000000F'
    // Answers 1,000,000,000 to anything.
    await anvil.rpc('anvil_setCode', oracle, '0x633b9aca005f5260205ff3')
    const plan = await planned('ETH', [{ address: newAddress(), units: 1n }])
    expect(plan.fee).toBe(plan.gasLimit * plan.maxFeePerGas + 3n * GWEI)
    await anvil.rpc('anvil_setCode', oracle, '0x')
  })
})

describe('a number', () => {
  test('whose transaction is stuck is taken by the same payment at a higher fee, once', async () => {
    const to = newAddress()
    const request = await requestFor('ETH', [{ address: to, units: 5n }])
    const market = must(await sender.facts({ targetBlocks: 1, payer: null }))
    if (request.fees.kind !== 'account' || market.fees.kind !== 'account') throw new Error('fees of coins')
    // Fees that no block takes.
    const cheap = { ...request, fees: { ...request.fees, maxFeePerGas: 2n, maxPriorityFeePerGas: 1n } }
    const stuck = accountPlan(must(evmSpender.plan(chain, account, cheap)))
    const old = evmSigner.sign(chain, seed, 'evm', stuck)
    const answer = must(await sender.broadcast(old.raw))
    if (answer.answer === 'refused') expect(answer.why).toBe('fee_too_low')
    await anvil.miner.mine(1)
    expect((await look(stuck, old)).status).not.toBe('included')

    const bumped = accountPlan(must(evmSpender.bump(chain, account, stuck, request)))
    expect(bumped).toMatchObject({ nonce: stuck.nonce, maxFeePerGas: request.fees.maxFeePerGas })
    const fresh = evmSigner.sign(chain, seed, 'evm', bumped)
    expect(must(await sender.broadcast(fresh.raw))).toEqual({ answer: 'taken' })
    await anvil.miner.mine(1)
    expect(await look(bumped, old, fresh)).toMatchObject({ status: 'included', txid: fresh.txid })
    expect(await anvil.native(to)).toBe(5n)
    expect(must(await sender.broadcast(old.raw))).toMatchObject({ answer: 'refused', why: 'spent' })
  })

  test('is not taken by a replacement that is no dearer', async () => {
    const plan = await planned('ETH', [{ address: newAddress(), units: 5n }])
    const waiting = evmSigner.sign(chain, seed, 'evm', plan)
    must(await sender.broadcast(waiting.raw))
    const other = { ...plan, value: 6n }
    expect(must(await sender.broadcast(evmSigner.sign(chain, seed, 'evm', other).raw))).toMatchObject({ why: 'fee_too_low' })
    const enough = accountPlan(must(evmSpender.bump(chain, account, plan, await requestFor('ETH', outputsOf(plan)))))
    const bumped = evmSigner.sign(chain, seed, 'evm', enough)
    expect(must(await sender.broadcast(bumped.raw))).toEqual({ answer: 'taken' })
    await anvil.miner.mine(1)
    expect(await look(enough, waiting, bumped)).toMatchObject({ status: 'included', txid: bumped.txid })
  })

  test('that was left out is filled by a payment of nothing, and what waits above it goes through', async () => {
    const to = newAddress()
    const request = await requestFor('ETH', [{ address: to, units: 6n }])
    if (request.funds.kind !== 'account') throw new Error('funds of coins')
    const gap = request.funds.nonce
    const above = accountPlan(must(evmSpender.plan(chain, account, { ...request, funds: { ...request.funds, nonce: gap + 1 } })))
    const waiting = evmSigner.sign(chain, seed, 'evm', above)
    must(await sender.broadcast(waiting.raw))
    await anvil.miner.mine(1)
    expect(await look(above, waiting)).toMatchObject({ status: 'waiting' })
    const left = must(evmSpender.plan(chain, account, request))
    const filler = accountPlan(must(evmSpender.callBack(chain, account, left, await requestFor('ETH', []))))
    expect(filler.nonce).toBe(gap)
    expect(await carryOut(filler)).toMatchObject({ status: 'included', reverted: false })
    await anvil.miner.mine(1)
    expect(await look(above, waiting)).toMatchObject({ status: 'included' })
    expect(await anvil.native(to)).toBe(6n)
  })

  test('that something else has used is a conflict, for good once it is deep', async () => {
    const plan = await planned('ETH', [{ address: newAddress(), units: 7n }])
    const signed = evmSigner.sign(chain, seed, 'evm', plan)
    must(await sender.broadcast(signed.raw))
    const request = { ...(await requestFor('ETH', [])), feeMax: 4n * plan.fee }
    const instead = accountPlan(must(evmSpender.callBack(chain, account, plan, request)))
    const { txid: byTxid } = evmSigner.sign(chain, seed, 'evm', instead)
    expect(await carryOut(instead)).toMatchObject({ status: 'included', txid: byTxid })
    expect(await look(plan, signed)).toMatchObject({ status: 'conflict', byTxid, final: false, pays: false })
    await anvil.miner.mine(2)
    expect(await look(plan, signed)).toMatchObject({ status: 'conflict', final: true })
  })

  test('that waits is told beside those in blocks', async () => {
    const plan = await planned('ETH', [{ address: newAddress(), units: 1n }])
    const before = must(await sender.facts({ targetBlocks: 1, payer: { address: treasury, asset: 'ETH', outputs: [] } }))
    must(await sender.broadcast(evmSigner.sign(chain, seed, 'evm', plan).raw))
    const after = must(await sender.facts({ targetBlocks: 1, payer: { address: treasury, asset: 'ETH', outputs: [] } }))
    expect(before.payer).toMatchObject({ nonce: plan.nonce, pendingNonce: plan.nonce, gas: 21_000n })
    expect(after.payer).toMatchObject({ nonce: plan.nonce, pendingNonce: plan.nonce + 1 })
    await anvil.miner.mine(1)
  })
})

describe('several outputs in one transaction', () => {
  const many = (units: readonly bigint[]) => units.map((one) => ({ address: newAddress(), units: one }))

  test('are refused where the chain has no delegates', async () => {
    const request = await requestFor('USDC', many([1n, 2n]))
    expect(evmSpender.plan(withoutDelegates, account, request)).toMatchObject({
      error: { reason: 'bad_output', position: 1, detail: expect.stringContaining('one output in a transaction here') },
    })
  })

  test('are not planned before the delegate is there: nothing would move', async () => {
    expect(await tryPlan('USDC', many([1n, 2n]), TREASURY)).toMatchObject({ error: { reason: 'bad_output' } })
  })

  test('are all paid once it is made, in every asset, and again by an account that has delegated', async () => {
    const deploy = deployCall(FACTORY, treasury)
    const request = await requestFor('ETH', many([1n]))
    if (request.funds.kind !== 'account' || request.fees.kind !== 'account') throw new Error('of coins')
    const { nonce } = request.funds
    const { maxFeePerGas, maxPriorityFeePerGas } = request.fees
    const gasLimit = 1_000_000n
    const prices = { gasLimit, maxFeePerGas, maxPriorityFeePerGas, fee: gasLimit * maxFeePerGas }
    const made: AccountPlan = { kind: 'account', chainId: chain.id, index: TREASURY, nonce, ...deploy, ...prices }
    expect(evmSpender.check(chain, account, made, 'ETH', [])).toEqual({ ok: true, value: null })
    expect(await carryOut(made)).toMatchObject({ reverted: false })
    expect(await anvil.rpc('eth_getCode', delegateOf(FACTORY, treasury), 'latest')).not.toBe('0x')

    for (const [code, contract] of [
      ['ETH', null],
      ['USDC', USDC],
      ['USDT', usdt],
      ['ETH', null],
    ] as const) {
      const outputs = many([11n, 22n, 33n])
      const plan = await planned(code, outputs)
      expect(plan.authorizations).toHaveLength(1)
      expect(evmSpender.check(chain, account, plan, code, outputs)).toEqual({ ok: true, value: null })
      expect(await carryOut(plan)).toMatchObject({ status: 'included', reverted: false })
      const held = outputs.map(({ address }) => (contract === null ? anvil.native(address) : anvil.tokens(contract, address)))
      expect(await Promise.all(held)).toEqual([11n, 22n, 33n])
    }
  })

  test('are paid all or none', async () => {
    const outputs = many([1n, 2n])
    const plan = await planned('USDC', outputs)
    const before = await anvil.tokens(USDC, treasury)
    // Whoever comes first leaves too little for the second.
    await carryOut(await planned('USDC', [{ address: newAddress(), units: before - 2n }]))
    expect(
      await carryOut({
        ...plan,
        nonce: plan.nonce + 1,
        authorizations: (plan.authorizations ?? []).map((one) => ({ ...one, nonce: one.nonce + 1 })),
      }),
    ).toMatchObject({
      status: 'included',
      reverted: true,
    })
    expect(await Promise.all(outputs.map(({ address }) => anvil.tokens(USDC, address)))).toEqual([0n, 0n])
  })

  test('are refused by the one of them that a contract or a token refuses', async () => {
    const [first, second] = many([1n, 2n])
    const outputs = [first, second, { address: USDC, units: 3n }, second].flatMap((output) => output ?? [])
    expect(await tryPlan('ETH', outputs, TREASURY)).toMatchObject({ error: { reason: 'bad_output', position: 2 } })
  })

  test('leave the payer free to be paid, by who gives more gas than an account without code takes', async () => {
    const before = await anvil.native(treasury)
    await anvil.miner.sendNative({ to: treasury, units: 1_000n, gas: 21_000n })
    await anvil.miner.mine(1)
    expect(await anvil.native(treasury)).toBe(before)
    expect(await carryOut(await planned('ETH', [{ address: treasury, units: 1_000n }], { index: 6 }))).toMatchObject({
      reverted: false,
    })
    expect(await anvil.native(treasury)).toBe(before + 1_000n)
  })

  test('are called back by one that has both their numbers, and pays none of them', async () => {
    const outputs = many([4n, 5n])
    const plan = await planned('ETH', outputs)
    const empty = accountPlan(must(evmSpender.callBack(chain, account, plan, await requestFor('ETH', []))))
    expect(evmSpender.check(chain, account, empty, 'ETH', [])).toEqual({ ok: true, value: null })
    expect(await carryOut(empty)).toMatchObject({ status: 'included' })
    const after = await requestFor('ETH', outputs)
    expect(after.funds).toMatchObject({ nonce: plan.nonce + 2 })
    expect(await Promise.all(outputs.map(({ address }) => anvil.native(address)))).toEqual([0n, 0n])
  })

  test('leave the payer free to pay nothing under a number', async () => {
    const request = await requestFor('ETH', [])
    if (request.funds.kind !== 'account') throw new Error('of coins')
    expect(request.funds.gas).toBeGreaterThanOrEqual(21_000n)
    const left = await planned('ETH', [{ address: newAddress(), units: 1n }])
    const filler = accountPlan(must(evmSpender.callBack(chain, account, left, request)))
    expect(await carryOut(filler)).toMatchObject({ status: 'included', reverted: false })
  })
})

async function requestFor(asset: string, outputs: readonly Output[], index = TREASURY): Promise<SpendRequest> {
  const address = payerOf(chain, account, index)
  const facts = must(await sender.facts({ targetBlocks: 1, payer: { address, asset, outputs } }))
  if (facts.payer === null) throw new Error('nothing of the payer')
  const { pendingNonce: _, ...funds } = facts.payer
  return { asset, outputs, funds: { kind: 'account', index, ...funds }, fees: facts.fees, feeMax: ETHER }
}

async function tryPlan(asset: string, outputs: readonly Output[], index: number) {
  return evmSpender.plan(chain, account, await requestFor(asset, outputs, index))
}

async function planned(asset: string, outputs: readonly Output[], { index = TREASURY } = {}): Promise<AccountPlan> {
  const plan = accountPlan(must(await tryPlan(asset, outputs, index)))
  expect(evmSpender.check(chain, account, plan, asset, outputs)).toEqual({ ok: true, value: null })
  return plan
}

/** Signed, sent, mined and looked for. */
async function carryOut(plan: AccountPlan) {
  const signed = evmSigner.sign(chain, seed, 'evm', plan)
  expect(must(await sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
  await anvil.miner.mine(1)
  return await look(plan, signed)
}

async function look(plan: AccountPlan, ...signed: readonly SignedTransaction[]) {
  const payer = payerOf(chain, account, plan.index)
  const question: LookQuestion = { txids: signed.map(({ txid }) => txid), plan, payer, searchedHeight: 0 }
  return must(await sender.look(question))
}

function outputsOf(plan: AccountPlan): Output[] {
  return [{ address: plan.to, units: plan.value }]
}

function accountPlan(plan: SpendPlan): AccountPlan {
  if (plan.kind !== 'account') throw new Error('a plan of coins')
  return plan
}

function newAddress(): string {
  return `0x${toHex(crypto.getRandomValues(new Uint8Array(20)))}`
}

function must<T>(result: Result<T, object>): T {
  if (!result.ok)
    throw new Error(JSON.stringify(result.error, (_key, value) => (typeof value === 'bigint' ? String(value) : value)))
  return result.value
}
