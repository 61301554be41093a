import { expect, test } from 'vitest'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import { bitcoinSpender as spender } from '../../../src/gateways/bitcoin/spend.ts'
import type { CoinPlan, Output } from '../../../src/gateways/spend.ts'
import { accountOf, CHANGE_INDEX, coin, coinPlan, regtest, request, stranger, sum } from './spending.ts'

const account = accountOf('p2wpkh')
const pay = (units: bigint, n = 0): Output => ({ address: stranger(n), units })

/** Every way in which a plan can be another than the one that was asked for. */
const MUTATIONS: readonly [string, (plan: CoinPlan) => CoinPlan][] = [
  ['another chain', (plan) => ({ ...plan, chainId: 'bip122:000000000019d6689c085ae165831e93' })],
  ['more to the payee', (plan) => withOutput(plan, (one) => ({ ...one, units: one.units + 1n }))],
  ['another payee', (plan) => withOutput(plan, (one) => ({ ...one, address: stranger(50) }))],
  [
    'another payee, written so that the fee still fits',
    (plan) => ({ ...plan, outputs: [...plan.outputs, pay(1_000n)], fee: plan.fee - 1_000n }),
  ],
  [
    'change to another index than it says',
    (plan) => ({ ...plan, change: plan.change && { ...plan.change, index: plan.change.index + 1 } }),
  ],
  ["change that is somebody else's", (plan) => ({ ...plan, change: null })],
  [
    'the payee called change',
    (plan) => ({ ...plan, change: { position: plan.change?.position === 0 ? 1 : 0, index: CHANGE_INDEX } }),
  ],
  ['a higher fee', (plan) => ({ ...plan, fee: plan.fee + 1n })],
  ['a coin twice', (plan) => ({ ...plan, inputs: [...plan.inputs, ...plan.inputs], fee: plan.fee + sum(plan.inputs) })],
  ['no coins', (plan) => ({ ...plan, inputs: [] })],
  ['a coin that holds more', (plan) => ({ ...plan, inputs: plan.inputs.map((one) => ({ ...one, units: one.units + 1n })) })],
  ['a coin of no index', (plan) => ({ ...plan, inputs: plan.inputs.map((one) => ({ ...one, index: 2 ** 31 })) })],
  ['a coin without a name', (plan) => ({ ...plan, inputs: plan.inputs.map((one) => ({ ...one, txid: 'ff' })) })],
  ['an output number that is none', (plan) => ({ ...plan, inputs: plan.inputs.map((one) => ({ ...one, vout: -1 })) })],
  ['another size', (plan) => ({ ...plan, vsize: plan.vsize + 1 })],
  ['a lock time in the far future', (plan) => ({ ...plan, lockTime: 1_800_000_000 })],
  [
    'outputs for more than the coins hold',
    (plan) => withOutput({ ...plan, fee: -1n }, (one) => ({ ...one, units: one.units + plan.fee + 1n })),
  ],
]

function withOutput(plan: CoinPlan, change: (output: Output) => Output): CoinPlan {
  const position = plan.change?.position === 0 ? 1 : 0
  return { ...plan, outputs: plan.outputs.map((one, i) => (i === position ? change(one) : one)) }
}

test.each(MUTATIONS)('a signer refuses a plan with %s, and does not sign it', (_name, mutate) => {
  const outputs = [pay(50_000n)]
  const plan = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 100_000n)])))
  const other = mutate(plan)
  expect(spender.check(regtest, account, other, 'BTC', outputs)).toMatchObject({ ok: false, error: { reason: 'bad_plan' } })
})

test('a plan is refused for other outputs, another asset, and another account', () => {
  const outputs = [pay(50_000n), pay(20_000n, 1)]
  const plan = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 100_000n)])))
  const [one, two] = outputs as [Output, Output]
  for (const asked of [[two, one], [one], [one, two, one], [one, { ...two, units: 20_001n }]]) {
    expect(spender.check(regtest, account, plan, 'BTC', asked)).toMatchObject({ ok: false })
  }
  expect(spender.check(regtest, account, plan, 'LTC', outputs)).toMatchObject({ ok: false })
  const other = { ...account, xpub: bitcoinSigner.account(regtest, new Uint8Array(32).fill(8), 'p2wpkh').xpub }
  expect(spender.check(regtest, other, plan, 'BTC', outputs)).toMatchObject({ ok: false })
  expect(() => bitcoinSigner.sign(regtest, new Uint8Array(32).fill(8), 'p2wpkh', plan)).toThrow(/change/)
})
