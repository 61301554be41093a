import { afterAll, beforeAll, expect, test } from 'vitest'
import type {
  AccountKey,
  AddressBalance,
  BalanceReader,
  BlockStamp,
  ChainReader,
  NodeEndpoint,
  ReceivingAddress,
} from '../../../src/gateways/gateway.ts'
import { addressBookOf, watchKeyOf } from '../../../src/gateways/registry.ts'
import { assetsOf, type ChainConfig } from '../../../src/money/chain.ts'
import { must } from '../bitcoin/spending.ts'
import { transfersTo } from '../scans.ts'

/** The gateway of a chain, on a real node of its own. Everything else about it is the same for every chain, and stands below. */
export interface ChainWorld {
  readonly chain: ChainConfig
  /** An account of this chain, and addresses of it that are known from elsewhere (a BIP, a wallet, the node itself). */
  readonly account: AccountKey
  readonly known: readonly { readonly index: number; readonly address: string }[]
  readonly reader: ChainReader
  balancesOver(endpoints: readonly NodeEndpoint[]): BalanceReader
  readonly endpoint: NodeEndpoint
  /** Pays from somebody else's wallet; answers the transaction's id once the node has it. */
  pay(address: string, assetCode: string, units: bigint): Promise<string>
  mine(blocks: number): Promise<unknown>
  /** Takes the newest block away; what was in it is in no block then, and stays out of the one that takes its place. */
  takeBack(): Promise<unknown>
  stop(): Promise<void>
}

/**
 * What the gateway of a chain must do besides what every gateway must (suite.ts): addresses known from elsewhere, balances
 * of one block before and after payments, while they wait, after a reorganisation, over many addresses, and with nodes that
 * fail.
 */
