import { balanceOf } from '../ledger/balances.ts'
import { isId, keyedId, sha256Hex } from '../lib/ids.ts'
import { canonicalJson } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { encodePosition } from '../storage/cursor.ts'
import { shardOf } from '../storage/shards.ts'
import { countBatch, listBatch } from '../storage/transfers.ts'
import { listed } from '../wallet/transfers/resource.ts'
import type { CreateTransfer } from '../wallet/transfers/rpc.ts'
import type { Transfer } from '../wallet/transfers/types.ts'
import { readQuery } from './body.ts'
import type { Answer, Call } from './call.ts'
import { TARGET_BLOCKS_DEFAULT } from './create-transfer.ts'
import { madeHeaders, requiredKey } from './idempotency.ts'
import { askLedger } from './ledger-access.ts'
import { type PayoutRow, ROWS_MAX, readPayoutRows } from './payout-rows.ts'
import type { Problem } from './problems.ts'
import { readLimit, readPosition } from './query.ts'
import { askTransfers, copied, describeRefusal, insufficientFunds, showTransfers } from './transfer-access.ts'
import { keyReused, madeBefore, takeKey, transferId } from './transfer-keys.ts'

/** Rows in one transfer of an EVM hot wallet: some 5,000,000 gas, a third of what one transaction may have (EIP-7825). */
export const MANY_MAX = 100
/** Transfers that are made at a time. */
const PARALLEL = 20

/** The rows that one transfer pays. */
interface Group {
  readonly source: PayoutRow['source']
  readonly rows: PayoutRow[]
}

interface Wanted {
  readonly group: Group
  readonly request: CreateTransfer
  /** The first of its wallet. */
  readonly isFirst: boolean
}

/** What became of one of them. */
interface Made {
  readonly group: Group
  readonly answer: Result<Transfer, Problem>
}

/**
 * `POST /v1/payouts`: many payments at once. On chains of coins all rows of a wallet are one transfer; of an EVM hot wallet
 * those of one asset are, up to `MANY_MAX`, and of a merchant's own each row is one. Sent again under the same key it goes on where it stopped, and makes nothing twice.
 */
export async function createPayout(call: Call): Promise<Result<Answer, Problem>> {
  const key = requiredKey(call)
  if (!key.ok) return key
  const read = await readPayoutRows(call)
  if (!read.ok) return read
  const rows = read.value
  const batchId = await batchOf(call, key.value, rows)
  const covered = await cover(call, rows)
  // Looked for after the balance: what the same request has taken out of it meanwhile is made.
  const before = await madeBefore(call, key.value, [...new Set(rows.map(({ source }) => source.wallet.id))])
  if (before.some(({ batch }) => batch?.id !== batchId)) return keyReused()
  if (before.length === 0 && !covered.ok) return covered
  if (before.length === 0 && !(await takeKey(call, key.value, batchId))) return keyReused()

  const made = await makeAll(call, await requests(call, key.value, batchId, groupsOf(rows)))
  const transfers = made.flatMap(({ group, answer }) => (answer.ok ? [{ group, transfer: answer.value }] : []))
  const [first] = made
  if (transfers.length === 0 && first && !first.answer.ok) return first.answer
  const body = {
    id: batchId,
    object: 'payout',
    rows: transfers
      .flatMap(({ group, transfer }) => group.rows.map(({ line }, output) => ({ line, transferId: transfer.id, output })))
      .sort((one, other) => one.line - other.line),
    data: await showTransfers(
      call,
      transfers.map(({ transfer }) => listed(transfer)),
    ),
    refused: made.flatMap(({ group, answer }) =>
      answer.ok ? [] : group.rows.map(({ line }) => ({ line, detail: answer.error.detail })),
    ),
    warnings: duplicates(rows),
  }
  const headers = madeHeaders(`/v1/payouts/${batchId}`, before.length > 0)
  return ok({ status: 201, body, headers })
}

/** `GET /v1/payouts/:id`: the batch's transfers, from D1: moments behind. */
export async function readPayout(call: Call): Promise<Result<Answer, Problem>> {
  const { storeId, shard } = call.identity.store
  const query = readQuery(call.request, ['limit', 'cursor'], (fields) => ({
    limit: readLimit(fields),
    after: readPosition(fields, 'tr'),
  }))
  if (!query.ok) return query
  const batchId = call.param('id')
  const notFound = err({ reason: 'payout_not_found', detail: 'this store has no batch of payouts with this id' } as const)
  if (!isId('po', batchId)) return notFound
  const database = shardOf(call.env, shard)
  const [page, statuses] = await copied(
    Promise.all([listBatch(database, { storeId, batchId, ...query.value }), countBatch(database, storeId, batchId)]),
  )
  const known = Object.values(statuses).reduce((sum, number) => sum + number, 0)
  if (known === 0) return notFound
  const transfers = page.transfers[0]?.batch?.size ?? known
  const data = await showTransfers(call, page.transfers)
  return ok({
    status: 200,
    body: { id: batchId, object: 'payout', transfers, statuses, data, nextCursor: page.next && encodePosition(page.next) },
  })
}

