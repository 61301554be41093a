import fc from 'fast-check'
import { type Abi, encodeFunctionData, type Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { compileContract } from '../../../scripts/stack/evm/compile.ts'
import { payerOf } from '../../../src/gateways/evm/address.ts'
import { OWN_MARK } from '../../../src/gateways/evm/calls.ts'
import { delegateOf } from '../../../src/gateways/evm/delegate.ts'
import { createEvmSender } from '../../../src/gateways/evm/sender.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import type { Sender } from '../../../src/gateways/send.ts'
import type { AccountPlan, Deposit, Output, OwnPayment, PlanRefusal } from '../../../src/gateways/spend.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { type Anvil, type Receipt, startAnvil } from './anvil.ts'
import { account, ETHER, FACTORY, chain as local, seed, USDC } from './money-out.ts'

/**
 * Deposits brought to the treasury on a real node, and everything that strangers may try. Prints the gas that
 * docs/evm-sweeping.md tells of.
 */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })
const TREASURY = 3
const UNITS = 5_000_000n
const treasury = payerOf(local, account, TREASURY)
const delegate = delegateOf(FACTORY, treasury)
const figures: string[] = []
let anvil: Anvil
let chain: typeof local
let usdt: string
let feeToken: string
let sender: Sender
let made: Receipt
/** Addresses of the account that nobody has used. */
let next = 100

beforeAll(async () => {
  anvil = await startAnvil()
  usdt = await anvil.deploy('TestUsdt')
  feeToken = await anvil.deploy('TestFeeToken')
  const token = (code: string, contract: string) => ({ code, ticker: code, name: code, decimals: 6, contract })
  chain = { ...local, tokens: [...local.tokens, token('USDT', usdt), token('FEE', feeToken)] }
  sender = createEvmSender(chain, [{ url: anvil.node.rpcUrl }], fetch)
  await anvil.miner.sendToken({ to: treasury, units: 1n })
  await anvil.write('TestUsdt', usdt, 'transfer', [treasury, 1n])
  made = await makeDelegate()
  note('delegate made, once for each treasury and chain', made, 1)
})

afterAll(async () => {
  console.log(figures.join('\n'))
  await anvil.stop()
})

test('the delegate is made once, by anybody, at an address that is known before', async () => {
  expect(made.status).toBe('0x1')
  expect(await anvil.rpc('eth_getCode', delegate, 'latest')).not.toBe('0x')
  // A second time the factory refuses.
  expect((await factsOf('USDC', [])).gas).toBeNull()
})

describe('twenty deposit addresses', () => {
  test.each([
    ['USDC', () => USDC],
    ['USDT', () => usdt],
  ])('of %s are swept in one transaction, and for less once they have delegated', async (code, contract) => {
    const indices = fresh(20)
    for (const again of [false, true]) {
      await deposit(code, indices, UNITS)
      const before = await anvil.tokens(contract(), treasury)
      const receipt = await sweep(code, indices)
      note(`${code}, 20 addresses, ${again ? 'delegated before' : 'authorise and sweep'}`, receipt, 20)
      expect(await anvil.tokens(contract(), treasury)).toBe(before + 20n * UNITS)
      for (const index of indices) expect(await anvil.tokens(contract(), payerOf(chain, account, index))).toBe(0n)
      expect(failed(receipt)).toEqual([])
    }
  })

  test('of the native asset, too', async () => {
    const indices = fresh(20)
    for (const again of [false, true]) {
      // By who gives enough gas: an account that has delegated takes a little more than 21,000.
      for (const index of indices) await anvil.rpc('anvil_setBalance', payerOf(chain, account, index), '0xde0b6b3a7640000')
      const before = await anvil.native(treasury)
      const { effectiveGasPrice, ...receipt } = (await sweep('ETH', indices)) as Receipt & { effectiveGasPrice: Hex }
      note(`ETH, 20 addresses, ${again ? 'delegated before' : 'authorise and sweep'}`, receipt, 20)
      expect(await anvil.native(treasury)).toBe(before + 20n * ETHER - BigInt(receipt.gasUsed) * BigInt(effectiveGasPrice))
      expect(failed(receipt)).toEqual([])
    }
  })

  test('one by one cost more, whichever way', async () => {
    for (const again of [false, true]) {
      const [index] = fresh(1) as [number]
      if (again) await sweep('USDC', [index])
      await deposit('USDC', [index], UNITS)
      note(`USDC, one address, ${again ? 'delegated before' : 'authorise and sweep'}`, await sweep('USDC', [index]), 1)
    }
  })
})

