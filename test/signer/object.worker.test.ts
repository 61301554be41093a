import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { Transaction } from '@scure/btc-signer'
import { beforeAll, describe, expect, test } from 'vitest'
import { BITCOIN_REGTEST, EVM_LOCAL } from '../../config/development.ts'
import { addressBookOf } from '../../src/gateways/registry.ts'
import type { AccountPlan, OwnCoin, OwnPayment, SpendPlan } from '../../src/gateways/spend.ts'
import { spenderOf } from '../../src/gateways/spenders.ts'
import { equalBytes, fromHex, toHex } from '../../src/lib/bytes.ts'
import { randomId } from '../../src/lib/ids.ts'
import { createSignerAdmin } from '../../src/signer/admin.ts'
import { signFor } from '../../src/signer/door.ts'
import { EMPTY_LOG, followLog } from '../../src/signer/log.ts'
import { SignerObject } from '../../src/signer/object.ts'
import type { Intent } from '../../src/signer/rpc.ts'
import { readKek, sealSeed } from '../../src/signer/seal.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { SignerEnv } from '../../workers/signer/env.ts'
import { Signer } from '../../workers/signer/index.ts'
import { createRequest, observation } from '../invoice/builders.ts'
import { payment, positions, reserve } from '../ledger/builders.ts'
import { createPasskey } from './authenticator.ts'
import { registry, SHOPPERS } from './builders.ts'
import { newWallet, type TestWallet } from './wallets.ts'

const core = testEnv as unknown as CoreEnv
const env = testEnv as unknown as SignerEnv
const SHOPPER = SHOPPERS[1]
const admin = createSignerAdmin()

const AMOUNTS = {
  kinds: ['refund', 'payout', 'sweep'],
  perTransfer: '1000000',
  perHour: '10000000',
  perDay: '10000000',
  perDestinationPerDay: '10000000',
  perStorePerDay: '10000000',
  autoApproveUpTo: { refund: '1000000', payout: '1000000' },
  approvals: 1,
  fee: { max: '100000', bps: null, floor: '0', perDay: '1000000' },
  newDestinationHours: null,
}

// The first call of an object loads every module of the Worker.
beforeAll(async () => void (await env.SIGNERS.getByName('all').stopped()), 60_000)

/** A wallet whose seed is in its signer, with a policy for its assets. */
async function hot(changes: object = {}, approvers: unknown[] = [], chainId = BITCOIN_REGTEST) {
  const wallet = await newWallet(registry.chain(chainId))
  const send = async (path: string, body?: unknown) => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const response = await admin.fetch(new Request(`http://signer.internal/signer/wallets/${wallet.id}${path}`, init), env)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const assets = Object.fromEntries(
    (chainId === EVM_LOCAL ? ['ETH', 'USDC'] : ['BTC']).map((code) => [code, { ...AMOUNTS, ...changes }]),
  )
  expect(await send('/seed', { by: 'Ada', envelope: wallet.envelope })).toMatchObject({ status: 200 })
  expect(await send('/policy', { by: 'Ada', policy: { assets, approvers } })).toEqual({ status: 200, body: { policyVersion: 1 } })
  const stub = (testEnv as unknown as { SIGNERS: DurableObjectNamespace<SignerObject> }).SIGNERS.getByName(wallet.id)
  return { wallet, send, stub }
}

/** Money of the merchant in the books, set aside for a payout under its id. */
async function reserved(amount: bigint, id = randomId('tr')) {
  const [merchantId, storeId] = [randomId('mer'), randomId('st')]
  const ledger = core.LEDGERS.getByName(merchantId)
  const owner = { merchantId, shard: 999, storeId }
  await ledger.record(positions(2, [payment({ units: amount * 2n })], owner))
  const asked = reserve(id, amount, { ...owner, transferId: id })
  expect((await ledger.reserve(asked)).ok).toBe(true)
  return { id, merchantId, storeId, ledger }
}

async function payoutOf({ wallet }: { wallet: TestWallet }, units = 50_000n): Promise<Intent> {
  const { id, merchantId, storeId } = await reserved(units)
  return { ...intentOf(wallet, units), id, kind: 'payout', merchantId, storeId }
}

function intentOf(wallet: TestWallet, units: bigint): Intent {
  return {
    id: randomId('tr'),
    kind: 'payout',
    walletId: wallet.id,
    merchantId: randomId('mer'),
    storeId: randomId('st'),
    chainId: BITCOIN_REGTEST,
    asset: 'BTC',
    outputs: [{ address: SHOPPER, units }],
    invoiceId: null,
  }
}

