import type { RpcCall } from '../../../src/gateways/bitcoin/rpc.ts'
import type { NodeCalls } from './rpc.ts'

/** Over the two weeks that bitcoind keeps what waits (`-mempoolexpiry`). */
const EXPIRY_SECONDS = 15 * 86_400

/**
 * Removes a transaction and its descendants from the mempool of bitcoind, which has no call for that and drops what is old
 * when something new comes in (`sendNew`). So its clock is put ahead for that, and all others are sent again.
 */
export async function evictByAge({ call, callAll }: NodeCalls, txid: string, sendNew: () => Promise<unknown>): Promise<void> {
  const descendants = (await call('getmempooldescendants', txid)) as string[]
  const waiting = (await call('getrawmempool', true)) as Record<string, { ancestorcount: number }>
  const others = Object.entries(waiting)
    .filter(([name]) => name !== txid && !descendants.includes(name))
    .sort(([, one], [, other]) => one.ancestorcount - other.ancestorcount)
  const raws = await callAll(others.map(([name]): RpcCall => ['getrawtransaction', name]))
  await call('setmocktime', Math.floor(Date.now() / 1_000) + EXPIRY_SECONDS)
  try {
    await sendNew()
  } finally {
    await call('setmocktime', 0)
  }
  await callAll(raws.map((raw): RpcCall => ['sendrawtransaction', String(raw)]))
  await call('savemempool')
}
