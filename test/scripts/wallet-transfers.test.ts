import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { Refusal } from '../../scripts/stack/tool.ts'
import { parseArguments } from '../../scripts/wallet/arguments.ts'
import { exitCodeOf, follow, showPayout, showTransfer, showTransfers } from '../../scripts/wallet/show-transfers.ts'
import { openTransfers } from '../../scripts/wallet/transfers.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { transferDetail } from '../../src/wallet/transfers/resource.ts'
import type { Transfer } from '../../src/wallet/transfers/types.ts'
import { transferOf } from '../wallet/transfers/transfer-of.ts'

const registry = createRegistry(DEVELOPMENT_CHAINS)
const shown = (changes: Partial<Transfer> = {}) => transferDetail(transferOf({ id: 'tr_1', ...changes }), registry)

async function said<T>(work: (say: { line(text?: string): void; progress(): void }) => T | Promise<T>) {
  const lines: string[] = []
  const answer = await work({ line: (text = '') => void lines.push(text), progress: () => {} })
  return { answer, lines, text: lines.join('\n') }
}

describe('the command line', () => {
  const command = (...args: string[]) => {
    const parsed = parseArguments(args)
    return parsed.ok ? parsed.value : parsed.error
  }

  test('sends, with all that may be said', () => {
    const wish = {
      asset: 'BTC',
      address: 'bcrt1q',
      amount: '0.5',
      reference: null,
      walletId: null,
      targetBlocks: null,
      feeMax: null,
    }
    expect(command('send', 'btc', 'bcrt1q', '0.5')).toEqual({ command: 'send', wish, key: null, wait: false })
    const all = ['--reference', 'rent', '--target', '2', '--fee-max', '0.1', '--wallet', 'wal_1', '--key', 'k', '--wait']
    expect(command('send', 'BTC', 'bcrt1q', '0.5', ...all)).toEqual({
      command: 'send',
      wish: { ...wish, reference: 'rent', targetBlocks: 2, feeMax: '0.1', walletId: 'wal_1' },
      key: 'k',
      wait: true,
    })
    expect(command('send', 'btc-ln', 'lnbcrt1', '0.00012345')).toMatchObject({ wish: { asset: 'BTC-LN', address: 'lnbcrt1' } })
    const wanted = { iban: 'NL91', amount: '1.50', name: 'Ana', bic: null, text: 'hi', reference: null }
    expect(command('send', 'eur', 'NL91', '1.50', '--name', 'Ana', '--text', 'hi')).toEqual({
      command: 'bank',
      wish: wanted,
      key: null,
    })
    expect(command('send', 'EUR', 'NL91', '1.50')).toBe('--name is missing: whose account it is.')
    expect(command('send', 'EUR', 'NL91', '1.505', '--name', 'Ana')).toContain('<amount> must be')
    expect(command('send', 'BTC', 'bcrt1q')).toBe('<amount> is missing.')
    expect(command('send', 'XYZ', 'a', '1')).toBe('XYZ is no asset of this installation.')
    for (const amount of ['0', '1e3', '0.000000001']) expect(command('send', 'BTC', 'a', amount)).toContain('<amount> must be')
    for (const target of ['0', '1.5', 'x', '145']) expect(command('bump', 'tr_1', '--target', target)).toContain('--target must be')
  })

  test('promises money back: all, what is over, or an amount', () => {
    const wish = { type: 'full', amount: null, asset: null, currency: null, rate: null, reason: null }
    expect(command('refund', 'inv_1', 'full')).toEqual({ command: 'refund', invoice: 'inv_1', wish, key: null })
    expect(command('refund', 'inv_1', 'over', '--asset', 'btc', '--key', 'k')).toEqual({
      command: 'refund',
      invoice: 'inv_1',
      wish: { ...wish, type: 'over', asset: 'BTC' },
      key: 'k',
    })
    const part = ['12.00', '--currency', 'eur', '--rate', 'now', '--reason', 'One cup was broken']
    expect(command('refund', 'inv_1', ...part)).toMatchObject({
      wish: { ...wish, type: 'part', amount: '12.00', currency: 'EUR', rate: 'now', reason: 'One cup was broken' },
    })
    expect(command('refund', 'inv_1')).toBe('<full, over, amount> is missing.')
    expect(command('refunds', 'inv_1')).toEqual({ command: 'refunds', invoice: 'inv_1' })
  })

  test('reads every other command', () => {
    expect(command('payout', 'a.csv')).toEqual({ command: 'payout', file: 'a.csv', key: null })
    expect(command('sweep', 'usdc', '--key', 'k', '--wait')).toEqual({ command: 'sweep', asset: 'USDC', key: 'k', wait: true })
    expect(command('sweep', 'XYZ')).toBe('XYZ is no asset of this installation.')
    const txid = 'ab'.repeat(32)
    expect(command('accelerate', txid, '--target', '2', '--wallet', 'ltc')).toEqual({
      command: 'accelerate',
      wish: { txid, targetBlocks: 2, feeMax: null },
      wallet: 'ltc',
      key: null,
      wait: false,
    })
    expect(command('accelerate', 'tr_1')).toContain('<txid> must be')
    expect(command('transfers', '--status', 'failed')).toEqual({ command: 'transfers', status: 'failed', kind: null })
    expect(command('transfer', 'tr_1', '--wait')).toEqual({ command: 'transfer', id: 'tr_1', wait: true })
    expect(command('psbt', 'tr_1', '--v2', '--out', 'a')).toEqual({ command: 'psbt', id: 'tr_1', version: '2', out: 'a' })
    expect(command('submit', 'tr_1', 'a.psbt')).toEqual({ command: 'submit', id: 'tr_1', signed: 'a.psbt', wait: false })
    expect(command('submit', 'tr_1')).toBe('<file or text> is missing.')
    expect(command('bump', 'tr_1', '--target', '3')).toEqual({ command: 'bump', id: 'tr_1', targetBlocks: 3 })
    expect(command('cancel', 'tr_1')).toEqual({ command: 'cancel', id: 'tr_1', wait: false })
    expect(command('cancel', 'tr_1', '--wait')).toMatchObject({ wait: true })
    expect(command('transfers', '--wait')).toContain("Unknown option '--wait'")
  })
})