test('twenty are paid in one transaction for less than one by one', async () => {
  for (const code of ['ETH', 'USDC']) {
    const outputs = fresh(20).map((index) => ({ address: payerOf(chain, account, index), units: 1n }))
    const facts = must(await sender.facts({ targetBlocks: 1, payer: { address: treasury, asset: code, outputs } }))
    if (facts.payer === null) throw new Error('nothing of the payer')
    const { fees } = facts
    const { nonce, units, native, gas } = facts.payer
    const funds = { kind: 'account' as const, index: TREASURY, nonce, units, native, gas }
    const plan = must(evmSpender.plan(chain, account, { asset: code, outputs, funds, fees, feeMax: ETHER })) as AccountPlan
    const receipt = await carryOut(plan)
    expect(receipt.status).toBe('0x1')
    note(`${code}, 20 new recipients paid at once`, receipt, 20)
  }
})

test('a hundred new addresses, as many as a sweep may have, fit into what one transaction may take', async () => {
  const indices = fresh(100)
  await deposit('USDC', indices, UNITS)
  const before = await anvil.tokens(USDC, treasury)
  const receipt = await sweep('USDC', indices)
  expect(await anvil.tokens(USDC, treasury)).toBe(before + 100n * UNITS)
  expect(Number(receipt.gasUsed)).toBeLessThan(2 ** 24)
  note('USDC, 100 addresses, authorise and sweep', receipt, 100)
})

test('of a token that keeps a part the rest arrives', async () => {
  const [index] = fresh(1) as [number]
  await anvil.write('TestFeeToken', feeToken, 'transfer', [payerOf(chain, account, index), 1_000_000n])
  await sweep('FEE', [index])
  expect(await anvil.tokens(feeToken, payerOf(chain, account, index))).toBe(0n)
  expect(await anvil.tokens(feeToken, treasury)).toBe(980_100n)
})

test('an address that could not delegate is told in the log, and the others are swept; the next time it is, too', async () => {
  const indices = fresh(3)
  const [, late] = indices as [number, number, number]
  await deposit('USDC', indices, UNITS)
  const plan = await planned('USDC', indices)
  // It has moved on since it was looked at: its authorization is for a number that it no longer has.
  const stale = {
    ...plan,
    authorizations: (plan.authorizations ?? []).map((one) => (one.index === late ? { ...one, nonce: 5 } : one)),
  }
  const receipt = await carryOut(stale)
  expect(receipt.status).toBe('0x1')
  expect(failed(receipt)).toEqual([payerOf(chain, account, late)])
  expect(await Promise.all(indices.map((index) => anvil.tokens(USDC, payerOf(chain, account, index))))).toEqual([0n, UNITS, 0n])
  expect((await factsOf('USDC', indices)).deposits.map(({ delegated }) => delegated)).toEqual([true, false, true])
  expect(failed(await sweep('USDC', [late]))).toEqual([])
  expect(await anvil.tokens(USDC, payerOf(chain, account, late))).toBe(0n)
})

test('what came in meanwhile is swept with it', async () => {
  const [index] = fresh(1) as [number]
  await deposit('USDC', [index], UNITS)
  const plan = await planned('USDC', [index])
  await deposit('USDC', [index], 1n)
  const before = await anvil.tokens(USDC, treasury)
  await carryOut(plan)
  expect(await anvil.tokens(USDC, treasury)).toBe(before + UNITS + 1n)
})

