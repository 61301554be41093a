import {
  assetCode,
  count,
  decimalOrNull,
  flag,
  list,
  orNull,
  page,
  record,
  type Schema,
  signedOrNull,
  text,
  textOrNull,
  time,
  timeOrNull,
  wish,
} from './json-schema.ts'
import { CURSOR, ID, IDEMPOTENCY_KEY_NEEDED, LIMIT, NEW_TRANSFER, type Operations, QUERY } from './operation.ts'

const custody: Schema = { enum: ['self', 'platform'], description: 'Who holds the key: you, or the platform.' }
const chain: Schema = { ...text, description: 'CAIP-2' }

/** As the newest reading of the wallet has it, or the newest statement of a bank account; null before the first. */
const sums = {
  asset: assetCode,
  confirmed: {
    ...signedOrNull,
    description:
      'In blocks, as of `asOf`; of a bank account the closing balance of its newest statement, below zero when it is overdrawn. Null before the first reading.',
  },
  pending: { ...decimalOrNull, description: 'Payments that are seen and in no block, or in no statement.' },
  leaving: {
    ...decimalOrNull,
    description:
      'The part of `confirmed` that waiting transactions spend, where the chain can tell; of a bank account what the bank is carrying out.',
  },
}

const reading = {
  chain,
  name: text,
  asOf: { ...orNull(record({ height: count, hash: text, at: time })), description: 'The block that all of it is as of.' },
  readAt: timeOrNull,
  addresses: { ...count, description: 'How many addresses were looked at.' },
  stale: {
    ...flag,
    description:
      'Never read, or not for ten minutes: ask with `refresh=true`. Of a bank account: no statement of the last five days; bring one.',
  },
  refreshing: { ...flag, description: 'A newer reading is under way.' },
  error: {
    ...orNull(record({ reason: text, detail: text, at: time })),
    description:
      'Why the newest attempt to read brought nothing; the figures are those of the one before. Of a bank account: `balance_difference` (while it lasts no payment file is made) or `statement_gap`.',
  },
}

const payer = {
  ...orNull(
    record({
      address: text,
      native: { ...decimalOrNull, description: 'What it has of the chain’s own asset, as last seen; null before anybody looked.' },
      low: { ...flag, description: 'It has too little for the next twenty transfers, or nothing is known of it: send gas there.' },
    }),
  ),
  description: 'The address that a hot wallet pays from, and pays gas with; null where there is no such address.',
}

export const WALLET_SCHEMAS = {
  WalletList: record({
    data: list(
      record({
        id: text,
        object: { const: 'wallet' },
        custody,
        script: {
          enum: ['p2wpkh', 'p2tr', 'evm', 'sepa', 'lightning'],
          description: '`sepa` is a bank account and `lightning` a node, not an account key.',
        },
        addressesUsed: { ...count, description: 'Addresses given out, to invoices of all stores that have the wallet.' },
        chains: list(
          record({
            chain,
            name: text,
            assets: list(assetCode),
            firstAddresses: {
              ...list(text),
              description: 'The first three of the account, to be compared with your own wallet’s; of a bank account its IBAN.',
            },
            payer,
          }),
        ),
        node: {
          ...orNull(record({ name: text, status: { enum: ['ok', 'down', 'unknown'] }, answeredAt: timeOrNull, error: textOrNull })),
          description: 'Of a Lightning node: how it was when it was asked last. Null for other wallets.',
        },
      }),
    ),
  }),
  WalletBalance: record({
    object: { const: 'wallet_balance' },
    walletId: text,
    custody,
    chains: list(
      record({
        ...reading,
        payer,
        assets: list(
          record({
            ...sums,
            reserved: {
              ...decimalOrNull,
              description:
                'Set aside in your books for refunds, payouts and conversions; of a wallet whose keys are yours, what its transfers are to spend; of a bank account, those that no statement has carried out.',
            },
          }),
        ),
      }),
    ),
  }),
  CreateSweep: record({ asset: assetCode }),
  CreateAcceleration: wish(
    {
      txid: { type: 'string', pattern: '^[0-9a-fA-F]{64}$', description: 'Of a transaction that waits and pays the wallet.' },
      targetBlocks: { type: ['integer', 'null'], minimum: 1, maximum: 144, default: 1 },
      feeMax: { ...decimalOrNull, description: 'In the chain’s own asset, of the child alone.' },
    },
    ['txid'],
  ),
  WalletAddressList: page(
    record({
      object: { const: 'wallet_address' },
      index: count,
      invoiceId: text,
      chains: list(record({ chain, address: text, assets: { ...list(record(sums)), description: 'What is zero is left out.' } })),
    }),
  ),
  AddressBalance: record({
    object: { const: 'address_balance' },
    walletId: text,
    address: text,
    index: count,
    invoiceId: text,
    chains: list(record({ ...reading, assets: list(record(sums)) })),
  }),
} as const satisfies Record<string, Schema>

const ADDRESS: Schema = { name: 'address', in: 'path', required: true, schema: { type: 'string' } }
const REFRESH: Schema = {
  name: 'refresh',
  in: 'query',
  schema: { enum: ['true', 'false'] },
  description: 'Has the addresses read anew; the figures of this answer are still those of the reading before.',
}

export const WALLET_OPERATIONS: Operations<keyof typeof WALLET_SCHEMAS | 'TransferDetail'> = {
  '/v1/wallets': {
    get: { id: 'listWallets', summary: 'The wallets the store is paid into', status: 200, answer: 'WalletList', refuses: [] },
  },
  '/v1/wallets/{id}/balance': {
    get: {
      id: 'readWalletBalance',
      summary: 'What all addresses of a wallet have together',
      parameters: [ID, REFRESH],
      status: 200,
      answer: 'WalletBalance',
      refuses: [...QUERY, 'wallet_not_found', 'not_configured', 'too_many_addresses'],
    },
  },
  '/v1/wallets/{id}/sweeps': {
    post: {
      id: 'createSweep',
      summary: 'Bring what lies at deposit addresses of an EVM hot wallet to the address that it pays from',
      parameters: [ID, IDEMPOTENCY_KEY_NEEDED],
      body: 'CreateSweep',
      status: 201,
      answer: 'TransferDetail',
      refuses: [...NEW_TRANSFER, 'wallet_not_found'],
    },
  },
  '/v1/wallets/{id}/accelerations': {
    post: {
      id: 'createAcceleration',
      summary: 'Hurry a transaction that waits with too low a fee, by a child that pays for it (Bitcoin, Litecoin)',
      parameters: [ID, IDEMPOTENCY_KEY_NEEDED],
      body: 'CreateAcceleration',
      status: 201,
      answer: 'TransferDetail',
      refuses: [...NEW_TRANSFER, 'wallet_not_found', 'already_accelerated', 'already_in_block'],
    },
  },
  '/v1/wallets/{id}/addresses': {
    get: {
      id: 'listWalletAddresses',
      summary: 'Addresses given to invoices of the store, the oldest first',
      parameters: [ID, LIMIT, CURSOR],
      status: 200,
      answer: 'WalletAddressList',
      refuses: [...QUERY, 'wallet_not_found'],
    },
  },
  '/v1/wallets/{id}/addresses/{address}/balance': {
    get: {
      id: 'readAddressBalance',
      summary: 'What one address has',
      parameters: [ID, ADDRESS, REFRESH],
      status: 200,
      answer: 'AddressBalance',
      refuses: [...QUERY, 'wallet_not_found', 'address_not_found', 'not_configured', 'too_many_addresses'],
    },
  },
}