let coins = 0
function coin(units: bigint): OwnCoin {
  return { txid: (++coins).toString(16).padStart(64, 'c'), vout: 1, units, index: 3 }
}

function planOf(wallet: TestWallet, intent: Intent, from: readonly OwnCoin[] = [coin(200_000n)], satsPerKvb = 2_000n): SpendPlan {
  const { chain, account } = wallet
  const planned = spenderOf(chain).plan(chain, account, {
    asset: intent.asset,
    outputs: intent.outputs,
    funds: { kind: 'coins', coins: from, changeIndex: 9, height: 700 },
    fees: { kind: 'coins', satsPerKvb },
    feeMax: 100_000n,
  })
  if (!planned.ok) throw new Error(JSON.stringify(planned.error, (_key, value) => String(value)))
  return planned.value
}

/** An invoice of 100,000 satoshi, paid in full and final, of a store that has this wallet. */
async function paidInvoice(wallet: TestWallet) {
  const base = createRequest()
  const [id, merchantId, storeId] = [randomId('inv'), randomId('mer'), randomId('st')]
  const methods = [{ asset: 'BTC', walletId: wallet.id, custody: 'platform' as const }]
  const invoice = core.INVOICES.getByName(id)
  await core.WALLETS.getByName(wallet.id).configure(wallet.account)
  expect((await invoice.create({ ...base, id, store: { ...base.store, merchantId, storeId, methods } })).ok).toBe(true)
  await invoice.observe([observation('t1', { units: 100_000n, status: 'confirmed', confirmations: 6, height: 1 })])
  /** A refund that the payer has claimed, and the intent that follows from it. */
  const refund = async (units: bigint, address: string = SHOPPER, type: 'part' | 'over' = 'part'): Promise<Intent> => {
    const rule = type === 'over' ? { type } : ({ type, amount: { asset: 'BTC', units }, at: 'then' } as const)
    const refundId = randomId('tr')
    const asked = await invoice.requestRefund({ id: refundId, fingerprint: refundId, asset: 'BTC', rule, reason: null, by: 'Ada' })
    const claimed = await invoice.claimRefund(refundId, address)
    if (!asked.ok || !claimed.ok) throw new Error(JSON.stringify([asked, claimed], (_key, value) => String(value)))
    const ofWallet = intentOf(wallet, units)
    return { ...ofWallet, id: refundId, kind: 'refund', merchantId, storeId, invoiceId: id, outputs: [{ address, units }] }
  }
  return { id, merchantId, storeId, invoice, refund }
}

const sign = (intent: Intent, plan: SpendPlan, approvals: Parameters<typeof signFor>[1]['approvals'] = []) =>
  signFor(env, { intent, plan, approvals })

