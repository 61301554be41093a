import type { RpcCall } from '../../../src/gateways/evm/rpc.ts'

/** A `fetch` that answers JSON-RPC batches from a function; what it throws becomes the error of that call. */
export function fakeFetch(answer: (call: RpcCall, url: string) => unknown): typeof fetch {
  return async (input, init) => {
    const calls = JSON.parse(String(init?.body)) as (RpcCall & { id: number })[]
    const answers = calls.map((call) => {
      try {
        return { jsonrpc: '2.0', id: call.id, result: answer(call, String(input)) }
      } catch (error) {
        return { jsonrpc: '2.0', id: call.id, error }
      }
    })
    return Response.json(answers.reverse())
  }
}

/** Passes calls on to a real node and may change an answer on its way back. */
export function meddle(change: (method: string, result: unknown) => unknown): typeof fetch {
  return async (input, init) => {
    const calls = JSON.parse(String(init?.body)) as (RpcCall & { id: number })[]
    const methods = new Map(calls.map((call) => [call.id, call.method]))
    const answers = (await (await fetch(input, init)).json()) as { id: number; result?: unknown }[]
    return Response.json(
      answers.map((answer) =>
        'result' in answer ? { ...answer, result: change(methods.get(answer.id) ?? '', answer.result) } : answer,
      ),
    )
  }
}