test('a payment by Lightning is shown with its proof, and short in a list', async () => {
  const transfer = {
    ...shown({ status: 'confirmed' }),
    outputs: [{ address: `lnbcrt${'1'.repeat(300)}`, amount: '1', reference: null }],
    outputCount: 1,
    lightning: { paymentHash: 'aa', preimage: 'beef', payee: '02', expiresAt: '2026-11-22T12:00:00Z' },
  }
  expect((await said((say) => showTransfer(transfer, say))).text).toContain('paid, which this proves: beef')
  expect((await said((say) => showTransfers([transfer], say))).lines.every((line) => line.length < 200)).toBe(true)
})

describe('a transfer that is followed', () => {
  test('is told step by step until it is over', async () => {
    const included = { txid: 'aa', height: 7, blockHash: 'bb', confirmations: 2 }
    const steps = [
      shown({ custody: 'platform' }),
      shown({ custody: 'platform' }),
      shown({ custody: 'platform', status: 'signing' }),
      shown({ custody: 'platform', status: 'unknown', reason: 'spent by another' }),
      shown({ custody: 'platform', status: 'confirmed', included }),
      shown({ custody: 'platform', status: 'failed' }),
    ]
    const { answer, lines } = await said((say) =>
      follow(
        async () => steps.shift() ?? shown(),
        say,
        async () => {},
      ),
    )
    expect(answer.status).toBe('confirmed')
    expect(lines).toEqual(['  queued', '  signing', '  unknown: spent by another', '  confirmed, aa in block 7'])
  })

  test('ends when somebody has to do something, and the exit code says so', async () => {
    const unsigned = { psbt: { v0: 'cHNi', v2: 'cHNi' } }
    const waiting = [
      shown({ status: 'signing', unsigned }),
      shown({ status: 'needs_approval', approvalsWanted: 2, challenge: 'abc' }),
      // Called back.
      shown({ status: 'broadcast', unsigned }),
    ]
    for (const transfer of waiting) {
      const { answer } = await said((say) => follow(async () => transfer, say))
      expect(exitCodeOf(answer)).toBe(2)
    }
    expect(exitCodeOf(shown({ status: 'failed' }))).toBe(1)
    for (const status of ['queued', 'broadcast', 'confirmed'] as const) expect(exitCodeOf(shown({ status }))).toBe(0)
    expect(exitCodeOf(shown({ status: 'signing', custody: 'platform' }))).toBe(0)
    // It is looked for before it is ended.
    expect(exitCodeOf(shown({ status: 'signing', unsigned: null }))).toBe(0)
  })
})