test('an address that has delegated is paid by plain transfers with more than the least gas, and by old contracts', async () => {
  const [index] = fresh(1) as [number]
  await deposit('USDC', [index], UNITS)
  await sweep('USDC', [index])
  const to = payerOf(chain, account, index)
  // 21,000 exactly is too little: what is sent so comes back to who sent it.
  await anvil.miner.sendNative({ to, units: 7n, gas: 21_000n })
  await anvil.miner.mine(1)
  expect(await anvil.native(to)).toBe(0n)
  const disperse = await anvil.deploy('TestDisperse')
  await anvil.write('TestDisperse', disperse, 'disperseNative', [[to], [7n]], 7n)
  expect(await anvil.native(to)).toBe(7n)
  // `transfer` of Solidity, with its 2,300 gas.
  const ending = await anvil.deploy('TestStipend')
  await anvil.write('TestStipend', ending, 'pay', [to], 8n)
  expect(await anvil.native(to)).toBe(15n)
})

test('without delegates: the treasury gives each address its gas, and each sends its tokens; hardly any gas stays there', async () => {
  const { delegateFactory: _, ...plain } = chain
  const outside = createEvmSender(plain, [{ url: anvil.node.rpcUrl }], fetch)
  // Nobody has delegated here, the treasury neither.
  const [vault, ...indices] = fresh(4) as [number, ...number[]]
  await anvil.miner.sendNative({ to: payerOf(plain, account, vault), units: ETHER })
  await deposit('USDC', [vault, ...indices], UNITS)
  /** As the wallet object asks and plans. */
  const planOwn = async (code: string, index: number, own: OwnPayment) => {
    const outputs: Output[] = [{ address: payerOf(plain, account, own.index), units: own.units ?? 1n }]
    const facts = must(
      await outside.facts({
        targetBlocks: 6,
        payer: { address: payerOf(plain, account, index), asset: code, outputs, isOwn: true },
      }),
    )
    if (facts.payer === null) throw new Error('nothing of the payer')
    const funds = { kind: 'account' as const, index, ...facts.payer, own }
    const plan = evmSpender.plan(plain, account, { asset: code, outputs: [], funds, fees: facts.fees, feeMax: ETHER })
    if (plan.ok) expect(evmSpender.check(plain, account, plan.value, code, [])).toEqual({ ok: true, value: null })
    return plan as Result<AccountPlan, PlanRefusal>
  }
  let gasUsed = 0n
  for (const index of indices) {
    const lacking = await planOwn('USDC', index, { index: vault, units: null })
    if (lacking.ok || lacking.error.reason !== 'insufficient_funds') throw new Error('it has gas')
    const topUp = must(await planOwn('ETH', vault, { index, units: lacking.error.missing }))
    gasUsed += BigInt((await carryOut(topUp)).gasUsed)
    const receipt = await carryOut(must(await planOwn('USDC', index, { index: vault, units: null })))
    expect(receipt.status).toBe('0x1')
    gasUsed += BigInt(receipt.gasUsed)
    const address = payerOf(chain, account, index)
    expect(await anvil.tokens(USDC, address)).toBe(0n)
    expect(await anvil.native(address)).toBeLessThan(topUp.value / 2n)
  }
  figures.push(`USDC, gas top-up and transfer, two transactions for each address: ${gasUsed / 3n} for each`)

  // Of the chain's own asset it takes one.
  const [rich] = fresh(1) as [number]
  await anvil.miner.sendNative({ to: payerOf(chain, account, rich), units: ETHER })
  await anvil.miner.mine(1)
  const before = await anvil.native(payerOf(plain, account, vault))
  const plan = must(await planOwn('ETH', rich, { index: vault, units: null }))
  await carryOut(plan)
  expect((await anvil.native(payerOf(plain, account, vault))) - before).toBe(plan.value)
  // No follower takes it for a payment.
  expect(BigInt(plan.data)).toBe(BigInt(OWN_MARK))
  expect(plan.value).toBeGreaterThanOrEqual(ETHER - plan.fee)
})

