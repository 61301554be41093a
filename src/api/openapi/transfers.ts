import { TRANSFER_KINDS, TRANSFER_STATUSES } from '../transfers.ts'
import {
  assetCode,
  count,
  decimal,
  decimalOrNull,
  list,
  orNull,
  page,
  record,
  type Schema,
  text,
  textOrNull,
  time,
  timeOrNull,
  wish,
} from './json-schema.ts'
import { BODY, CURSOR, ID, IDEMPOTENCY_KEY_NEEDED, LIMIT, NEW_TRANSFER, NO_BODY, type Operations, QUERY } from './operation.ts'

const status: Schema = { enum: TRANSFER_STATUSES }
const kind: Schema = { enum: TRANSFER_KINDS }
const fee = record({ asset: { ...assetCode, description: 'The chain’s own.' }, amount: decimal })
const targetBlocks: Schema = { type: 'integer', minimum: 1, maximum: 144, description: 'How soon it should be in a block.' }
const base64url: Schema = { type: 'string', pattern: '^[A-Za-z0-9_-]+$', description: 'base64url, without padding' }
const transfer: Schema = { $ref: '#/components/schemas/Transfer' }

const resource = {
  id: text,
  object: { const: 'transfer' },
  storeId: text,
  kind,
  status,
  reason: { ...textOrNull, description: 'Why it waits, failed, or is not known, in words.' },
  walletId: text,
  custody: { enum: ['self', 'platform'], description: 'self: you sign. platform: we do.' },
  chain: { ...text, description: 'CAIP-2' },
  asset: assetCode,
  amount: { ...decimal, description: 'Sum of the outputs.' },
  outputs: {
    ...list(record({ address: text, amount: decimal, reference: textOrNull })),
    description: 'In lists and webhooks the first 100.',
  },
  outputCount: { ...count, description: 'How many there are.' },
  fee: { ...orNull(fee), description: 'What it cost, as far as is known.' },
  feeMax: { ...fee, description: 'It is not sent at a higher fee.' },
  targetBlocks,
  txid: { ...textOrNull, description: 'Of the transaction in the chain, else of the newest that was signed.' },
  explorerUrl: textOrNull,
  confirmations: count,
  block: orNull(record({ height: count, hash: text })),
  approval: {
    ...orNull(
      record({
        challenge: { ...textOrNull, description: 'What passkeys sign, base64url.' },
        wanted: count,
        given: count,
        url: {
          ...textOrNull,
          description: 'The page where people say yes, while they have to. Null in webhooks: read the transfer.',
        },
      }),
    ),
    description: 'Null when nobody has to say yes.',
  },
  invoiceId: textOrNull,
  parentTxid: { ...textOrNull, description: 'Of an acceleration: the waiting transaction that it hurries.' },
  reference: textOrNull,
  payoutId: { ...textOrNull, description: 'The batch it is of.' },
  version: { type: 'integer', minimum: 1, description: 'Grows by one with each change; of two copies the higher is newer.' },
  createdAt: time,
  updatedAt: time,
}

const detail = {
  ...resource,
  unsigned: {
    description: 'What your wallet signs; null while there is nothing to sign, or when we sign.',
    ...orNull(
      record(
        {
          psbt: record({ v0: text, v2: text }),
          evm: record({ fields: { type: 'object', additionalProperties: text }, serialized: text }),
        },
        ['psbt', 'evm'],
      ),
    ),
  },
  lightning: {
    ...orNull(
      record({
        paymentHash: text,
        preimage: { ...textOrNull, description: 'Proof that it was paid: its SHA-256 is the payment hash.' },
        payee: { ...text, description: 'Key of the node that is paid.' },
        expiresAt: { ...time, description: 'Of the invoice that is paid.' },
      }),
    ),
    description: 'Of a payment by Lightning; null of others.',
  },
  transactions: {
    ...list(record({ txid: text, fee, signedAt: time, sentAt: timeOrNull })),
    description: 'Every transaction that was signed for it, oldest first. At most one can be in the chain.',
  },
}

export const output = { address: text, amount: { ...decimal, description: 'Over zero.' } }

