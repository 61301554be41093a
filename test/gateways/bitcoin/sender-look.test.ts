import { describe, expect, test } from 'vitest'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import { bitcoinSpender as spender } from '../../../src/gateways/bitcoin/spend.ts'
import type { LookQuestion } from '../../../src/gateways/send.ts'
import type { CoinPlan, OwnCoin } from '../../../src/gateways/spend.ts'
import { fromHex } from '../../../src/lib/bytes.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { type SyntheticTransaction, synthetic } from './blocks.ts'
import { type Answer, FakeChain, Refusal, senderOf } from './fake-node.ts'
import { accountOf, coin, coinPlan, must, regtest, request, SEED, stranger } from './spending.ts'

/** Where transactions are, on a chain of our own making; on real ones in test/gateways/contract. */

const account = accountOf('p2wpkh')
const COINS = [coin(1, 60_000n), coin(2, 60_000n), coin(3, 60_000n)]
const outputs = [{ address: stranger(1), units: 55_000n }]
const [one, two, three] = COINS as [OwnCoin, OwnCoin, OwnCoin]

function sign(plan: CoinPlan): SyntheticTransaction {
  const signed = bitcoinSigner.sign(regtest, SEED, 'p2wpkh', plan)
  const inputs = plan.inputs.map(({ txid, vout }) => ({ txid: fromHex(txid), index: vout }))
  const paid = plan.outputs.map(({ units }) => ({ amount: units, script: new Uint8Array() }))
  return { id: signed.txid, raw: fromHex(signed.raw), inputs, outputs: paid }
}

/** Somebody with the same seed pays somebody else with these coins. */
const elsewhere = (...coins: OwnCoin[]) =>
  sign(
    coinPlan(
      spender.plan(regtest, account, request([{ address: stranger(7), units: BigInt(coins.length) * 60_000n - 5_000n }], coins)),
    ),
  )
const plan = coinPlan(spender.plan(regtest, account, request(outputs, [one])))
const ours = sign(plan)
// Coins are added, for there is too little change.
const bumped = coinPlan(spender.bump(regtest, account, plan, request(outputs, [two], { satsPerKvb: 80_000n })))
const again = sign(bumped)
const chain: ChainConfig = { ...regtest, confirmations: 3 }

const lookAt = async (node: FakeChain, question: Partial<LookQuestion> = {}) =>
  must(await senderOf([node.answer], chain).look({ txids: [ours.id], plan, payer: '', searchedHeight: 500, ...question }))
const both = { txids: [ours.id, again.id], plan: bumped }

function chainWith(...blocks: SyntheticTransaction[][]): FakeChain {
  const node = new FakeChain(COINS)
  for (const txs of blocks) node.mine(...txs)
  return node
}

test('what was never sent is absent as of the newest block, and no block is read for that', async () => {
  const node = chainWith([], [], [elsewhere(two)])
  expect(await lookAt(node)).toEqual({ status: 'absent', searchedHeight: 503 })
  expect(node.reads).toBe(0)
})

test('its block is found by an output that nobody spent, wherever it is, and read once', async () => {
  const node = chainWith([], [ours], ...Array.from({ length: 40 }, () => []))
  const sighting = {
    status: 'included',
    txid: ours.id,
    height: 502,
    confirmations: 41,
    final: true,
    reverted: false,
    fee: plan.fee,
  }
  expect(await lookAt(node)).toMatchObject(sighting)
  const { reads } = node
  expect(await lookAt(node)).toMatchObject(sighting)
  expect([reads, node.reads]).toEqual([1, 1])
})

