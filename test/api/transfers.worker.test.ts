import { beforeAll, describe, expect, test, vi } from 'vitest'
import { LOCAL_USDC } from '../../config/development.ts'
import { createApi } from '../../src/api/app.ts'
import { isApprovalToken } from '../../src/auth/approval-token.ts'
import { err, ok } from '../../src/lib/result.ts'
import type { TransferResource } from '../../src/wallet/transfers/resource.ts'
import { bitcoinAccount, evmAccount } from '../storage/accounts.ts'
import { testEnv } from '../storage/databases.ts'
import { apiEnv, newMerchant } from './merchant.ts'
import { credit, detail, newSender, plan, receive, type Sender, send, signPlan, TO, TO_EVM, TO_TOO } from './money-out.ts'
import { violations } from './schema.ts'

const KEY = { 'idempotency-key': 'k' }

let someone: Sender
beforeAll(async () => {
  someone = await newSender()
})

describe('a transfer', () => {
  test('is made once for each key, and answered as it is now', async () => {
    const sender = await newSender()
    const body = { asset: 'BTC', address: TO, amount: '0.001', reference: 'rent', targetBlocks: 2, feeMax: '0.0001' }
    const first = await send(sender, 'rent-11', body)
    const transfer = detail(first, 201)
    expect(transfer).toMatchObject({
      kind: 'payout',
      status: 'queued',
      walletId: sender.bitcoin,
      custody: 'self',
      amount: '0.00100000',
      outputs: [{ address: TO, amount: '0.00100000', reference: null }],
      reference: 'rent',
      targetBlocks: 2,
      feeMax: { asset: 'BTC', amount: '0.00010000' },
      payoutId: null,
      version: 1,
    })
    expect(first.headers.get('location')).toBe(`/v1/transfers/${transfer.id}`)
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    const again = await send(sender, '"rent-11"', { ...body, amount: '0.00100' })
    expect(detail(again, 201).id).toBe(transfer.id)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(detail(await send(sender, 'rent-12', body), 201).id).not.toBe(transfer.id)
    expect(detail(await sender.merchant.call('GET', `/v1/transfers/${transfer.id}`), 200)).toMatchObject({ reference: 'rent' })
  })

  test('needs a key, and a key means one thing, whatever wallet it was for', async () => {
    const sender = await newSender()
    const body = { asset: 'BTC', address: TO, amount: '0.001' }
    expect(await send(sender, null, body)).toMatchObject({ status: 400, json: { code: 'idempotency_key_missing' } })
    expect(await send(sender, '"', body)).toMatchObject({ status: 400, json: { code: 'idempotency_key_malformed' } })
    detail(await send(sender, 'one', body), 201)
    const reused = { status: 422, json: { code: 'idempotency_key_reused' } }
    expect(await send(sender, 'one', { ...body, amount: '0.002' })).toMatchObject(reused)
    expect(await send(sender, 'one', { asset: 'USDC', address: TO_EVM, amount: '5' })).toMatchObject(reused)
    const csv = `address,amount,asset\n${TO},0.001,BTC\n`
    const payout = await sender.merchant.call('POST', '/v1/payouts', csv, { 'idempotency-key': 'one', 'content-type': 'text/csv' })
    expect(payout).toMatchObject(reused)
    // Another store's keys are its own.
    detail(await send(await newSender(), 'one', body), 201)
  })

  test('of one key is in one wallet, however many ask at once for how many wallets', async () => {
    const sender = await newSender()
    const bodies = [
      { asset: 'BTC', address: TO, amount: '0.001' },
      { asset: 'USDC', address: TO_EVM, amount: '5' },
    ]
    const asked = await Promise.all(Array.from({ length: 100 }, (_, at) => send(sender, 'at-once', bodies[at % 2] as object)))
    const made = asked.filter(({ status }) => status === 201)
    expect([made.length, new Set(made.map(({ json }) => json.id)).size]).toEqual([50, 1])
    const others = asked.filter(({ status }) => status !== 201).map(({ status, json }) => [status, json.code])
    expect(others).toEqual(Array(50).fill([422, 'idempotency_key_reused']))
  })

  test('whose first request took the key and died is made by the same request, and by no other', async () => {
    const sender = await newSender()
    const { merchantId, storeId } = sender.merchant
    await testEnv.LEDGERS.getByName(merchantId).claimKey({ storeId, key: 'died', purpose: sender.bitcoin })
    const other = { asset: 'USDC', address: TO_EVM, amount: '5' }
    expect(await send(sender, 'died', other)).toMatchObject({ status: 422, json: { code: 'idempotency_key_reused' } })
    const made = await send(sender, 'died', { asset: 'BTC', address: TO, amount: '0.001' })
    expect([made.status, made.headers.get('idempotent-replayed')]).toEqual([201, null])
  })

  test('of many outputs is one transaction on a chain of coins', async () => {
    const sender = await newSender()
    const outputs = [
      { address: TO, amount: '0.001' },
      { address: TO_TOO, amount: '0.002' },
      { address: TO, amount: '0.001' },
    ]
    expect(detail(await send(sender, 'many', { asset: 'BTC', outputs }), 201)).toMatchObject({
      amount: '0.00400000',
      outputCount: 3,
      targetBlocks: 6,
    })
    const two = [0, 1].map(() => ({ address: TO_EVM, amount: '1' }))
    expect(await send(sender, 'two', { asset: 'USDC', outputs: two })).toMatchObject({ status: 400, json: { param: 'outputs' } })
  })

  test.each([
    ['too many digits', { amount: '0.000000001' }, 'amount'],
    ['nothing', { amount: '0' }, 'amount'],
    ['a number', { amount: 1 }, 'amount'],
    ['less than nodes pass on', { amount: '0.00000100' }, 'amount'],
    ['an address of another network', { address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' }, 'address'],
    ['a slip in an address', { address: TO.replace('w508', 'w509') }, 'address'],
    ['a wrong capital', { asset: 'USDC', amount: '1', address: TO_EVM.replace('aA', 'AA') }, 'address'],
    ['the contract of the token', { asset: 'USDC', amount: '1', address: '0x5fbdb2315678afecb367f032d93f642f64180aa3' }, 'address'],
    ['an asset of no chain', { asset: 'USD' }, 'asset'],
    ['an asset that is not known', { asset: 'XYZ' }, 'asset'],
    ['both forms', { outputs: [{ address: TO, amount: '0.001' }] }, 'address'],
    ['no output', { address: null, amount: null, outputs: [] }, 'outputs'],
    [
      'a wrong output',
      {
        address: null,
        amount: null,
        outputs: [
          { address: TO, amount: '1' },
          { address: 'x', amount: '1' },
        ],
      },
      'outputs[1].address',
    ],
    ['blocks', { targetBlocks: 145 }, 'targetBlocks'],
    ['a fee of nothing', { feeMax: '0' }, 'feeMax'],
    ['a long reference', { reference: 'x'.repeat(101) }, 'reference'],
  ])('with %s is refused by the field', async (_what, changes, param) => {
    const reply = await send(someone, 'bad', { asset: 'BTC', address: TO, amount: '0.001', ...changes })
    expect(reply, reply.text).toMatchObject({ status: 400, json: { code: 'invalid_request', param } })
  })

  test('is sent from a wallet of the store alone', async () => {
    const sender = await newSender()
    const other = await newSender()
    const body = { asset: 'BTC', address: TO, amount: '0.001' }
    expect(await send(sender, 'k', { ...body, walletId: other.bitcoin })).toMatchObject({
      status: 404,
      json: { code: 'wallet_not_found' },
    })
    expect(await send(sender, 'k', { ...body, walletId: sender.evm })).toMatchObject({ status: 400, json: { param: 'asset' } })
    detail(await send(sender, 'k', { ...body, walletId: sender.bitcoin }), 201)
  })
})

describe('a transfer that the merchant signs', () => {
  test('is prepared as a PSBT, taken back when it is what was prepared, and sent', async () => {
    const sender = await newSender()
    const { merchant } = sender
    await receive(sender, 5_000_000n)
    const { id } = detail(await send(sender, 'own', { asset: 'BTC', address: TO, amount: '0.01' }), 201)
    const path = `/v1/transfers/${id}`
    expect(await merchant.call('GET', `${path}/psbt`)).toMatchObject({ status: 409, json: { code: 'nothing_to_sign' } })
    expect(await plan(sender.bitcoin, id)).toEqual({ do: 'nothing' })
    const prepared = detail(await merchant.call('GET', path), 200)
    expect(prepared).toMatchObject({ status: 'signing', approval: null })
    const { v0, v2 } = prepared.unsigned?.psbt ?? { v0: '', v2: '' }
    for (const [query, psbt] of [
      ['', v0],
      ['?version=0', v0],
      ['?version=2&format=base64', v2],
    ] as const) {
      const reply = await merchant.call('GET', `${path}/psbt${query}`)
      expect([reply.status, reply.headers.get('content-type'), reply.text]).toEqual([200, 'text/plain; charset=utf-8', psbt])
    }
    expect(await fileOf(merchant.apiKey, `${path}/psbt?version=2&format=binary`)).toEqual([`attachment; filename="${id}.psbt"`, v2])
    expect(await merchant.call('GET', `${path}/psbt?version=1`)).toMatchObject({ status: 400 })

    const submit = (signed: string) => merchant.call('POST', `${path}/signed`, { signed })
    const wallet = testEnv.WALLETS.getByName(sender.bitcoin)
    const kept = await wallet.transfer(id)
    if (kept?.plan?.kind !== 'coins') throw new Error('it has a plan of coins')
    const [output] = kept.plan.outputs
    if (!output) throw new Error('it pays somebody')
    const foreign = {
      ...kept.plan,
      fee: kept.plan.fee + 1n,
      outputs: kept.plan.outputs.with(0, { ...output, units: output.units - 1n }),
    }
    for (const text of [v0, 'ff', signPlan(sender, foreign)])
      expect(await submit(text)).toMatchObject({ status: 422, json: { code: 'signature_refused' } })
    const signed = detail(await submit(` ${signPlan(sender, kept.plan)}\n`), 200)
    expect(signed).toMatchObject({ status: 'broadcast', transactions: [{ sentAt: null, fee: { asset: 'BTC' } }] })
    expect(signed.txid).toBe(signed.transactions[0]?.txid)
    const late = { status: 409, json: { code: 'wrong_transfer_status' } }
    // Brought again, by who did not hear the answer: it is as it is.
    expect(detail(await submit(signPlan(sender, kept.plan)), 200)).toMatchObject({ status: 'broadcast', txid: signed.txid })
    expect(await submit(signPlan(sender, foreign))).toMatchObject(late)

    // Called back: something in its place is prepared, which pays nobody.
    const called = detail(await merchant.call('POST', `${path}/cancel`), 200)
    expect(called).toMatchObject({ status: 'broadcast', reason: expect.stringMatching(/^being called back by api_key:/) })
    await wallet.takeFacts(id, ok({ fees: { kind: 'coins', satsPerKvb: 9_000n }, height: 121, payer: null }))
    const emptied = detail(await merchant.call('GET', path), 200)
    expect(emptied).toMatchObject({ status: 'broadcast', reason: 'waiting for your signature, which calls it back' })
    const empty = (await wallet.transfer(id))?.plan
    if (empty?.kind !== 'coins') throw new Error('it has a plan of coins')
    expect(empty).toMatchObject({ inputs: kept.plan.inputs, outputs: { length: 1 }, change: { position: 0 } })
    expect(detail(await submit(signPlan(sender, empty)), 200).transactions).toHaveLength(2)
    const txid = signed.txid ?? ''
    const place = { height: 122, blockHash: 'ab'.repeat(32), confirmations: 1, final: false, reverted: false, fee: 1n }
    await wallet.takeSighting(id, ok({ status: 'included', txid, ...place }), 2)
    expect(await merchant.call('POST', `${path}/cancel`)).toMatchObject(late)
  })

  test('is reserved in the balance of its wallet until it is over', async () => {
    const sender = await newSender()
    const { merchant } = sender
    await receive(sender, 5_000_000n)
    const { id } = detail(await send(sender, 'own', { asset: 'BTC', address: TO, amount: '0.01' }), 201)
    const reserved = async () => {
      const { json } = await merchant.call('GET', `/v1/wallets/${sender.bitcoin}/balance`)
      return (json as unknown as { chains: { assets: { reserved: string }[] }[] }).chains[0]?.assets[0]?.reserved
    }
    expect(await reserved()).toBe('0.00000000')
    await plan(sender.bitcoin, id)
    const { fee } = detail(await merchant.call('GET', `/v1/transfers/${id}`), 200)
    expect(await reserved()).toBe((0.01 + Number(fee?.amount)).toFixed(8))
    await merchant.call('POST', `/v1/transfers/${id}/cancel`)
    await testEnv.WALLETS.getByName(sender.bitcoin).takeSighting(id, ok({ status: 'absent', searchedHeight: 121 }), 1)
    expect(await reserved()).toBe('0.00000000')
  })

  test('is ended only after the chain was looked at', async () => {
    const sender = await newSender()
    const { merchant } = sender
    await receive(sender, 5_000_000n)
    const { id } = detail(await send(sender, 'own', { asset: 'BTC', address: TO, amount: '0.01' }), 201)
    await plan(sender.bitcoin, id)
    const cancel = async () => detail(await merchant.call('POST', `/v1/transfers/${id}/cancel`), 200)
    const looking = { status: 'signing', reason: 'cancelling: looking whether it was broadcast' }
    expect(await cancel()).toMatchObject(looking)
    expect(await cancel()).toMatchObject(looking)
    const wallet = testEnv.WALLETS.getByName(sender.bitcoin)
    expect(await wallet.nextStep(id)).toMatchObject({ do: 'look', question: { txids: [expect.stringMatching(/^[0-9a-f]{64}$/)] } })
    await wallet.takeSighting(id, ok({ status: 'absent', searchedHeight: 121 }), 1)
    const ended = detail(await merchant.call('GET', `/v1/transfers/${id}`), 200)
    expect(ended).toMatchObject({ status: 'failed', reason: expect.stringMatching(/^cancelled by api_key:/), unsigned: null })
  })

  test('on an EVM chain is prepared as the fields that wallets take', async () => {
    const sender = await newSender()
    const { id } = detail(await send(sender, 'evm', { asset: 'USDC', address: TO_EVM, amount: '2.5' }), 201)
    const wallet = testEnv.WALLETS.getByName(sender.evm)
    const payer = { nonce: 3, pendingNonce: 3, units: 9_000_000n, native: 10n ** 18n, gas: 50_000n }
    const fees = { kind: 'account', maxFeePerGas: 2_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n } as const
    expect(await wallet.nextStep(id)).toMatchObject({ do: 'facts', question: { payer: { asset: 'USDC' } } })
    await wallet.takeFacts(id, ok({ fees, height: 120, payer }))
    const prepared = detail(await sender.merchant.call('GET', `/v1/transfers/${id}`), 200)
    expect(prepared).toMatchObject({ status: 'signing', unsigned: { evm: { fields: { nonce: '0x3', to: LOCAL_USDC } } } })
    expect(prepared.unsigned?.evm?.serialized).toMatch(/^0x02/)
    expect(await sender.merchant.call('GET', `/v1/transfers/${id}/psbt`)).toMatchObject({
      status: 409,
      json: { code: 'nothing_to_sign' },
    })
  })

  test('is told by webhooks, which are listed', async () => {
    const sender = await newSender()
    const { merchant } = sender
    await merchant.call('POST', '/v1/webhook_endpoints', {
      url: 'https://shop.example/h',
      events: ['transfer.created', 'transfer.failed'],
    })
    const { id } = detail(await send(sender, 'told', { asset: 'BTC', address: TO, amount: '0.01' }), 201)
    detail(await merchant.call('POST', `/v1/transfers/${id}/cancel`, '{}'), 200)
    await vi.waitFor(async () => {
      const { json } = await merchant.call('GET', `/v1/transfers/${id}/deliveries`)
      expect(violations('DeliveryList', json)).toEqual([])
      expect((json.data as unknown as { eventType: string }[]).map(({ eventType }) => eventType).sort()).toEqual([
        'transfer.created',
        'transfer.failed',
      ])
      expect(json.data[0]).toMatchObject({ invoiceId: null, transferId: id })
    }, 10_000)
  })
})

describe('a transfer that the platform signs', () => {
  test('takes its money out of the balance at once, and gives it back when it is cancelled', async () => {
    const sender = await newSender('platform')
    const { merchant } = sender
    const body = { asset: 'BTC', address: TO, amount: '0.01' }
    expect(await send(sender, 'k', body)).toMatchObject({
      status: 422,
      json: { code: 'insufficient_funds', detail: '0.00000000 BTC can be sent' },
    })
    await credit(sender, 'BTC', 1_500_000n)
    const { id, custody } = detail(await send(sender, 'k', body), 201)
    expect(custody).toBe('platform')
    const funds = async () => (await merchant.call('GET', '/v1/balances')).json.data[0]
    expect(await funds()).toMatchObject({ available: '0.00500000', reservedFor: { locked: '0.01000000' } })
    expect(await send(sender, 'k2', body)).toMatchObject({ status: 422, json: { detail: '0.00500000 BTC can be sent' } })
    expect(detail(await merchant.call('POST', `/v1/transfers/${id}/cancel`), 200)).toMatchObject({ status: 'failed' })
    await vi.waitFor(async () => expect(await funds()).toMatchObject({ available: '0.01500000' }), 10_000)
    expect(await merchant.call('POST', `/v1/transfers/${id}/cancel`)).toMatchObject({ status: 409 })
  })

  test('is made once, however often the same is asked for at once', async () => {
    const sender = await newSender('platform')
    await credit(sender, 'BTC', 3_000_000n)
    const body = { asset: 'BTC', address: TO, amount: '0.01' }
    const replies = await Promise.all(Array.from({ length: 10 }, () => send(sender, 'k', body)))
    expect(new Set(replies.map((reply) => detail(reply, 201).id)).size).toBe(1)
    const { json } = await sender.merchant.call('GET', '/v1/balances')
    expect(json.data[0]).toMatchObject({ available: '0.02000000', reservedFor: { locked: '0.01000000' } })
  })

  test('asks for approvals when the signer wants them, and takes them', async () => {
    const sender = await newSender('platform')
    const { merchant } = sender
    await receive(sender, 5_000_000n)
    await credit(sender, 'BTC', 2_000_000n)
    const { id } = detail(await send(sender, 'k', { asset: 'BTC', address: TO, amount: '0.01' }), 201)
    const approval = { credentialId: 'cred', authenticatorData: 'YWJj', clientDataJson: 'e30', signature: 'c2ln' }
    const approve = (body: object) => merchant.call('POST', `/v1/transfers/${id}/approvals`, body)
    const step = await plan(sender.bitcoin, id)
    if (step.do !== 'sign') throw new Error(`it is to be signed, not ${step.do}`)
    const refusal = { reason: 'needs_approval', challenge: 'Y2hhbGxlbmdl', wanted: 2, given: 0 } as const
    await testEnv.WALLETS.getByName(sender.bitcoin).takeSignature(id, step.version, err(refusal))
    const waiting = detail(await merchant.call('GET', `/v1/transfers/${id}`), 200)
    expect(waiting).toMatchObject({ status: 'needs_approval', approval: { challenge: 'Y2hhbGxlbmdl', wanted: 2, given: 0 } })
    // The page where people say yes. A webhook's transfer has none: see the resource.
    const [, origin, token = ''] = /^(.*)\/approve\/tr_\w{32}\/wal_\w{32}\/(apr_\w{32})$/.exec(waiting.approval?.url ?? '') ?? []
    expect(origin).toBe(apiEnv.ORIGIN)
    expect(await isApprovalToken(apiEnv.ID_SECRET, { id, walletId: sender.bitcoin }, token)).toBe(true)
    // What we sign is not shown.
    expect(waiting.unsigned).toBeNull()
    expect(await merchant.call('GET', `/v1/transfers/${id}/psbt`)).toMatchObject({ status: 409 })
    expect(await approve({ ...approval, signature: 'c2ln==' })).toMatchObject({ status: 400, json: { param: 'signature' } })
    expect(await approve({ ...approval, hash: 'ab' })).toMatchObject({ status: 400, json: { code: 'unknown_field' } })
    expect(detail(await approve(approval), 200)).toMatchObject({ approval: { given: 1 } })
  })
})

describe('tenants', () => {
  test('a transfer of another store is not there, in a shared wallet neither', async () => {
    const shared = [{ account: bitcoinAccount('sending for two'), assets: ['BTC'], custody: 'platform' }]
    const [one, other] = [
      await newMerchant(apiEnv, createApi(), { wallets: shared }),
      await newMerchant(apiEnv, createApi(), { wallets: shared }),
    ]
    const sender = { merchant: one, bitcoin: '', evm: '', seed: new Uint8Array() }
    await credit(sender, 'BTC', 2_000_000n)
    const { id } = detail(await send(sender, 'k', { asset: 'BTC', address: TO, amount: '0.01' }), 201)
    const notThere = { status: 404, json: { code: 'transfer_not_found' } }
    for (const path of ['', '/psbt', '/deliveries'])
      expect(await other.call('GET', `/v1/transfers/${id}${path}`)).toMatchObject(notThere)
    for (const [path, body] of [
      ['approvals', { credentialId: 'a', authenticatorData: 'a', clientDataJson: 'a', signature: 'a' }],
      ['signed', { signed: 'ff' }],
      ['bump', {}],
      ['cancel', {}],
    ] as const)
      expect(await other.call('POST', `/v1/transfers/${id}/${path}`, body), path).toMatchObject(notThere)
    expect(await other.call('GET', '/v1/transfers/tr_x')).toMatchObject(notThere)
    expect(detail(await one.call('GET', `/v1/transfers/${id}`), 200).status).toBe('queued')
  })
})

test('a transfer is read also when its wallet was taken away from the store', async () => {
  const { merchant } = await newSender()
  const body = { asset: 'BTC', address: TO, amount: '0.01' }
  const { id } = detail(await merchant.call('POST', '/v1/transfers', body, KEY), 201)
  await vi.waitFor(async () => expect((await merchant.call('GET', '/v1/transfers')).json.data).toHaveLength(1), 15_000)
  const { merchantId, storeId, apiKey } = merchant
  const wallets = [{ account: evmAccount('the wallet that is left'), assets: ['ETH'] }]
  const changed = await newMerchant(apiEnv, createApi(), { merchantId, storeId, apiKey, wallets })
  expect((await changed.call('GET', '/v1/wallets')).json.data).toHaveLength(1)
  expect(detail(await changed.call('GET', `/v1/transfers/${id}`), 200).id).toBe(id)
  expect(detail(await changed.call('POST', `/v1/transfers/${id}/cancel`), 200).status).toBe('failed')
}, 20_000)

describe('the list', () => {
  test('has the store’s transfers, newest first, page by page, by status and kind', async () => {
    const sender = await newSender()
    const { merchant } = sender
    const made: string[] = []
    for (const key of ['a', 'b', 'c']) {
      made.unshift(detail(await send(sender, key, { asset: 'BTC', address: TO, amount: '0.01', reference: key }), 201).id)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await merchant.call('POST', `/v1/transfers/${made[0]}/cancel`)
    const list = async (query: string) => {
      const { status, text, json } = await merchant.call('GET', `/v1/transfers${query}`)
      expect(status, text).toBe(200)
      expect(violations('TransferList', json)).toEqual([])
      return { ids: (json.data as unknown as TransferResource[]).map(({ id }) => id), next: json.nextCursor }
    }
    await vi.waitFor(async () => expect((await list('?status=failed')).ids).toEqual([made[0]]), 15_000)
    await vi.waitFor(async () => expect((await list('')).ids).toEqual(made), 15_000)
    const first = await list('?limit=2&kind=payout')
    const rest = await list(`?limit=2&kind=payout&cursor=${first.next}`)
    expect([...first.ids, ...rest.ids]).toEqual(made)
    expect(rest.next).toBeNull()
    expect((await list('?kind=refund')).ids).toEqual([])
    for (const query of ['?status=x', '?kind=x', '?cursor=x', '?limit=0', '?walletId=x'])
      expect((await merchant.call('GET', `/v1/transfers${query}`)).status, query).toBe(400)
  })
})

async function fileOf(apiKey: string, path: string): Promise<[string | null, string]> {
  const response = await createApi().request(path, { headers: { authorization: `Bearer ${apiKey}` } }, apiEnv)
  const bytes = new Uint8Array(await response.arrayBuffer())
  return [response.headers.get('content-disposition'), btoa(String.fromCharCode(...bytes))]
}

test('a bump is asked for in blocks, of a transfer that is sent', async () => {
  const sender = await newSender()
  const { id } = detail(await send(sender, 'k', { asset: 'BTC', address: TO, amount: '0.01' }), 201)
  const bump = (body: object) => sender.merchant.call('POST', `/v1/transfers/${id}/bump`, body, KEY)
  expect(await bump({})).toMatchObject({ status: 409, json: { code: 'wrong_transfer_status' } })
  expect(await bump({ targetBlocks: 0 })).toMatchObject({ status: 400, json: { param: 'targetBlocks' } })
})
