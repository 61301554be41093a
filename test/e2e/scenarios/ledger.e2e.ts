import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sha256 } from '@noble/hashes/sha2.js'
import { HDKey } from '@scure/bip32'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../harness.ts'
import { netOf, postingsOf } from './books.ts'
import { mineWithout } from './nodes.ts'
import { endScene, errorsBesideDeepReorgs, mine, open, openStore, type Scene, startScene, unseen } from './scene.ts'

/** What a merchant's books say of money that the platform holds for them, fees and all. */

let scene: Scene
/** Its wallets are the platform's; 1 % and 0.10 EUR of every payment, a fifth of it a partner's. */
let held: Scene

/** 20 EUR at 60,000 EUR a bitcoin; 1 % of it and 0.10 EUR, each rounded down; a fifth of that. */
const PAID = '0.00033334'
const FEE = '0.00000499'
const PARTNER = '0.00000099'

interface Funds {
  readonly asset: string
  readonly custody: string
  readonly available: string
  readonly pending: string
  readonly reserved: string
  readonly owed: string
}

interface BalancesBody {
  readonly frozen: boolean
  readonly data: readonly Funds[]
  readonly accounts: readonly { readonly account: string; readonly asset: string; readonly balance: string }[]
}

interface StatementBody {
  readonly balances: readonly {
    readonly account: string
    readonly asset: string
    readonly opening: string
    readonly closing: string
  }[]
  readonly lines: readonly {
    readonly cause: string
    readonly amount: string
    readonly balance: string
    readonly invoiceId: string
  }[]
}

beforeAll(async () => {
  scene = await startScene()
  const seed = sha256(new TextEncoder().encode('the platform’s hot wallet'))
  const keys = HDKey.fromMasterSeed(seed, { private: 0x04358394, public: 0x043587cf })
  const xpub = keys.derive("m/84'/1'/0'").publicExtendedKey
  held = await openStore(scene, [{ account: { xpub, script: 'p2wpkh' }, assets: ['BTC'], custody: 'platform' }], {
    latePolicy: 'hold',
    plan: { currency: 'EUR', default: { percentBps: 100, fixed: '0.10' }, partner: { id: 'acme', shareBps: 2_000 } },
  })
})

afterAll(async () => {
  await held?.receiver.stop()
  await endScene(scene)
})

/** Balances of the store, once they are as wanted. */
async function untilBalances(isWanted: (balances: BalancesBody) => boolean, query = ''): Promise<BalancesBody> {
  let last: BalancesBody | undefined
  return waitFor(
    async () => {
      const answer = await held.stack.api<BalancesBody>('GET', `/v1/balances${query}`)
      expect(answer.status, answer.text).toBe(200)
      last = answer.body
      return isWanted(last) ? last : null
    },
    undefined,
    () => JSON.stringify(last),
  )
}

function bitcoinOf({ data }: BalancesBody): Funds | undefined {
  return data.find(({ asset, custody }) => asset === 'BTC' && custody === 'platform')
}

function accountOf({ accounts }: BalancesBody, name: string): string | undefined {
  return accounts.find(({ account }) => account.startsWith(name))?.balance
}

async function paidAndFinal(): Promise<{ id: string; txid: string; block: string }> {
  const { id } = await open(held)
  const txid = await held.stack.pay(id, 'BTC')
  await held.stack.untilInvoice(id, ({ status }) => status === 'processing')
  const [block = ''] = await held.stack.wallets.bitcoin.mine(2)
  await held.stack.untilInvoice(id, ({ status }) => status === 'settled')
  return { id, txid, block }
}

/** Sums of decimals with one number of digits. */
const units = (decimal: string) => BigInt(decimal.replace('.', ''))

