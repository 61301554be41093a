import { HDKey } from '@scure/bip32'
import { p2wpkh, RawTx, TEST_NETWORK, Transaction } from '@scure/btc-signer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { createPasskey, type Passkey } from '../../signer/authenticator.ts'
import { waitFor } from '../harness.ts'
import { type HotStore, openHotStore, tellSigner } from './hot-store.ts'
import {
  bookOf,
  btc,
  checkCoins,
  freshAddress,
  mineUntilConfirmed,
  payOut,
  readAnew,
  readTransfer,
  send,
  settledWith,
  unitsOf,
  untilTransfer,
} from './money-out.ts'
import { balanceOf, bitcoinCall, bitcoinHeld, broadcast, estimate5, rawTransaction } from './nodes.ts'
import { endScene, errorsLogged, mine, open, type Scene, startScene } from './scene.ts'

/** Payouts from hot wallets: many at once, and all that holds them up: policy, approvals, the switch, books that do not agree. */

let scene: Scene
let payroll: HotStore
let strict: HotStore
/** Somebody else has its key too. */
let robbed: HotStore
let ada: Passkey
/** Of the robbed store, from before it was robbed; and of one whose signer was stopped for a while. */
let held: string
let stopped: string

/** A busy minute: what waits for a person's word looks again after one. */
const WORD_MS = 100_000
/** The audit believes what it has seen for so long (src/audit/run.ts), and the wallet is read before and after. */
const RAISED_MS = 200_000

beforeAll(async () => {
  scene = await startScene()
  ada = await createPasskey('Ada')
  payroll = await openHotStore(scene, 'payroll', { kinds: ['refund', 'payout', 'sweep'] })
  strict = await openHotStore(scene, 'strict', {
    perTransfer: 200_000n,
    perHour: 290_000n,
    autoApproveUpTo: { refund: 50_000n, payout: 50_000n },
    approvers: [ada.approver],
  })
  robbed = await openHotStore(scene, 'robbed')
  await settledWith(robbed, 'BTC', [100_000n, 100_000n])
  await tellSigner(scene, `${robbed.walletId}/stop`, { reason: 'odd log-ins' })
  held = await payOut(robbed, 'BTC', freshAddress('BTC'), '0.0004')
  await steal(robbed)
  // Noted in one run; found in a later one, which finds the wallet read.
  await audited()
  await readAnew(robbed)
  expect((await audited()).map(({ id }) => id)).toContain(`coins/${robbed.walletId}/BTC`)
})

afterAll(async () => {
  for (const store of [payroll, strict, robbed]) await store?.receiver.stop()
  await endScene(scene)
})

