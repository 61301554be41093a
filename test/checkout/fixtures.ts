import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import { writeBolt11 } from '../../scripts/stack/lightning/encode.ts'
import { formatBankAddress } from '../../src/gateways/sepa/address.ts'
import type { Activation, Invoice, InvoiceTerms, MethodTerms, Payment } from '../../src/invoice/types.ts'
import { SEPA } from '../../src/money/bank.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { LIGHTNING } from '../../src/money/lightning.ts'
import type { Rate } from '../../src/money/rate.ts'
import { refund } from '../invoice/refund-fixture.ts'

/** The time at which every fixture is looked at. */
export const NOW_MS = Date.UTC(2026, 10, 22, 10, 42)
const MINUTE_MS = 60_000

export const SHOP_ORIGIN = 'https://northwind.example'
export const INVOICE_ID = 'inv_9ps8h2m4k6q0v3xz7c5jnbt1wfrdaeg8'
export const BTC_ADDRESS = 'bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk'
export const EVM_ADDRESS = '0x8Ba1f109551bD432803012645Ac136ddd64DBA72'
export const BTC_TXID = '7f3c9e0a5b1d48f2a6c47e9b0d3f51c82e6a94b7d0158f3c6e2a7b94d1c05e8f'
const OTHER_TXID = 'b81e6f0c2d4a597380c1e5f7a9b3d2468f0e1c3a5d7b9f8e6c4a2b0d1f3e5a7c'
const EVM_TXID = `0x${OTHER_TXID}`

/** The development chains as they would be in production: main networks with an explorer. */
export const MAIN_CHAINS: readonly ChainConfig[] = DEVELOPMENT_CHAINS.map((chain) =>
  chain.gateway === 'bitcoin'
    ? { ...chain, name: 'Bitcoin', network: 'mainnet', explorer: 'https://explorer.example/tx/{txid}' }
    : {
        ...chain,
        name: 'Base',
        network: 'mainnet',
        explorer: 'https://explorer.example/tx/{txid}',
        tokens: chain.tokens.map((token) => ({ ...token, name: 'USD Coin' })),
      },
)

export function rate(base: string, value: bigint, fixed = false): Rate {
  const sources = fixed ? ['fixed'] : ['bitstamp', 'coinbase', 'kraken']
  return { base, quote: 'EUR', value, scale: 2, sources, atMs: NOW_MS - 2 * MINUTE_MS, fixed }
}

export function methods(fixed = false): MethodTerms[] {
  return [
    {
      asset: 'BTC',
      chainId: BITCOIN_REGTEST,
      walletId: 'wal',
      custody: 'self',
      whole: 82_967n,
      rate: rate('BTC', 60_000_00n, fixed),
      fee: null,
      confirmationsWanted: 2,
    },
    {
      asset: 'ETH',
      chainId: EVM_LOCAL,
      walletId: 'wal',
      custody: 'self',
      whole: 16_593_333_333_333_334n,
      rate: rate('ETH', 3_000_00n, fixed),
      fee: null,
      confirmationsWanted: 3,
    },
    {
      asset: 'USDC',
      chainId: EVM_LOCAL,
      walletId: 'wal',
      custody: 'self',
      whole: 54_108_696n,
      rate: rate('USDC', 92n, fixed),
      fee: null,
      confirmationsWanted: 3,
    },
  ]
}

export function terms(changes: Partial<InvoiceTerms> = {}): InvoiceTerms {
  return {
    id: INVOICE_ID,
    merchantId: 'mer_1',
    storeId: 'st_1',
    storeName: 'Northwind Coffee',
    shard: 0,
    currency: 'EUR',
    price: 49_78n,
    orderId: '2026-1042',
    description: 'Ethiopia Guji, whole bean, 2 × 1 kg',
    metadata: {},
    redirectUrl: `${SHOP_ORIGIN}/orders/2026-1042`,
    createdAtMs: NOW_MS - 2 * MINUTE_MS,
    expiresAtMs: NOW_MS + 13 * MINUTE_MS,
    watchUntilMs: NOW_MS + 24 * 60 * MINUTE_MS,
    allowedOrigins: [SHOP_ORIGIN],
    toleranceBps: 0,
    latePolicy: 'accept_locked_rate',
    methods: methods(),
    ...changes,
  }
}

