import { expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { listed, transferDetail, transferResource } from '../../../src/wallet/transfers/resource.ts'
import { violations } from '../../api/schema.ts'
import { transferOf } from './transfer-of.ts'

const explored = DEVELOPMENT_CHAINS.map((chain) => ({ ...chain, explorer: 'https://explorer.example/tx/{txid}' }))
const registry = createRegistry(explored)
const SIGNED = { raw: '00', fee: 200n, signedAtMs: Date.UTC(2026, 0, 1), takenAtMs: null }

test('amounts are in the asset, fees in the chain’s own', () => {
  const transfer = transferOf({
    chainId: EVM_LOCAL,
    asset: 'USDC',
    outputs: [{ address: '0xab', units: 1_500_000n }],
    feeMax: 10n ** 15n,
    fee: 1n,
  })
  expect(transferDetail(transfer, registry)).toMatchObject({
    amount: '1.500000',
    outputs: [{ address: '0xab', amount: '1.500000', reference: null }],
    fee: { asset: 'ETH', amount: '0.000000000000000001' },
    feeMax: { asset: 'ETH', amount: '0.001000000000000000' },
  })
})

test('the transaction in the chain is shown before any newer one that was signed', () => {
  const signed = [
    { ...SIGNED, txid: 'aa' },
    { ...SIGNED, txid: 'bb', takenAtMs: Date.UTC(2026, 0, 2) },
  ]
  const waiting = transferOf({ status: 'broadcast', signed })
  expect(transferDetail(waiting, registry)).toMatchObject({
    txid: 'bb',
    explorerUrl: 'https://explorer.example/tx/bb',
    confirmations: 0,
    block: null,
    transactions: [
      { txid: 'aa', sentAt: null },
      { txid: 'bb', sentAt: '2026-01-02T00:00:00.000Z' },
    ],
  })
  const included = { txid: 'aa', height: 7, blockHash: 'cc', confirmations: 2 }
  expect(transferDetail({ ...waiting, included }, registry)).toMatchObject({
    txid: 'aa',
    confirmations: 2,
    block: { height: 7, hash: 'cc' },
  })
})

test('what is to be signed is shown to who signs it, in single reads', () => {
  const unsigned = { psbt: { v0: 'cHNi', v2: 'cHNi' } }
  expect(transferDetail(transferOf({ unsigned }), registry).unsigned).toEqual(unsigned)
  expect(transferDetail(transferOf({ unsigned, custody: 'platform' }), registry).unsigned).toBeNull()
  expect(transferResource(listed(transferOf({ unsigned })), registry)).not.toHaveProperty('unsigned')
})

test('approvals are told only where they are wanted', () => {
  expect(transferDetail(transferOf(), registry).approval).toBeNull()
  const approvals = [{ credentialId: 'a', authenticatorData: 'a', clientDataJson: 'a', signature: 'a' }]
  const waiting = transferOf({ status: 'needs_approval', challenge: 'abc', approvalsWanted: 2, approvals })
  expect(transferDetail(waiting, registry).approval).toEqual({ challenge: 'abc', wanted: 2, given: 1, url: null })
})

test('copies for lists leave out what grows, and what is shown of them fits the document', () => {
  const outputs = Array.from({ length: 150 }, () => ({ address: 'a', units: 1n }))
  const references = outputs.map((_output, at) => `row ${at}`)
  const transfer = transferOf({ outputs, batch: { id: 'po_1', size: 3, references }, signed: [{ ...SIGNED, txid: 'aa' }] })
  const copy = listed(transfer)
  expect(copy).toMatchObject({ outputCount: 150, signedTxid: 'aa', units: 150n })
  for (const name of ['plan', 'unsigned', 'approvals', 'signed']) expect(copy).not.toHaveProperty(name)
  const shown = transferResource(copy, registry)
  expect(shown.outputs).toHaveLength(100)
  expect(shown.outputs[99]?.reference).toBe('row 99')
  expect(violations('Transfer', shown)).toEqual([])
  const detail = transferDetail(transfer, registry)
  expect(detail.outputs[149]).toEqual({ address: 'a', amount: '0.00000001', reference: 'row 149' })
  expect(violations('TransferDetail', detail)).toEqual([])
})
