import { describe, expect, test, vi } from 'vitest'
import { PAID_MANY_TOPIC } from '../../../src/gateways/evm/calls.ts'
import type { RpcCall } from '../../../src/gateways/evm/rpc.ts'
import { createEvmSender } from '../../../src/gateways/evm/sender.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import type { LookQuestion } from '../../../src/gateways/send.ts'
import { fakeFetch } from './fake-node.ts'
import { ask, BOB, chain, planOf, seed, USDC, viemAccount } from './money-out.ts'

/** What several nodes say together. What one real node says: sending.test.ts. */

const plan = planOf(ask('ETH', [{ address: BOB, units: 1n }]))
const { raw, txid } = evmSigner.sign(chain, seed, 'evm', plan)
const hash = (digit: string) => `0x${digit.repeat(64)}`

type Answers = (call: RpcCall) => unknown
const AWAY: Answers = () => {
  throw { code: -32005, message: 'daily request count exceeded, request rate limited' }
}

function senderOver(...nodes: Answers[]) {
  const fetcher = fakeFetch((call, url) => {
    if (call.method === 'eth_chainId') return '0x7a69'
    return nodes[Number(new URL(url).port) - 9000]?.(call)
  })
  return createEvmSender(
    chain,
    nodes.map((_, at) => ({ url: `http://127.0.0.1:${9000 + at}` })),
    fetcher,
  )
}

const refusing =
  (message: string): Answers =>
  ({ method }) => {
    // Asked whether it has the transaction, it does not.
    if (method === 'eth_getTransactionByHash') return null
    throw { code: -32000, message }
  }