test('with every output spent again, it is found by reading blocks, some in each look', async () => {
  const respent = {
    ...ours,
    id: 'cd'.repeat(32),
    inputs: ours.outputs.map((_, index) => ({ txid: fromHex(ours.id), index })),
    raw: elsewhere(two).raw,
  }
  const node = chainWith(...Array.from({ length: 30 }, () => []), [ours], [], [respent])
  const first = await lookAt(node)
  expect(first).toEqual({ status: 'conflict', byTxid: null, final: false, open: true, searchedHeight: 520 })
  expect(node.reads).toBe(20)
  expect(await lookAt(node, { searchedHeight: 520 })).toMatchObject({
    status: 'included',
    height: 531,
    confirmations: 3,
    final: true,
  })
})

test('what a bump replaced may be the one that was mined: its own fee is told', async () => {
  expect(bumped.inputs).toEqual([one, two])
  expect(await lookAt(chainWith([ours]), both)).toMatchObject({ status: 'included', txid: ours.id, fee: plan.fee, final: false })
  expect(await lookAt(chainWith([again]), both)).toMatchObject({ status: 'included', txid: again.id, fee: bumped.fee })
})

test('of several that wait, the newest is told', async () => {
  const node = chainWith([])
  node.mempool = [ours]
  expect(await lookAt(node, both)).toEqual({ status: 'waiting', txid: ours.id })
  node.mempool = [again]
  expect(await lookAt(node, both)).toEqual({ status: 'waiting', txid: again.id })
})

test('another that waits in its place is a conflict that may pass', async () => {
  const node = chainWith([])
  node.mempool = [elsewhere(one)]
  expect(await lookAt(node)).toEqual({ status: 'conflict', byTxid: null, final: false, byAll: true, searchedHeight: 501 })
})

test('another that is mined in its place is a conflict, final as deep as a payment must be; looked at again, still found', async () => {
  const thief = elsewhere(one)
  const node = chainWith([], [thief], [])
  const first = await lookAt(node)
  expect(first).toEqual({ status: 'conflict', byTxid: thief.id, final: false, byAll: true, searchedHeight: 501, pays: false })
  node.mine()
  expect(await lookAt(node, { searchedHeight: 501 })).toEqual({ ...first, final: true })
})

test('whether what took its place pays the same, at another fee, is told', async () => {
  const dearer = coinPlan(spender.plan(regtest, account, request(outputs, [one], { satsPerKvb: 20_000n })))
  const less = coinPlan(spender.plan(regtest, account, request([{ address: stranger(1), units: 54_999n }], [one])))
  for (const [other, pays] of [
    [dearer, true],
    [less, false],
  ] as const) {
    const mined = sign(other)
    const node = chainWith([], [mined], [], [])
    expect(await lookAt(node, { txids: [spender.txidOf(regtest, account, plan) ?? ''] })).toMatchObject({
      status: 'conflict',
      byTxid: mined.id,
      final: true,
      pays,
    })
  }
})

test('the id of what a merchant signs is known before', () => {
  expect(spender.txidOf(regtest, account, plan)).toBe(ours.id)
})

test('a coin that a bump added and another spent says nothing final: the transaction before it may still be mined', async () => {
  const node = chainWith([elsewhere(two)], [], [], [])
  expect(await lookAt(node, both)).toMatchObject({ status: 'conflict', byTxid: elsewhere(two).id, final: false })
  expect(await lookAt(node)).toMatchObject({ status: 'absent' })
  node.mine(ours)
  expect(await lookAt(node, both)).toMatchObject({ status: 'included', txid: ours.id, height: 505 })
  // The coin that all of them spend: that is certain.
  const stolen = chainWith([elsewhere(one)], [], [])
  expect(await lookAt(stolen, both)).toMatchObject({ status: 'conflict', final: true })
})

test('a transaction that a reorganisation put below what was searched is looked for there next', async () => {
  const thief = elsewhere(one)
  const node = chainWith([], [thief], [], [], [])
  expect(await lookAt(node, { searchedHeight: 504 })).toEqual({
    status: 'conflict',
    byTxid: null,
    final: false,
    byAll: true,
    searchedHeight: 504 - chain.reorgDepthMax,
  })
})

