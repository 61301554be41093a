import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountKey, NodeEndpoint } from '../../../src/gateways/gateway.ts'
import { addressBookOf } from '../../../src/gateways/registry.ts'
import type { LookQuestion, Sender, Sighting } from '../../../src/gateways/send.ts'
import type {
  FeeFacts,
  Funds,
  KeySigner,
  Output,
  SignedTransaction,
  Spender,
  SpendPlan,
  SpendRequest,
  UnsignedTransaction,
} from '../../../src/gateways/spend.ts'
import type { Result } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'

/** A gateway's way out on a real node of its own, with a wallet of coins or of an account that can be paid from. */
export interface MoneyOutWorld {
  readonly chain: ChainConfig
  readonly spender: Spender
  readonly signer: KeySigner
  readonly sender: Sender
  senderOver(endpoints: readonly NodeEndpoint[]): Sender
  readonly endpoint: NodeEndpoint
  /** Of the paying wallet. The signer has it, and so has the wallet that signs independently. */
  readonly seed: Uint8Array
  /** Assets that are paid out, by code; the first is the native one. */
  readonly assets: readonly [string, ...string[]]
  /** An address that nobody has been paid on. */
  stranger(): Promise<string>
  /** What an address of somebody else has in blocks. */
  balanceOf(address: string, assetCode: string): Promise<bigint>
  /** Makes the account able to pay: so much of the asset, and what fees cost. In blocks when this returns. */
  fund(account: AccountKey, assetCode: string, units: bigint): Promise<void>
  /** What the account may spend now, as its wallet object would know it: by reading its chain. */
  funds(
    account: AccountKey,
    assetCode: string,
    outputs: readonly Output[],
  ): Promise<{ funds: Funds; fees: FeeFacts; height: number }>
  /** The fee facts of somebody in a hurry: several times those given. */
  dearer(fees: FeeFacts): FeeFacts
  /** As the holder of the seed signs with software that is none of ours; answers the text that they hand in. */
  signElsewhere(account: AccountKey, unsigned: UnsignedTransaction): Promise<string>
  mine(blocks: number): Promise<unknown>
  /** Takes the newest block away. What was in it waits again, or is gone from the node. */
  takeBack(): Promise<unknown>
  stop(): Promise<void>
}

/**
 * What every gateway's way out must do: pay exactly what is asked, once, whoever signs, whatever is sent again, bumped,
 * spent elsewhere or reorganised away. `scripts`: the kinds of account that it pays from; everything is tried with each.
 */
