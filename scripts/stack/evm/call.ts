/** A node of our own may be as slow as the machine is busy with something else. */
const TIMEOUT_MS = 60_000

/** One JSON-RPC call of the development node. Throws with the node's words when it refuses. */
export async function call<T>(rpcUrl: string, method: string, params: readonly unknown[] = []): Promise<T> {
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const answer = (await response.json()) as { result?: T; error?: { message: string } }
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result as T
}

export function toQuantity(value: number | bigint): string {
  return `0x${value.toString(16)}`
}