describe('whatever a stranger calls', () => {
  let contract: { abi: Abi }
  let hostile: Hex
  let victim: string

  beforeAll(async () => {
    contract = (await compileContract('PaytomatDelegate')) as { abi: Abi }
    hostile = await anvil.deploy('TestHostile')
  })

  beforeEach(async () => {
    const [index] = fresh(1) as [number]
    victim = payerOf(chain, account, index)
    await deposit('USDC', [index], UNITS)
    await sweep('USDC', [index])
    await refill()
    // The treasury has delegated as well, as by paying many.
    await anvil.rpc('anvil_setCode', treasury, `0xef0100${delegate.slice(2)}`)
  })

  const encode = (functionName: string, args: readonly unknown[]) => encodeFunctionData({ abi: contract.abi, functionName, args })

  test('brings money to the treasury or moves none: each function, on each address, with anything', async () => {
    const zero: Hex = `0x${'0'.repeat(40)}`
    const places = () => [victim, treasury, delegate] as Hex[]
    const token = fc.constantFrom<Hex>(zero, USDC, usdt as Hex, hostile, delegate as Hex, treasury as Hex)
    const somebody = fc.nat({ max: 4 }).map((at) => [...places(), hostile, STRANGER][at] as Hex)
    const data = fc.oneof(
      token.map((one) => encode('flush', [one])),
      fc.tuple(token, fc.array(somebody, { maxLength: 3 })).map(([one, accounts]) => encode('flushMany', [one, accounts])),
      fc
        .tuple(token, fc.array(fc.tuple(somebody, fc.constantFrom(0n, 1n, UNITS, ETHER)), { maxLength: 3 }))
        .map(([one, list]) => encode('payMany', [one, list.map(([to]) => to), list.map(([, units]) => units)])),
      fc.uint8Array({ maxLength: 100 }).map((bytes): Hex => `0x${toHex(bytes)}`),
    )
    // What the hostile contract calls back with, from within.
    const callsBack = fc.array(fc.tuple(fc.nat({ max: 2 }), data), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 3 }), data, callsBack, async (at, call, back) => {
        const targets = back.map(([place]) => places()[place])
        await anvil.write('TestHostile', hostile, 'arm', [targets, back.map(([, bytes]) => bytes)])
        await refill()
        const before = await holdings()
        await anvil.raw(([...places(), hostile] as Hex[])[at] as Hex, call)
        const after = await holdings()
        for (const asset of ['native', 'usdc'] as const) {
          // Nobody but the treasury ever has more, and it has all that the address lacks.
          expect(after.treasury[asset] - before.treasury[asset]).toBe(before.victim[asset] - after.victim[asset])
          expect(after.victim[asset]).toBeLessThanOrEqual(before.victim[asset])
        }
      }),
      { numRuns: 150 },
    )
  })

  test('not even from within a flush are others paid', async () => {
    const theft = encode('payMany', [USDC, [STRANGER], [UNITS]])
    await anvil.write('TestHostile', hostile, 'arm', [
      [victim, treasury, delegate],
      [theft, theft, theft],
    ])
    const before = await holdings()
    for (const call of [
      encode('flush', [hostile]),
      encode('flushMany', [hostile, [victim, treasury]]),
      encode('flushMany', [USDC, [hostile, victim]]),
    ]) {
      await anvil.raw(victim as Hex, call)
      await anvil.raw(delegate as Hex, call)
    }
    const after = await holdings()
    expect(await anvil.tokens(USDC, STRANGER)).toBe(0n)
    expect(after.victim.usdc).toBe(0n)
    expect(after.treasury.usdc).toBe(before.treasury.usdc + UNITS)
  })

  /** The address has been paid again. */
  async function refill() {
    await anvil.rpc('anvil_setBalance', victim, '0xde0b6b3a7640000')
    if ((await anvil.tokens(USDC, victim)) >= UNITS) return
    await anvil.miner.sendToken({ to: victim, units: UNITS })
    await anvil.miner.mine(1)
  }

  async function holdings() {
    const of = async (address: string) => ({ native: await anvil.native(address), usdc: await anvil.tokens(USDC, address) })
    return { victim: await of(victim), treasury: await of(treasury) }
  }
})