test('what waits for people is shown with the page where they say yes', async () => {
  const waiting = shown({ status: 'needs_approval', approvalsWanted: 2, challenge: 'abc' })
  const url = 'https://pay.example/approve/tr_1/wal_1/apr_1'
  const { text } = await said((say) =>
    showTransfer({ ...waiting, approval: waiting.approval && { ...waiting.approval, url } }, say),
  )
  expect(text).toContain(`needs_approval, 0 of 2 given`)
  expect(text).toContain(`approve it with a passkey: ${url}`)
  expect((await said((say) => showTransfer(waiting, say))).text).not.toContain('approve it')
})

test('what is shown tells what to do next', async () => {
  const unsigned = { psbt: { v0: 'cHNi', v2: 'cHNi' } }
  const { text } = await said((say) => showTransfer(shown({ status: 'signing', unsigned, reference: 'rent', fee: 200n }), say))
  expect(text).toContain('tr_1  payout of 0.00100000 BTC, rent')
  expect(text).toContain('fee 0.00000200 BTC, at most 0.00010000 BTC')
  expect(text).toContain('npm run wallet -- psbt tr_1')
  const outputs = Array.from({ length: 12 }, (_, at) => ({ address: `address ${at}`, units: 1n }))
  expect((await said((say) => showTransfer(shown({ outputs }), say))).text).toContain('and 2 more')
  const list = await said((say) => showTransfers([shown(), shown({ outputs })], say))
  expect(list.text).toMatch(/tr_1 +payout +queued +0\.00000012 BTC +12 addresses/)
  expect((await said((say) => showTransfers([], say))).text).toContain('no transfer')
  const hurrying = shown({ kind: 'sweep', outputs: [], parentTxid: 'ab'.repeat(32) })
  expect((await said((say) => showTransfer(hurrying, say))).text).toContain(`tr_1  acceleration of ${'ab'.repeat(32)}`)
  expect((await said((say) => showTransfers([hurrying], say))).text).toContain(`hurries ${'ab'.repeat(32)}`)
})

test('of a batch what was not sent is said, and makes the exit code 1', async () => {
  const batch = { id: 'po_1', rows: [{ line: 2, transferId: 'tr_1', output: 0 }], data: [shown()], warnings: [], refused: [] }
  expect((await said((say) => showPayout(batch, say))).answer).toBe(0)
  const refused = [{ line: 3, detail: 'stopped' }]
  const { answer, text } = await said((say) => showPayout({ ...batch, refused }, say))
  expect(answer).toBe(1)
  expect(text).toContain('line 3 was not sent: stopped')
})

const REFUND = {
  ...{ id: 'tr_1', object: 'refund', amount: '0.001', asset: 'BTC', status: 'awaiting_address', detail: null },
  ...{ address: null, txid: null, claimUrl: 'https://pay.example/claim/a/b/c' },
}

