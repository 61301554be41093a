import { randomUUID } from 'node:crypto'
import { sha256 } from '@noble/hashes/sha2.js'
import { HDKey } from '@scure/bip32'
import { Transaction } from '@scure/btc-signer'
import { parseTransaction } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import type { TransferDetail } from '../../../src/wallet/transfers/resource.ts'
import { waitFor } from '../harness.ts'
import { freshAddress, mineUntilConfirmed } from './money-out.ts'
import { balanceOf } from './nodes.ts'
import { endScene, errorsLogged, mine, open, openStore, type Scene, startScene, untilRead } from './scene.ts'

/** A merchant with a key of their own sends: prepared here, signed there by another library, sent and followed on real nodes. */

const seed = sha256(new TextEncoder().encode('a merchant’s own seed'))
const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
const TO_TOO = 'bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry'

let system: Scene
let shop: Scene

beforeAll(async () => {
  system = await startScene()
  const chain = DEVELOPMENT_CHAINS.find(({ id }) => id === BITCOIN_REGTEST)
  if (!chain) throw new Error('there is Bitcoin')
  const { publicExtendedKey: xpub } = HDKey.fromMasterSeed(seed).derive("m/44'/60'/0'")
  shop = await openStore(system, [
    { account: bitcoinSigner.account(chain, seed, 'p2wpkh'), assets: ['BTC'] },
    { account: { xpub, script: 'evm' }, assets: ['ETH', 'USDC'] },
  ])
  const { id } = await open(shop)
  await shop.stack.pay(id, 'BTC', 10_000_000n)
  await mine(shop, 'BTC', 2)
  await shop.stack.untilInvoice(id, ({ status }) => status === 'settled')
  await untilRead(shop, 'bitcoin')
})

afterAll(async () => {
  await shop?.receiver.stop()
  await endScene(system)
})

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await shop.stack.api<T>(method, path, body, { 'idempotency-key': randomUUID() })
  if (answer.status >= 300) throw new Error(answer.text)
  return answer.body
}

async function until(id: string, status: string): Promise<TransferDetail> {
  let last: TransferDetail | undefined
  return waitFor(
    async () => {
      last = await call<TransferDetail>('GET', `/v1/transfers/${id}`)
      return last.status === status && last
    },
    60_000,
    () => JSON.stringify(last),
  )
}

/**
 * What any wallet does with a PSBT that it is given: it knows the branch and the index of each input. `before`: what somebody
 * did to it on its way.
 */
function sign(psbt: string, before: (transaction: Transaction) => void = () => {}): string {
  const account = HDKey.fromMasterSeed(seed, { private: 0x04358394, public: 0x043587cf }).derive("m/84'/1'/0'")
  const transaction = Transaction.fromPSBT(Buffer.from(psbt, 'base64'))
  before(transaction)
  for (let at = 0; at < transaction.inputsLength; at++) {
    const [derivation] = transaction.getInput(at).bip32Derivation ?? []
    const path = derivation?.[1].path.slice(-2) ?? []
    const { privateKey } = path.reduce((key, index) => key.deriveChild(index), account)
    if (!privateKey) throw new Error('a seed has private keys')
    transaction.signIdx(privateKey, at)
  }
  return Buffer.from(transaction.toPSBT()).toString('base64')
}

it('a payment is prepared, signed by the merchant’s wallet, sent and final', async () => {
  const { id } = await call<TransferDetail>('POST', '/v1/transfers', { asset: 'BTC', address: TO, amount: '0.01', targetBlocks: 6 })
  const { unsigned } = await until(id, 'signing')
  await call('POST', `/v1/transfers/${id}/signed`, { signed: sign(unsigned?.psbt?.v2 ?? '') })
  const sent = await until(id, 'broadcast')
  await mine(shop, 'BTC', 3)
  const final = await until(id, 'confirmed')
  expect(final.txid).toBe(sent.txid)
  expect(final.transactions).toHaveLength(1)
  expect(final.block).not.toBeNull()
})

it('what was changed on its way to the signature, or is not signed, is refused, and what was prepared is taken all the same', async () => {
  const to = freshAddress('BTC')
  const { id } = await call<TransferDetail>('POST', '/v1/transfers', { asset: 'BTC', address: to, amount: '0.002' })
  const { unsigned } = await until(id, 'signing')
  const psbt = unsigned?.psbt?.v0 ?? ''
  const elsewhere = (transaction: Transaction) => {
    const { script } = transaction.getOutput(1)
    transaction.updateOutput(0, { script }, true)
  }
  const more = (transaction: Transaction) => transaction.updateOutput(0, { amount: 200_001n }, true)
  for (const signed of [sign(psbt, elsewhere), sign(psbt, more), psbt, 'bm90IGEgcHNidA==']) {
    const answer = await shop.stack.api<{ code: string }>('POST', `/v1/transfers/${id}/signed`, { signed })
    expect([answer.status, answer.body.code]).toEqual([422, 'signature_refused'])
  }
  await call('POST', `/v1/transfers/${id}/signed`, { signed: sign(psbt) })
  await until(id, 'broadcast')
  await mineUntilConfirmed(shop, 'BTC', [id])
  expect(await balanceOf(shop.stack, 'BTC', to)).toBe(200_000n)
})

