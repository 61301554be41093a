import { randomBytes, randomUUID } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { p2wpkh, TEST_NETWORK } from '@scure/btc-signer'
import { expect } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { demoAccounts } from '../../../scripts/stack/demo-store.ts'
import type { AccountKey } from '../../../src/gateways/gateway.ts'
import { keySignerOf } from '../../../src/gateways/key-signers.ts'
import type { RefundResource } from '../../../src/invoice/refund-resource.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { addressAt } from '../../../src/wallet/addresses.ts'
import type { TransferDetail } from '../../../src/wallet/transfers/resource.ts'
import { type ApiAnswer, waitFor } from '../harness.ts'
import { balanceOf, bitcoinHeld } from './nodes.ts'
import { mine, open, type Scene, untilRead } from './scene.ts'

/** What the scenarios of money out have in common: asking for it, following it, and counting the coins afterwards. */

export type Refund = RefundResource & { readonly claimUrl: string | null }

/** A transfer on a busy machine: signed, sent, or once more after a crash that left its question to the signer open. */
const TRANSFER_MS = 60_000

/** An invoice that was paid and is final; `payments` in base units, each a coin of its own on Bitcoin. */
export async function settledWith(scene: Scene, asset: string, payments: readonly bigint[]): Promise<string> {
  const { stack } = scene
  const { id } = await open(scene)
  const { address } = await stack.activate(id, asset)
  if (asset === 'BTC') await stack.wallets.bitcoin.sendMany(payments.map((units) => ({ address, units })))
  else for (const units of payments) await stack.wallets.pay({ asset, address, units })
  await mine(scene, asset, 3)
  await stack.untilInvoice(id, ({ status, payments: seen }) => {
    return status === 'settled' && seen.filter(({ status: one }) => one === 'confirmed').length === payments.length
  })
  // What it brought is available as soon as the ledger has heard of it.
  await waitFor(async () => {
    const { body } = await stack.api<{ refundable: unknown[] }>('GET', `/v1/invoices/${id}/refunds`)
    return body.refundable.length > 0 && (await bookOf(scene, asset)).pending === undefined
  })
  return id
}

/** Bitcoin base units as the API writes them. */
export function btc(sats: bigint): string {
  return `${sats / 100_000_000n}.${String(sats % 100_000_000n).padStart(8, '0')}`
}

export function unitsOf(decimal: string): bigint {
  return BigInt(decimal.replace('.', ''))
}

/** An address that nobody has ever paid. */
export function freshAddress(asset: string): string {
  if (asset !== 'BTC') return `0x${randomBytes(20).toString('hex')}`
  const { address } = p2wpkh(secp256k1.getPublicKey(secp256k1.utils.randomSecretKey()), { ...TEST_NETWORK, bech32: 'bcrt' })
  if (!address) throw new Error('a key has an address')
  return address
}

export function send<T = TransferDetail>(
  { stack }: Scene,
  path: string,
  body: unknown,
  key: string = randomUUID(),
): Promise<ApiAnswer<T>> {
  return stack.api<T>('POST', path, body, { 'idempotency-key': key })
}

/** A payout that is taken: its id. */
export async function payOut(scene: Scene, asset: string, address: string, amount: string): Promise<string> {
  const answer = await send(scene, '/v1/transfers', { asset, address, amount })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.id
}