const STRANGER: Hex = '0x1111111111111111111111111111111111111111'

/** A sweep of no addresses. */
async function makeDelegate(): Promise<Receipt> {
  expect((await factsOf('USDC', [100])).gas).toBeNull()
  return await carryOut(await planned('USDC', []))
}

function fresh(count: number): number[] {
  return Array.from({ length: count }, () => next++)
}

async function deposit(code: string, indices: readonly number[], units: bigint): Promise<void> {
  for (const index of indices) {
    const to = payerOf(chain, account, index)
    if (code === 'USDC') await anvil.miner.sendToken({ to, units })
    else await anvil.write('TestUsdt', usdt, 'transfer', [to, units])
  }
  await anvil.miner.mine(1)
}

async function factsOf(code: string, indices: readonly number[]) {
  const addresses = indices.map((index) => payerOf(chain, account, index))
  const question = { targetBlocks: 6, payer: { address: treasury, asset: code, outputs: [], deposits: addresses } }
  const { fees, payer, deposits: found } = must(await sender.facts(question))
  if (fees.kind !== 'account' || !payer || !found) throw new Error('nothing of the deposits')
  const deposits: Deposit[] = found.map((one, at) => ({ ...one, index: indices[at] ?? 0 }))
  const { nonce, units, native, gas } = payer
  return { fees, nonce, units, native, gas, deposits }
}

/** As a sweeper does it: asks, chooses, plans, and the signer checks. */
async function planned(code: string, indices: readonly number[]): Promise<AccountPlan> {
  const { fees, ...held } = await factsOf(code, indices)
  const funds = { kind: 'account' as const, index: TREASURY, ...held }
  const plan = must(evmSpender.plan(chain, account, { asset: code, outputs: [], funds, fees, feeMax: ETHER }))
  expect(evmSpender.check(chain, account, plan, code, [])).toEqual({ ok: true, value: null })
  if (plan.kind !== 'account') throw new Error('a plan of coins')
  return plan
}

async function sweep(code: string, indices: readonly number[]): Promise<Receipt> {
  const receipt = await carryOut(await planned(code, indices))
  expect(receipt.status).toBe('0x1')
  return receipt
}

async function carryOut(plan: AccountPlan): Promise<Receipt> {
  const { raw } = evmSigner.sign(chain, seed, 'evm', plan)
  const txid = await anvil.rpc<string>('eth_sendRawTransaction', raw)
  await anvil.miner.mine(1)
  const receipt = await anvil.receipt(txid)
  expect(BigInt(receipt.gasUsed)).toBeLessThanOrEqual(plan.gasLimit)
  return receipt
}

/** Accounts that the delegate's log names. */
function failed({ logs }: Receipt): string[] {
  return logs.filter(({ address }) => address === delegate).map(({ topics }) => `0x${topics[1]?.slice(26)}`)
}

function note(what: string, { gasUsed }: Receipt, count: number): void {
  figures.push(`${what}: ${Number(gasUsed)}${count > 1 ? `, ${Math.round(Number(gasUsed) / count)} for each` : ''}`)
}

function must<T>(result: Result<T, object>): T {
  if (!result.ok)
    throw new Error(JSON.stringify(result.error, (_key, value) => (typeof value === 'bigint' ? String(value) : value)))
  return result.value
}