/** Named by the key and by what is asked for, so that the same key with other rows is seen to be another batch. */
async function batchOf({ env, identity }: Call, key: string, rows: readonly PayoutRow[]): Promise<string> {
  const meant = rows.map(({ address, units, reference, source }) => [address, units, reference, source.asset, source.wallet.id])
  return keyedId('po', env.ID_SECRET, [identity.store.storeId, key, await sha256Hex(canonicalJson(meant))])
}

/** In the order of their first rows. */
function groupsOf(rows: readonly PayoutRow[]): Group[] {
  const groups: Group[] = []
  const open = new Map<string, Group>()
  for (const row of rows) {
    const name = `${row.source.wallet.id} ${row.source.asset}`
    const group = open.get(name)
    if (group && group.rows.length < rowsMax(row.source)) {
      group.rows.push(row)
      continue
    }
    const next = { source: row.source, rows: [row] }
    groups.push(next)
    open.set(name, next)
  }
  return groups
}

/** Rows that one transfer can pay. On EVM chains many are paid by the delegate of a hot wallet's treasury (docs/evm-sweeping.md). */
function rowsMax({ wallet, chain }: PayoutRow['source']): number {
  if (chain.gateway !== 'evm') return ROWS_MAX
  return wallet.custody === 'platform' && chain.delegateFactory !== undefined ? MANY_MAX : 1
}

async function requests(call: Call, key: string, batchId: string, groups: readonly Group[]): Promise<Wanted[]> {
  const { merchantId, shard, storeId } = call.identity.store
  const numbers = new Map<string, number>()
  return Promise.all(
    groups.map(async (group) => {
      const { wallet, chain, asset } = group.source
      const number = numbers.get(wallet.id) ?? 0
      numbers.set(wallet.id, number + 1)
      const references = group.rows.map(({ reference }) => reference)
      const request: CreateTransfer = {
        id: await transferId(call, key, wallet.id, number),
        kind: 'payout',
        merchantId,
        shard,
        storeId,
        custody: wallet.custody,
        chainId: chain.id,
        asset,
        outputs: group.rows.map(({ address, units }) => ({ address, units })),
        invoiceId: null,
        reference: references.length === 1 ? (references[0] ?? null) : null,
        batch: { id: batchId, size: groups.length, references },
        targetBlocks: TARGET_BLOCKS_DEFAULT,
        feeMax: null,
      }
      return { group, request, isFirst: number === 0 }
    }),
  )
}

/** The first of each wallet alone: by it the batch is known again. When none of them can be made, nothing was done. */
async function makeAll(call: Call, wanted: readonly Wanted[]): Promise<Made[]> {
  const make = async ({ group, request }: Wanted): Promise<Made> => {
    const created = await askTransfers(call, group.source.wallet.id, (object) => object.createTransfer(request))
    return { group, answer: created.ok ? created : describeRefusal(call, created.error) }
  }
  const made: Made[] = []
  for (const one of wanted.filter(({ isFirst }) => isFirst)) made.push(await make(one))
  if (made.every(({ answer }) => !answer.ok)) return made
  const rest = wanted.filter(({ isFirst }) => !isFirst)
  for (let at = 0; at < rest.length; at += PARALLEL) made.push(...(await Promise.all(rest.slice(at, at + PARALLEL).map(make))))
  return made
}

/** Whether the books have all of it, so that a batch they have not is refused whole. What is watch-only they do not know. */
async function cover(call: Call, rows: readonly PayoutRow[]): Promise<Result<null, Problem>> {
  const ours = rows.filter(({ source }) => source.wallet.custody === 'platform')
  if (ours.length === 0) return ok(null)
  const { balances } = await askLedger(call, (ledger) => ledger.balances(call.identity.store.storeId))
  for (const [asset, paid] of Map.groupBy(ours, ({ source }) => source.asset)) {
    const wanted = paid.reduce((sum, { units }) => sum + units, 0n)
    const available = balanceOf(balances, 'available', asset)
    if (wanted > available) return insufficientFunds(call, asset, available)
  }
  return ok(null)
}

/** The same amount to the same address twice is allowed, and may be a mistake. */
function duplicates(rows: readonly PayoutRow[]) {
  const firsts = new Map<string, number>()
  return rows.flatMap(({ line, address, units, source }) => {
    const name = `${source.asset} ${units} ${address}`
    const first = firsts.get(name)
    if (first === undefined) firsts.set(name, line)
    return first === undefined ? [] : [{ line, sameAs: first, detail: `the same amount to the same address as in line ${first}` }]
  })
}