describe('a batch of two hundred payouts', () => {
  const key = 'payroll-2026-11'
  const rows = Array.from({ length: 200 }, (_, at) => ({ address: freshAddress('BTC'), units: 10_000n + BigInt(at) }))
  const csv = ['address,amount,asset,reference', ...rows.map(({ address, units }, at) => `${address},${btc(units)},BTC,Row ${at}`)]
  const sum = rows.reduce((total, { units }) => total + units, 0n)

  interface Batch {
    readonly id: string
    readonly data: readonly { readonly id: string; readonly amount: string; readonly outputCount: number }[]
    readonly rows: readonly { readonly line: number; readonly transferId: string; readonly output: number }[]
  }
  const upload = (lines: readonly string[]) =>
    payroll.stack.api<Batch & { code?: string }>('POST', '/v1/payouts', lines.join('\r\n'), {
      'content-type': 'text/csv',
      'idempotency-key': key,
    })

  it('is one transaction, and everybody in it gets theirs to the satoshi', async () => {
    await settledWith(payroll, 'BTC', [3_000_000n])
    const answers = await Promise.all([upload(csv), upload(csv)])
    for (const { status, text } of answers) expect(status, text).toBe(201)
    const [batch] = answers.map(({ body }) => body)
    if (!batch) throw new Error('an answer has a body')
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(batch.data).toMatchObject([{ amount: btc(sum), outputCount: 200 }])
    expect(batch.rows.map(({ line }) => line)).toEqual(rows.map((_, at) => at + 2))
    const [transfer] = batch.data
    const { txid } = await untilTransfer(payroll, transfer?.id ?? '', 'broadcast')
    const { outputs } = RawTx.decode(fromHex(await rawTransaction(scene.stack, txid ?? '')))
    expect(outputs.length).toBe(201)
    await mineUntilConfirmed(payroll, 'BTC', [transfer?.id ?? ''])
    expect(
      await bitcoinHeld(
        scene.stack,
        rows.map(({ address }) => address),
      ),
    ).toBe(sum)
    for (const { address, units } of rows.slice(0, 3)) expect(await balanceOf(scene.stack, 'BTC', address)).toBe(units)
    await checkCoins(payroll, 'BTC', payroll)
  })

  it('sent again under its key pays nobody twice, and with another row it is refused', async () => {
    const { available } = await bookOf(payroll, 'BTC')
    const again = await upload(csv)
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true'])
    const other = await upload([...csv.slice(0, -1), `${freshAddress('BTC')},0.0001,BTC,Mallory`])
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused'])
    await mine(scene, 'BTC', 2)
    await readAnew(payroll)
    const { body } = await payroll.stack.api<{ data: { id: string }[] }>('GET', '/v1/transfers')
    expect(body.data).toHaveLength(1)
    expect((await bookOf(payroll, 'BTC')).available).toBe(available)
    await checkCoins(payroll, 'BTC', payroll)
  })

  it('with one wrong line is nothing at all, and every wrong line is told', async () => {
    const lines = [...csv.slice(0, 3), 'bcrt1qnobody,0.0001,BTC,Bad', `${freshAddress('BTC')},-1,BTC,Worse`]
    const answer = await payroll.stack.api<{ code: string; errors: { line: number }[] }>('POST', '/v1/payouts', lines.join('\n'), {
      'content-type': 'text/csv',
      'idempotency-key': 'another',
    })
    expect([answer.status, answer.body.code]).toEqual([422, 'payout_rows_invalid'])
    expect(answer.body.errors.map(({ line }) => line)).toEqual([4, 5])
    expect((await payroll.stack.api<{ data: unknown[] }>('GET', '/v1/transfers')).body.data).toHaveLength(1)
  })
})

describe('a payment that waits with too low a fee', () => {
  const accelerate = (txid: string) => send(payroll, `/v1/wallets/${payroll.walletId}/accelerations`, { txid })

  it('is hurried by a child that pays for both, at the merchant’s cost: both are in the next block', async () => {
    await estimate5(scene.stack)
    const { available = 0n } = await bookOf(payroll, 'BTC')
    const { id } = await open(payroll)
    const { address } = await payroll.stack.activate(id, 'BTC')
    const { txid: parentTxid } = await scene.stack.wallets.bitcoin.send({ address, units: 33_334n, feeRate: 1n })
    const seen = await payroll.stack.untilInvoice(id, ({ payments }) => payments.length === 1)
    expect(seen.payments[0]?.txid).toBe(parentTxid)

    const answer = await accelerate(parentTxid)
    expect([answer.status, answer.body.parentTxid], answer.text).toEqual([201, parentTxid])
    const { txid, fee } = await untilTransfer(payroll, answer.body.id, 'broadcast')
    const entries = (await Promise.all(
      [parentTxid, txid ?? ''].map((one) => bitcoinCall(scene.stack, 'getmempoolentry', one)),
    )) as { size?: number; vsize?: number; fee?: number; fees?: { base: number } }[]
    const size = entries.reduce((sum, entry) => sum + (entry.vsize ?? entry.size ?? 0), 0)
    const together = entries.reduce((sum, { fee, fees }) => sum + Math.round((fees?.base ?? fee ?? 0) * 1e8), 0)
    // 5 sat/vB; the signature may be a byte smaller than was planned.
    expect(together / size).toBeGreaterThanOrEqual(5)
    expect(together / size).toBeLessThan(5.1)
    const paid = unitsOf(fee?.amount ?? '0')
    expect(
      (await send<{ code: string }>(payroll, `/v1/wallets/${payroll.walletId}/accelerations`, { txid: parentTxid })).body.code,
    ).toBe('already_accelerated')

    await mine(scene, 'BTC', 1)
    const { block } = await untilTransfer(payroll, answer.body.id, (transfer) => transfer.block !== null)
    const mined = (await bitcoinCall(scene.stack, 'getblock', block?.hash ?? '', 1)) as { tx: string[] }
    expect(mined.tx).toContain(parentTxid)
    await mineUntilConfirmed(payroll, 'BTC', [answer.body.id])
    await payroll.stack.untilInvoice(id, ({ status }) => status === 'settled')
    await waitFor(async () => (await bookOf(payroll, 'BTC')).available === available + 33_334n - paid)
    await checkCoins(payroll, 'BTC', payroll)
  })

  it('is refused by name where there is nothing to hurry', async () => {
    const { body } = await accelerate('ab'.repeat(32))
    expect((await untilTransfer(payroll, body.id, 'failed')).reason).toContain('no node has it waiting')
    await checkCoins(payroll, 'BTC', payroll)
  })
})

