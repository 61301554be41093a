import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import { createApprove } from '../../src/approve/routes.tsx'
import { approvalPath } from '../../src/auth/approval-token.ts'
import { encodeJson } from '../../src/lib/json.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { challengeOf } from '../../src/signer/intent.ts'
import { intentOf } from '../../src/wallet/transfers/step.ts'
import type { GivenApproval, Transfer } from '../../src/wallet/transfers/types.ts'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { INVOICE_ID, MAIN_CHAINS } from '../checkout/fixtures.ts'
import { ADDRESS, TXID } from '../invoice/refund-fixture.ts'
import { transferOf } from '../wallet/transfers/transfer-of.ts'

export const SECRET = 'approve-test-secret'
export const TRANSFER_ID = `tr_${'7'.repeat(32)}`
export const WALLET_ID = `wal_${'5'.repeat(32)}`
export const EVM_ADDRESS = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
const LONG = 'Donaudampfschifffahrtsgesellschaftskapitänsmützenmanufaktur GmbH & Co. KG'

export interface ApproveState {
  readonly changes: Partial<Transfer>
  readonly query?: string
  readonly chains?: readonly ChainConfig[]
  /** Null: D1 does not answer. */
  readonly storeName?: string | null
  /** The signer asks for a yes to something else than the transfer says. */
  readonly differs?: boolean
}

export function approval(member?: string | null, credentialId = `cred-${member}`): GivenApproval {
  const parts = { credentialId, authenticatorData: 'YQ', clientDataJson: 'e30', signature: `sig-${credentialId}` }
  return member === undefined ? parts : { ...parts, member }
}

const asked = (changes: Partial<Transfer> = {}): Partial<Transfer> => ({
  status: 'needs_approval',
  reason: '0 of 1 approvals',
  approvalsWanted: 1,
  units: 25_000_000n,
  outputs: [{ address: ADDRESS, units: 25_000_000n }],
  ...changes,
})
const btcRows = Array.from({ length: 40 }, (_, at) => ({ address: ADDRESS, units: 1_000_000n * BigInt(at + 1) }))
const batch = { id: `po_${'6'.repeat(32)}`, size: 1, references: btcRows.map((_, at) => (at % 3 ? null : `Salary ${at + 1}`)) }
const signed = [{ txid: TXID, raw: 'aa', fee: 200n, signedAtMs: 0, takenAtMs: 0 }]
const ETH = { asset: 'ETH', chainId: EVM_LOCAL }
const USDC = { asset: 'USDC', chainId: EVM_LOCAL, outputs: [{ address: EVM_ADDRESS, units: 1_234_567_890n }] }

/** Every state that an approver can meet, by a name that is also the name of its picture. */
export const APPROVE_STATES: Readonly<Record<string, ApproveState>> = {
  ask: { changes: asked({ reference: 'Beans, November' }) },
  'ask-refund-usdc': { changes: asked({ kind: 'refund', invoiceId: INVOICE_ID, ...USDC }), query: 'lang=uk' },
  'ask-german': { changes: asked(), query: 'lang=de', chains: DEVELOPMENT_CHAINS, storeName: null },
  'ask-batch': { changes: asked({ outputs: btcRows, batch, approvalsWanted: 2, approvals: [approval('Ada')] }) },
  'ask-two': {
    changes: asked({ approvalsWanted: 3, approvals: [approval('Ada'), approval('Ada', 'phone'), approval(undefined, 'new')] }),
  },
  'ask-refused': { changes: asked({ approvals: [approval(null, 'eve')] }), query: 'lang=de' },
  'ask-long-words': {
    changes: asked({
      outputs: [{ address: EVM_ADDRESS, units: 123_456_789_012_345_678_901_234n }],
      ...ETH,
      reference: 'x'.repeat(200),
    }),
    storeName: LONG,
    query: 'lang=de',
  },
  differs: { changes: asked(), differs: true },
  queued: { changes: { status: 'queued', reason: 'waits for coins' } },
  approved: { changes: { status: 'queued', reason: 'limit hour: 5 of 5', approvals: [approval('Ada')], approvalsWanted: 1 } },
  signing: { changes: { status: 'signing', approvals: [approval()], approvalsWanted: 1 } },
  sent: { changes: { status: 'broadcast', signed } },
  unknown: { changes: { status: 'unknown', signed, reason: `something else has spent what it spends: ${TXID}` }, query: 'lang=uk' },
  done: { changes: { status: 'confirmed', signed, ...USDC } },
  failed: { changes: { status: 'failed', reason: 'cancelled by api_key:key_1' } },
}

export async function transferIn({ changes, differs }: ApproveState): Promise<Transfer> {
  const outputs = changes.outputs ?? [{ address: ADDRESS, units: 25_000_000n }]
  const base = {
    id: TRANSFER_ID,
    walletId: WALLET_ID,
    custody: 'platform',
    chainId: BITCOIN_REGTEST,
    storeId: `st_${'4'.repeat(32)}`,
  } as const
  const transfer = transferOf({ ...base, ...changes, outputs })
  if (transfer.status !== 'needs_approval') return transfer
  return { ...transfer, challenge: await challengeOf(intentOf(differs ? { ...transfer, outputs: [] } : transfer)) }
}

export async function pathOf(id: string = TRANSFER_ID): Promise<string> {
  return approvalPath(SECRET, { id, walletId: WALLET_ID })
}

/** The bindings the pages use, around one transfer. `calls` says what was asked of wallet objects. */
export async function approveEnv(
  state: ApproveState,
  approveTransfer: (id: string, approval: GivenApproval) => Promise<unknown> = async () => ({
    ok: true,
    value: await transferIn(state),
  }),
) {
  const calls: string[] = []
  const held = { transfer: await transferIn(state) }
  const object = (name: string) => ({
    transfer: async (id: string) => {
      calls.push('read')
      return name === WALLET_ID && id === held.transfer.id ? held.transfer : null
    },
    approveTransfer: async (id: string, given: GivenApproval) => {
      calls.push(`approve ${id} ${given.credentialId}`)
      return approveTransfer(id, given)
    },
  })
  const { storeName = 'Northwind Coffee' } = state
  const answer = async () => {
    if (storeName === null) throw new Error('D1 is away')
    return [[encodeJson({ storeName })]]
  }
  const env = {
    CHAINS: JSON.stringify(state.chains ?? MAIN_CHAINS),
    ENVIRONMENT: 'production',
    ID_SECRET: SECRET,
    ORIGIN: 'https://pay.example',
    WALLETS: { getByName: object },
    DIRECTORY: { withSession: () => ({ prepare: () => ({ bind: () => ({ raw: answer }) }) }) },
  } as unknown as EdgeEnv
  return { env, calls, held }
}

/** One look at a state. */
export async function open(state: ApproveState): Promise<Response> {
  const path = `${await pathOf()}${state.query ? `?${state.query}` : ''}`
  return createApprove().request(path, undefined, (await approveEnv(state)).env)
}
