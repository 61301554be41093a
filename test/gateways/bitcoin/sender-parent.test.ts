import { describe, expect, test } from 'vitest'
import type { ParentFacts, Sender } from '../../../src/gateways/send.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { type SyntheticTransaction, synthetic } from './blocks.ts'
import { type Answer, Refusal, senderOf } from './fake-node.ts'
import { must } from './spending.ts'

/** What is told of a transaction that is to be hurried; on real nodes in test/gateways/contract. */

const OWN = `0014${'11'.repeat(20)}`
const THEIRS = `0014${'22'.repeat(20)}`

function paying(spends: readonly string[], outputs: readonly (readonly [string, bigint])[]): SyntheticTransaction {
  const inputs = spends.map((outpoint) => {
    const [txid = '', index] = outpoint.split(':')
    return { txid: fromHex(txid), index: Number(index), finalScriptSig: new Uint8Array(), sequence: 5, witness: [] }
  })
  return synthetic(
    2,
    0,
    inputs,
    outputs.map(([script, amount]) => ({ amount, script: fromHex(script) })),
  )
}

const first = paying([`${'aa'.repeat(32)}:1`], [[THEIRS, 90_000n]])
const parent = paying(
  [`${first.id}:0`, `${'bb'.repeat(32)}:0`],
  [
    [THEIRS, 10_000n],
    [OWN, 70_000n],
    [OWN, 5_000n],
  ],
)
/** Hangs on the parent itself. */
const later = paying([`${parent.id}:0`], [[THEIRS, 9_000n]])
const gone = new Refusal(-5, 'Transaction not in mempool')

interface Told {
  readonly entries?: Readonly<Record<string, unknown>>
  readonly spent?: readonly number[]
  readonly inBlock?: boolean
  readonly raws?: Readonly<Record<string, Uint8Array>>
  readonly ancestors?: readonly string[]
}

const core = { [parent.id]: { fees: { base: 0.000003 }, vsize: 300, depends: [first.id] } }
const both = { ...core, [first.id]: { fees: { base: 0.00000111 }, vsize: 111, depends: [] } }

function node({ entries = both, spent = [], inBlock = false, raws = {}, ancestors = [first.id] }: Told = {}): Answer {
  return (method, [name, vout, withMempool]) => {
    if (method === 'getblockcount') return 812
    if (method === 'estimatesmartfee') return { feerate: 0.0001 }
    if (method === 'getmempoolinfo') return { mempoolminfee: 1e-5, minrelaytxfee: 1e-5 }
    if (method === 'getmempoolentry') return entries[String(name)] ?? gone
    if (method === 'getmempoolancestors') return ancestors
    if (method === 'getrawtransaction') {
      const tx = [first, parent, later].find(({ id }) => id === name)
      return toHex(raws[String(name)] ?? tx?.raw ?? new Uint8Array())
    }
    if (method === 'gettxout')
      return withMempool ? (spent.includes(Number(vout)) ? null : {}) : inBlock && vout === 1 ? { confirmations: 1 } : null
    return new Refusal(-32601, method)
  }
}

const ask = async (sender: Sender, vouts: readonly number[] = []): Promise<ParentFacts> => {
  const facts = must(await sender.facts({ targetBlocks: 1, payer: null, parent: { txid: parent.id, vouts } }))
  expect(facts).toMatchObject({ height: 812, fees: { satsPerKvb: 10_000n } })
  if (!facts.parent) throw new Error('a parent that was asked about')
  return facts.parent
}

const told = {
  status: 'waiting',
  version: 2,
  outputs: [
    { vout: 0, units: 10_000n, script: THEIRS, spent: false },
    { vout: 1, units: 70_000n, script: OWN, spent: false },
    { vout: 2, units: 5_000n, script: OWN, spent: true },
  ],
  ancestors: [
    { txid: first.id, spends: [`${'aa'.repeat(32)}:1`], fee: 111n, vsize: 111 },
    { txid: parent.id, spends: [`${first.id}:0`, `${'bb'.repeat(32)}:0`], fee: 300n, vsize: 300 },
  ],
}

describe('what waits', () => {
  test('is told with its outputs, and with all that it hangs on, parents first', async () => {
    expect(await ask(senderOf([node({ spent: [2] })]))).toEqual(told)
  })

  test('of bcoin, which says fees and sizes in other words, is the same', async () => {
    const entries = {
      [parent.id]: { fee: 0.000003, size: 300, depends: [first.id], ancestorsize: 0 },
      [first.id]: { fee: 0.00000111, size: 111, depends: [] },
    }
    expect(await ask(senderOf([node({ entries, spent: [2] })]))).toEqual(told)
  })

  test('hangs on nothing any more that left the mempool while it was asked about', async () => {
    const facts = await ask(senderOf([node({ entries: core })]))
    expect(facts.status === 'waiting' && facts.ancestors.map(({ txid }) => txid)).toEqual([parent.id])
  })

  test('hangs on what it spends of, and on nothing else that a node lists beside it', async () => {
    const entries = { ...both, [later.id]: { fees: { base: 0 }, vsize: 90_000, depends: [] } }
    expect(await ask(senderOf([node({ entries, spent: [2], ancestors: [first.id, later.id, parent.id] })]))).toEqual(told)
  })

  test.each([
    ['came as another', { raws: { [parent.id]: first.raw } }, 'node_lied'],
    ['cannot be read', { raws: { [first.id]: new Uint8Array(9) } }, 'protocol'],
    ['has no size', { entries: { [parent.id]: { fees: { base: 0.1 }, depends: [] } } }, 'protocol'],
    ['has a fee that is no amount', { entries: { [parent.id]: { fees: { base: '-1' }, vsize: 1, depends: [] } } }, 'protocol'],
    ['hangs on what is no list', { ancestors: 'x' as unknown as string[] }, 'protocol'],
    ['hangs on more than nodes keep', { ancestors: Array.from({ length: 100 }, () => first.id) }, 'protocol'],
  ])('is no answer where it %s', async (_what, change, reason) => {
    expect(
      await senderOf([node(change)]).facts({ targetBlocks: 1, payer: null, parent: { txid: parent.id, vouts: [] } }),
    ).toMatchObject({
      error: { reason },
    })
  })
})

