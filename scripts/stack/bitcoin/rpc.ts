import { ask, BATCH_MAX, createBitcoinRpc, type RpcCall } from '../../../src/gateways/bitcoin/rpc.ts'
import type { NodeError } from '../../../src/gateways/gateway.ts'
import type { Result } from '../../../src/lib/result.ts'

/** How a regtest node is reached. `.paytomat/dev.json` holds this under `bitcoin`. */
export interface NodeAccess {
  readonly rpcUrl: string
  readonly user: string
  readonly password: string
}

/** Calls to a node of our own. */
export interface NodeCalls {
  /** What it refuses is a value. */
  ask(...parts: RpcCall): Promise<Result<unknown, NodeError>>
  /** Throws with the node's words when it refuses. */
  call(...parts: RpcCall): Promise<unknown>
  /** Null for what it refuses. Throws when it does not answer. */
  callAll(calls: readonly RpcCall[]): Promise<unknown[]>
}

/** It may be as slow as the machine is busy with something else. */
const ANSWER_MS_MAX = 60_000
const patient: typeof fetch = (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(ANSWER_MS_MAX) })

export function createCalls({ rpcUrl, user, password }: NodeAccess): NodeCalls {
  const rpc = createBitcoinRpc([{ url: rpcUrl, user, password }], patient)
  return {
    ask: (...parts) => ask(rpc, ...parts),

    async call(...parts) {
      const answer = await ask(rpc, ...parts)
      if (!answer.ok) throw new Error(`The Bitcoin node refuses ${parts[0]}: ${answer.error.detail}`)
      return answer.value
    },

    async callAll(calls) {
      const results: unknown[] = []
      for (let from = 0; from < calls.length; from += BATCH_MAX) {
        const answers = await rpc.batch(calls.slice(from, from + BATCH_MAX))
        if (!answers.ok) throw new Error(`The Bitcoin node does not answer: ${answers.error.detail}`)
        for (const answer of answers.value) results.push(answer.ok ? answer.value : null)
      }
      return results
    },
  }
}