describe('a payout', () => {
  test('that the books have set aside is signed: the very plan, valid, and the same bytes after a restart', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    const plan = planOf(at.wallet, intent)
    const signed = await sign(intent, plan)
    if (!signed.ok) throw new Error(JSON.stringify(signed.error))
    const transaction = Transaction.fromRaw(fromHex(signed.value.raw))
    expect(transaction.id).toBe(signed.value.txid)
    const paid = Array.from({ length: transaction.outputsLength }, (_, at) => transaction.getOutput(at))
    const book = addressBookOf(at.wallet.chain)
    const change = book.derive(at.wallet.chain, at.wallet.account, 9)
    const scripts = paid.map(({ script }) => toHex(script ?? new Uint8Array()))
    expect(scripts).toContain('0014751e76e8199196d454941c45d1b3a323f1433bd6')
    expect(change.ok && paid.some(({ script }) => script && equalBytes(script, change.value.watchKey))).toBe(true)
    // What the merchant's own tools would read back from it: every field is the plan's, every signature valid.
    const { chain, account } = at.wallet
    expect(spenderOf(chain).readSigned(chain, account, plan, signed.value.raw)).toEqual(signed)
    await evictDurableObject(at.stub)
    expect(await sign(intent, plan)).toEqual(signed)
    expect(await sign({ ...intent, outputs: [{ address: SHOPPERS[0], units: 50_000n }] }, plan)).toMatchObject({
      error: { reason: 'bad_intent' },
    })
  })

  test('is not, where the books know nothing of it, or of another, or a difference is open', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    const refused = async (changes: Partial<Intent>) => {
      const changed = { ...intent, ...changes }
      const signed = await sign(changed, planOf(at.wallet, changed))
      return signed.ok ? 'signed' : signed.error.reason
    }
    expect(await refused({ id: randomId('tr') })).toBe('not_covered')
    expect(await refused({ storeId: randomId('st') })).toBe('not_covered')
    expect(await refused({ merchantId: randomId('mer') })).toBe('not_covered')
    expect(await refused({ outputs: [{ address: SHOPPER, units: 50_001n }] })).toBe('not_covered')
    const ledger = core.LEDGERS.getByName(intent.merchantId)
    const difference = { id: 'book', kind: 'book' as const, storeId: null, detail: 'odd', sinceMs: 1 }
    await ledger.raise([difference])
    expect(await refused({})).toBe('stopped')
    await ledger.clear({ id: 'book', by: 'Ada', reason: 'seen' })
    expect(await refused({})).toBe('signed')
    // Released, it is the merchant's again.
    const other = await payoutOf(at)
    await core.LEDGERS.getByName(other.merchantId).release({ key: 'r', of: other.id })
    expect(await refused(other)).toBe('not_covered')
  })

  test('is signed once by a hundred who ask at once, and at a higher fee over the same coins only', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    const from = [coin(200_000n)]
    const plan = planOf(at.wallet, intent, from)
    const answers = await Promise.all(Array.from({ length: 100 }, () => sign(intent, plan)))
    expect(new Set(answers.map((answer) => (answer.ok ? answer.value.raw : answer.error.reason))).size).toBe(1)
    expect(await sign(intent, planOf(at.wallet, intent))).toMatchObject({ error: { reason: 'bad_plan' } })
    const bumped = await sign(intent, planOf(at.wallet, intent, from, 9_000n))
    expect(bumped.ok && answers[0]?.ok && bumped.value.txid !== answers[0].value.txid).toBe(true)
    const { data } = (await at.send('/log')).body as { data: { kind: string }[] }
    expect(data.filter(({ kind }) => kind === 'signed')).toHaveLength(2)
  })

  test('is called back by a plan that pays nobody, once it was signed: over the same coins, within the cap of the fee, approved by nobody', async () => {
    const ada = await createPasskey('Ada')
    const fee = { ...AMOUNTS.fee, max: '20000' }
    const at = await hot({ fee, autoApproveUpTo: { refund: '0', payout: '10000' }, approvals: 1 }, [ada.approver])
    const intent = await payoutOf(at)
    const { chain, account } = at.wallet
    const plan = planOf(at.wallet, intent)
    const emptied = (of: SpendPlan, satsPerKvb: bigint) => {
      const funds = { kind: 'coins', coins: [], changeIndex: 9, height: 700 } as const
      const { asset, outputs } = intent
      const request = { asset, outputs, funds, fees: { kind: 'coins', satsPerKvb } as const, feeMax: 100_000n }
      const empty = spenderOf(chain).callBack(chain, account, of, request)
      if (!empty.ok) throw new Error('no plan')
      return empty.value
    }
    const empty = emptied(plan, 3_000n)
    // What nobody approved is not called back either: it would be signed instead.
    expect(await sign(intent, empty)).toMatchObject({ error: { reason: 'bad_plan' } })
    const asked = await sign(intent, plan)
    if (asked.ok || asked.error.reason !== 'needs_approval') throw new Error('wants approvals')
    expect((await sign(intent, plan, [await ada.approve(asked.error.challenge)])).ok).toBe(true)
    expect(await sign(intent, emptied(planOf(at.wallet, intent), 3_000n))).toMatchObject({ error: { reason: 'bad_plan' } })
    expect(await sign(intent, emptied(plan, 400_000n))).toMatchObject({ error: { reason: 'fee_over_limit' } })
    const [output] = empty.kind === 'coins' ? empty.outputs : []
    const stolen = { ...empty, outputs: [{ address: SHOPPERS[0], units: output?.units ?? 0n }] } as SpendPlan
    expect(await sign(intent, stolen)).toMatchObject({ error: { reason: 'bad_plan' } })
    const signed = await sign(intent, empty)
    if (!signed.ok) throw new Error(JSON.stringify(signed.error))
    expect(spenderOf(chain).readSigned(chain, account, empty, signed.value.raw)).toEqual(signed)
    expect(spenderOf(chain).txidOf(chain, account, empty)).toBe(signed.value.txid)
    const { data } = (await at.send('/log')).body as { data: { kind: string; body: string }[] }
    const bodies = data.filter(({ kind }) => kind === 'signed').map(({ body }) => JSON.parse(body))
    expect(bodies.map(({ attempt, paysNobody = false }) => [attempt, paysNobody])).toEqual([
      [1, false],
      [2, true],
    ])
  })

  test('whose plan pays anybody else, or change to a stranger, is not signed', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    const plan = planOf(at.wallet, intent)
    if (plan.kind !== 'coins' || !plan.change) throw new Error('a plan with change')
    const { position } = plan.change
    const theft = plan.outputs.map((output, at) => (at === position ? { ...output, address: SHOPPERS[0] } : output))
    const changed: SpendPlan[] = [
      { ...plan, outputs: theft },
      { ...plan, change: null },
      { ...plan, outputs: [...plan.outputs, { address: SHOPPERS[0], units: 1_000n }] },
      { ...plan, chainId: EVM_LOCAL },
      { ...plan, fee: plan.fee + 1n },
    ]
    for (const bad of changed) expect(await sign(intent, bad)).toMatchObject({ error: { reason: 'bad_plan' } })
  })
})