export function runChain(open: () => Promise<ChainWorld>): void {
  let world: ChainWorld
  let balances: BalanceReader
  let next = 1_000

  beforeAll(async () => {
    world = await open()
    balances = world.balancesOver([world.endpoint])
  })
  afterAll(() => world?.stop())

  const derive = (index: number): ReceivingAddress => must(addressBookOf(world.chain).derive(world.chain, world.account, index))
  /** Addresses that nobody has used. */
  const fresh = (count: number) => Array.from({ length: count }, () => derive(next++))
  const keysOf = (addresses: readonly ReceivingAddress[]) => addresses.map(({ watchKey }) => watchKey)
  const assets = () => assetsOf(world.chain).map(({ code }) => code)

  test('addresses are those that are known, the same every time, and read back to what is watched', () => {
    expect(world.known.length).toBeGreaterThan(1)
    for (const { index, address } of world.known) {
      const derived = derive(index)
      expect(derived.address).toBe(address)
      expect(derive(index)).toEqual(derived)
      expect(watchKeyOf(world.chain, address)).toEqual(derived.watchKey)
    }
    expect(watchKeyOf(world.chain, 'nothing of the kind')).toBeNull()
    expect(new Set(Array.from({ length: 20 }, (_, index) => derive(index).address)).size).toBe(20)
    expect(addressBookOf(world.chain).derive(world.chain, world.account, 2 ** 31)).toMatchObject({ ok: false })
  })

  test('an address nobody paid has nothing, and the answer says as of which block', async () => {
    const sight = must(await balances.read(keysOf(fresh(2)), null))
    expect(sight.balances).toEqual([])
    const { height, hash, timeMs } = must(await world.reader.head())
    expect(sight.block).toEqual({ height, hash, timeMs })
    expect(must(await balances.read([], null)).balances).toEqual([])
  })

  test('a payment is waiting first, and in the balance of its address once it is in a block, in every asset', async () => {
    const addresses = fresh(assets().length)
    const units = addresses.map((_, i) => 150_001n + BigInt(i))
    const txids: string[] = []
    for (const [i, code] of assets().entries()) txids.push(await world.pay(addresses[i]?.address ?? '', code, units[i] ?? 0n))
    expect(must(await balances.read(keysOf(addresses), null)).balances).toEqual([])
    const waiting = await transfersTo(keysOf(addresses), must(await world.reader.mempool()))
    waiting.sort((one, other) => txids.indexOf(one.txid) - txids.indexOf(other.txid))
    expect(waiting.map(({ txid, assetCode, units: waits }) => [txid, assetCode, waits])).toEqual(
      assets().map((code, i) => [txids[i], code, units[i]]),
    )

    await world.mine(1)
    const sight = must(await balances.read(keysOf(addresses), null))
    expect(sight.balances.map(bare)).toEqual(assets().map((code, i) => [i, code, units[i], 0n]))
    checkCoins(sight.balances, sight.block)
  })

  test('payments add up, on one address and over the wallet', async () => {
    const [one, empty, other] = fresh(3) as [ReceivingAddress, ReceivingAddress, ReceivingAddress]
    const code = assets()[0] as string
    await world.pay(one.address, code, 110_000n)
    await world.pay(other.address, code, 130_000n)
    await world.mine(1)
    await world.pay(one.address, code, 120_000n)
    await world.mine(1)
    const sight = must(await balances.read(keysOf([one, empty, other]), null))
    const found = [...sight.balances].sort((a, b) => a.position - b.position)
    expect(found.map(bare)).toEqual([
      [0, code, 230_000n, 0n],
      [2, code, 130_000n, 0n],
    ])
    checkCoins(found, sight.block)
    expect(must(await balances.read(keysOf([other]), sight.block)).balances.map(bare)).toEqual([[0, code, 130_000n, 0n]])
  })

  test('what a reorganisation takes back is gone, and there again when it is mined again', async () => {
    const [address] = fresh(1) as [ReceivingAddress]
    const code = assets()[0] as string
    await world.mine(1)
    await world.pay(address.address, code, 140_000n)
    await world.mine(1)
    const before = must(await balances.read(keysOf([address]), null))
    expect(before.balances.map(bare)).toEqual([[0, code, 140_000n, 0n]])
    await world.takeBack()
    const after = must(await balances.read(keysOf([address]), null))
    expect(after.balances).toEqual([])
    expect(after.block.hash).not.toBe(before.block.hash)
    // Asked for the block that is gone, a gateway answers with another one's name or not at all, never with its balances.
    const past = await balances.read(keysOf([address]), before.block)
    if (past.ok) expect(past.value).toMatchObject({ block: { hash: after.block.hash }, balances: [] })
    else expect(past.error.reason).toBe('node_refused')
    await world.pay(address.address, code, 145_000n)
    await world.mine(1)
    const again = must(await balances.read(keysOf([address]), null))
    expect(again.balances.reduce((sum, { confirmed }) => sum + confirmed, 0n)).toBeGreaterThanOrEqual(145_000n)
  })

  test('many addresses are one answer of one block', async () => {
    const many = Math.min(1_000, balances.keysMax)
    const addresses = fresh(many)
    const code = assets()[0] as string
    const paid = [0, 1, many - 1]
    for (const position of paid) await world.pay(addresses[position]?.address ?? '', code, 100_000n + BigInt(position))
    await world.mine(1)
    const { hash } = must(await world.reader.head())
    const sight = must(await balances.read(keysOf(addresses), null))
    expect(sight.block.hash).toBe(hash)
    const found = [...sight.balances].sort((a, b) => a.position - b.position)
    expect(found.map(bare)).toEqual(paid.map((position) => [position, code, 100_000n + BigInt(position), 0n]))
  })

  test('a node that is away, answers nonsense or refuses us is a refusal, and another one answers in its place', async () => {
    const [address] = fresh(1) as [ReceivingAddress]
    const away = { url: 'http://127.0.0.1:9' }
    expect(await world.balancesOver([away]).read([address.watchKey], null)).toMatchObject({
      ok: false,
      error: { reason: 'node_unreachable' },
    })
    expect(await world.balancesOver([{ url: 'http://node.example' }]).read([address.watchKey], null)).toMatchObject({
      error: { reason: 'protocol' },
    })
    expect(await world.balancesOver([]).read([address.watchKey], null)).toMatchObject({ ok: false })
    expect(must(await world.balancesOver([away, world.endpoint]).read([address.watchKey], null)).balances).toEqual([])
  })
}

function bare({ position, assetCode, confirmed, leaving }: AddressBalance) {
  return [position, assetCode, confirmed, leaving]
}

/** Where there are coins, they are all there is, each once, in a block at or below the one of the answer. */
function checkCoins(balances: readonly AddressBalance[], block: BlockStamp): void {
  const coins = balances.flatMap((balance) => balance.coins)
  expect(new Set(coins.map(({ txid, vout }) => `${txid}:${vout}`)).size).toBe(coins.length)
  for (const { height, leaving } of coins) {
    expect(height).toBeLessThanOrEqual(block.height)
    expect(leaving).toBe(false)
  }
  for (const { confirmed, coins: own } of balances)
    if (coins.length > 0) expect(own.reduce((sum, { units }) => sum + units, 0n)).toBe(confirmed)
}
