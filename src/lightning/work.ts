import type { NodeError } from '../gateways/gateway.ts'
import { checkInvoice } from '../gateways/lightning/check.ts'
import type { LightningNode, SendingPolicy } from '../gateways/lightning/node.ts'
import type { Clock } from '../lib/clock.ts'
import { err, ok } from '../lib/result.ts'
import type { LightningRail } from '../money/lightning.ts'
import type { Errands, LightningRpc, LookState, NodeName, PaymentsLook } from './rpc.ts'

export interface LightningPorts {
  readonly object: Pick<LightningRpc, 'errands' | 'made' | 'cancelled' | 'told' | 'begin' | 'commit' | 'failLook'>
  readonly clock: Clock
  /** The node of that name, its key, and what it may be used to pay; null when none is configured. */
  readonly connect: (node: NodeName) => Connected | null
  readonly railOf: (chainId: string) => LightningRail
}

export interface Connected {
  readonly node: LightningNode
  readonly nodeId: string | null
  readonly sending: SendingPolicy | null
}

/** Everything that waits for the node now: invoices to make, such as are not to be paid any more, its balance. */
export async function runErrands({ object, clock, connect, railOf }: LightningPorts): Promise<void> {
  const errands = await object.errands()
  if (!errands) return
  const connected = connect(errands)
  const { network } = railOf(errands.chainId)
  const makeOne = async (wish: Errands['make'][number]): Promise<void> => {
    const { index, label, units, memo, expiresAtMs } = wish
    if (!connected) return object.made(index, err(notConfigured(errands)))
    const { node, nodeId } = connected
    const expirySeconds = Math.max(1, Math.ceil((expiresAtMs - clock()) / 1_000))
    const made = await node.makeInvoice({ label, units, memo, expirySeconds })
    if (!made.ok) return object.made(index, made)
    const { paymentHash } = made.value
    const checked = checkInvoice(made.value.bolt11, { network, units, expiresAtMs, paymentHash, nodeId }, clock())
    await object.made(index, checked.ok ? ok({ bolt11: checked.value, paymentHash }) : checked)
  }
  await Promise.all(errands.make.map(makeOne))
  if (errands.balance) await object.told(connected ? await connected.node.balance() : err(notConfigured(errands)))
  if (errands.cancel.length === 0 || !connected) return
  // Whether it worked is not waited for: what was paid all the same is found, and more than was due is the invoice's to say.
  await Promise.all(errands.cancel.map((invoice) => connected.node.cancel(invoice)))
  await object.cancelled(errands.cancel.map(({ index }) => index))
}

/** One look: what is over is asked for by name, then whatever is paid is waited for. */
export async function lookAtPayments({ object, connect }: LightningPorts): Promise<void> {
  const state = await object.begin()
  if (!state) return
  const connected = connect(state)
  if (!connected) return object.failLook(notConfigured(state), null)
  const { sending, node } = connected
  const { closed, error } = await readClosing(node, state)
  if (error?.reason === 'node_unreachable') return object.failLook(error, sending)
  // An invoice that waits to be closed is not kept waiting.
  const paid = await node.paidAfter(state.closing.length > 0 ? { ...state, waitMs: 0 } : state)
  if (!paid.ok) return object.failLook(paid.error, sending)
  if (error) return object.failLook(error, sending, { payments: paid.value.payments, closed })
  return object.commit({ ...paid.value, base: state.cursor, closed, sending })
}

/** One that the node cannot tell of holds up neither the others nor payments; whoever is away is not asked for each. */
async function readClosing(
  node: LightningNode,
  { closing }: LookState,
): Promise<{ readonly closed: PaymentsLook['closed']; readonly error: NodeError | null }> {
  const closed: PaymentsLook['closed'][number][] = []
  let error: NodeError | null = null
  for (const invoice of closing) {
    const payment = await node.lookUp(invoice)
    if (payment.ok) closed.push({ index: invoice.index, payment: payment.value })
    else error = payment.error
    if (error?.reason === 'node_unreachable') break
  }
  return { closed, error }
}

function notConfigured({ chainId, name }: NodeName): NodeError {
  return { reason: 'protocol', detail: `NODES names no node ${name} for ${chainId}` }
}