describe('refunds', () => {
  test('are signed as the invoice has them: the amount, and the address that the payer gave', async () => {
    const at = await hot()
    const { refund } = await paidInvoice(at.wallet)
    const [first, second] = [await refund(60_000n), await refund(40_000n, SHOPPERS[0])]
    const reasonOf = async (changes: Partial<Intent>) => {
      const intent = { ...first, ...changes }
      const signed = await sign(intent, planOf(at.wallet, intent))
      return signed.ok ? 'signed' : signed.error.reason
    }
    const other = await paidInvoice(at.wallet)
    expect(await reasonOf({ id: randomId('tr') })).toBe('not_covered')
    expect(await reasonOf({ outputs: [{ address: SHOPPERS[0], units: 60_000n }] })).toBe('not_covered')
    expect(await reasonOf({ outputs: [{ address: SHOPPER, units: 60_001n }] })).toBe('not_covered')
    expect(await reasonOf({ outputs: [{ address: SHOPPER, units: 59_999n }] })).toBe('not_covered')
    expect(await reasonOf({ outputs: [...first.outputs, ...second.outputs] })).toBe('not_covered')
    expect(await reasonOf({ storeId: randomId('st') })).toBe('not_covered')
    expect(await reasonOf({ merchantId: other.merchantId })).toBe('not_covered')
    expect(await reasonOf({ invoiceId: other.id })).toBe('not_covered')
    expect(await reasonOf({ invoiceId: randomId('inv') })).toBe('not_covered')
    expect(await reasonOf({ invoiceId: null })).toBe('bad_intent')
    expect(await reasonOf({ kind: 'payout', invoiceId: null })).toBe('not_covered')
    expect(await reasonOf({})).toBe('signed')
    expect((await sign(second, planOf(at.wallet, second))).ok).toBe(true)
  })

  test('however many ask at once, each is signed once', async () => {
    const at = await hot()
    const { refund } = await paidInvoice(at.wallet)
    const intent = await refund(100_000n)
    const plan = planOf(at.wallet, intent)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => sign(n % 2 ? intent : { ...intent, id: randomId('tr') }, plan)),
    )
    expect(new Set(answers.flatMap((answer) => (answer.ok ? [answer.value.raw] : []))).size).toBe(1)
    expect(answers.filter(({ ok }) => ok)).toHaveLength(25)
  })

  test('of money that a reorganisation took back are not', async () => {
    const at = await hot()
    const { invoice, refund } = await paidInvoice(at.wallet)
    const intent = await refund(100_000n)
    await invoice.observe([observation('t1', { revision: 2, units: 100_000n, status: 'unconfirmed', confirmations: 0 })])
    expect(await sign(intent, planOf(at.wallet, intent))).toMatchObject({ error: { reason: 'not_covered' } })
  })

  test('of what was overpaid are not, once it is not overpaid any more; what was signed before may still be hurried', async () => {
    const at = await hot()
    const { invoice, refund } = await paidInvoice(at.wallet)
    const overpaid = async (txid: string, units: bigint) => {
      const paid = observation(txid, { units, status: 'confirmed', confirmations: 6, height: 2 })
      await invoice.observe([paid])
      const gone = () => invoice.observe([{ ...paid, revision: 2, status: 'double_spent', confirmations: 0, height: null }])
      return { intent: await refund(units, SHOPPER, 'over'), from: [coin(200_000n)], gone }
    }
    const signed = await overpaid('t2', 60_000n)
    expect((await sign(signed.intent, planOf(at.wallet, signed.intent, signed.from))).ok).toBe(true)
    const late = await overpaid('t3', 40_000n)
    await late.gone()
    // What is left of the receipts would cover the amount, and it is what pays the price.
    expect(await sign(late.intent, planOf(at.wallet, late.intent, late.from))).toMatchObject({ error: { reason: 'not_covered' } })
    expect((await sign(signed.intent, planOf(at.wallet, signed.intent, signed.from, 9_000n))).ok).toBe(true)
  })

  test('that are taken back are not', async () => {
    const at = await hot()
    const { invoice, refund } = await paidInvoice(at.wallet)
    const intent = await refund(50_000n)
    await invoice.cancelRefund(intent.id, 'Ada')
    expect(await sign(intent, planOf(at.wallet, intent))).toMatchObject({ error: { reason: 'not_covered' } })
  })
})

