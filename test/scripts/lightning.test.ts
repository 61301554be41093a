import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DEVELOPMENT_LIGHTNING, DEVELOPMENT_SENDING } from '../../config/development.ts'
import { demoWallets } from '../../scripts/stack/demo-store.ts'
import { writeBolt11 } from '../../scripts/stack/lightning/encode.ts'
import { createLightningWallet, type LightningStandIn, startLightning } from '../../scripts/stack/lightning/index.ts'
import { decodeBolt11 } from '../../src/gateways/lightning/bolt11.ts'
import { lightningNodeOf, lightningPayerOf } from '../../src/gateways/lightning/nodes.ts'

/** The Lightning of `npm start`, as Paytomat and the demo payer speak to it. */

let stateDir: string
let running: LightningStandIn
const start = async () => {
  running = await startLightning({ stateDir, sending: DEVELOPMENT_SENDING, log: () => {} })
}

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'paytomat-lightning-'))
  await start()
})
afterEach(async () => {
  await running.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

const wallet = () => createLightningWallet(running.payer)
/** As the gateways Worker has it. */
const store = () => {
  const env = { NODES: JSON.stringify({ [DEVELOPMENT_LIGHTNING.id]: [running.endpoint] }) }
  const node = lightningNodeOf(env, DEVELOPMENT_LIGHTNING, running.endpoint.name)?.node
  const payer = lightningPayerOf(env, DEVELOPMENT_LIGHTNING, running.endpoint.name)?.payer
  if (!node || !payer) throw new Error('the node is configured, with leave to pay')
  const answerOf = async <T>(asked: Promise<{ ok: true; value: T } | { ok: false; error: unknown }>) => {
    const answer = await asked
    if (answer.ok) return answer.value
    throw new Error(JSON.stringify(answer.error))
  }
  return {
    balance: () => answerOf(node.balance()),
    lookUp: (paymentHash: string) => answerOf(node.lookUp({ label: '', paymentHash })),
    invoice: (units: bigint) => answerOf(node.makeInvoice({ label: `inv_${units}`, units, memo: 'Kiosk', expirySeconds: 900 })),
    pay: (bolt11: string, units: bigint) => {
      const read = decodeBolt11(bolt11)
      const paymentHash = read.ok ? read.value.paymentHash : ''
      return answerOf(payer.pay({ bolt11, paymentHash, units, isOpen: read.ok && read.value.msat === null, feeMax: 300n }))
    },
  }
}

test('the demo payer pays the store, once, what its invoice asks for', async () => {
  const before = await store().balance()
  const { bolt11, paymentHash } = await store().invoice(30_000n)
  await expect(wallet().pay({ bolt11, units: 29_999n })).rejects.toThrow('asks for 30000 satoshi')
  expect(await store().lookUp(paymentHash)).toBeNull()
  expect(await wallet().pay({ bolt11: bolt11.toUpperCase(), units: 30_000n })).toBe(paymentHash)
  expect(await store().lookUp(paymentHash)).toMatchObject({ paymentHash, msat: 30_000_000n })
  await expect(wallet().pay({ bolt11, units: 30_000n })).rejects.toThrow('paid this invoice before')
  expect(await store().balance()).toBe(before + 30_000n)
})

test('the store pays the demo payer, with a proof and for phoenixd’s price, and nobody else', async () => {
  const before = await store().balance()
  const bolt11 = await wallet().invoice(10_000n)
  expect(await store().pay(bolt11, 10_000n)).toMatchObject({ status: 'succeeded', fee: 44n })
  expect(await store().balance()).toBe(before - 10_044n)
  const own = await store().invoice(20_000n)
  const foreign = writeBolt11({ msat: 1_000n, paymentHash: 'ab'.repeat(32), createdAtS: Date.now() / 1_000, key: 'cd'.repeat(32) })
  for (const [other, units] of [
    [own.bolt11, 20_000n],
    [foreign, 1n],
  ] as const)
    expect(await store().pay(other, units)).toMatchObject({ status: 'failed' })
  expect(await store().pay(await wallet().invoice(before), before)).toMatchObject({
    status: 'failed',
    detail: expect.stringContaining('not enough funds'),
  })
})

test('everything is known again after the process was killed, and the node is the same', async () => {
  const [open, payable] = [await store().invoice(30_000n), await wallet().invoice(10_000n)]
  const paid = await store().invoice(50_000n)
  await wallet().pay({ bolt11: paid.bolt11, units: 50_000n })
  const [balance, { nodeId }] = [await store().balance(), running.endpoint]
  await running.stop()
  await start()
  expect(running.endpoint.nodeId).toBe(nodeId)
  expect(await store().balance()).toBe(balance)
  expect(await store().lookUp(paid.paymentHash)).toMatchObject({ msat: 50_000_000n })
  await expect(wallet().pay({ bolt11: paid.bolt11, units: 50_000n })).rejects.toThrow('before')
  expect(await wallet().pay({ bolt11: open.bolt11, units: 30_000n })).toBe(open.paymentHash)
  expect(await store().pay(payable, 10_000n)).toMatchObject({ status: 'succeeded' })
})

test('what is no request is refused in words, and ends nothing', async () => {
  const post = (path: string, body: string) =>
    fetch(`${running.payer.url}${path}`, {
      method: 'POST',
      body: new URLSearchParams(body),
      headers: { authorization: `Basic ${btoa(`:${running.payer.password}`)}` },
    })
  expect((await post('/payinvoice', 'invoice=lnbc1nonsense')).status).toBe(400)
  expect((await post('/createinvoice', 'description=x&amountSat=many')).status).toBe(400)
  expect((await fetch(`${running.payer.url}/payinvoice`, { method: 'POST' })).status).toBe(401)
  await expect(post('/createinvoice', 'x'.repeat(100_000))).rejects.toThrow()
  expect(await store().balance()).toBeGreaterThan(0n)
})

test('the demo store offers Lightning second where there is a node, and nothing of it elsewhere', () => {
  expect(demoWallets([], running.endpoint)).toEqual([{ account: { lightning: 'stand-in' }, assets: ['BTC-LN'] }])
  expect(demoWallets([], null)).toEqual([])
})