/** The key that an unsigned EVM transaction names, as the merchant's wallet finds it. */
function keyOf(from: string | undefined) {
  const branch = HDKey.fromMasterSeed(seed).derive("m/44'/60'/0'/0")
  for (let index = 0; index < 20; index++) {
    const { privateKey } = branch.deriveChild(index)
    const account = privateKeyToAccount(`0x${Buffer.from(privateKey as Uint8Array).toString('hex')}`)
    if (account.address.toLowerCase() === from?.toLowerCase()) return account
  }
  throw new Error(`${from} is none of this wallet`)
}

it.each([
  { asset: 'ETH', amount: '0.001', units: 10n ** 15n },
  { asset: 'USDC', amount: '5.5', units: 5_500_000n },
])('an EVM transaction of $asset is prepared, signed by another library, and taken when it is just that', async (sent) => {
  const { id: invoiceId } = await open(shop)
  await shop.stack.pay(invoiceId, 'ETH', 10n ** 16n)
  if (sent.asset === 'USDC') await shop.stack.pay(invoiceId, 'USDC', 10_000_000n)
  await mine(shop, 'ETH', 3)
  const paid = sent.asset === 'USDC' ? 2 : 1
  await shop.stack.untilInvoice(
    invoiceId,
    ({ payments }) => payments.filter(({ status }) => status === 'confirmed').length === paid,
  )
  const to = freshAddress(sent.asset)
  const { asset, amount, units } = sent
  const { id } = await call<TransferDetail>('POST', '/v1/transfers', { asset, address: to, amount })
  const { unsigned } = await until(id, 'signing')
  const { fields, serialized } = unsigned?.evm ?? { fields: {} as Record<string, string>, serialized: '' }
  const wallet = keyOf(fields.from)
  const prepared = parseTransaction(serialized as `0x${string}`)
  for (const wrong of [
    { ...prepared, value: (prepared.value ?? 0n) + 1n },
    { ...prepared, nonce: (prepared.nonce ?? 0) + 1 },
    { ...prepared, to: wallet.address },
  ]) {
    const signed = await wallet.signTransaction(wrong as Parameters<typeof wallet.signTransaction>[0])
    const answer = await shop.stack.api<{ code: string }>('POST', `/v1/transfers/${id}/signed`, { signed })
    expect([answer.status, answer.body.code]).toEqual([422, 'signature_refused'])
  }
  const signed = await wallet.signTransaction(prepared as Parameters<typeof wallet.signTransaction>[0])
  await call('POST', `/v1/transfers/${id}/signed`, { signed })
  await until(id, 'broadcast')
  await mineUntilConfirmed(shop, asset, [id])
  expect(await balanceOf(shop.stack, asset, to)).toBe(units)
})

it('a batch is one transaction, which the wallet’s change pays on from', async () => {
  const rows = [
    { address: TO, amount: '0.001', asset: 'BTC', reference: 'Ada' },
    { address: TO_TOO, amount: '0.002', asset: 'BTC', reference: 'Bob' },
  ]
  const { id, data } = await call<{ id: string; data: { id: string }[] }>('POST', '/v1/payouts', { rows })
  expect(data).toHaveLength(1)
  const transferId = data[0]?.id ?? ''
  const { unsigned } = await until(transferId, 'signing')
  await call('POST', `/v1/transfers/${transferId}/signed`, { signed: sign(unsigned?.psbt?.v0 ?? '') })
  await until(transferId, 'broadcast')
  await mine(shop, 'BTC', 3)
  await until(transferId, 'confirmed')
  await waitFor(async () =>
    (await shop.stack.api<{ statuses?: object }>('GET', `/v1/payouts/${id}`)).text.includes('"confirmed":1'),
  )
})

it('the merchant heard of every step, and nothing went wrong inside', async () => {
  await waitFor(async () => shop.receiver.received.filter(({ type }) => type === 'transfer.confirmed').length === 5)
  const [one] = shop.receiver.received.filter(({ type }) => type === 'transfer.created')
  const heard = shop.receiver.received.filter(({ data }) => data.transfer?.id === one?.data.transfer?.id)
  expect(heard.map(({ type }) => type).sort()).toEqual([
    'transfer.broadcast',
    'transfer.confirmed',
    'transfer.created',
    'transfer.needs_signature',
  ])
  expect(heard.every(({ verified }) => verified)).toBe(true)
  expect(errorsLogged(system)).toEqual([])
})