describe('a sweep', () => {
  test('brings coins together in the wallet, and pays nobody', async () => {
    const at = await hot()
    const own = addressBookOf(at.wallet.chain).derive(at.wallet.chain, at.wallet.account, 9)
    if (!own.ok) throw new Error(own.error.reason)
    const paying = planOf(at.wallet, intentOf(at.wallet, 50_000n))
    if (paying.kind !== 'coins') throw new Error('a plan of coins')
    const units = 200_000n
    const plan: SpendPlan = {
      ...paying,
      inputs: [coin(units)],
      outputs: [{ address: own.value.address, units: units - 1_000n }],
      change: { position: 0, index: 9 },
      fee: 1_000n,
      vsize: 110,
    }
    const sweep: Intent = { ...intentOf(at.wallet, 1n), kind: 'sweep', outputs: [] }
    expect(await sign(sweep, plan)).toMatchObject({ ok: true })
    const paid: Intent = { ...intentOf(at.wallet, 50_000n), kind: 'sweep' }
    expect(await sign(paid, planOf(at.wallet, paid))).toMatchObject({ error: { reason: 'bad_plan' } })
  })
})

describe('an account on EVM chains', () => {
  test('gives a deposit address gas and empties it to another of its own, and sends neither to a stranger', async () => {
    const fee = { ...AMOUNTS.fee, max: '10000000000000000', perDay: '100000000000000000' }
    const at = await hot({ fee }, [], EVM_LOCAL)
    const { chain, account } = at.wallet
    const [treasury, deposit] = [0, 7]
    const fees = { kind: 'account', maxFeePerGas: 2_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n } as const
    const planned = (asset: string, index: number, own: OwnPayment): AccountPlan => {
      const funds = {
        kind: 'account',
        index,
        nonce: 0,
        units: asset === 'ETH' ? 10n ** 17n : 700n,
        native: 10n ** 17n,
        gas: 50_000n,
        own,
      } as const
      const plan = spenderOf(chain).plan(chain, account, { asset, outputs: [], funds, fees, feeMax: 10n ** 16n })
      if (!plan.ok || plan.value.kind !== 'account') throw new Error('no plan')
      return plan.value
    }
    const topUp = planned('ETH', treasury, { index: deposit, units: 10n ** 14n })
    const emptying = planned('USDC', deposit, { index: treasury, units: null })
    const stranger = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
    const sweepOf = (asset: string): Intent => ({
      ...intentOf(at.wallet, 1n),
      kind: 'sweep',
      chainId: EVM_LOCAL,
      asset,
      outputs: [],
    })
    const theft: [string, AccountPlan][] = [
      ['ETH', { ...topUp, to: stranger }],
      ['ETH', { ...topUp, payeeIndex: treasury }],
      ['ETH', { ...topUp, gasLimit: topUp.gasLimit * 1_000n }],
      ['USDC', { ...emptying, data: `${emptying.data.slice(0, 34)}${stranger.slice(2)}${emptying.data.slice(74)}` }],
      ['USDC', { ...emptying, payeeIndex: deposit }],
      ['USDC', { ...emptying, to: stranger }],
      ['ETH', emptying],
      ['USDC', topUp],
    ]
    for (const [asset, plan] of theft) expect(await sign(sweepOf(asset), plan)).toMatchObject({ error: { reason: 'bad_plan' } })
    const dear = { ...topUp, maxFeePerGas: topUp.maxFeePerGas * 1_000n, fee: topUp.fee * 1_000n }
    expect(await sign(sweepOf('ETH'), dear)).toMatchObject({ error: { reason: 'fee_over_limit' } })
    for (const [asset, plan] of [['ETH', topUp] as const, ['USDC', emptying] as const])
      expect(await sign(sweepOf(asset), plan)).toMatchObject({ ok: true })
    const only = await hot({ fee, kinds: ['payout'] }, [], EVM_LOCAL)
    expect(await sign({ ...sweepOf('ETH'), walletId: only.wallet.id }, topUp)).toMatchObject({ error: { reason: 'no_policy' } })
  })

  test('signs payments under its number, and the next with another', async () => {
    const at = await hot({ fee: { ...AMOUNTS.fee, max: '10000000000000000', perDay: '100000000000000000' } }, [], EVM_LOCAL)
    const { chain, account } = at.wallet
    const { id, merchantId, storeId, ledger } = await reserved(5n)
    const usdc = reserve(`${id}u`, 700n, { merchantId, shard: 999, storeId, asset: 'USDC', transferId: `${id}u` })
    await ledger.record(
      positions(3, [payment({ units: 10n }), payment({ key: 'eip155:31337/tx/0', asset: 'USDC', units: 1_000n })], {
        merchantId,
        shard: 999,
        storeId,
      }),
    )
    expect((await ledger.reserve(usdc)).ok).toBe(true)
    const address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
    const intent: Intent = {
      ...intentOf(at.wallet, 1n),
      id: `${id}u`,
      merchantId,
      storeId,
      chainId: EVM_LOCAL,
      asset: 'USDC',
      outputs: [{ address, units: 700n }],
    }
    const planned = (nonce: number) =>
      spenderOf(chain).plan(chain, account, {
        asset: 'USDC',
        outputs: intent.outputs,
        funds: { kind: 'account', index: 4, nonce, units: 1_000n, native: 10n ** 18n, gas: 60_000n },
        fees: { kind: 'account', maxFeePerGas: 2_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n },
        feeMax: 10n ** 16n,
      })
    const [plan, other] = [planned(7), planned(8)]
    if (!plan.ok || !other.ok) throw new Error('no plan')
    const signed = await sign(intent, plan.value)
    if (!signed.ok) throw new Error(JSON.stringify(signed.error))
    expect(spenderOf(chain).readSigned(chain, account, plan.value, signed.value.raw)).toEqual(signed)
    expect(await sign(intent, other.value)).toMatchObject({ error: { reason: 'bad_plan' } })
  })
})

