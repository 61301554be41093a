import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { type Abi, encodeDeployData, encodeFunctionData, getContractAddress, type Hex, pad } from 'viem'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { type CompiledContract, compileContract } from '../../../scripts/stack/evm/compile.ts'
import { delegateCodeFile } from '../../../scripts/stack/evm/delegate-code.ts'
import { decodeArguments } from '../../../src/gateways/evm/abi.ts'
import { assetOf, flushCall, meaningOf, PAY_MANY_MAX, paymentCall } from '../../../src/gateways/evm/calls.ts'
import { delegateOf, deployData } from '../../../src/gateways/evm/delegate.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { BOB, chain, FACTORY, USDC } from './money-out.ts'

// The compiler takes seconds to load.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
const NATIVE: Hex = `0x${'0'.repeat(40)}`
const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes): Hex => `0x${toHex(bytes)}`)
  .filter((text) => !text.startsWith('0x000000') && text !== USDC)
let delegate: CompiledContract

beforeAll(async () => {
  delegate = await compileContract('PaytomatDelegate')
})

const encode = (functionName: string, args: readonly unknown[]) =>
  encodeFunctionData({ abi: delegate.abi as Abi, functionName, args })

describe('the delegate', () => {
  test('is in the source as solc compiles it', async () => {
    expect(readFileSync('src/gateways/evm/delegate-code.ts', 'utf8')).toBe(await delegateCodeFile())
  })

  test('of a treasury is where CREATE2 puts it, another for each treasury', () => {
    fc.assert(
      fc.property(address, (treasury) => {
        const bytecode = encodeDeployData({ abi: delegate.abi as Abi, bytecode: delegate.bytecode, args: [treasury] })
        const made = getContractAddress({ opcode: 'CREATE2', from: FACTORY, salt: pad('0x', { size: 32 }), bytecode })
        expect(delegateOf(FACTORY, treasury)).toBe(made.toLowerCase())
        expect(deployData(treasury)).toBe(`0x${'0'.repeat(64)}${bytecode.slice(2)}`)
      }),
      { numRuns: 20 },
    )
    expect(delegateOf(FACTORY, BOB)).not.toBe(delegateOf(FACTORY, USDC))
  })

  test('is called as viem would call it, and the calls read back as what they mean', () => {
    const outputs = fc.array(fc.record({ address, units: fc.bigInt({ min: 1n, max: 2n ** 200n }) }), {
      minLength: 2,
      maxLength: 12,
    })
    fc.assert(
      fc.property(outputs, address, fc.constantFrom('ETH', 'USDC'), (many, payer, code) => {
        const token = code === 'ETH' ? NATIVE : USDC
        const pay = paymentCall(chain, payer, code, many)
        if (!pay.ok) throw new Error('refused')
        expect(pay.value).toEqual({
          to: payer,
          value: 0n,
          data: encode('payMany', [token, many.map((one) => one.address), many.map(({ units }) => units)]),
        })
        expect(meaningOf(chain, payer, pay.value)).toMatchObject({ does: 'pay', asset: { code }, outputs: many, many: true })

        const accounts = many.map((one) => one.address)
        const flush = flushCall(delegateOf(FACTORY, payer), assetOf(chain, code), accounts)
        expect(flush.data).toBe(encode('flushMany', [token, accounts]))
        expect(meaningOf(chain, payer, flush)).toMatchObject({ does: 'flush', asset: { code }, accounts })
      }),
      { numRuns: 50 },
    )
  })

  test('is called by its payer alone: for anybody else the same call means nothing', () => {
    const many = [1n, 2n].map((units) => ({ address: BOB, units }))
    const [payer, other] = [`0x${'a'.repeat(40)}`, `0x${'b'.repeat(40)}`]
    const pay = paymentCall(chain, payer, 'USDC', many)
    if (!pay.ok) throw new Error('refused')
    expect(meaningOf(chain, other, pay.value)).toBeNull()
    const flush = flushCall(delegateOf(FACTORY, payer), assetOf(chain, 'USDC'), [BOB])
    expect(meaningOf(chain, other, flush)).toBeNull()
    expect(meaningOf(chain, payer, { to: FACTORY.toLowerCase(), value: 0n, data: deployData(other) })).toBeNull()
    expect(meaningOf(chain, payer, { to: FACTORY.toLowerCase(), value: 0n, data: deployData(payer) })).toEqual({ does: 'deploy' })
  })

  test('pays at most as many as fit into a transaction', () => {
    const many = Array.from({ length: PAY_MANY_MAX + 1 }, () => ({ address: BOB, units: 1n }))
    expect(paymentCall(chain, BOB.toLowerCase(), 'ETH', many)).toMatchObject({
      error: { reason: 'bad_output', position: PAY_MANY_MAX },
    })
    expect(paymentCall(chain, BOB.toLowerCase(), 'ETH', many.slice(1))).toMatchObject({ ok: true })
  })
})

describe('arguments of a call', () => {
  test('have one encoding: whatever is read is what would be written', () => {
    const word = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex)
    const small = fc.integer({ min: 0, max: 200 }).map((n) => n.toString(16).padStart(64, '0'))
    const text = fc.array(fc.oneof(word, small), { maxLength: 8 }).map((words) => words.join(''))
    fc.assert(
      fc.property(text, fc.nat({ max: 63 }), (data, cut) => {
        for (const some of [data, data.slice(cut)]) {
          const args = decodeArguments(some, ['word', 'list'])
          if (args !== null) expect(args.flat().length).toBe(some.length / 64 - 2)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