/** Answers as the API does, and keeps what it was asked. */
const asked: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = []
const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  const { method = '', url = '', headers } = request
  asked.push({ method, url, headers, body })
  if (url === '/v1/payouts') {
    const errors = [{ line: 2, param: 'amount', detail: 'amount must be over zero' }]
    response.writeHead(422, { 'content-type': 'application/problem+json' })
    return response.end(JSON.stringify({ code: 'payout_rows_invalid', detail: '1 of 1', errors }))
  }
  if (url.endsWith('/refunds'))
    return response.end(
      JSON.stringify(method === 'POST' ? REFUND : { data: [REFUND], refundable: [{ asset: 'BTC', amount: '0.5' }] }),
    )
  if (url === '/v1/wallets') {
    const wallet = (id: string, script: string, assets: readonly string[]) => ({ id, script, chains: [{ assets }] })
    return response.end(JSON.stringify({ data: [wallet('wal_evm', 'evm', ['ETH']), wallet('wal_btc', 'p2wpkh', ['BTC'])] }))
  }
  if (url.startsWith('/v1/transfers?')) return response.end(JSON.stringify({ data: [shown()], nextCursor: null }))
  if (url.includes('/psbt')) return response.end(url.includes('binary') ? Buffer.from([0x70, 0x73, 0xff]) : 'cHNi')
  // What is being cancelled is nobody's to sign.
  const unsigned = request.url?.endsWith('/cancel') ? null : { psbt: { v0: 'cHNi', v2: 'cHNi' } }
  response.end(JSON.stringify(shown({ status: 'signing', unsigned })))
})
let url = ''
const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-wallet-transfers-'))
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(stateDir, { recursive: true, force: true })
})

describe('the API is asked', () => {
  test('to send under a key, for a PSBT as text and as bytes, to take what was signed', async () => {
    const transfers = openTransfers({ url, token: 'key' })
    const wish = { asset: 'BTC', address: 'a', amount: '1', reference: null, walletId: null, targetBlocks: 2, feeMax: null }
    await transfers.send('k1', wish)
    expect(asked.at(-1)).toMatchObject({
      method: 'POST',
      url: '/v1/transfers',
      headers: { 'idempotency-key': 'k1', authorization: 'Bearer key' },
    })
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual(wish)
    expect(await transfers.psbt('tr_1', '0')).toBe('cHNi')
    expect(await transfers.psbtFile('tr_1', '2')).toEqual(Uint8Array.of(0x70, 0x73, 0xff))
    expect(asked.at(-1)?.url).toBe('/v1/transfers/tr_1/psbt?version=2&format=binary')
    await transfers.submit('tr_1', 'ff')
    expect(asked.at(-1)).toMatchObject({ url: '/v1/transfers/tr_1/signed', body: '{"signed":"ff"}' })
    await transfers.cancel('tr_1')
    expect(asked.at(-1)).toMatchObject({ method: 'POST', url: '/v1/transfers/tr_1/cancel', body: '' })
    await expect(transfers.payout('k2', 'address\n')).rejects.toThrow(
      new Refusal('Paytomat refused (422 payout_rows_invalid): 1 of 1\n  line 2: amount must be over zero'),
    )
    expect(asked.at(-1)).toMatchObject({ headers: { 'content-type': 'text/csv', 'idempotency-key': 'k2' }, body: 'address\n' })
  })
})