test('a block in the middle of a look makes it begin again; a node that never stands still is told as such', async () => {
  const node = chainWith([])
  let blocks = 1
  const moving: Answer = (method, params) => {
    if (method === 'getmempoolentry' && blocks-- > 0) node.mine(ours)
    return node.answer(method, params)
  }
  const question = { txids: [ours.id], plan, payer: '', searchedHeight: 500 }
  expect(must(await senderOf([moving], chain).look(question))).toMatchObject({ status: 'included', txid: ours.id })
  blocks = 9
  expect(await senderOf([moving], chain).look(question)).toMatchObject({ error: { reason: 'node_refused' } })
})

test('a block that does not prove itself is a lie; a node that lies or is away leaves it to the others', async () => {
  const node = chainWith([ours, elsewhere(three)])
  const lying: Answer = (method, params) => {
    const answer = node.answer(method, params)
    return method === 'getblock' ? String(answer).replace(/.{8}$/, '00000000') : answer
  }
  const question = { txids: [ours.id], plan, payer: '', searchedHeight: 500 }
  expect(await senderOf([lying], chain).look(question)).toMatchObject({ error: { reason: 'node_lied' } })
  expect(await senderOf([() => new Error('away')], chain).look(question)).toMatchObject({ error: { reason: 'node_unreachable' } })
  const several = [() => new Error('away'), lying, node.answer]
  expect(must(await senderOf(several, chain).look(question))).toMatchObject({ status: 'included', txid: ours.id })
})

test('a node that has yet to load its mempool says of nothing that it is absent', async () => {
  const node = chainWith([])
  const loading: Answer = (method, params) => (method === 'getmempoolinfo' ? { loaded: false } : node.answer(method, params))
  const question = { txids: [ours.id], plan, payer: '', searchedHeight: 500 }
  expect(await senderOf([loading], chain).look(question)).toMatchObject({ error: { reason: 'node_unreachable' } })
  expect(must(await senderOf([loading, node.answer], chain).look(question))).toMatchObject({ status: 'absent' })
})

test('a node that refuses to say where an output is has not said that it is nowhere', async () => {
  const node = chainWith([], [ours])
  // Of its inputs it tells; of its outputs it does not.
  const busy: Answer = (method, params) =>
    method === 'gettxout' && params[0] === ours.id ? new Refusal(-32603, 'Work queue depth exceeded') : node.answer(method, params)
  const question = { txids: [ours.id], plan, payer: '', searchedHeight: 502 }
  expect(await senderOf([busy], chain).look(question)).toMatchObject({ error: { reason: 'node_refused' } })
})

test('a node that lags, with the transaction still waiting, does not hide the block of another', async () => {
  const behind = chainWith([])
  behind.mempool = [ours]
  const ahead = chainWith([], [ours], [], [])
  const question = { txids: [ours.id], plan, payer: '', searchedHeight: 500 }
  expect(must(await senderOf([behind.answer, ahead.answer], chain).look(question))).toMatchObject({
    status: 'included',
    confirmations: 3,
    final: true,
  })
})

