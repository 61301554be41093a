import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Abi, createWalletClient, defineChain, type Hex, http, publicActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { demoAccounts } from '../../../scripts/stack/demo-store.ts'
import { ANVIL_MNEMONIC } from '../../../scripts/stack/evm/accounts.ts'
import { call } from '../../../scripts/stack/evm/call.ts'
import { compileContract } from '../../../scripts/stack/evm/compile.ts'
import { createEvmDemoWallet, type EvmDemoWallet, type EvmNode, startEvmNode } from '../../../scripts/stack/evm/index.ts'
import { BALANCE_OF } from '../../../src/gateways/evm/erc20.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { addressAt } from '../../../src/wallet/addresses.ts'
import { waitFor } from '../harness.ts'
import { audit } from './audit.ts'
import { checkBooks } from './books.ts'
import { bookOf, freshAddress, payOut, readAnew, untilTransfer, walletOf } from './money-out.ts'
import { endScene, errorsBesideDeepReorgs, open, type Scene, startScene, unseen } from './scene.ts'

/**
 * Two EVM chains side by side: one account key, one address on both. The second one's finality is a tag of its node, and it
 * has no delegates.
 */

const SECOND_ID = 31338
const SECOND = `eip155:${SECOND_ID}`
const POLL_MS = 200
const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-second-'))
const { delegateFactory: _, ...local } = DEVELOPMENT_CHAINS.find(({ id }) => id === EVM_LOCAL) as ChainConfig
const chains: readonly ChainConfig[] = [
  ...DEVELOPMENT_CHAINS.map((chain) => ({ ...chain, pollMs: POLL_MS })),
  {
    ...local,
    id: SECOND,
    name: 'Second Ethereum',
    native: { code: 'ETH-2', ticker: 'ETH', name: 'Ether on the second chain', decimals: 18 },
    tokens: [{ code: 'USDC-2', ticker: 'USDC', name: 'USD Coin on the second chain', decimals: 6, contract: LOCAL_USDC }],
    confirmations: 1,
    finality: 'safe',
    pollMs: POLL_MS,
  },
]
/** What an operator gives the treasury for gas. */
const GAS = 10n ** 17n
const METHODS = ['ETH', 'USDC', 'ETH-2', 'USDC-2']
let scene: Scene
let node: EvmNode
let second: EvmDemoWallet

const startSecond = (port?: number) =>
  startEvmNode({ stateDir, port, chainId: SECOND_ID, blockTimeSeconds: 0, epochSlots: 2, log: () => {} })

beforeAll(async () => {
  node = await startSecond()
  second = createEvmDemoWallet(node)
  scene = await startScene({ chains, otherNodes: { [SECOND]: [{ url: node.rpcUrl, pending: true }] } })
})

