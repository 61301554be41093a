import type { TransferDetail, TransferResource } from '../../src/wallet/transfers/resource.ts'
import { count, type Say, table } from '../stack/say.ts'
import { Refusal } from '../stack/tool.ts'
import type { PayoutAnswer, RefundLine, RefundsAnswer } from './transfers.ts'

/** How long a transfer is followed: blocks of Bitcoin may be an hour apart. */
const FOLLOW_MS_MAX = 6 * 3_600_000
const POLL_MS = 500
/** Outputs of one transfer that are shown. */
const OUTPUTS_SHOWN = 10
/** Longer than any address of a chain. */
const ADDRESS_SHOWN_MAX = 120

/** Shows each step of a transfer until it is over, or somebody has to do something. */
export async function follow(
  read: () => Promise<TransferDetail>,
  say: Say,
  sleep: (ms: number) => Promise<unknown> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<TransferDetail> {
  const deadline = Date.now() + FOLLOW_MS_MAX
  let shown = ''
  for (;;) {
    const transfer = await read()
    const words = stepOf(transfer)
    if (words !== shown) say.line(`  ${words}`)
    shown = words
    if (isOver(transfer) || waitsForSomebody(transfer)) return transfer
    if (Date.now() > deadline)
      throw new Refusal(`The transfer is still ${transfer.status}: npm run wallet -- transfer ${transfer.id}`)
    say.progress(`  ${transfer.status}, ${count(transfer.confirmations, 'confirmation')}`)
    await sleep(POLL_MS)
  }
}

/** 0: sent, or on its way. 1: it failed. 2: it waits for an approval or a signature. */
export function exitCodeOf(transfer: TransferResource): number {
  if (transfer.status === 'failed') return 1
  return waitsForSomebody(transfer) ? 2 : 0
}

export function showTransfer(transfer: TransferDetail, say: Say): void {
  const { id, kind, amount, asset, outputs, outputCount, reference, payoutId, fee, feeMax } = transfer
  const { explorerUrl, transactions, unsigned, approval, parentTxid, lightning } = transfer
  const what = parentTxid === null ? `${kind} of ${amount} ${asset}` : `acceleration of ${parentTxid}`
  say.line(`${id}  ${what}${reference === null ? '' : `, ${reference}`}${payoutId === null ? '' : `, of ${payoutId}`}`)
  say.line(`  ${stepOf(transfer)}`)
  const rows = outputs.slice(0, OUTPUTS_SHOWN).map((output) => [`  ${output.amount}`, output.address, output.reference ?? ''])
  table(say, rows)
  if (outputCount > OUTPUTS_SHOWN) say.line(`    and ${outputCount - OUTPUTS_SHOWN} more`)
  const cost = fee === null ? 'not known yet' : `${fee.amount} ${fee.asset}`
  say.line(`  fee ${cost}, at most ${feeMax.amount} ${feeMax.asset}`)
  for (const { txid, sentAt } of transactions) say.line(`  signed ${txid}${sentAt === null ? ', no node has it yet' : ''}`)
  if (lightning?.preimage) say.line(`  paid, which this proves: ${lightning.preimage}`)
  if (explorerUrl !== null) say.line(`  ${explorerUrl}`)
  if (approval?.url) say.line(`  approve it with a passkey: ${approval.url}`)
  if (unsigned?.psbt) say.line(`  npm run wallet -- psbt ${id}, sign it, then npm run wallet -- submit ${id} <file or text>`)
  if (unsigned?.evm) say.line(`  to be signed: ${JSON.stringify(unsigned.evm.fields)}`)
}

export function showTransfers(transfers: readonly TransferResource[], say: Say): void {
  const head = ['created', 'id', 'kind', 'status', 'amount', 'to']
  const rows = transfers.map(({ createdAt, id, kind, status, amount, asset, outputs, outputCount, parentTxid }) => {
    const payees = outputCount === 1 ? shortened(outputs[0]?.address ?? '') : `${outputCount} addresses`
    const to = parentTxid === null ? payees : `hurries ${parentTxid}`
    return [createdAt, id, kind, status, `${amount} ${asset}`, to]
  })
  if (rows.length === 0) say.line('  no transfer')
  else table(say, [head, ...rows])
}

/** 1 when something of it could not be made. */
export function showPayout({ id, rows, data, refused, warnings }: PayoutAnswer, say: Say): number {
  say.line(`${id}  ${count(rows.length, 'row')} in ${count(data.length, 'transfer')}`)
  for (const { line, detail } of warnings) say.line(`  line ${line}: ${detail}`)
  showTransfers(data, say)
  for (const { line, detail } of refused) say.line(`  line ${line} was not sent: ${detail}`)
  return refused.length > 0 ? 1 : 0
}

/** Its last line is for its payer, while they can use it. */
export function showRefund({ id, amount, asset, status, detail, address, txid, claimUrl }: RefundLine, say: Say): void {
  say.line(`${id}  refund of ${amount} ${asset}`)
  say.line(`  ${status}${txid === null ? '' : `, ${txid}`}${detail === null ? '' : `: ${detail}`}`)
  if (address !== null) say.line(`  to ${address}`)
  if (claimUrl !== null) say.line(`  for its payer, and nobody else: ${claimUrl}`)
}

export function showRefunds({ data, refundable }: RefundsAnswer, say: Say): void {
  for (const refund of data) showRefund(refund, say)
  if (data.length === 0) say.line('  no refund')
  const left = refundable.map(({ asset, amount }) => `${amount} ${asset}`).join(', ')
  say.line(`  ${left === '' ? 'nothing' : left} can be refunded`)
}

/** A Lightning invoice is hundreds of letters: in a list its ends are enough. */
function shortened(address: string): string {
  return address.length <= ADDRESS_SHOWN_MAX ? address : `${address.slice(0, 24)}…${address.slice(-12)}`
}

function isOver({ status }: TransferResource): boolean {
  return status === 'confirmed' || status === 'failed'
}

/** A list does not say what there is to sign. */
function waitsForSomebody({ status, custody, unsigned }: TransferResource & Partial<Pick<TransferDetail, 'unsigned'>>): boolean {
  if (status === 'needs_approval') return true
  return custody === 'self' && (status === 'signing' ? unsigned !== null : status === 'broadcast' && Boolean(unsigned))
}

function stepOf({ status, reason, txid, block, approval }: TransferResource): string {
  const yes = status === 'needs_approval' && approval ? `, ${approval.given} of ${approval.wanted} given` : ''
  const where = block !== null ? `, ${txid} in block ${block.height}` : txid !== null ? `, ${txid}` : ''
  return `${status}${yes}${where}${reason === null ? '' : `: ${reason}`}`
}