describe('what a call would take', () => {
  const facts = (message: string) => {
    const node: Answers = ({ method }) => {
      if (method === 'eth_estimateGas') throw { code: -32000, message }
      if (method === 'eth_getBlockByNumber') return { hash: hash('a'), parentHash: hash('b'), number: '0x9', timestamp: '0x9' }
      return method === 'eth_feeHistory' ? { baseFeePerGas: ['0x1'], gasUsedRatio: [], reward: [] } : '0x1'
    }
    const payer = { address: viemAccount(0).address, asset: 'ETH', outputs: [{ address: BOB, units: 1n }] }
    return senderOver(node).facts({ targetBlocks: 2, payer })
  }

  test.each([
    'execution reverted: rate limited',
    'gas required exceeds allowance (0)',
    'insufficient funds for transfer',
    'out of gas',
  ])('is nothing when a node says that it fails: "%s"', async (message) => {
    expect(await facts(message)).toMatchObject({ ok: true, value: { payer: { gas: null } } })
  })

  test('that pays nothing to itself is asked of nodes, too: on Arbitrum its price on Ethereum is gas', async () => {
    const { address } = viemAccount(0)
    const node: Answers = ({ method, params }) => {
      if (method === 'eth_getBlockByNumber') return { hash: hash('a'), parentHash: hash('b'), number: '0x9', timestamp: '0x9' }
      if (method === 'eth_feeHistory') return { baseFeePerGas: ['0x1'], gasUsedRatio: [], reward: [] }
      if (method === 'eth_estimateGas')
        expect(params).toEqual([{ from: address, to: address.toLowerCase(), value: '0x0', data: '0x' }])
      return method === 'eth_estimateGas' ? '0x61a80' : '0x1'
    }
    const facts = senderOver(node).facts({ targetBlocks: 2, payer: { address, asset: 'ETH', outputs: [] } })
    expect(await facts).toMatchObject({ ok: true, value: { payer: { gas: 400_000n } } })
  })

  test('pays the operator of a rollup that takes nothing for its data, too', async () => {
    const word = (value: number) => `0x${value.toString(16).padStart(64, '0')}`
    const node: Answers = ({ method, params }) => {
      if (method === 'eth_getBlockByNumber') return { hash: hash('a'), parentHash: hash('b'), number: '0x9', timestamp: '0x9' }
      if (method === 'eth_feeHistory') return { baseFeePerGas: ['0x1'], gasUsedRatio: [], reward: [] }
      if (method !== 'eth_call') return method === 'eth_estimateGas' ? '0x5208' : '0x1'
      return word((params[0] as { data: string }).data.startsWith('0x275aedd2') ? 7 : 0)
    }
    const payer = { address: viemAccount(0).address, asset: 'ETH', outputs: [{ address: BOB, units: 1n }] }
    expect(await senderOver(node).facts({ targetBlocks: 2, payer })).toMatchObject({ ok: true, value: { fees: { dataFee: 7n } } })
    // For as much gas as what is planned may take: a payment of nothing has more than it is estimated at, or needs no estimate.
    for (const [outputs, estimate, asked] of [
      [payer.outputs, '0x5208', 21_000n],
      [[], '0x5208', 30_000n],
      [[], '0x61a80', 480_000n],
      [[], null, 30_000n],
    ] as const) {
      const limits: bigint[] = []
      const counting: Answers = (call) => {
        const { data = '' } = call.params[0] as { data?: string }
        if (call.method === 'eth_call' && data.startsWith('0x275aedd2')) limits.push(BigInt(`0x${data.slice(10)}`))
        if (call.method !== 'eth_estimateGas') return node(call)
        if (estimate === null) throw { code: -32000, message: 'insufficient funds' }
        return estimate
      }
      expect((await senderOver(counting).facts({ targetBlocks: 2, payer: { ...payer, outputs } })).ok).toBe(true)
      expect(limits).toEqual([asked])
    }
  })

  test('of several outputs names the one that a token would refuse by itself, by as many nodes as must agree', async () => {
    const outputs = [1n, 2n, 3n].map((units) => ({ address: viemAccount(Number(units) + 3).address, units }))
    const payer = { address: viemAccount(0).address, asset: 'USDC', outputs }
    const nodeThat =
      (refuses: (data: string) => boolean): Answers =>
      ({ method, params }) => {
        if (method === 'eth_getBlockByNumber') return { hash: hash('a'), parentHash: hash('b'), number: '0x9', timestamp: '0x9' }
        if (method === 'eth_feeHistory') return { baseFeePerGas: ['0x1'], gasUsedRatio: [], reward: [] }
        if (method === 'eth_estimateGas') throw { code: 3, message: 'execution reverted' }
        if (method !== 'eth_call') return method === 'eth_getCode' ? '0x60' : '0x1'
        const { data } = params[0] as { data: string }
        if (refuses(data)) throw { code: 3, message: 'execution reverted: Blacklistable: account is blacklisted' }
        return `0x${'1'.padStart(64, '0')}`
      }
    const refused = async (...nodes: Answers[]) => {
      const facts = await senderOver(...nodes).facts({ targetBlocks: 2, payer })
      return facts.ok ? facts.value.payer?.refusing : facts.error
    }
    const isOf = (at: number) => (data: string) => data.includes(outputs[at]?.address.slice(2).toLowerCase() ?? '-')
    const isPayment = (data: string) => data.startsWith('0xa9059cbb')
    expect(await refused(nodeThat(isOf(1)))).toBe(1)
    expect(await refused(nodeThat(() => false))).toBeUndefined()
    expect(await refused(nodeThat(isPayment))).toBeUndefined()
    expect(await refused(nodeThat(isOf(2)), nodeThat(isOf(0)), nodeThat(isOf(2)))).toBe(2)
    expect(await refused(nodeThat(isOf(2)), nodeThat(isOf(0)))).toBeUndefined()
    // One that cannot be asked about at all: the others are not asked about either.
    let payments = 0
    const counting = nodeThat((data) => isPayment(data) && ++payments > 0)
    const odd = { ...payer, outputs: [...outputs, { address: 'nowhere', units: 1n }] }
    expect((await senderOver(counting).facts({ targetBlocks: 2, payer: odd })).ok).toBe(true)
    expect(payments).toBe(0)
  })

  test.each([
    ['execution aborted', 'node_refused'],
    ['execution aborted (timeout = 5s)', 'node_unreachable'],
    ['execution timeout', 'node_unreachable'],
    ['request exceeds the rate limit', 'node_unreachable'],
    ['compute units exceeds capacity', 'node_unreachable'],
  ])('is not known when a node says it of itself: "%s"', async (message, reason) => {
    expect(await facts(message)).toMatchObject({ ok: false, error: { reason } })
  })
})

