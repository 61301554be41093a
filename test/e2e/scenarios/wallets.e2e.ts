import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sha256 } from '@noble/hashes/sha2.js'
import { HDKey } from '@scure/bip32'
import { p2wpkh, TEST_NETWORK, Transaction } from '@scure/btc-signer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BITCOIN_REGTEST, EVM_LOCAL } from '../../../config/development.ts'
import { waitFor } from '../harness.ts'
import { broadcast, mineWithout } from './nodes.ts'
import { endScene, errorsBesideDeepReorgs, mine, open, openStore, type Scene, startScene, unseen, untilRead } from './scene.ts'

/** What wallets hold, by the API, by the command line, and as the audit sees it: on the real nodes of both families. */

let scene: Scene
/** Its bitcoin goes into a wallet of the platform. */
let held: Scene
const seed = sha256(new TextEncoder().encode('the platform’s other hot wallet'))
const hot = HDKey.fromMasterSeed(seed, { private: 0x04358394, public: 0x043587cf })

interface WalletLine {
  readonly id: string
  readonly chains: readonly { readonly chain: string; readonly firstAddresses: readonly string[] }[]
}

interface ChainLine {
  readonly chain: string
  readonly asOf: { readonly height: number; readonly hash: string } | null
  readonly readAt: string | null
  readonly refreshing: boolean
  readonly error: { readonly reason: string } | null
  readonly assets: readonly { readonly asset: string; readonly confirmed: string; readonly pending: string }[]
}

beforeAll(async () => {
  scene = await startScene()
  const account = { xpub: hot.derive("m/84'/1'/0'").publicExtendedKey, script: 'p2wpkh' } as const
  held = await openStore(scene, [{ account, assets: ['BTC'], custody: 'platform' }])
})

afterAll(async () => {
  await held?.receiver.stop()
  await endScene(scene)
})

async function walletOn(at: Scene, chain: string): Promise<WalletLine> {
  const { body } = await at.stack.api<{ data: WalletLine[] }>('GET', '/v1/wallets')
  const found = body.data.find(({ chains }) => chains.some((line) => line.chain === chain))
  if (!found) throw new Error(`no wallet on ${chain}`)
  return found
}

/** The wallet read anew, once the reading is there. The follower has all there is before it begins. */
async function freshly(at: Scene, chain: string, rest = 'balance'): Promise<ChainLine> {
  await untilRead(at, chain === BITCOIN_REGTEST ? 'bitcoin' : 'evm')
  const { id } = await walletOn(at, chain)
  let last: ChainLine | undefined
  const until = (isWanted: (line: ChainLine) => boolean, query: string) =>
    waitFor(
      async () => {
        const answer = await at.stack.api<{ chains: ChainLine[] }>('GET', `/v1/wallets/${id}/${rest}${query}`)
        last = answer.body?.chains?.find((line) => line.chain === chain)
        return last && isWanted(last) && last
      },
      // On a busy machine a reading takes long, and the next may begin five times as long after.
      90_000,
      () => JSON.stringify(last),
    )
  // One that is under way began before this.
  await until(({ refreshing }) => !refreshing, '')
  const sinceMs = Date.now()
  return until(({ refreshing, readAt }) => !refreshing && readAt !== null && Date.parse(readAt) >= sinceMs, '?refresh=true')
}

const amountsOf = ({ assets }: ChainLine) =>
  Object.fromEntries(assets.map(({ asset, confirmed, pending }) => [asset, [confirmed, pending]]))