export function activation(asset: string): Activation {
  return { asset, address: asset === 'BTC' ? BTC_ADDRESS : EVM_ADDRESS, index: 7, atMs: NOW_MS - MINUTE_MS }
}

export function payment(changes: Partial<Payment> = {}): Payment {
  const asset = changes.asset ?? 'BTC'
  const method = methods().find((offered) => offered.asset === asset)
  const txid = changes.txid ?? (asset === 'BTC' ? BTC_TXID : EVM_TXID)
  const chainId = asset === 'BTC' ? BITCOIN_REGTEST : EVM_LOCAL
  return {
    key: `${chainId}/${txid}/0`,
    revision: 1,
    chainId,
    txid,
    index: '0',
    asset,
    units: method?.whole ?? 0n,
    status: 'unconfirmed',
    confirmations: 0,
    confirmationsWanted: method?.confirmationsWanted ?? 2,
    height: null,
    blockHash: null,
    seenAtMs: NOW_MS - 30_000,
    replacedBy: null,
    late: false,
    decision: 'counted',
    whole: method?.whole ?? null,
    rate: null,
    ...changes,
  }
}

const confirmed = (changes: Partial<Payment> = {}) =>
  payment({ status: 'confirmed', confirmations: 2, height: 468, blockHash: '00ab', ...changes })

/** `termChanges` go into the terms, the rest over an invoice that is new and untouched. */
export function invoice(changes: Partial<Invoice> = {}, termChanges: Partial<InvoiceTerms> = {}): Invoice {
  return {
    terms: terms(termChanges),
    status: 'new',
    version: 1 + (changes.activations?.length ?? 0) + (changes.payments?.length ?? 0) * 2,
    activations: [],
    payments: [],
    settledAtMs: null,
    wasProcessing: false,
    deadlinePassed: false,
    markedInvalid: false,
    updatedAtMs: NOW_MS,
    ...changes,
  }
}

export const BANK_REFERENCE = 'RF83 5390 0754 7034 1234'.replaceAll(' ', '')
export const BANK_ADDRESS = formatBankAddress({
  iban: 'DE89370400440532013000',
  bic: null,
  holder: 'Northwind Coffee GmbH',
  reference: BANK_REFERENCE,
})

/** With a bank account beside the coins, first as a shop in Europe would have it. */
export function bankMethods(): MethodTerms[] {
  const bank = {
    asset: 'EUR',
    chainId: SEPA.id,
    walletId: 'wal_bank',
    custody: 'self',
    whole: 49_78n,
    rate: null,
    fee: null,
  } as const
  return [{ ...bank, confirmationsWanted: 1, transitMs: SEPA.transitMs }, ...methods()]
}

/** As a node without a public channel makes them: the longer kind. */
export const BOLT11 = writeBolt11({
  network: 'bc',
  msat: 82_967_000n,
  paymentHash: 'f419207c9edde9021ebfb6bd0df6bd0a6606ecaf935357cc2f362e30835c3765',
  description: 'Northwind Coffee: 2026-1042',
  createdAtS: NOW_MS / 1_000 - 60,
  expiryS: 840,
  key: 'e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734',
  hinted: true,
})

export function lightningMethods(): MethodTerms[] {
  const [bitcoin, ...others] = methods() as [MethodTerms, ...MethodTerms[]]
  const lightning: MethodTerms = {
    ...bitcoin,
    asset: 'BTC-LN',
    chainId: LIGHTNING.id,
    walletId: 'wal_node',
    confirmationsWanted: 1,
    transitMs: LIGHTNING.transitMs,
  }
  return [bitcoin, lightning, ...others]
}

const lightningPayment = (changes: Partial<Payment> = {}) =>
  payment({
    asset: 'BTC-LN',
    chainId: LIGHTNING.id,
    txid: 'f419207c9edde9021ebfb6bd0df6bd0a6606ecaf935357cc2f362e30835c3765',
    index: 'wal_node',
    key: `${LIGHTNING.id}/f419207c9edde9021ebfb6bd0df6bd0a6606ecaf935357cc2f362e30835c3765/wal_node`,
    units: 82_967n,
    whole: 82_967n,
    status: 'confirmed',
    confirmations: 1,
    confirmationsWanted: 1,
    ...changes,
  })