describe('what a plan is made by', () => {
  const node =
    (nonce: number, balance: number): Answers =>
    ({ method }) => {
      if (method === 'eth_getBlockByNumber') return { hash: hash('a'), parentHash: hash('b'), number: '0x9', timestamp: '0x9' }
      if (method === 'eth_feeHistory') return { baseFeePerGas: ['0x1'], gasUsedRatio: [], reward: [] }
      if (method === 'eth_estimateGas') return '0x5208'
      return `0x${(method === 'eth_getBalance' ? balance : nonce).toString(16)}`
    }
  const payer = { address: viemAccount(0).address, asset: 'ETH', outputs: [{ address: BOB, units: 1n }] }

  test('is what enough nodes say: one that lags, or makes a number up, opens no gap and uses none twice', async () => {
    const ask = (...nodes: Answers[]) => senderOver(...nodes).facts({ targetBlocks: 2, payer })
    const honest = node(5, 900)
    for (const other of [node(9, 10_000), node(2, 0), AWAY])
      expect(await ask(other, honest, honest)).toMatchObject({ value: { payer: { nonce: 5, pendingNonce: 5, native: 900n } } })
    expect(await ask(node(9, 10_000), honest)).toMatchObject({ value: { payer: { nonce: 5, native: 900n } } })
    expect(await ask(AWAY, AWAY, honest)).toMatchObject({ ok: false })
  })
})

describe('what is broadcast', () => {
  test.each([
    ['already known', 'taken'],
    ['transaction already imported', 'taken'],
    ['AlreadyKnown', 'taken'],
    ['Known transaction', 'taken'],
    ['nonce too low: next nonce 8, tx nonce 7', 'spent'],
    ['OldNonce, Current nonce: 8, nonce of rejected tx: 7', 'spent'],
    ['Transaction nonce is below sender account nonce: lower', 'spent'],
    ['replacement transaction underpriced', 'fee_too_low'],
    ['transaction underpriced: gas tip cap 1, minimum needed 1000000', 'fee_too_low'],
    ['max fee per gas less than block base fee: address 0x…, maxFeePerGas: 1, baseFee: 7', 'fee_too_low'],
    ['FeeTooLow, MaxFeePerGas too low', 'fee_too_low'],
    ['insufficient funds for gas * price + value: balance 0, tx cost 1', 'invalid'],
    ['invalid sender', 'invalid'],
    ['exceeds block gas limit', 'invalid'],
    ['Block gas limit exceeded', 'invalid'],
  ])('and answered with "%s" is %s', async (message, meaning) => {
    const answer = await senderOver(refusing(message)).broadcast(raw)
    expect(answer).toMatchObject({
      ok: true,
      value: meaning === 'taken' ? { answer: 'taken' } : { answer: 'refused', why: meaning },
    })
  })

  test.each([
    ['request rate limited', 'node_unreachable'],
    ['Limit exceeded', 'node_unreachable'],
    ['50/second request limit reached', 'node_unreachable'],
    ['you are throttled', 'node_unreachable'],
    ['Too Many Requests', 'node_unreachable'],
    ['monthly capacity exceeded', 'node_unreachable'],
    ['txpool is full', 'node_refused'],
    ['internal error', 'node_refused'],
    ['node is syncing', 'node_refused'],
    ['in-flight transaction limit reached for delegated accounts', 'node_refused'],
    ['gapped-nonce tx from delegated accounts', 'node_refused'],
    ['authority already reserved', 'node_refused'],
  ])('and answered with "%s" is not refused: nothing was said of it', async (message, reason) => {
    expect(await senderOver(refusing(message)).broadcast(raw)).toMatchObject({ ok: false, error: { reason } })
  })

  test('goes to every node, and is taken when one has it', async () => {
    const heard: number[] = []
    const hear =
      (at: number, answer: Answers): Answers =>
      (call) => {
        heard.push(at)
        return answer(call)
      }
    const sender = senderOver(
      hear(0, refusing('nonce too low')),
      hear(1, AWAY),
      hear(2, () => txid),
    )
    expect(await sender.broadcast(raw)).toEqual({ ok: true, value: { answer: 'taken' } })
    expect(new Set(heard)).toEqual(new Set([0, 1, 2]))
  })

  test('is refused by those that answer; a number that is spent says most', async () => {
    const answer = await senderOver(
      AWAY,
      refusing('transaction underpriced'),
      refusing('nonce too low'),
      refusing('invalid sender'),
    ).broadcast(raw)
    expect(answer).toMatchObject({ ok: true, value: { answer: 'refused', why: 'spent' } })
  })

  test('is taken when its number is spent by itself', async () => {
    const mined = nodeWith({ waiting: true })
    const node: Answers = (call) => (call.method === 'eth_sendRawTransaction' ? refusing('nonce too low')(call) : mined(call))
    expect(await senderOver(node).broadcast(raw)).toEqual({ ok: true, value: { answer: 'taken' } })
  })

  test('and said to be taken under another name is not taken', async () => {
    expect(await senderOver(() => hash('a')).broadcast(raw)).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
    expect(await senderOver(() => null).broadcast(raw)).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
  })
})