describe('what a wallet holds', () => {
  it('is what was paid to its addresses, pending first and then confirmed, for bitcoin', async () => {
    const [one, other] = [await open(scene), await open(scene)]
    await scene.stack.pay(one.id, 'BTC', 40_000n)
    await scene.stack.pay(other.id, 'BTC', 50_000n)
    await scene.stack.untilInvoice(other.id, ({ payments }) => payments.length === 1)
    const waiting = await freshly(scene, BITCOIN_REGTEST)
    expect(amountsOf(waiting)).toEqual({ BTC: ['0.00000000', '0.00090000'] })
    await mine(scene, 'BTC', 1)
    const mined = await freshly(scene, BITCOIN_REGTEST)
    expect(amountsOf(mined)).toEqual({ BTC: ['0.00090000', '0.00000000'] })
    expect(mined.asOf?.height).toBe((waiting.asOf?.height ?? 0) + 1)

    const { address } = await scene.stack.activate(one.id, 'BTC')
    expect(amountsOf(await freshly(scene, BITCOIN_REGTEST, `addresses/${address}/balance`))).toEqual({
      BTC: ['0.00040000', '0.00000000'],
    })
  })

  it('is the coin and every token of an EVM chain, over all addresses', async () => {
    const [one, other] = [await open(scene), await open(scene)]
    await scene.stack.pay(one.id, 'ETH', 3n * 10n ** 15n)
    await scene.stack.pay(other.id, 'USDC', 21_739_131n)
    await scene.stack.pay(other.id, 'ETH', 10n ** 15n)
    await scene.stack.untilInvoice(other.id, ({ payments }) => payments.length === 2)
    expect(amountsOf(await freshly(scene, EVM_LOCAL))).toEqual({
      ETH: ['0.000000000000000000', '0.004000000000000000'],
      USDC: ['0.000000', '21.739131'],
    })
    await mine(scene, 'ETH', 1)
    expect(amountsOf(await freshly(scene, EVM_LOCAL))).toEqual({
      ETH: ['0.004000000000000000', '0.000000000000000000'],
      USDC: ['21.739131', '0.000000'],
    })
  })

  it('is less again after a reorganisation took a payment back, which waits then', async () => {
    const before = amountsOf(await freshly(held, BITCOIN_REGTEST)).BTC?.[0]
    expect(before).toBe('0.00000000')
    const { id } = await open(held)
    const txid = await held.stack.pay(id, 'BTC')
    const [block = ''] = await held.stack.wallets.bitcoin.mine(2)
    await held.stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect(amountsOf(await freshly(held, BITCOIN_REGTEST))).toEqual({ BTC: ['0.00033334', '0.00000000'] })
    await unseen(held, async () => {
      await held.stack.wallets.bitcoin.invalidate(block)
      await mineWithout(held.stack, txid, 3)
    })
    await held.stack.untilInvoice(id, ({ status }) => status !== 'settled')
    expect(amountsOf(await freshly(held, BITCOIN_REGTEST))).toEqual({ BTC: ['0.00000000', '0.00033334'] })
    await mine(held, 'BTC', 2)
    await held.stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect(amountsOf(await freshly(held, BITCOIN_REGTEST))).toEqual({ BTC: ['0.00033334', '0.00000000'] })
  })

  it('is told by the command line in the same words for each gateway, addresses and new ones too', async () => {
    const list = await commandLine('list')
    for (const chain of [BITCOIN_REGTEST, EVM_LOCAL]) {
      for (const address of (await walletOn(scene, chain)).chains.flatMap(({ firstAddresses }) => firstAddresses))
        expect(list).toContain(address)
    }
    for (const [asset, amount, digits] of [
      ['BTC', '0.001', '0.00090000'],
      ['ETH', '0.5', '0.004000000000000000'],
    ] as const) {
      expect(await commandLine('balance', asset, '--refresh')).toContain(digits)
      const [address = ''] = (await commandLine('receive', asset, '--amount', amount)).split('\n')
      expect(await commandLine('addresses', asset)).toContain(address)
      expect(await commandLine('address', asset, address)).toContain(address)
    }
  })

  it('agrees with the books of the platform’s wallets, until coins leave that no book knows of', async () => {
    const wallet = await walletOn(held, BITCOIN_REGTEST)
    // Noted in one run, compared in a later one that finds the wallet read.
    const audited = async () => {
      for (let runs = 0; runs < 2; runs++) {
        await held.stack.workers.dispatchCore('/admin/audit', { method: 'POST' })
        await freshly(held, BITCOIN_REGTEST)
      }
      await held.stack.workers.dispatchCore('/admin/audit', { method: 'POST' })
      const { suspects } = (await (await held.stack.workers.dispatchCore('/admin/audit')).json()) as {
        suspects: { id: string; detail: string }[]
      }
      return suspects
    }
    expect(await audited()).toEqual([])

    await stealFirstCoin()
    const leaving = await freshly(held, BITCOIN_REGTEST)
    expect(leaving.assets).toMatchObject([{ asset: 'BTC', confirmed: '0.00033334', leaving: '0.00033334' }])
    expect(await audited()).toEqual([])
    await mine(held, 'BTC', 1)
    expect(amountsOf(await freshly(held, BITCOIN_REGTEST))).toEqual({ BTC: ['0.00000000', '0.00000000'] })
    const [suspect] = await audited()
    expect(suspect?.id).toBe(`coins/${wallet.id}/BTC`)
    expect(suspect?.detail).toContain('must hold 33334 BTC by the books, and holds 0 at block')
    expect(errorsBesideDeepReorgs(held)).toEqual([])
  })
})

/** Whoever has the key of the platform's wallet can do it. */
async function stealFirstCoin(): Promise<void> {
  const { id } = await walletOn(held, BITCOIN_REGTEST)
  const path = `/v1/wallets/${id}/addresses?limit=1`
  const [given] = (await held.stack.api<{ data: { invoiceId: string }[] }>('GET', path)).body.data
  const { payments } = await held.stack.readInvoice(given?.invoiceId ?? '')
  const paid = payments.find(({ status }) => status === 'confirmed')
  const key = hot.derive("m/84'/1'/0'/0/0")
  if (!paid || !key.publicKey || !key.privateKey) throw new Error('the first address was paid')
  const elsewhere = key.deriveChild(1).publicKey as Uint8Array
  const own = p2wpkh(key.publicKey, { ...TEST_NETWORK, bech32: 'bcrt' })
  const tx = new Transaction()
  tx.addInput({ txid: paid.txid, index: Number(paid.index), witnessUtxo: { script: own.script, amount: 33_334n } })
  tx.addOutput({ script: p2wpkh(elsewhere).script, amount: 33_000n })
  tx.sign(key.privateKey)
  tx.finalize()
  await broadcast(held.stack, tx.hex)
}

async function commandLine(...words: string[]): Promise<string> {
  const root = join(import.meta.dirname, '../../..')
  const env = { ...process.env, PAYTOMAT_STATE: scene.stack.stateDir }
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/wallet.ts', ...words], { cwd: root, env })
  return stdout
}