describe('a policy', () => {
  beforeAll(() => settledWith(strict, 'BTC', [400_000n, 400_000n, 400_000n]))

  it('lets no payout over its limit pass, says which limit it was, and the money is free again', async () => {
    const { available } = await bookOf(strict, 'BTC')
    const id = await payOut(strict, 'BTC', freshAddress('BTC'), '0.00200001')
    const failed = await untilTransfer(strict, id, 'failed')
    expect(failed.reason).toContain('per_transfer')
    expect(failed.transactions).toEqual([])
    await waitFor(async () => (await bookOf(strict, 'BTC')).available === available)
  })

  it('has a larger one wait for a member’s passkey, over this amount and address', async () => {
    const address = freshAddress('BTC')
    const id = await payOut(strict, 'BTC', address, '0.0015')
    const waiting = await untilTransfer(strict, id, 'needs_approval')
    expect(waiting).toMatchObject({ approval: { wanted: 1, given: 0 }, transactions: [] })
    const mallory = await createPasskey('Mallory')
    const challenge = waiting.approval?.challenge ?? ''
    await send(strict, `/v1/transfers/${id}/approvals`, await mallory.approve(challenge))
    // Asked again, the signer does not know her.
    await untilTransfer(strict, id, ({ status, version }) => status === 'needs_approval' && version > waiting.version + 1)
    await send(strict, `/v1/transfers/${id}/approvals`, await ada.approve(challenge))
    await untilTransfer(strict, id, 'broadcast')
    await mineUntilConfirmed(strict, 'BTC', [id])
    expect(await balanceOf(scene.stack, 'BTC', address)).toBe(150_000n)
    await checkCoins(strict, 'BTC', strict)
  })

  it('holds what an hour’s limit has no room for, which may be cancelled', async () => {
    const first = await payOut(strict, 'BTC', freshAddress('BTC'), '0.0005')
    const second = await payOut(strict, 'BTC', freshAddress('BTC'), '0.0005')
    await mineUntilConfirmed(strict, 'BTC', [first, second])
    const over = await payOut(strict, 'BTC', freshAddress('BTC'), '0.0005')
    await payOut(strict, 'BTC', freshAddress('BTC'), '0.00001')
    const waiting = await untilTransfer(strict, over, ({ reason }) => reason?.includes('per_hour') ?? false)
    expect(waiting).toMatchObject({ status: 'queued', transactions: [] })
    const cancelled = await send(strict, `/v1/transfers/${over}/cancel`, undefined)
    expect(cancelled.body).toMatchObject({ status: 'failed' })
  })
})

describe('the switch of all signers', () => {
  it('holds every transfer, by name, as long as it is off', async () => {
    await tellSigner(scene, 'all/stop', { reason: 'a drill' })
    stopped = await payOut(payroll, 'BTC', freshAddress('BTC'), '0.0002')
    const waiting = await untilTransfer(payroll, stopped, ({ reason }) => reason?.includes('a drill') ?? false)
    expect(waiting).toMatchObject({ status: 'queued', transactions: [] })
    expect((await bookOf(payroll, 'BTC')).reserved).toBeGreaterThanOrEqual(20_000n)
    await tellSigner(scene, 'all/allow', { reason: 'over' })
  })
})