const question: LookQuestion = { txids: [txid], plan, payer: viemAccount(3).address, searchedHeight: 0 }
const block = (height: number, digit: string) => ({
  number: `0x${height.toString(16)}`,
  hash: hash(digit),
  parentHash: hash('0'),
  timestamp: '0x1',
})

/** A node at height 100; `count`: the payer's number there. Final: three confirmations. */
function nodeWith(of: {
  pending?: number
  count?: number
  finalCount?: number
  receipt?: object | null
  waiting?: boolean
  digit?: string
  head?: number
}): Answers {
  const { count = 7, finalCount = count, pending = count, receipt = null, waiting = false, digit = 'b', head = 100 } = of
  return ({ method, params }) => {
    if (method === 'eth_getBlockByNumber') return params[0] === 'latest' ? block(head, 'c') : block(Number(params[0]), digit)
    if (method === 'eth_getTransactionCount')
      return `0x${(typeof params[1] === 'object' ? count : params[1] === 'pending' ? pending : finalCount).toString(16)}`
    if (method === 'eth_getTransactionReceipt') return receipt
    if (!waiting) return null
    return {
      hash: txid,
      from: viemAccount(3).address,
      to: BOB,
      value: '0x1',
      nonce: '0x7',
      input: '0x',
      gas: '0x5208',
      blockNumber: null,
    }
  }
}

const receiptAt = (height: number, changes: object = {}) => ({
  transactionHash: txid,
  blockHash: hash('b'),
  blockNumber: `0x${height.toString(16)}`,
  status: '0x1',
  gasUsed: '0x5208',
  effectiveGasPrice: '0x2',
  logs: [],
  ...changes,
})
const included = (height: number) => nodeWith({ count: 8, receipt: receiptAt(height) })