describe('approvals', () => {
  test('by passkeys over this very intent let it through', async () => {
    const ada = await createPasskey('Ada')
    const bob = await createPasskey('Bob')
    const auto = { refund: '0', payout: '10000' }
    const at = await hot({ autoApproveUpTo: auto, approvals: 2 }, [ada.approver, bob.approver])
    const intent = await payoutOf(at)
    const plan = planOf(at.wallet, intent)
    const asked = await sign(intent, plan)
    if (asked.ok || asked.error.reason !== 'needs_approval') throw new Error('wants approvals')
    expect(asked.error).toMatchObject({ wanted: 2, given: 0 })
    const { challenge } = asked.error
    const other = await payoutOf(at)
    const replayed = await sign(other, planOf(at.wallet, other), [await ada.approve(challenge), await bob.approve(challenge)])
    expect(replayed).toMatchObject({ error: { reason: 'needs_approval', given: 0 } })
    expect(await sign(intent, plan, [await ada.approve(challenge), await ada.approve(challenge)])).toMatchObject({
      error: { given: 1 },
    })
    expect((await sign(intent, plan, [await ada.approve(challenge), await bob.approve(challenge)])).ok).toBe(true)
    const { data } = (await at.send('/log')).body as { data: { kind: string; body: string }[] }
    expect(JSON.parse(data.findLast(({ kind }) => kind === 'signed')?.body ?? '').approvedBy).toEqual(['Ada', 'Bob'])
  })
})