const LN = { asset: 'BTC-LN', address: BOLT11, index: 3, atMs: NOW_MS - MINUTE_MS, units: 82_967n } as const
const WITH_LIGHTNING = { methods: lightningMethods() }
const transfer = (changes: Partial<Payment> = {}) =>
  payment({
    asset: 'EUR',
    chainId: SEPA.id,
    txid: 'g7k2',
    index: 'wal_bank',
    key: `${SEPA.id}/g7k2/wal_bank`,
    units: 49_78n,
    whole: 49_78n,
    status: 'confirmed',
    confirmations: 1,
    confirmationsWanted: 1,
    ...changes,
  })

const BANK = { activations: [{ asset: 'EUR', address: BANK_ADDRESS, index: 3, atMs: NOW_MS - MINUTE_MS }] }
const BTC = { activations: [activation('BTC')] }
const OVER = { expiresAtMs: NOW_MS - 5 * MINUTE_MS, createdAtMs: NOW_MS - 20 * MINUTE_MS }
const settled = { status: 'settled', settledAtMs: NOW_MS, wasProcessing: true } as const
const expired = { ...BTC, status: 'expired', deadlinePassed: true } as const
const invalid = { ...BTC, status: 'invalid', wasProcessing: true, deadlinePassed: true } as const

export interface State {
  readonly invoice: Invoice
  /** Query of the address it is looked at with. */
  readonly query?: string
  readonly chains?: readonly (ChainConfig | string)[]
  readonly demoWallet?: boolean
}