describe('what is looked for', () => {
  test('is where a node has it in a block, with what it cost', async () => {
    expect(await senderOver(included(98)).look(question)).toEqual({
      ok: true,
      value: {
        status: 'included',
        txid,
        height: 98,
        blockHash: hash('b'),
        confirmations: 3,
        final: true,
        reverted: false,
        fee: 42_000n,
      },
    })
    expect(await senderOver(included(99)).look(question)).toMatchObject({ value: { confirmations: 2, final: false } })
    const rollup = nodeWith({ count: 8, receipt: receiptAt(98, { l1Fee: '0x64' }) })
    expect(await senderOver(rollup).look(question)).toMatchObject({ value: { fee: 42_100n } })
    const failed = nodeWith({ count: 8, receipt: receiptAt(98, { status: '0x0' }) })
    expect(await senderOver(failed).look(question)).toMatchObject({ value: { status: 'included', reverted: true } })
  })

  test('costs what the operator of a rollup took, too, by the oracle of its block, or of now where that state is gone', async () => {
    const asked = { l1Fee: '0x64', operatorFeeScalar: '0x0', operatorFeeConstant: '0x7' }
    const rollup = nodeWith({ count: 8, receipt: receiptAt(98, asked) })
    const oracle =
      (answer: (state: unknown) => unknown): Answers =>
      (call) => {
        if (call.method !== 'eth_call') return rollup(call)
        expect(call.params[0]).toEqual({ to: '0x420000000000000000000000000000000000000f', data: `0x275aedd2${word(21_000n)}` })
        return answer(call.params[1])
      }
    const word = (value: bigint) => value.toString(16).padStart(64, '0')
    const pruned = (state: unknown) => {
      if (typeof state === 'object') throw { code: -32000, message: 'missing trie node' }
      return `0x${word(9n)}`
    }
    const told = oracle((state) => `0x${word(typeof state === 'object' ? 7n : 9n)}`)
    expect(await senderOver(told).look(question)).toMatchObject({ value: { fee: 42_107n } })
    expect(await senderOver(oracle(pruned)).look(question)).toMatchObject({ value: { fee: 42_109n } })
    expect(await senderOver(oracle(() => '0x')).look(question)).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
  })

  test('is in a block though another node lags behind it, or is away', async () => {
    const lagging = nodeWith({ head: 97, waiting: true })
    for (const other of [AWAY, lagging]) {
      expect(await senderOver(other, included(98)).look(question)).toMatchObject({ value: { status: 'included', final: true } })
    }
    // Of three, one alone makes nothing final (decision 012).
    expect(await senderOver(AWAY, lagging, included(98)).look(question)).toMatchObject({
      value: { status: 'included', final: false },
    })
  })

  test('is not final while a node that has come as far says otherwise', async () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (const other of [
      nodeWith({}),
      nodeWith({ count: 8 }),
      nodeWith({ count: 8, digit: 'd', receipt: receiptAt(98, { blockHash: hash('d') }) }),
    ]) {
      expect(await senderOver(other, included(98)).look(question)).toMatchObject({ value: { status: 'included', final: false } })
    }
    expect(said).toHaveBeenCalledTimes(3)
  })

  test('is not in a block that is no longer in the chain', async () => {
    const gone = nodeWith({ count: 8, digit: 'e', receipt: receiptAt(98) })
    expect(await senderOver(gone).look(question)).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
  })

  test('waits, or is absent, while its number is free', async () => {
    expect(await senderOver(nodeWith({}), nodeWith({ waiting: true })).look(question)).toEqual({
      ok: true,
      value: { status: 'waiting', txid },
    })
    expect(await senderOver(nodeWith({})).look(question)).toEqual({ ok: true, value: { status: 'absent', searchedHeight: 100 } })
  })

  test('waits behind a number that no transaction has, by the node that knows of most', async () => {
    const behind = (count: number, changes = {}) => nodeWith({ count, pending: count, waiting: true, ...changes })
    const look = (...nodes: Answers[]) => senderOver(...nodes).look(question)
    expect(await look(behind(4), behind(6))).toEqual({ ok: true, value: { status: 'waiting', txid, behind: 6 } })
    expect(await look(behind(4), nodeWith({ waiting: true }))).toEqual({ ok: true, value: { status: 'waiting', txid } })
    expect(await look(behind(5, { waiting: false }))).toMatchObject({ value: { status: 'absent', behind: 5 } })
  })

  test('has been replaced when its number is used; for good only when every node says so of a final block', async () => {
    const used = nodeWith({ count: 8 })
    const recently = nodeWith({ count: 8, finalCount: 7 })
    const status = (final: boolean) => ({ ok: true, value: { status: 'conflict', byTxid: null, final } })
    expect(await senderOver(used, used).look(question)).toMatchObject(status(true))
    for (const other of [recently, nodeWith({ waiting: true }), nodeWith({}), AWAY]) {
      expect(await senderOver(used, other).look(question)).toMatchObject(status(false))
    }
  })

  test('and was signed elsewhere is found by its number; that it is the same call is told', async () => {
    const { to, value, data } = plan
    const made = {
      hash: hash('d'),
      from: question.payer,
      to,
      value: `0x${value.toString(16)}`,
      nonce: '0x7',
      input: data,
      gas: '0x5208',
    }
    const asked: number[] = []
    const nodeOf =
      (transaction: object, known = 0, forgotten: object = new Error('missing trie node')): Answers =>
      (call) => {
        const [first, second] = call.params
        if (call.method === 'eth_getTransactionCount' && typeof second === 'string' && second.startsWith('0x')) {
          asked.push(Number(second))
          if (Number(second) < known) throw forgotten
          return Number(second) >= 37 ? '0x8' : '0x7'
        }
        const whole = { ...block(37, 'b'), logsBloom: `0x${'0'.repeat(512)}`, transactions: [transaction] }
        if (call.method === 'eth_getBlockByNumber' && Number(first) === 37) return whole
        return nodeWith({ count: 8 })(call)
      }
    const unsigned = { ...question, txids: [] }
    const conflict = { status: 'conflict', byTxid: hash('d'), searchedHeight: 0 }
    expect(await senderOver(nodeOf(made)).look(unsigned)).toMatchObject({ value: { ...conflict, pays: true } })
    expect(asked.length).toBeLessThan(14)
    // Also where something was signed here, of which it has the number; that itself, without its receipt, is no conflict.
    expect(await senderOver(nodeOf(made)).look(question)).toMatchObject({ value: { ...conflict, pays: true } })
    const late = await senderOver(nodeOf({ ...made, hash: question.txids[0] })).look(question)
    expect(late).toMatchObject({ error: { reason: 'node_refused' } })
    // A node that knows the newest blocks alone.
    for (const forgotten of [undefined, { code: -32601, message: 'no archive' }])
      expect(await senderOver(nodeOf(made, 34, forgotten)).look(unsigned)).toMatchObject({ value: { ...conflict, pays: true } })
    for (const other of [{ to: viemAccount(9).address }, { value: '0x9' }, { input: '0xaa' }])
      expect(await senderOver(nodeOf({ ...made, ...other })).look(unsigned)).toMatchObject({ value: { ...conflict, pays: false } })
    // Another of the block, or a node that has forgotten those blocks: nothing is known.
    for (const node of [nodeOf({ ...made, nonce: '0x6' }), nodeOf(made, 50)]) {
      const seen = await senderOver(node).look(unsigned)
      expect(seen).toMatchObject({ value: { status: 'conflict', byTxid: null } })
      expect(seen).not.toHaveProperty('value.pays')
    }
    // One that is asked too often, at any turn, says nothing at all: what it would tell may pay.
    for (let turns = 0; turns < 20; turns++) {
      let left = turns
      const busy: Answers = (call) => {
        if (call.method === 'eth_getTransactionCount' && Number(call.params[1]) < 98 && --left < 0) return AWAY(call)
        if (call.method === 'eth_getBlockByNumber' && call.params[1] === true && left >= 0) return AWAY(call)
        return nodeOf(made)(call)
      }
      expect(await senderOver(busy).look(unsigned)).toMatchObject({ error: { reason: 'node_unreachable' } })
    }
  })

  test('is about to be replaced when something else waits under its number', async () => {
    expect(await senderOver(nodeWith({ pending: 8 })).look(question)).toMatchObject({ value: { status: 'conflict', final: false } })
    expect(await senderOver(nodeWith({ pending: 8, waiting: true })).look(question)).toMatchObject({ value: { status: 'waiting' } })
  })

  test('by its final tag, where the chain has one', async () => {
    const tagged = { ...chain, finality: 'safe' as const }
    const node =
      (height: number | null): Answers =>
      (call) =>
        call.method === 'eth_getBlockByNumber' && call.params[0] === 'safe'
          ? height === null
            ? null
            : block(height, 'f')
          : included(90)(call)
    const look = async (height: number | null) => {
      const fetcher = fakeFetch((call) => (call.method === 'eth_chainId' ? '0x7a69' : node(height)(call)))
      return await createEvmSender(tagged, [{ url: 'http://127.0.0.1:9000' }], fetcher).look(question)
    }
    expect(await look(90)).toMatchObject({ value: { confirmations: 11, final: true } })
    expect(await look(89)).toMatchObject({ value: { confirmations: 11, final: false } })
    expect(await look(null)).toMatchObject({ value: { final: false } })
    expect(await look(101)).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
  })

  test('has moved nothing when a token has no log of it, though the transaction succeeded', async () => {
    const token = planOf(ask('USDC', [{ address: BOB, units: 5n }], { gas: 50_000n }))
    const signed = evmSigner.sign(chain, seed, 'evm', token)
    const word = (address: string) => `0x${address.slice(2).toLowerCase().padStart(64, '0')}`
    const log = {
      address: USDC,
      topics: ['0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef', word(question.payer), word(BOB)],
      data: `0x${'5'.padStart(64, '0')}`,
      blockHash: hash('b'),
      transactionHash: signed.txid,
      logIndex: '0x0',
    }
    const look = (logs: object[]) =>
      senderOver(nodeWith({ count: 8, receipt: receiptAt(98, { transactionHash: signed.txid, logs }) })).look({
        ...question,
        txids: [signed.txid],
        plan: token,
      })
    expect(await look([log])).toMatchObject({ value: { status: 'included', reverted: false } })
    expect(await look([])).toMatchObject({ value: { status: 'included', reverted: true } })
    expect(await look([{ ...log, address: BOB }])).toMatchObject({ value: { status: 'included', reverted: true } })
  })

  test('has moved nothing when the payer had not delegated: it would have said that it paid many', async () => {
    const many = planOf(
      ask(
        'ETH',
        [1n, 2n].map((units) => ({ address: BOB, units })),
        { gas: 90_000n },
      ),
    )
    const signed = evmSigner.sign(chain, seed, 'evm', many)
    const log = {
      address: question.payer,
      topics: [PAID_MANY_TOPIC, `0x${'0'.repeat(64)}`],
      data: `0x${'2'.padStart(64, '0')}`,
      blockHash: hash('b'),
      transactionHash: signed.txid,
      logIndex: '0x0',
    }
    const look = (logs: object[]) =>
      senderOver(nodeWith({ count: 9, receipt: receiptAt(98, { transactionHash: signed.txid, logs }) })).look({
        ...question,
        txids: [signed.txid],
        plan: many,
      })
    expect(await look([log])).toMatchObject({ value: { status: 'included', reverted: false } })
    for (const logs of [[], [{ ...log, address: BOB }], [{ ...log, topics: [hash('1')] }]]) {
      expect(await look(logs)).toMatchObject({ value: { status: 'included', reverted: true } })
    }
  })

  test('is nowhere known when no node answers, or one answers nonsense', async () => {
    expect(await senderOver(AWAY).look(question)).toMatchObject({ ok: false })
    expect(await senderOver().look(question)).toMatchObject({ ok: false, error: { reason: 'protocol' } })
    expect(await senderOver(nodeWith({ receipt: {} })).look(question)).toMatchObject({ ok: false, error: { reason: 'protocol' } })
  })
})