describe('the switch', () => {
  test('that is turned while others are still asked about a transfer is heard before it is signed', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    const plan = planOf(at.wallet, intent)
    const all = () => env.SIGNERS.getByName('all')
    const slow = (turn: () => Promise<unknown>) =>
      runInDurableObject(at.stub, (object) => {
        const getByName = (name: string) => {
          const ledger = core.LEDGERS.getByName(name)
          return {
            balances: (id: string) => turn().then(() => ledger.balances(id)),
            reservation: (key: string) => ledger.reservation(key),
          }
        }
        Object.assign(object, { env: { ...env, LEDGERS: { getByName } } })
      })
    await slow(() => all().stop({ by: 'Bob', reason: 'everything' }))
    const late = await signFor(env, { intent, plan, approvals: [] })
    await all().allow({ by: 'Bob', reason: 'tried' })
    expect(late).toMatchObject({ error: { reason: 'stopped', detail: 'everything' } })
    await slow(async () => {})
    expect(await signFor(env, { intent, plan, approvals: [] })).toMatchObject({ ok: true })
  })

  test('stops a wallet, or all of them, also what was signed before; what it said and did stays in the log', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    const plan = planOf(at.wallet, intent)
    expect(await at.send('/stop', { by: 'Ada', reason: 'odd' })).toMatchObject({ status: 200 })
    expect(await sign(intent, plan)).toMatchObject({ error: { reason: 'stopped', detail: 'odd' } })
    await at.send('/allow', { by: 'Ada', reason: 'seen' })
    const signed = await sign(intent, plan)
    expect(signed.ok).toBe(true)
    const all = (path: string, body: object) =>
      admin.fetch(
        new Request(`http://signer.internal/signer/wallets/all${path}`, { method: 'POST', body: JSON.stringify(body) }),
        env,
      )
    await all('/stop', { by: 'Bob', reason: 'everything' })
    expect(await sign(intent, plan)).toMatchObject({ error: { reason: 'stopped', detail: 'everything' } })
    await all('/allow', { by: 'Bob', reason: 'over' })
    expect(await sign(intent, plan)).toEqual(signed)
    const log = await env.SIGNERS.getByName(at.wallet.id).log(0)
    expect(followLog(EMPTY_LOG, log)).toMatchObject({ fault: null })
    expect(log.map(({ kind }) => kind)).toEqual([
      'seed_imported',
      'policy_set',
      'stopped',
      'refused',
      'allowed',
      'signed',
      'refused',
    ])
  })
})

describe('a seed', () => {
  test('is never told, logged, or kept as it is', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    await sign(intent, planOf(at.wallet, intent))
    const rows = await runInDurableObject(at.stub, (_object, state) =>
      ['signer', 'log', 'signatures', 'coins'].map((table) =>
        JSON.stringify(state.storage.sql.exec(`SELECT * FROM ${table}`).toArray()),
      ),
    )
    const told = [...rows, JSON.stringify((await at.send('')).body), JSON.stringify((await at.send('/log')).body)].join()
    const { seed } = at.wallet
    const forms = [
      toHex(seed.subarray(0, 16)),
      Buffer.from(seed).toString('base64').slice(0, 60),
      Buffer.from(seed).toString('base64url').slice(0, 60),
      'tprv',
    ]
    for (const form of forms) expect(told).not.toContain(form)
  })

  test('is taken only by the object of the wallet that it makes, sealed under this installation’s key', async () => {
    const [one, other] = [await newWallet(registry.chain(BITCOIN_REGTEST)), await newWallet(registry.chain(BITCOIN_REGTEST))]
    const put = async (walletId: string, envelope: object) => {
      const imported = await env.SIGNERS.getByName(walletId).importSeed(envelope as typeof one.envelope, 'Ada')
      return imported.ok ? 'taken' : imported.error.reason
    }
    expect(await put(other.id, one.envelope)).toBe('another_wallet')
    expect(await put('all', one.envelope)).toBe('another_wallet')
    expect(await put(other.id, { ...one.envelope, walletId: other.id })).toBe('cannot_open')
    expect(await put(one.id, { ...one.envelope, space: 'bitcoin mainnet' })).toBe('no_such_chain')
    const strange = await sealSeed(new Uint8Array(32).fill(9), one.envelope, one.seed)
    expect(await put(one.id, strange)).toBe('cannot_open')
    // Sealed by who has the key, and named after a wallet that it does not make.
    const kek = readKek(env.SIGNER_KEK)
    if (!kek.ok) throw new Error(kek.error)
    expect(await put(other.id, await sealSeed(kek.value, { ...one.envelope, walletId: other.id }, one.seed))).toBe('another_wallet')
    expect((await env.SIGNERS.getByName(other.id).standing()).head.no).toBe(0)
    expect(await put(one.id, one.envelope)).toBe('taken')
    expect((await env.SIGNERS.getByName(one.id).standing()).account?.xpub).toBe(one.account.xpub)
  })
})