describe('a difference between books and chain', () => {
  it('is raised when it stays, and stops all money out of that merchant', async () => {
    await waitFor(
      async () => {
        await audited()
        await readAnew(robbed)
        return (await robbed.stack.api<{ frozen: boolean }>('GET', '/v1/balances')).body.frozen
      },
      RAISED_MS,
      () => 'the ledger is not frozen',
    )
    const refused = await send<{ code: string }>(robbed, '/v1/transfers', {
      asset: 'BTC',
      address: freshAddress('BTC'),
      amount: '0.0001',
    })
    expect([refused.status, refused.body.code]).toEqual([409, 'sending_frozen'])
  })

  it('what was asked for before is signed by nobody, whatever the signer is allowed', async () => {
    await tellSigner(scene, `${robbed.walletId}/allow`, { reason: 'it was not that' })
    await mine(scene, 'BTC', 1)
    await readAnew(robbed)
    expect(await readTransfer(robbed, held)).toMatchObject({ status: 'queued', transactions: [] })
  })

  it('goes on once a person has booked the loss and cleared it, and then coins and books agree', async () => {
    const order = (path: string, body: object) =>
      scene.stack.workers.dispatchCore(`/admin/ledgers/${robbed.merchantId}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ by: 'a test', reason: 'stolen', ...body }),
      })
    const { storeId } = (await robbed.stack.api<{ storeId: string }>('GET', '/v1/balances')).body
    const loss = { from: 'adjustments', to: `wallet:${robbed.walletId}`, asset: 'BTC', amount: '100000' }
    expect((await order('adjustments', { storeId, key: 'theft', postings: [loss] })).status).toBe(200)
    expect((await order(`differences/${encodeURIComponent(`coins/${robbed.walletId}/BTC`)}/clear`, {})).status).toBe(200)
    await untilTransfer(robbed, held, 'broadcast', WORD_MS)
    await mineUntilConfirmed(robbed, 'BTC', [held])
    await checkCoins(robbed, 'BTC', robbed)
  })
})

describe('afterwards', () => {
  it('what the switch had held was paid, once', async () => {
    await untilTransfer(payroll, stopped, ({ status }) => status === 'broadcast' || status === 'confirmed', WORD_MS)
    await mineUntilConfirmed(payroll, 'BTC', [stopped])
    const [output] = (await readTransfer(payroll, stopped)).outputs
    expect(await balanceOf(scene.stack, 'BTC', output?.address ?? '')).toBe(20_000n)
    await checkCoins(payroll, 'BTC', payroll)
  })

  it('no Worker has spoken of a defect but of the theft', () => {
    expect(errorsLogged(scene).filter((line) => !/ledger_difference|sending_frozen/.test(line))).toEqual([])
  })
})

/** A run of the audit, now: what looks wrong. */
async function audited(): Promise<{ id: string }[]> {
  await scene.stack.workers.dispatchCore('/admin/audit', { method: 'POST' })
  const { suspects } = (await (await scene.stack.workers.dispatchCore('/admin/audit')).json()) as { suspects: { id: string }[] }
  return suspects
}

/** One coin at the first address of a wallet leaves it, signed by who has its seed. */
async function steal({ stack, seed }: HotStore): Promise<void> {
  const key = HDKey.fromMasterSeed(seed).derive("m/84'/1'/0'/0/0")
  if (!key.publicKey || !key.privateKey) throw new Error('a seed has keys')
  const own = p2wpkh(key.publicKey, { ...TEST_NETWORK, bech32: 'bcrt' })
  const { unspents } = (await bitcoinCall(stack, 'scantxoutset', 'start', [`raw(${toHex(own.script)})`])) as {
    unspents: { txid: string; vout: number; amount: number }[]
  }
  const [coin] = unspents
  if (!coin) throw new Error('the first address was paid')
  const amount = BigInt(Math.round(coin.amount * 1e8))
  const tx = new Transaction()
  tx.addInput({ txid: coin.txid, index: coin.vout, witnessUtxo: { script: own.script, amount } })
  tx.addOutput({ script: p2wpkh(HDKey.fromMasterSeed(seed.toReversed()).publicKey as Uint8Array).script, amount: amount - 500n })
  tx.sign(key.privateKey)
  tx.finalize()
  await broadcast(stack, tx.hex)
  await mine({ stack } as Scene, 'BTC', 1)
}