test('all that it hangs on is asked for in few requests, however much that is', async () => {
  const chain = [first]
  while (chain.length < 25) chain.push(paying([`${chain.at(-1)?.id}:0`], [[THEIRS, 90_000n - BigInt(chain.length)]]))
  const child = paying([`${chain.at(-1)?.id}:0`], [[OWN, 50_000n]])
  const all = [...chain, child]
  let requests = 0
  const answer: Answer = (method, [name]) => {
    if (method === 'getmempoolentry') return { fees: { base: 0.000001 }, vsize: 100, depends: name === first.id ? [] : [first.id] }
    if (method === 'getmempoolancestors') return chain.map(({ id }) => id)
    if (method === 'getrawtransaction') return toHex(all.find(({ id }) => id === name)?.raw ?? new Uint8Array())
    return node()(method, [name, 0, true])
  }
  const sender = senderOf([answer], undefined, () => {
    requests++
  })
  const { parent: facts } = must(await sender.facts({ targetBlocks: 1, payer: null, parent: { txid: child.id, vouts: [] } }))
  expect(facts?.status === 'waiting' && facts.ancestors.map(({ txid }) => txid)).toEqual(all.map(({ id }) => id))
  expect(requests).toBeLessThanOrEqual(5)
})

test.each([
  ['an output of it is spent', {}],
  ['it is in a block', { entries: {} }],
])('a node that refuses to say whether %s has not said no', async (_what, told) => {
  const busy: Answer = (method, params) =>
    method === 'gettxout' ? new Refusal(-32603, 'Work queue depth exceeded') : node(told)(method, params)
  expect(await senderOf([busy]).facts({ targetBlocks: 1, payer: null, parent: { txid: parent.id, vouts: [] } })).toMatchObject({
    error: { reason: 'node_refused' },
  })
})

test('a node that has yet to load its mempool does not know yet what waits', async () => {
  const loading: Answer = (method, params) => {
    const answer = node({ entries: {} })(method, params)
    return method === 'getmempoolinfo' ? { ...(answer as object), loaded: false } : answer
  }
  const question = { targetBlocks: 1, payer: null, parent: { txid: parent.id, vouts: [] } }
  expect(await senderOf([loading]).facts(question)).toMatchObject({ error: { reason: 'node_unreachable' } })
  expect(await ask(senderOf([loading, node({ spent: [2] })]))).toEqual(told)
})

test('what leaves the mempool while it is asked about is looked for in the chain', async () => {
  const leaving: Answer = (method, params) => (method === 'getmempoolancestors' ? gone : node({ inBlock: true })(method, params))
  expect(await ask(senderOf([leaving]))).toEqual({ status: 'in_block' })
})

test('what does not wait is in a block when a coin that it made is there, else unknown', async () => {
  expect(await ask(senderOf([node({ entries: {}, inBlock: true })]))).toEqual({ status: 'in_block' })
  expect(await ask(senderOf([node({ entries: {} })]))).toEqual({ status: 'unknown' })
})

describe('several nodes', () => {
  const unknown = node({ entries: {} })
  const inBlock = node({ entries: {}, inBlock: true })
  const away: Answer = (method, params) => (method === 'getmempoolentry' ? new Error('away') : unknown(method, params))

  test('one that has it waiting is enough; in a block is more than unknown; who is away says nothing', async () => {
    expect(await ask(senderOf([unknown, away, node({ spent: [2] })]))).toEqual(told)
    expect(await ask(senderOf([unknown, inBlock]))).toEqual({ status: 'in_block' })
    expect(await ask(senderOf([away, unknown]))).toEqual({ status: 'unknown' })
    expect(await senderOf([away]).facts({ targetBlocks: 1, payer: null, parent: { txid: parent.id, vouts: [] } })).toMatchObject({
      error: { reason: 'node_unreachable' },
    })
  })

  test('that differ on a fee or a size are believed as far as costs least', async () => {
    const lying = { ...both, [parent.id]: { fees: { base: 0 }, vsize: 9_000, depends: [first.id] } }
    for (const nodes of [
      [node({ entries: lying, spent: [2] }), node({ spent: [2] })],
      [node({ spent: [2] }), node({ entries: lying, spent: [2] })],
    ])
      expect(await ask(senderOf(nodes))).toEqual(told)
  })

  test('of which one has in a block what it hangs on have nothing to be paid for that', async () => {
    const alone = { [parent.id]: { ...core[parent.id], depends: [] } }
    for (const nodes of [
      [node({ spent: [2] }), node({ entries: alone, spent: [2] })],
      [node({ entries: alone, spent: [2] }), node({ spent: [2] })],
    ])
      expect(await ask(senderOf(nodes))).toEqual({ ...told, ancestors: told.ancestors.slice(1) })
  })
})