export async function requestRefund(scene: Scene, invoiceId: string, body: object): Promise<Refund> {
  const answer = await send<Refund>(scene, `/v1/invoices/${invoiceId}/refunds`, body)
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

/** What a payer does on the page: gives an address, sees it shown back, confirms it. */
export async function claim({ claimUrl }: Refund, address: string): Promise<void> {
  if (claimUrl === null) throw new Error('the refund has no link')
  expect((await fetch(claimUrl)).status).toBe(200)
  const post = (step: string) =>
    fetch(claimUrl, { method: 'POST', body: new URLSearchParams({ address, step }), redirect: 'manual' })
  const shown = await post('check')
  expect(shown.status).toBe(200)
  expect((await shown.text()).replace(/<[^>]*>|\s/g, '').toLowerCase()).toContain(address.toLowerCase())
  expect((await post('confirm')).status).toBe(303)
}

export async function readTransfer({ stack }: Scene, id: string): Promise<TransferDetail> {
  const answer = await stack.api<TransferDetail>('GET', `/v1/transfers/${id}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

export async function untilTransfer(
  scene: Scene,
  id: string,
  wanted: TransferDetail['status'] | ((transfer: TransferDetail) => boolean),
  withinMs = TRANSFER_MS,
): Promise<TransferDetail> {
  const isWanted = typeof wanted === 'string' ? ({ status }: TransferDetail) => status === wanted : wanted
  let last: TransferDetail | undefined
  return waitFor(
    async () => {
      last = await readTransfer(scene, id)
      return isWanted(last) && last
    },
    withinMs,
    () => `transfer is ${JSON.stringify(last)}`,
  )
}

export async function untilRefund(
  { stack }: Scene,
  { invoiceId, id }: Refund,
  isWanted: (refund: RefundResource) => boolean,
): Promise<RefundResource> {
  let last: RefundResource | undefined
  return waitFor(
    async () => {
      last = (await stack.api<RefundResource>('GET', `/v1/invoices/${invoiceId}/refunds/${id}`)).body
      return isWanted(last) && last
    },
    TRANSFER_MS,
    () => `refund is ${JSON.stringify(last)}`,
  )
}

/** Makes blocks, each once the one before was taken in, until all of these are final. */
export async function mineUntilConfirmed(scene: Scene, asset: string, ids: readonly string[]): Promise<void> {
  let open = [...ids]
  await waitFor(
    async () => {
      await mine(scene, asset, 1)
      await untilRead(scene, asset === 'BTC' ? 'bitcoin' : 'evm')
      const now = await Promise.all(open.map((id) => readTransfer(scene, id)))
      open = now.filter(({ status }) => status !== 'confirmed').map(({ id }) => id)
      return open.length === 0
    },
    90_000,
    () => `not confirmed: ${open.join(', ')}`,
  )
}

/** What each account of the store's books has of an asset, in base units; nothing of those at zero. */
export async function bookOf({ stack }: Scene, asset: string): Promise<Record<string, bigint>> {
  const { body, text, status } = await stack.api<{ accounts: { account: string; asset: string; balance: string }[] }>(
    'GET',
    '/v1/balances',
  )
  expect(status, text).toBe(200)
  const own = body.accounts.filter((line) => line.asset === asset).map(({ account, balance }) => [account, unitsOf(balance)])
  return Object.fromEntries(own.filter(([, units]) => units !== 0n)) as Record<string, bigint>
}

/**
 * The whole of it, once nothing is on its way: what the node has at all addresses of the store's wallet is what its books say
 * is there, to the last unit, and assets add up to zero. `float`: what an operator has put there beside the books.
 */
export async function checkCoins(scene: Scene, asset: string, { seed, float = 0n }: { seed?: Uint8Array; float?: bigint } = {}) {
  const chain = DEVELOPMENT_CHAINS.find(({ gateway }) => gateway === (asset === 'BTC' ? 'bitcoin' : 'evm')) as ChainConfig
  const { id, used } = await walletOf(scene, chain.id)
  const account = accountOf(chain, seed)
  const addresses = Array.from({ length: used }, (_, index) => addressAt(chain, account, index).address)
  let held = 0n
  let book: Record<string, bigint> = {}
  await waitFor(
    async () => {
      // A sweep of deposits may be on its way too: its gas is booked when it is final.
      if (asset !== 'BTC') await mine(scene, asset, 1)
      held = asset === 'BTC' ? await bitcoinHeld(scene.stack, addresses) : await sumHeld(scene, asset, addresses)
      book = await bookOf(scene, asset)
      return (book[`wallet:${id}`] ?? 0n) === float - held && !book.reserved && !book.in_transit
    },
    TRANSFER_MS,
    () => `the node has ${held} ${asset}, ${float} of it beside the books, and these are ${show(book)}`,
  )
  expect(Object.values(book).reduce((sum, units) => sum + units, 0n)).toBe(0n)
}

function show(book: Record<string, bigint>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(book).map(([account, units]) => [account, String(units)])))
}

async function sumHeld({ stack }: Scene, asset: string, addresses: readonly string[]): Promise<bigint> {
  const held = await Promise.all(addresses.map((address) => balanceOf(stack, asset, address)))
  return held.reduce((sum, units) => sum + units, 0n)
}

/** Returns when the wallet has been read as it is now, which wakes what waits for coins. */
export async function readAnew(scene: Scene, chainId: string = BITCOIN_REGTEST): Promise<void> {
  const { id } = await walletOf(scene, chainId)
  const until = (query: string, isWanted: (line: { refreshing: boolean; readAt: string | null }) => boolean) =>
    waitFor(async () => {
      type Lines = { chains: { chain: string; refreshing: boolean; readAt: string | null }[] }
      const { body } = await scene.stack.api<Lines>('GET', `/v1/wallets/${id}/balance${query}`)
      const line = body.chains.find(({ chain }) => chain === chainId)
      return line !== undefined && isWanted(line)
    }, TRANSFER_MS)
  // One that is under way began before this.
  await until('', ({ refreshing }) => !refreshing)
  const sinceMs = Date.now()
  await until('?refresh=true', ({ readAt, refreshing }) => !refreshing && readAt !== null && Date.parse(readAt) >= sinceMs)
}

/** The store's wallet on a chain, and how many of its addresses were given out, to whomever. */
export async function walletOf({ stack }: Scene, chainId: string = BITCOIN_REGTEST): Promise<{ id: string; used: number }> {
  const { body } = await stack.api<{ data: { id: string; addressesUsed: number; chains: { chain: string }[] }[] }>(
    'GET',
    '/v1/wallets',
  )
  const wallet = body.data.find(({ chains }) => chains.some(({ chain }) => chain === chainId))
  if (!wallet) throw new Error(`no wallet on ${chainId}`)
  return { id: wallet.id, used: wallet.addressesUsed }
}

/** Of a seed of the test's own, else of the demo store. */
function accountOf(chain: ChainConfig, seed: Uint8Array | undefined): AccountKey {
  if (seed) return keySignerOf(chain).account(chain, seed, 'p2wpkh')
  const script = chain.gateway === 'evm' ? 'evm' : 'p2wpkh'
  const account = demoAccounts(DEVELOPMENT_CHAINS).find((one) => one.account.script === script)?.account
  if (!account) throw new Error('the demo store has a wallet on each chain')
  return account
}