describe('the books of a store whose wallet is the platform’s', () => {
  it('owe the merchant what was paid less the fee, and say what each part was', async () => {
    const { id } = await open(held)
    await held.stack.pay(id, 'BTC')
    expect(bitcoinOf(await untilBalances((now) => bitcoinOf(now)?.pending === PAID))).toMatchObject({
      available: '0.00000000',
      reserved: '0.00000000',
    })
    await mine(held, 'BTC', 2)
    const invoice = await held.stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect(invoice.paymentMethods[0]).toMatchObject({ custody: 'platform', fee: { model: 'fee', amount: FEE } })
    expect(invoice.fees).toEqual([{ asset: 'BTC', amount: FEE, partner: { id: 'acme', amount: PARTNER } }])

    const after = await untilBalances((now) => bitcoinOf(now)?.available === '0.00032835')
    expect(bitcoinOf(after)).toMatchObject({ pending: '0.00000000', reserved: '0.00000000', owed: '0.00000000' })
    expect(accountOf(after, 'fees')).toBe('0.00000400')
    expect(accountOf(after, 'partner:acme')).toBe(PARTNER)
    expect(accountOf(after, 'wallet:')).toBe(`-${PAID}`)
    expect(after.accounts.reduce((sum, { balance }) => sum + units(balance), 0n)).toBe(0n)
    const lines = await postingsOf(held, id)
    expect(lines.map(({ cause }) => cause)).toEqual(['payment_seen', 'payment_settled', 'processing_fee', 'partner_share'])
  })

  it('take everything back that a reorganisation took, entry by entry, and tell it in the statement', async () => {
    const fromTime = new Date().toISOString()
    const before = bitcoinOf(await untilBalances(() => true)) as Funds
    const { id, txid, block } = await paidAndFinal()
    const settled = await untilBalances((now) => units(bitcoinOf(now)?.available ?? '0') > units(before.available))
    const betweenTime = new Date().toISOString()
    await unseen(held, async () => {
      await held.stack.wallets.bitcoin.invalidate(block)
      await mineWithout(held.stack, txid, 2)
    })
    await untilBalances((now) => bitcoinOf(now)?.available === before.available && bitcoinOf(now)?.pending === PAID)
    await mine(held, 'BTC', 2)
    await held.stack.untilInvoice(id, ({ status }) => status === 'settled')
    await untilBalances((now) => bitcoinOf(now)?.available === bitcoinOf(settled)?.available)

    const lines = await postingsOf(held, id)
    expect(lines.map(({ cause }) => cause)).toEqual([
      'payment_seen',
      'payment_settled',
      'processing_fee',
      'partner_share',
      'reorg',
      'reorg',
      'payment_seen',
      'payment_settled',
      'processing_fee',
      'partner_share',
    ])
    const toTime = new Date(Date.now() + 1).toISOString()
    const path = `/v1/ledger/statement?from=${fromTime}&to=${toTime}&asset=BTC`
    // 503 while the newest transactions are on their way to D1.
    const statement = await waitFor(async () => {
      const answer = await held.stack.api<StatementBody>('GET', path)
      return answer.status === 200 && answer
    })
    const [line] = statement.body.balances
    expect(line?.opening).toBe(before.available)
    expect(line?.closing).toBe(bitcoinOf(settled)?.available)
    const moved = statement.body.lines.reduce((sum, { amount }) => sum + units(amount), 0n)
    expect(units(line?.opening ?? '') + moved).toBe(units(line?.closing ?? ''))
    expect(statement.body.lines.map(({ cause }) => cause)).toEqual([
      'payment_settled',
      'processing_fee',
      'reorg',
      'reorg',
      'payment_settled',
      'processing_fee',
    ])
    const past = await untilBalances(() => true, `?at=${betweenTime}`)
    expect(bitcoinOf(past)).toMatchObject({ available: bitcoinOf(settled)?.available, pending: '0.00000000' })
    const csv = await held.stack.api('GET', `${path}&format=csv`)
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(csv.text.trim().split('\r\n')).toHaveLength(1 + 1 + 6 + 1)
  })

  it('take no fee of what is beyond the price', async () => {
    const before = bitcoinOf(await untilBalances(() => true)) as Funds
    const { id } = await open(held)
    await held.stack.pay(id, 'BTC', 50_000n)
    await held.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(held, 'BTC', 2)
    await held.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const after = await untilBalances((now) => units(bitcoinOf(now)?.available ?? '0') > units(before.available))
    expect(units(bitcoinOf(after)?.available ?? '') - units(before.available)).toBe(50_000n - units(FEE))
    const lines = await postingsOf(held, id)
    expect(lines.map(({ cause }) => cause)).toEqual([
      'payment_seen',
      'payment_settled',
      'over_payment',
      'processing_fee',
      'partner_share',
    ])
    expect(netOf(lines.filter(({ cause }) => cause === 'over_payment')).BTC?.available).toBe(50_000n - units(PAID))
  })

  it('are the same after a kill, and prove themselves by the command line', async () => {
    const before = await untilBalances(() => true)
    const { id } = await open(held)
    await held.stack.pay(id, 'BTC')
    await held.stack.killWorkers()
    await held.stack.wallets.bitcoin.mine(2)
    await held.stack.restartWorkers()
    await held.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const gained = units(PAID) - units(FEE)
    await untilBalances((now) => units(bitcoinOf(now)?.available ?? '0') === units(bitcoinOf(before)?.available ?? '') + gained)
    expect(await commandLine('verify')).toContain('whole and equal: 2 ledgers')
    expect(errorsBesideDeepReorgs(held)).toEqual([])
  })
})

async function commandLine(...words: string[]): Promise<string> {
  const root = join(import.meta.dirname, '../../..')
  const env = { ...process.env, PAYTOMAT_STATE: held.stack.stateDir }
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/ledger.ts', ...words], { cwd: root, env })
  return stdout
}