/** Every state a shopper can meet, by a name that is also the name of its picture. */
export const STATES: Readonly<Record<string, State>> = {
  choose: { invoice: invoice() },
  'choose-one': { invoice: invoice({}, { methods: methods().slice(0, 1), orderId: null }) },
  'choose-development': { invoice: invoice({}, { methods: methods(true) }), chains: DEVELOPMENT_CHAINS, demoWallet: true },
  'pay-btc': { invoice: invoice(BTC) },
  'pay-eth': { invoice: invoice({ activations: [activation('ETH')] }) },
  'pay-usdc': { invoice: invoice({ activations: [activation('USDC')] }) },
  'pay-development': { invoice: invoice(BTC, { methods: methods(true) }), chains: DEVELOPMENT_CHAINS, demoWallet: true },
  'pay-low-time': { invoice: invoice(BTC, { expiresAtMs: NOW_MS + 84_000 }) },
  'pay-btc-price': {
    invoice: invoice(BTC, {
      currency: 'BTC',
      price: 250_000n,
      description: null,
      methods: methods()
        .slice(0, 1)
        .map((method) => ({ ...method, whole: 250_000n, rate: null })),
    }),
  },
  'pay-eth-price': {
    invoice: invoice(
      { activations: [activation('ETH')] },
      {
        currency: 'ETH',
        price: 12_016_593_333_333_333_334n,
        methods: methods()
          .slice(1, 2)
          .map((method) => ({ ...method, whole: 12_016_593_333_333_333_334n, rate: null })),
      },
    ),
  },
  'pay-part': { invoice: invoice({ ...BTC, payments: [confirmed({ units: 33_000n })] }) },
  'pay-replaced': { invoice: invoice({ ...BTC, payments: [payment({ status: 'replaced', replacedBy: OTHER_TXID })] }) },
  'pay-part-bumped': {
    invoice: invoice({
      ...BTC,
      payments: [
        payment({ units: 33_000n, status: 'replaced', replacedBy: OTHER_TXID }),
        confirmed({ units: 33_000n, txid: OTHER_TXID }),
      ],
    }),
  },
  'pay-part-other-coin': {
    invoice: invoice({ activations: [activation('BTC'), activation('ETH')], payments: [confirmed({ units: 33_000n })] }),
  },
  'pay-embedded': { invoice: invoice(BTC), query: `embed=${encodeURIComponent(SHOP_ORIGIN)}` },
  'pay-long-words': {
    invoice: invoice(BTC, {
      storeName: 'Donaudampfschifffahrtsgesellschaftskapitänsmützenmanufaktur GmbH & Co. KG',
      description: 'A description that goes on for longer than anybody would like, with/an/unbreakable/path/in/it/that/never/ends',
      price: 123_456_789_00n,
    }),
    query: 'lang=de',
  },
  'choose-bank': { invoice: invoice({}, { methods: bankMethods() }) },
  'choose-bank-only': { invoice: invoice({}, { methods: bankMethods().slice(0, 1) }) },
  'pay-bank': { invoice: invoice(BANK, { methods: bankMethods() }) },
  'pay-bank-part': { invoice: invoice({ ...BANK, payments: [transfer({ units: 20_00n })] }, { methods: bankMethods() }) },
  'pay-bank-returned': { invoice: invoice({ ...BANK, payments: [transfer({ status: 'returned' })] }, { methods: bankMethods() }) },
  'pay-bank-next-day': { invoice: invoice(BANK, { ...OVER, methods: bankMethods() }) },
  'pay-bank-long-words': {
    invoice: invoice(
      {
        activations: [
          {
            asset: 'EUR',
            address: formatBankAddress({
              iban: 'MT84MALT011000012345MTLCAST001S',
              bic: 'MALTMTMTXXX',
              holder: 'Donaudampfschifffahrtsgesellschaftskapitänsmützenmanufaktur GmbH & Co.',
              reference: BANK_REFERENCE,
            }),
            index: 3,
            atMs: NOW_MS,
          },
        ],
      },
      { price: 1_234_567_890n, methods: bankMethods().map((method) => ({ ...method, whole: 1_234_567_890n })) },
    ),
    query: 'lang=uk',
  },
  'german-pay-bank': { invoice: invoice(BANK, { methods: bankMethods(), price: 1_234_50n }), query: 'lang=de' },
  'ukrainian-pay-bank': { invoice: invoice(BANK, { methods: bankMethods() }), query: 'lang=uk' },
  'closing-bank': { invoice: invoice(BANK, { methods: bankMethods(), expiresAtMs: NOW_MS - SEPA.transitMs - 1 }) },
  'seen-bank': {
    invoice: invoice(
      { ...BANK, status: 'processing', wasProcessing: true, payments: [transfer({ status: 'unconfirmed', confirmations: 0 })] },
      { methods: bankMethods() },
    ),
  },
  'paid-bank': { invoice: invoice({ ...BANK, ...settled, payments: [transfer()] }, { methods: bankMethods() }) },
  'invalid-returned': {
    invoice: invoice({ ...invalid, ...BANK, payments: [transfer({ status: 'returned' })] }, { ...OVER, methods: bankMethods() }),
  },
  'choose-lightning': { invoice: invoice({}, WITH_LIGHTNING), chains: [...MAIN_CHAINS, 'lightning'] },
  'pay-lightning': { invoice: invoice({ activations: [LN] }, WITH_LIGHTNING), chains: [...MAIN_CHAINS, 'lightning'] },
  'pay-lightning-part': {
    invoice: invoice(
      { activations: [activation('BTC'), { ...LN, units: 49_967n }], payments: [confirmed({ units: 33_000n })] },
      WITH_LIGHTNING,
    ),
    chains: [...MAIN_CHAINS, 'lightning'],
  },
  // The node has yet to make one for the rest.
  'pay-lightning-stale': {
    invoice: invoice({ activations: [LN], payments: [confirmed({ units: 33_000n })] }, WITH_LIGHTNING),
    chains: [...MAIN_CHAINS, 'lightning'],
  },
  'pay-btc-lightning': {
    invoice: invoice({ activations: [{ ...LN, beside: true }, activation('BTC')] }, WITH_LIGHTNING),
    chains: [...MAIN_CHAINS, 'lightning'],
  },
  'german-pay-btc-lightning': {
    invoice: invoice({ activations: [{ ...LN, beside: true }, activation('BTC')] }, WITH_LIGHTNING),
    chains: [...MAIN_CHAINS, 'lightning'],
    demoWallet: true,
    query: 'lang=de',
  },
  'ukrainian-pay-lightning': {
    invoice: invoice({ activations: [LN] }, WITH_LIGHTNING),
    chains: [...MAIN_CHAINS, 'lightning'],
    query: 'lang=uk',
  },
  'paid-lightning': {
    invoice: invoice({ activations: [LN], ...settled, payments: [lightningPayment()] }, WITH_LIGHTNING),
    chains: [...MAIN_CHAINS, 'lightning'],
  },
  'closing-lightning': {
    invoice: invoice({ activations: [LN] }, { ...WITH_LIGHTNING, expiresAtMs: NOW_MS - 2000 }),
    chains: [...MAIN_CHAINS, 'lightning'],
  },
  closing: { invoice: invoice(BTC, { expiresAtMs: NOW_MS - 2000 }) },
  seen: { invoice: invoice({ ...BTC, status: 'processing', payments: [payment()], wasProcessing: true }) },
  confirming: {
    invoice: invoice({ ...BTC, status: 'processing', payments: [confirmed({ confirmations: 1 })], wasProcessing: true }),
  },
  paid: { invoice: invoice({ ...BTC, ...settled, payments: [confirmed()] }) },
  'paid-development': {
    invoice: invoice({ ...BTC, ...settled, payments: [confirmed()] }, { methods: methods(true) }),
    chains: DEVELOPMENT_CHAINS,
  },
  'paid-in-two-coins': {
    invoice: invoice({
      activations: [activation('BTC'), activation('USDC')],
      ...settled,
      payments: [confirmed({ units: 33_000n }), confirmed({ asset: 'USDC', units: 32_600_000n, confirmations: 3 })],
    }),
  },
  'paid-eth': {
    invoice: invoice({
      activations: [activation('ETH')],
      ...settled,
      payments: [confirmed({ asset: 'ETH', units: 16_593_333_333_333_337n, confirmations: 3 })],
    }),
  },
  'paid-over': { invoice: invoice({ ...BTC, ...settled, payments: [confirmed({ units: 100_000n })] }) },
  'paid-over-returned': {
    invoice: invoice({
      ...BTC,
      ...settled,
      payments: [confirmed({ units: 100_000n })],
      refunds: [
        refund('confirmed', { units: 12_000n }),
        refund('awaiting_address', { id: `tr_${'8'.repeat(32)}`, units: 5_033n }),
        refund('cancelled', { id: `tr_${'7'.repeat(32)}`, units: 1_111n }),
      ],
    }),
  },
  'paid-late': {
    invoice: invoice(
      { ...BTC, ...settled, deadlinePassed: true, payments: [confirmed({ late: true })] },
      { ...OVER, redirectUrl: null },
    ),
  },
  expired: { invoice: invoice(expired, OVER) },
  'expired-hold': { invoice: invoice(expired, { ...OVER, latePolicy: 'hold', redirectUrl: null }) },
  'expired-part': { invoice: invoice({ ...expired, payments: [confirmed({ units: 33_000n })] }, OVER) },
  'expired-held': {
    invoice: invoice({ ...expired, payments: [confirmed({ late: true, decision: 'held' })] }, { ...OVER, latePolicy: 'hold' }),
  },
  'expired-refused': { invoice: invoice({ ...expired, payments: [confirmed({ late: true, decision: 'refused' })] }, OVER) },
  'expired-returning': {
    invoice: invoice(
      { ...expired, payments: [confirmed({ late: true, decision: 'refused' })], refunds: [refund('broadcast')] },
      OVER,
    ),
    query: 'lang=uk',
  },
  'invalid-replaced': {
    invoice: invoice({ ...invalid, payments: [payment({ status: 'replaced', replacedBy: OTHER_TXID })] }, OVER),
  },
  'invalid-double-spent': {
    invoice: invoice({ ...invalid, payments: [payment({ status: 'double_spent', replacedBy: OTHER_TXID })] }, OVER),
  },
  'invalid-missing': { invoice: invoice({ ...invalid, payments: [payment({ status: 'missing' })] }, OVER) },
  'invalid-marked': { invoice: invoice({ ...invalid, markedInvalid: true }) },
  'german-pay': { invoice: invoice(BTC), query: 'lang=de' },
  'ukrainian-pay': { invoice: invoice(BTC), query: 'lang=uk' },
  'ukrainian-paid': { invoice: invoice({ ...BTC, ...settled, payments: [confirmed()] }), query: 'lang=uk' },
}