test('what is typed in a shell reaches the API: files, PSBTs as bytes and as text, lists', async () => {
  writeFileSync(join(stateDir, 'dev.json'), JSON.stringify({ origin: url, apiKey: 'dev' }))
  const binary = join(stateDir, 'signed.psbt')
  writeFileSync(binary, Buffer.from('psbt\xff\x01', 'latin1'))
  const text = join(stateDir, 'signed.txt')
  writeFileSync(text, 'cHNidP8=\n')
  const script = join(import.meta.dirname, '../../scripts/wallet.ts')
  const run = (...args: string[]) =>
    new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      // Beside this process: its own server answers.
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
        env: { ...process.env, PAYTOMAT_STATE: stateDir },
      })
      let stdout = ''
      child.stdout.on('data', (chunk) => {
        stdout += chunk
      })
      let stderr = ''
      child.stderr.on('data', (chunk) => {
        stderr += chunk
      })
      child.on('close', (status) => resolve({ status, stdout, stderr }))
    })
  expect((await run('submit', 'tr_1', binary)).status).toBe(2)
  const submitted = () => asked.filter((one) => one.url.endsWith('/signed')).at(-1)?.body
  expect(submitted()).toBe(JSON.stringify({ signed: Buffer.from('psbt\xff\x01', 'latin1').toString('base64') }))
  await run('submit', 'tr_1', text)
  expect(submitted()).toBe('{"signed":"cHNidP8="}')
  const before = asked.length
  expect(await run('submit', 'tr_1', 'no-such-file.psbt')).toMatchObject({ status: 1, stderr: expect.stringContaining('be read') })
  const latin = join(stateDir, 'latin.csv')
  writeFileSync(latin, Buffer.from('address,amount,asset,reference\na,1,BTC,M\xfcller\n', 'latin1'))
  expect(await run('payout', latin)).toMatchObject({ status: 1, stderr: expect.stringContaining('is not UTF-8') })
  expect(asked).toHaveLength(before)
  const nowhere = join(stateDir, 'no-such-folder/out.psbt')
  expect((await run('psbt', 'tr_1', '--out', nowhere)).stderr).toMatch(/^\S+out\.psbt can't be written: .*\n$/)
  const out = join(stateDir, 'out.psbt')
  expect((await run('psbt', 'tr_1', '--out', out)).status).toBe(0)
  expect(readFileSync(out)).toEqual(Buffer.from([0x70, 0x73, 0xff]))
  expect((await run('payout', text)).status).toBe(1)
  expect((await run('payout', join(stateDir, 'nothing.csv'))).status).toBe(1)
  expect(await run('transfers', '--status', 'failed')).toMatchObject({ status: 0, stdout: expect.stringContaining('tr_1') })
  expect(asked.at(-1)?.url).toBe('/v1/transfers?limit=50&status=failed')
  const promised = await run('refund', 'inv_1', 'full', '--key', 'k')
  expect(promised).toMatchObject({ status: 0, stdout: expect.stringContaining('https://pay.example/claim/a/b/c') })
  const last = asked.at(-1)
  expect(last).toMatchObject({ method: 'POST', url: '/v1/invoices/inv_1/refunds', headers: { 'idempotency-key': 'k' } })
  expect(JSON.parse(last?.body ?? '')).toMatchObject({ type: 'full', amount: null })
  expect((await run('refunds', 'inv_1')).stdout).toMatch(/tr_1 {2}refund of 0\.001 BTC\n[\s\S]*0\.5 BTC can be refunded/)
  const hurried = await run('accelerate', 'ab'.repeat(32), '--key', 'k', '--fee-max', '0.0005')
  expect(hurried).toMatchObject({ status: 2, stdout: expect.stringContaining('key k') })
  const wished = asked.filter(({ method }) => method === 'POST').at(-1)
  expect(wished).toMatchObject({ url: '/v1/wallets/wal_btc/accelerations', headers: { 'idempotency-key': 'k' } })
  expect(JSON.parse(wished?.body ?? '')).toEqual({ txid: 'ab'.repeat(32), targetBlocks: null, feeMax: '0.0005' })
  expect((await run('accelerate', 'ab'.repeat(32), '--wallet', 'LTC')).stderr).toContain('no wallet LTC')
  // What was wanted is done, though the transfer then is what is elsewhere called failed.
  expect((await run('cancel', 'tr_1')).status).toBe(0)
  const sent = await run('send', 'BTC', 'a', '1')
  expect(sent).toMatchObject({ status: 2, stdout: expect.stringMatching(/^key [0-9a-f-]{36}\n/) })
}, 40_000)