export function runMoneyOut(scripts: readonly AccountKey['script'][], open: () => Promise<MoneyOutWorld>): void {
  let world: MoneyOutWorld
  beforeAll(async () => {
    world = await open()
  })
  afterAll(() => world?.stop())

  describe.each(scripts)('%s', (script) => {
    const UNITS = 150_000n
    const accountOf = () => world.signer.account(world.chain, world.seed, script)

    /** A request that can be paid, its plan, and what signing it gives. */
    async function prepare(assetCode: string, payees = 1) {
      const account = accountOf()
      const outputs: Output[] = []
      for (let n = 0; n < payees; n++) outputs.push({ address: await world.stranger(), units: UNITS + BigInt(n) })
      await world.fund(account, assetCode, 4n * UNITS)
      const { funds, fees, height } = await world.funds(account, assetCode, outputs)
      const request: SpendRequest = { asset: assetCode, outputs, funds, fees, feeMax: 10n ** 18n }
      const plan = must(world.spender.plan(world.chain, account, request))
      must(world.spender.check(world.chain, account, plan, assetCode, outputs))
      const signed = world.signer.sign(world.chain, world.seed, script, plan)
      return { account, outputs, request, plan, signed, height }
    }

    /** All that was signed for one intent, the newest plan last. */
    async function look(plan: SpendPlan, signed: readonly SignedTransaction[], searchedHeight: number): Promise<Sighting> {
      const question: LookQuestion = { txids: signed.map(({ txid }) => txid), plan, payer: payerOf(plan), searchedHeight }
      return must(await world.sender.look(question))
    }

    function payerOf(plan: SpendPlan): string {
      if (plan.kind === 'coins') return ''
      return must(addressBookOf(world.chain).derive(world.chain, accountOf(), plan.index)).address
    }

    async function expectPaid(outputs: readonly Output[], assetCode: string): Promise<void> {
      for (const { address, units } of outputs) expect(await world.balanceOf(address, assetCode)).toBe(units)
    }

    test('a payment waits, is in a block, is final: in every asset', async () => {
      for (const assetCode of world.assets) {
        const { outputs, plan, signed, height } = await prepare(assetCode)
        expect(await look(plan, [signed], height)).toMatchObject({ status: 'absent' })
        expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
        expect(await look(plan, [signed], height)).toEqual({ status: 'waiting', txid: signed.txid })
        expect(await world.balanceOf(outputs[0]?.address ?? '', assetCode)).toBe(0n)

        await world.mine(1)
        const first = await look(plan, [signed], height)
        expect(first).toMatchObject({ status: 'included', txid: signed.txid, confirmations: 1, final: false, reverted: false })
        if (first.status !== 'included') return
        expect(first.fee).toBeGreaterThan(0n)
        expect(first.fee).toBeLessThanOrEqual(plan.fee)
        await expectPaid(outputs, assetCode)
        await world.mine(world.chain.confirmations - 1)
        expect(await look(plan, [signed], height)).toEqual({ ...first, confirmations: world.chain.confirmations, final: true })
      }
    })

    test('the same bytes as often as one likes are taken, and pay once', async () => {
      const [assetCode] = world.assets
      const { outputs, plan, signed, height } = await prepare(assetCode)
      for (let n = 0; n < 3; n++) expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
      await world.mine(1)
      expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
      expect(await look(plan, [signed], height)).toMatchObject({ status: 'included' })
      await expectPaid(outputs, assetCode)
    })

    test('what other software signs is taken back, and is what was planned', async () => {
      for (const assetCode of world.assets) {
        const { account, outputs, plan, height } = await prepare(assetCode)
        const text = await world.signElsewhere(account, world.spender.unsigned(world.chain, account, plan))
        const signed = must(world.spender.readSigned(world.chain, account, plan, text))
        expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
        await world.mine(1)
        expect(await look(plan, [signed], height)).toMatchObject({ status: 'included', txid: signed.txid })
        await expectPaid(outputs, assetCode)
      }
    })

    test('a bump takes the place of what waited: one of the two is mined, and the payment is made once', async () => {
      for (const assetCode of world.assets) {
        const { account, outputs, request, plan, signed, height } = await prepare(assetCode)
        expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
        const dearer = { ...request, fees: world.dearer(request.fees) }
        const bumped = must(world.spender.bump(world.chain, account, plan, dearer))
        must(world.spender.check(world.chain, account, bumped, assetCode, outputs))
        expect(bumped.fee).toBeGreaterThan(plan.fee)
        const again = world.signer.sign(world.chain, world.seed, script, bumped)
        expect(again.txid).not.toBe(signed.txid)
        expect(must(await world.sender.broadcast(again.raw))).toEqual({ answer: 'taken' })
        expect(await look(bumped, [signed, again], height)).toEqual({ status: 'waiting', txid: again.txid })
        // What it replaced is not wanted any more, and that is no sign of anything else.
        expect(must(await world.sender.broadcast(signed.raw))).toMatchObject({ answer: 'refused' })
        await world.mine(1)
        expect(await look(bumped, [signed, again], height)).toMatchObject({ status: 'included', txid: again.txid })
        await expectPaid(outputs, assetCode)
      }
    })

    test('what calls a payment back takes its place and pays nobody', async () => {
      for (const assetCode of world.assets) {
        const { account, outputs, request, plan, signed, height } = await prepare(assetCode)
        must(await world.sender.broadcast(signed.raw))
        const dearer = { ...request, fees: world.dearer(request.fees) }
        const empty = must(world.spender.callBack(world.chain, account, plan, dearer))
        must(world.spender.check(world.chain, account, empty, assetCode, []))
        expect(world.spender.check(world.chain, account, empty, assetCode, outputs).ok).toBe(false)
        const again = world.signer.sign(world.chain, world.seed, script, empty)
        expect(must(await world.sender.broadcast(again.raw))).toEqual({ answer: 'taken' })
        expect(await look(plan, [signed, again], height)).toEqual({ status: 'waiting', txid: again.txid })
        await world.mine(1)
        expect(await look(plan, [signed, again], height)).toMatchObject({ status: 'included', txid: again.txid })
        for (const { address } of outputs) expect(await world.balanceOf(address, assetCode)).toBe(0n)
      }
    })

    test('what somebody signed by themselves is known by its id, or found to pay the same at another fee', async () => {
      for (const assetCode of world.assets) {
        const { account, outputs, request, plan, signed, height } = await prepare(assetCode)
        const txid = world.spender.txidOf(world.chain, account, plan)
        expect([signed.txid, null]).toContain(txid)
        const unsigned = txid === null ? [] : [signed]
        expect(await look(plan, unsigned, height)).toMatchObject({ status: 'absent' })
        const bumped = must(world.spender.bump(world.chain, account, plan, { ...request, fees: world.dearer(request.fees) }))
        const again = world.signer.sign(world.chain, world.seed, script, bumped)
        must(await world.sender.broadcast(again.raw))
        expect(await look(plan, unsigned, height)).toMatchObject({ status: 'conflict', final: false })
        await world.mine(1)
        const seen = { status: 'conflict', byTxid: again.txid, pays: true }
        expect(await look(plan, unsigned, height)).toMatchObject({ ...seen, final: false })
        await world.mine(world.chain.confirmations - 1)
        expect(await look(plan, unsigned, height)).toMatchObject({ ...seen, final: true })
        await expectPaid(outputs, assetCode)
      }
    })

    test('the first transaction may be mined though a bump was signed; it is found', async () => {
      const [assetCode] = world.assets
      const { account, outputs, request, plan, signed, height } = await prepare(assetCode)
      expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
      const bumped = must(world.spender.bump(world.chain, account, plan, { ...request, fees: world.dearer(request.fees) }))
      const again = world.signer.sign(world.chain, world.seed, script, bumped)
      await world.mine(1)
      expect(await look(bumped, [signed, again], height)).toMatchObject({ status: 'included', txid: signed.txid })
      expect(must(await world.sender.broadcast(again.raw))).toMatchObject({ answer: 'refused', why: 'spent' })
      await expectPaid(outputs, assetCode)
    })

    test('what was spent elsewhere is refused as spent, and seen as a conflict that becomes final', async () => {
      const [assetCode] = world.assets
      const { account, request, plan, signed, height } = await prepare(assetCode)
      // The same coins, or the same nonce, for somebody else: signed by the same seed in another place.
      const elsewhere = { ...request, outputs: [{ address: await world.stranger(), units: UNITS - 1n }] }
      const other = world.signer.sign(world.chain, world.seed, script, must(world.spender.plan(world.chain, account, elsewhere)))
      expect(must(await world.sender.broadcast(other.raw))).toEqual({ answer: 'taken' })
      expect(await look(plan, [signed], height)).toMatchObject({ status: 'conflict', final: false })
      await world.mine(1)
      expect(must(await world.sender.broadcast(signed.raw))).toMatchObject({ answer: 'refused', why: 'spent' })
      expect(await look(plan, [signed], height)).toMatchObject({ status: 'conflict', final: false })
      await world.mine(world.chain.confirmations - 1)
      expect(await look(plan, [signed], height)).toMatchObject({ status: 'conflict', final: true })
      expect(await look(plan, [signed, other], height)).toMatchObject({ status: 'included', txid: other.txid, final: true })
    })

    test('a reorganisation takes it out of its block; the same bytes go in again', async () => {
      const [assetCode] = world.assets
      const { outputs, plan, signed, height } = await prepare(assetCode)
      expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
      await world.mine(1)
      expect(await look(plan, [signed], height)).toMatchObject({ status: 'included' })
      await world.takeBack()
      expect(['waiting', 'absent']).toContain((await look(plan, [signed], height)).status)
      expect(must(await world.sender.broadcast(signed.raw))).toEqual({ answer: 'taken' })
      await world.mine(1)
      expect(await look(plan, [signed], height)).toMatchObject({ status: 'included', txid: signed.txid })
      await expectPaid(outputs, assetCode)
    })

    test('more than there is, is refused when it is planned', async () => {
      for (const assetCode of world.assets) {
        const { account, request } = await prepare(assetCode)
        const [payee] = request.outputs as [Output]
        const tooMuch = { ...request, outputs: [{ ...payee, units: 10n ** 30n }] }
        expect(world.spender.plan(world.chain, account, tooMuch)).toMatchObject({
          ok: false,
          error: { reason: 'insufficient_funds' },
        })
        const tooDear = { ...request, feeMax: 1n }
        expect(world.spender.plan(world.chain, account, tooDear)).toMatchObject({ error: { reason: 'fee_over_limit' } })
      }
    })
  })

  test('bytes that are no transaction are refused, and a node that is away says nothing about them', async () => {
    const away = world.senderOver([{ url: 'http://127.0.0.1:9' }])
    expect(await away.broadcast('00')).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
    const both = world.senderOver([{ url: 'http://127.0.0.1:9' }, world.endpoint])
    const raw = world.chain.gateway === 'evm' ? '0x00' : '00'
    expect(must(await both.broadcast(raw))).toMatchObject({ answer: 'refused', why: 'invalid' })
  })
}

function must<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)))
  return result.value
}
