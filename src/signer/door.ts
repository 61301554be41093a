import type { SignedTransaction } from '../gateways/spend.ts'
import { isId } from '../lib/ids.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { err, type Result } from '../lib/result.ts'
import type { SignerRpc, SignRefusal, SignRequest } from './rpc.ts'

/** Hands a request to the object of its wallet. What is no wallet's name wakes no object. */
export async function signFor(
  env: { readonly SIGNERS: ObjectNamespace<SignerRpc> },
  request: SignRequest,
): Promise<Result<SignedTransaction, SignRefusal>> {
  const walletId = request.intent?.walletId
  if (typeof walletId !== 'string' || !isId('wal', walletId)) return err({ reason: 'bad_intent', detail: 'it names no wallet' })
  return env.SIGNERS.getByName(walletId).sign(request)
}