describe('what is asked for is not there, and asking leaves no trace', () => {
  test('a wallet without a seed signs nothing, has no policy and no switch', async () => {
    const wallet = await newWallet(registry.chain(BITCOIN_REGTEST))
    const intent = intentOf(wallet, 1_000n)
    expect(await sign(intent, planOf(wallet, intent))).toMatchObject({ error: { reason: 'wallet_not_hot' } })
    const call = async (path: string, body?: object) =>
      (
        await admin.fetch(
          new Request(
            `http://signer.internal/signer/wallets/${wallet.id}${path}`,
            body && { method: 'POST', body: JSON.stringify(body) },
          ),
          env,
        )
      ).status
    expect(await call('/stop', { by: 'Ada', reason: 'x' })).toBe(404)
    expect(await call('/allow', { by: 'Ada', reason: 'x' })).toBe(404)
    expect(await call('')).toBe(200)
    expect(await call('/log')).toBe(200)
    const stub = (testEnv as unknown as { SIGNERS: DurableObjectNamespace<SignerObject> }).SIGNERS.getByName(wallet.id)
    const tables = await runInDurableObject(stub, (_object, state) =>
      state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    )
    expect(tables).toEqual([])
  })
})

describe('the whole surface', () => {
  const methods = (of: object) =>
    Object.getOwnPropertyNames(of)
      .filter((name) => name !== 'constructor')
      .sort()

  test('is this and no more: nothing that takes a hash or bytes to sign, and nothing that tells a seed', () => {
    // A new name here is a new way in: it must be none of those.
    expect(methods(Signer.prototype)).toEqual(['sign'])
    expect(methods(SignerObject.prototype)).toEqual([
      'allow',
      'importSeed',
      'log',
      'setPolicy',
      'sign',
      'standing',
      'stop',
      'stopped',
    ])
    expect(admin.routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      'GET /signer/wallets/:wallet',
      'GET /signer/wallets/:wallet/log',
      'POST /signer/wallets/:wallet/allow',
      'POST /signer/wallets/:wallet/policy',
      'POST /signer/wallets/:wallet/seed',
      'POST /signer/wallets/:wallet/stop',
    ])
  })

  test('signs what it builds from an intent and a plan: other things that are sent along or instead change nothing', async () => {
    const at = await hot()
    const intent = await payoutOf(at)
    const plan = planOf(at.wallet, intent)
    const strange = { hash: '00'.repeat(32), psbt: 'cHNidA==', raw: '00', seed: 'x' }
    for (const request of [
      strange,
      { intent: strange, plan, approvals: [] },
      { intent: { ...intent, id: undefined }, plan, approvals: [] },
    ])
      expect(await signFor(env, request as unknown as Parameters<typeof signFor>[1])).toMatchObject({
        error: { reason: 'bad_intent' },
      })
    const noPlans = [strange, { ...strange, kind: 'hash' }, { ...plan, kind: 'psbt' }, { ...plan, fee: 1 }]
    for (const bad of noPlans)
      expect(await sign(intent, bad as unknown as SpendPlan)).toMatchObject({ error: { reason: 'bad_plan' } })
    const signed = await sign(intent, plan)
    const again = await payoutOf(at)
    const sentAlong = { ...planOf(at.wallet, again), ...strange } as unknown as SpendPlan
    const other = await sign(again, sentAlong)
    if (!signed.ok || !other.ok) throw new Error('both are signed')
    expect(spenderOf(at.wallet.chain).readSigned(at.wallet.chain, at.wallet.account, sentAlong, other.value.raw).ok).toBe(true)
  })

  test('of the admin routes: what is not asked properly is refused by name, and nobody types words in', async () => {
    const at = await hot()
    const { envelope } = at.wallet
    expect(await at.send('/seed', { by: 'Ada', words: 'abandon about' })).toMatchObject({ status: 400, body: { param: 'words' } })
    expect(await at.send('/seed', { by: 'Ada', envelope: { ...envelope, words: 'abandon' } })).toMatchObject({
      body: { param: 'envelope.words' },
    })
    expect(await at.send('/seed', { envelope })).toMatchObject({ status: 400, body: { param: 'by' } })
    expect(await at.send('/policy', { by: 'Ada', policy: {} })).toMatchObject({ status: 400 })
    expect(await at.send('/stop', { by: 'Ada' })).toMatchObject({ status: 400, body: { param: 'reason' } })
    expect(await at.send('/log?after=x')).toMatchObject({ status: 400 })
    expect(await at.send('/sign', {})).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
    const answer = await admin.fetch(new Request('http://signer.internal/signer/wallets/inv_1'), env)
    expect(answer.status).toBe(404)
  })
})