afterAll(async () => {
  await endScene(scene)
  await node.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

describe('two EVM chains', () => {
  it('share an address, of one index', async () => {
    const { stack } = scene
    const { id } = await open(scene)
    const methods = []
    for (const asset of METHODS) methods.push(await stack.activate(id, asset))
    expect(new Set(methods.map(({ address }) => address)).size).toBe(1)
    expect(methods.map(({ uri }) => /@(\d+)/.exec(uri ?? '')?.[1])).toEqual(['31337', '31337', '31338', '31338'])
    const next = await open(scene)
    expect((await stack.activate(next.id, 'ETH-2')).address).not.toBe(methods[0]?.address)
  })

  it.each(['ETH-2', 'USDC-2'])('settle by the tag of one, whatever confirmations there are: %s', async (asset) => {
    const { stack } = scene
    const { id, txid } = await payOnSecond(asset)
    await second.mine(1)
    const included = await stack.untilInvoice(id, ({ payments }) => payments[0]?.confirmations === 1)
    expect(included).toMatchObject({ status: 'processing', payments: [{ confirmationsRequired: 1, final: false }] })
    await second.mine(1)
    await untilSecondRead()
    expect((await stack.readInvoice(id)).status).toBe('processing')
    await second.mine(1)
    const settled = await stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect(settled.payments).toMatchObject([{ txid, chain: SECOND, asset, final: true }])
  })

  it('settle by the number of confirmations that an invoice asks for', async () => {
    const { stack } = scene
    const { id } = await payOnSecond('ETH-2', { confirmations: 1 })
    await second.mine(1)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
  })

  it('find a payment on the wrong one as what it is', async () => {
    const { stack } = scene
    const { id } = await open(scene)
    const { address } = await stack.activate(id, 'ETH')
    const due = (await stack.readInvoice(id)).paymentMethods.find(({ asset }) => asset === 'USDC-2')?.amountDue ?? ''
    const txid = await second.sendToken({ to: address, units: BigInt(due.replace('.', '')) })
    await second.mine(3)
    const settled = await stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect(settled.payments).toMatchObject([{ txid, chain: SECOND, asset: 'USDC-2', decision: 'counted' }])
    expect(settled.paymentMethods.find(({ asset }) => asset === 'USDC-2')?.address).toBeNull()
    await checkBooks(scene, settled)
  })

  it('keep what was sent on one that the invoice does not offer, and do not count it', async () => {
    const { stack } = scene
    const { id } = await open(scene, { paymentMethods: ['ETH'] })
    const { address } = await stack.activate(id, 'ETH')
    const txid = await second.sendNative({ to: address, units: 5n })
    await second.mine(3)
    const found = await stack.untilInvoice(id, ({ payments }) => payments[0]?.final === true)
    expect(found).toMatchObject({ status: 'new', amountPaid: '0.00' })
    expect(found.payments).toMatchObject([{ txid, chain: SECOND, asset: 'ETH-2', decision: 'unexpected' }])
    await stack.pay(id, 'ETH')
    await stack.wallets.evm.mine(3)
    await checkBooks(scene, await stack.untilInvoice(id, ({ status }) => status === 'settled'))
  })

  it('are reorganised one by one', async () => {
    const { stack } = scene
    const first = await open(scene)
    await stack.pay(first.id, 'ETH')
    await stack.wallets.evm.mine(3)
    const before = await stack.untilInvoice(first.id, ({ status }) => status === 'settled')
    const { id } = await payOnSecond('USDC-2')
    await second.mine(3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    await unseen(scene, () => second.reorg(3, { returnTransactions: true }))
    const undone = await stack.untilInvoice(id, ({ status }) => status !== 'settled')
    expect(undone).toMatchObject({ status: 'processing', settledAt: null })
    await second.mine(3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect((await stack.readInvoice(first.id)).version).toBe(before.version)
    await audit(scene, first.id)
  })

  it('go on when the node of one is away, which is read on from where it was', async () => {
    const { stack } = scene
    const port = Number(new URL(node.rpcUrl).port)
    const waiting = await open(scene)
    const { address, unitsDue } = await stack.activate(waiting.id, 'ETH-2')
    await second.sendNative({ to: address, units: unitsDue })
    await node.stop()
    await waitFor(async () => (await secondHealth()).status === 'down')
    const { id } = await open(scene)
    await stack.pay(id, 'USDC')
    await stack.wallets.evm.mine(3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled', 5_000)
    expect((await secondHealth()).status).toBe('down')
    node = await startSecond(port)
    await second.mine(3)
    await stack.untilInvoice(waiting.id, ({ status }) => status === 'settled')
    await audit(scene, id)
  })
})

describe('a payout on a chain without delegates', () => {
  it('has each deposit address given its gas and emptied, and books and chain agree to the last unit', async () => {
    const { stack } = scene
    const paid = [await payOnSecond('USDC-2'), await payOnSecond('USDC-2')]
    await second.mine(3)
    for (const { id } of paid) await stack.untilInvoice(id, ({ status }) => status === 'settled')
    await waitFor(async () => (await bookOf(scene, 'USDC-2')).pending === undefined)
    const { available = 0n } = await bookOf(scene, 'USDC-2')
    const payee = freshAddress('USDC')
    const id = await payOut(scene, 'USDC-2', payee, `${available / 1_000_000n}.${String(available % 1_000_000n).padStart(6, '0')}`)
    const waiting = await untilTransfer(scene, id, ({ reason }) => /network fee at 0x\w+$/.test(reason ?? ''))
    const treasury = /0x\w+$/.exec(waiting.reason ?? '')?.[0] ?? ''
    const beside = await besideTheBooks()
    await second.sendNative({ to: treasury, units: GAS })
    await waitFor(async () => {
      await second.mine(1)
      await untilSecondRead()
      await readAnew(scene, SECOND)
      const { body } = await stack.api<{ data: { status: string }[] }>('GET', '/v1/transfers?limit=50')
      return body.data.every(({ status }) => status === 'confirmed')
    }, 90_000)
    expect(await heldOnSecond('USDC-2', [payee])).toBe(available)
    expect(await heldOnSecond('USDC-2', await ownAddresses())).toBe(0n)
    expect(await bookOf(scene, 'USDC-2')).toEqual({})
    let last = 0n
    await waitFor(
      async () => {
        last = await besideTheBooks()
        return last === beside + GAS
      },
      undefined,
      () => `beside the books there were ${beside}, and are ${last}`,
    )
    // Of what every address was given for gas hardly anything is left there.
    const sweeps = await stack.api<{ data: { asset: string; status: string }[] }>('GET', '/v1/transfers?kind=sweep&limit=50')
    const count = (asset: string) => sweeps.body.data.filter((sweep) => sweep.asset === asset).length
    expect(count('USDC-2')).toBeGreaterThanOrEqual(2)
    expect(count('ETH-2')).toBe(count('USDC-2'))
  })
})

describe('the chain’s own asset, paid by contracts', () => {
  it('settles invoices of everyone that one transaction pays, and comes back once after a reorganisation', async () => {
    const { stack } = scene
    const disperse = await makeDisperse()
    const invoices = [await open(scene), await open(scene)]
    const methods = []
    for (const { id } of invoices) methods.push(await stack.activate(id, 'ETH'))
    const txid = await disperse(methods.map(({ address, unitsDue }) => ({ to: address as Hex, units: unitsDue })))
    await stack.wallets.evm.mine(3)
    for (const [at, { id }] of invoices.entries()) {
      const settled = await stack.untilInvoice(id, ({ status }) => status === 'settled')
      expect(settled.payments).toMatchObject([{ txid, index: `internal:${methods[at]?.address.toLowerCase()}:0` }])
    }
    await unseen(scene, () => stack.wallets.evm.reorg(3, { returnTransactions: true }))
    await stack.wallets.evm.mine(3)
    for (const { id } of invoices) {
      await waitFor(async () => (await stack.readInvoice(id)).payments.every(({ final }) => final))
      const { invoice } = await audit(scene, id)
      expect(invoice).toMatchObject({ status: 'settled', amountConfirmed: '20.00' })
      expect(invoice.payments).toHaveLength(1)
    }
  })
})

it('no Worker has spoken of a defect, but of the tag that was passed by a reorganisation', () => {
  expect(errorsBesideDeepReorgs(scene)).toEqual([])
})

async function payOnSecond(asset: string, terms: Record<string, unknown> = {}): Promise<{ id: string; txid: string }> {
  const { id } = await open(scene, terms)
  const { address, unitsDue } = await scene.stack.activate(id, asset)
  const payment = { to: address, units: unitsDue }
  const txid = asset === 'ETH-2' ? await second.sendNative(payment) : await second.sendToken(payment)
  await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
  return { id, txid }
}

/** What the wallet's addresses have of the second chain's ether that the books do not say. */
async function besideTheBooks(): Promise<bigint> {
  const { id } = await walletOf(scene, SECOND)
  return (await heldOnSecond('ETH-2', await ownAddresses())) + ((await bookOf(scene, 'ETH-2'))[`wallet:${id}`] ?? 0n)
}

async function ownAddresses(): Promise<string[]> {
  const { used } = await walletOf(scene, SECOND)
  const account = demoAccounts(chains).find((one) => one.account.script === 'evm')?.account
  if (!account) throw new Error('the demo store has a wallet on EVM chains')
  return Array.from({ length: used }, (_one, index) => addressAt(local, account, index).address)
}

async function heldOnSecond(asset: string, addresses: readonly string[]): Promise<bigint> {
  const ask = (address: string) => {
    if (asset === 'ETH-2') return call<Hex>(node.rpcUrl, 'eth_getBalance', [address, 'latest'])
    const data = `${BALANCE_OF}${address.slice(2).toLowerCase().padStart(64, '0')}`
    return call<Hex>(node.rpcUrl, 'eth_call', [{ to: LOCAL_USDC, data }, 'latest'])
  }
  const held = await Promise.all(addresses.map(ask))
  return held.reduce((sum, units) => sum + BigInt(units), 0n)
}

interface HealthLine {
  readonly chain: string
  readonly status: string
  readonly syncedAt: string | null
}

async function secondHealth(): Promise<HealthLine> {
  const { body } = await scene.stack.api<{ chains: HealthLine[] }>('GET', '/health')
  return body.chains.find(({ chain }) => chain === SECOND) as HealthLine
}

async function untilSecondRead(): Promise<void> {
  const sinceMs = Date.now()
  await waitFor(async () => Date.parse((await secondHealth()).syncedAt ?? '') >= sinceMs)
}

/** On the first chain: pays all of them in one transaction, which waits for a block. */
async function makeDisperse(): Promise<(payments: readonly { to: Hex; units: bigint }[]) => Promise<string>> {
  const { rpcUrl, chainId } = scene.stack.evm
  const client = createWalletClient({
    account: mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex: 6 }),
    chain: defineChain({
      id: chainId,
      name: 'local',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [rpcUrl] } },
    }),
    transport: http(),
  }).extend(publicActions)
  const { abi, bytecode } = await compileContract('TestDisperse')
  const hash = await client.deployContract({ abi: abi as Abi, bytecode, gas: 1_000_000n })
  await scene.stack.wallets.evm.mine(1)
  const { contractAddress } = await client.getTransactionReceipt({ hash })
  return (payments) =>
    client.writeContract({
      address: contractAddress as Hex,
      abi: abi as Abi,
      functionName: 'disperseNative',
      args: [payments.map(({ to }) => to), payments.map(({ units }) => units)],
      value: payments.reduce((sum, { units }) => sum + units, 0n),
      gas: 1_000_000n,
    })
}
