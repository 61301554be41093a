import type { Sender } from '../../gateways/send.ts'
import { err } from '../../lib/result.ts'
import type { SignerRpc } from '../../signer/rpc.ts'
import type { Step, TransferMessage, TransfersRpc } from './rpc.ts'

export interface CarryPorts {
  readonly wallet: Pick<TransfersRpc, 'nextStep' | 'takeFacts' | 'takeSignature' | 'takeBroadcast' | 'takeSighting'>
  /** Null when no node is configured for the chain. */
  readonly sender: Sender | null
  readonly signer: SignerRpc
}

/** Facts, signature, broadcast, look, and each of them once more; the wallet's alarm begins anew. */
const STEPS_MAX = 10
const NO_NODE = err({ detail: 'NODES names no node for this chain' })

/**
 * Carries a transfer as far as it goes now. Decides nothing: the wallet object says each step, and keeps each answer before
 * it says the next. A throw anywhere, or two of these at once, change nothing: the same step comes again, with the same bytes.
 */
export async function carryOut(ports: CarryPorts, { transferId }: Pick<TransferMessage, 'transferId'>): Promise<void> {
  let step = await ports.wallet.nextStep(transferId)
  for (let steps = 0; steps < STEPS_MAX && step.do !== 'nothing'; steps++) step = await carry(ports, transferId, step)
}

async function carry({ wallet, sender, signer }: CarryPorts, id: string, step: Exclude<Step, { do: 'nothing' }>): Promise<Step> {
  switch (step.do) {
    case 'facts':
      return wallet.takeFacts(id, sender ? await sender.facts(step.question) : NO_NODE)
    // What throws here has no answer: it may have been signed, and the same plan is asked about again.
    case 'sign':
      return wallet.takeSignature(id, step.version, await signer.sign(step.request), step.askedAtMs)
    case 'broadcast':
      return wallet.takeBroadcast(id, step.txid, sender ? await sender.broadcast(step.raw) : NO_NODE)
    case 'look':
      return wallet.takeSighting(id, sender ? await sender.look(step.question) : NO_NODE, step.question.txids.length)
  }
}