describe('an acceleration', () => {
  /** Somebody pays our address 4 out of what stood at a coin of theirs, which hangs on another that waits. */
  const tx = (name: string, spends: readonly string[], units: bigint): SyntheticTransaction => {
    const inputs = spends.map((outpoint) => {
      const [txid = '', index] = outpoint.split(':')
      return { txid: fromHex(txid), index: Number(index), finalScriptSig: new Uint8Array(), sequence: 5, witness: [] }
    })
    const script = fromHex(`0014${name.charCodeAt(0).toString(16).repeat(20)}`)
    return synthetic(2, 0, inputs, [{ amount: units, script }])
  }
  const theirs = `${'aa'.repeat(32)}:0`
  const grandparent = tx('g', [theirs], 70_000n)
  const parent = tx('p', [`${grandparent.id}:0`], 60_000n)
  const ancestors = [
    { txid: grandparent.id, spends: [theirs] },
    { txid: parent.id, spends: [`${grandparent.id}:0`] },
  ]
  const waiting = ancestors.map((one) => ({ ...one, fee: 200n, vsize: 200 }))
  const funds = { kind: 'coins', coins: [], changeIndex: 9, height: 500 } as const
  const coins = [{ txid: parent.id, vout: 0, units: 60_000n, index: 4 }]
  const child = coinPlan(
    spender.plan(regtest, account, {
      ...request([], []),
      funds: { ...funds, parent: { txid: parent.id, coins, ancestors: waiting } },
    }),
  )
  const signed = sign(child)
  const look = (node: FakeChain) => lookAt(node, { txids: [signed.id], plan: child, ancestors })

  function nodeWith(mempool: readonly SyntheticTransaction[], ...blocks: SyntheticTransaction[][]): FakeChain {
    const node = new FakeChain([{ txid: 'aa'.repeat(32), vout: 0, units: 80_000n, index: 0 }])
    for (const txs of blocks) node.mine(...txs)
    node.mempool = [...mempool]
    return node
  }

  test('is absent while its parent waits without it, and when what it hangs on waits nowhere: no block is read for that', async () => {
    const node = nodeWith([grandparent, parent], [])
    expect(await look(node)).toEqual({ status: 'absent', searchedHeight: 501 })
    node.mempool = [grandparent, parent, signed]
    expect(await look(node)).toEqual({ status: 'waiting', txid: signed.id })
    for (const mempool of [[grandparent], []]) {
      node.mempool = mempool
      expect(await look(node)).toEqual({ status: 'absent', searchedHeight: 501, orphan: true })
    }
    expect(node.reads).toBe(0)
  })

  test('is in conflict with what takes the place of any that it hangs on, and lost for good once that is final', async () => {
    const rival = tx('r', [theirs], 65_000n)
    const node = nodeWith([rival], [])
    expect(await look(node)).toEqual({ status: 'conflict', byTxid: null, final: false, byAll: true, searchedHeight: 501 })
    node.mine(rival)
    expect(await look(node)).toMatchObject({ status: 'conflict', byTxid: rival.id, final: false, searchedHeight: 501 })
    node.mine()
    node.mine()
    expect(await look(node)).toMatchObject({ status: 'conflict', byTxid: rival.id, final: true })
    // Of the parent alone, with what it hangs on in a block.
    const other = tx('o', [`${grandparent.id}:0`], 65_000n)
    const late = nodeWith([], [grandparent], [other], [], [])
    expect(await look(late)).toMatchObject({ status: 'conflict', byTxid: other.id, final: true })
  })

  test('is found in its block, with its parents or after them', async () => {
    const together = nodeWith([], [grandparent, parent, signed])
    expect(await look(together)).toMatchObject({ status: 'included', txid: signed.id, fee: child.fee })
    const after = nodeWith([], [grandparent], [parent])
    expect(await look(after)).toMatchObject({ status: 'absent' })
    after.mine(signed)
    expect(await look(after)).toMatchObject({ status: 'included', txid: signed.id, height: 503 })
  })

  test('of several nodes one that still has the parent waiting keeps it from being lost', async () => {
    const rival = tx('r', [theirs], 65_000n)
    const ahead = nodeWith([], [rival], [], [])
    const behind = nodeWith([grandparent, parent, signed], [])
    const question = { txids: [signed.id], plan: child, payer: '', searchedHeight: 500, ancestors }
    expect(must(await senderOf([ahead.answer, behind.answer], chain).look(question))).toMatchObject({
      status: 'conflict',
      final: false,
    })
    expect(must(await senderOf([ahead.answer, ahead.answer], chain).look(question))).toMatchObject({
      status: 'conflict',
      final: true,
    })
  })
})