export const TRANSFER_SCHEMAS = {
  Transfer: record(resource),
  TransferDetail: record(detail),
  TransferList: page(transfer),
  CreateTransfer: wish(
    {
      walletId: { ...textOrNull, description: 'Needed when several wallets can send the asset.' },
      asset: assetCode,
      address: { ...textOrNull, description: 'With `amount`, instead of `outputs`. Of `BTC-LN` a Lightning invoice (BOLT 11).' },
      amount: decimalOrNull,
      outputs: { type: ['array', 'null'], items: record(output), minItems: 1, maxItems: 1_000 },
      reference: { ...textOrNull, minLength: 1, maxLength: 100, description: 'Your name for it.' },
      targetBlocks: { ...targetBlocks, type: ['integer', 'null'], default: 6 },
      feeMax: { ...decimalOrNull, description: 'In the chain’s own asset.' },
    },
    ['asset'],
  ),
  TransferApproval: record({
    credentialId: base64url,
    authenticatorData: base64url,
    clientDataJson: base64url,
    signature: base64url,
  }),
  SignedTransfer: record({ signed: { ...text, description: 'A PSBT (base64, v0 or v2) or a raw transaction (hexadecimal).' } }),
  TransferBump: wish({ targetBlocks: { ...targetBlocks, type: ['integer', 'null'], default: 1 } }, []),
} as const satisfies Record<string, Schema>

export const TRANSFER_OPERATIONS: Operations<keyof typeof TRANSFER_SCHEMAS | 'DeliveryList'> = {
  '/v1/transfers': {
    post: {
      id: 'createTransfer',
      summary: 'Send money',
      parameters: [IDEMPOTENCY_KEY_NEEDED],
      body: 'CreateTransfer',
      status: 201,
      answer: 'TransferDetail',
      refuses: [...NEW_TRANSFER, 'insufficient_funds', 'wallet_not_found'],
    },
    get: {
      id: 'listTransfers',
      summary: 'List transfers, newest first',
      parameters: [{ name: 'status', in: 'query', schema: status }, { name: 'kind', in: 'query', schema: kind }, LIMIT, CURSOR],
      status: 200,
      answer: 'TransferList',
      refuses: QUERY,
    },
  },
  '/v1/transfers/{id}': {
    get: {
      id: 'readTransfer',
      summary: 'Read a transfer',
      parameters: [ID],
      status: 200,
      answer: 'TransferDetail',
      refuses: ['transfer_not_found'],
    },
  },
  '/v1/transfers/{id}/psbt': {
    get: {
      id: 'readTransferPsbt',
      summary: 'The PSBT that your wallet signs, as text or as a file',
      parameters: [
        ID,
        { name: 'version', in: 'query', schema: { enum: ['0', '2'], default: '0' }, description: 'BIP 174 or BIP 370.' },
        { name: 'format', in: 'query', schema: { enum: ['base64', 'binary'], default: 'base64' } },
      ],
      status: 200,
      answerTypes: ['text/plain', 'application/octet-stream'],
      refuses: [...QUERY, 'transfer_not_found', 'nothing_to_sign'],
    },
  },
  '/v1/transfers/{id}/deliveries': {
    get: {
      id: 'listTransferDeliveries',
      summary: 'Webhook deliveries of a transfer, the newest 100',
      parameters: [ID],
      status: 200,
      answer: 'DeliveryList',
      refuses: ['transfer_not_found'],
    },
  },
  '/v1/transfers/{id}/approvals': {
    post: {
      id: 'approveTransfer',
      summary: 'Say yes to a transfer with a passkey: a WebAuthn assertion over its challenge',
      parameters: [ID],
      body: 'TransferApproval',
      status: 200,
      answer: 'TransferDetail',
      refuses: [...BODY, 'transfer_not_found', 'wrong_status', 'too_many_approvals'],
    },
  },
  '/v1/transfers/{id}/signed': {
    post: {
      id: 'submitSignedTransfer',
      summary: 'Bring back what your wallet has signed; it is compared with what was prepared, and sent',
      parameters: [ID],
      body: 'SignedTransfer',
      status: 200,
      answer: 'TransferDetail',
      refuses: [...BODY, 'transfer_not_found', 'wrong_status', 'signature_refused'],
    },
  },
  '/v1/transfers/{id}/bump': {
    post: {
      id: 'bumpTransfer',
      summary: 'The same payment at a higher fee',
      parameters: [ID],
      body: 'TransferBump',
      status: 200,
      answer: 'TransferDetail',
      refuses: [...BODY, 'transfer_not_found', 'wrong_status'],
    },
  },
  '/v1/transfers/{id}/cancel': {
    post: {
      id: 'cancelTransfer',
      summary:
        'End a transfer that is not signed, or call it back as long as it waits for a block. `reason` says what is done: watch-only, the chain is looked at first',
      parameters: [ID],
      status: 200,
      answer: 'TransferDetail',
      refuses: [...NO_BODY, 'transfer_not_found', 'wrong_status'],
    },
  },
}
