import { HEADER_BYTES, readHeader } from '../../../src/gateways/bitcoin/block.ts'
import { createBitcoinSender } from '../../../src/gateways/bitcoin/sender.ts'
import type { Sender } from '../../../src/gateways/send.ts'
import type { OwnCoin } from '../../../src/gateways/spend.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { blockOf, coinbase, type SyntheticTransaction } from './blocks.ts'
import { regtest } from './spending.ts'

interface Call {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}

/** `answer` gives a result, a refusal, or an `Error` for a node that is away. */
export type Answer = (method: string, params: readonly unknown[]) => unknown

export class Refusal {
  readonly code: number
  readonly message: string
  constructor(code: number, message: string) {
    this.code = code
    this.message = message
  }
}

let chains = 0
export const newChain = (): ChainConfig => ({ ...regtest, id: `${regtest.id}-${chains++}` })

/** Over one node for each answer. `onRequest` hears of each, whatever number of calls is in it. */
export function senderOf(answers: readonly Answer[], chain = newChain(), onRequest = () => {}): Sender {
  const nodes = answers.map((_, at) => ({ url: `http://127.0.0.1:${at + 1}` }))
  const fetcher: typeof fetch = async (url, init) => {
    onRequest()
    const answer = answers[Number(new URL(String(url)).port) - 1]
    const one = ({ id, method, params }: Call) => {
      const result = answer?.(method, params)
      if (result instanceof Error) throw result
      const body =
        result instanceof Refusal ? `"result":null,"error":${JSON.stringify(result)}` : `"result":${JSON.stringify(result ?? null)}`
      return `{"id":${id},${body}}`
    }
    const asked = JSON.parse(String(init?.body)) as Call | Call[]
    return new Response(Array.isArray(asked) ? `[${asked.map(one).join()}]` : one(asked))
  }
  return createBitcoinSender(chain, nodes, fetcher)
}

/** A node's chain and mempool, of ours and of others' transactions. */
export class FakeChain {
  readonly blocks: { raw: Uint8Array; hash: string; height: number; txs: SyntheticTransaction[] }[] = []
  mempool: SyntheticTransaction[] = []
  readonly coins: Set<string>
  reads = 0

  constructor(coins: readonly OwnCoin[]) {
    this.coins = new Set(coins.map(({ txid, vout }) => `${txid}:${vout}`))
  }

  mine(...txs: SyntheticTransaction[]): void {
    const height = 501 + this.blocks.length
    const raw = blockOf([coinbase(height, fromHex(`0014${'99'.repeat(20)}`)), ...txs])
    const header = readHeader(raw)
    if (!header.ok) throw new Error(header.error)
    this.blocks.push({ raw, hash: header.value.hash, height, txs })
    this.mempool = this.mempool.filter((one) => !txs.includes(one))
  }

  readonly answer: Answer = (method, params) => {
    const tip = this.blocks.at(-1)
    const [first, vout, withMempool] = params
    if (method === 'getbestblockhash') return tip?.hash
    if (method === 'getblockheader') {
      const block = this.blocks.find(({ hash }) => hash === first)
      return vout === false ? toHex(block?.raw.subarray(0, HEADER_BYTES) ?? new Uint8Array()) : { height: block?.height }
    }
    if (method === 'getblockhash') return this.blocks.find(({ height }) => height === first)?.hash
    if (method === 'getblock') {
      this.reads++
      return toHex(this.blocks.find(({ hash }) => hash === first)?.raw ?? new Uint8Array())
    }
    if (method === 'getmempoolentry')
      return this.mempool.some(({ id }) => id === first) ? { vsize: 1 } : new Refusal(-5, 'Transaction not in mempool')
    const mined = this.blocks.flatMap(({ txs }) => txs)
    const all = withMempool ? [...mined, ...this.mempool] : mined
    const block = this.blocks.find(({ txs }) => txs.some(({ id, outputs }) => id === first && outputs[Number(vout)]))
    const isNew = withMempool === true && this.mempool.some(({ id, outputs }) => id === first && outputs[Number(vout)])
    const isThere = block !== undefined || isNew || this.coins.has(`${first}:${vout}`)
    const isSpent = all.some(({ inputs }) => inputs.some(({ txid, index }) => toHex(txid) === first && index === vout))
    return isThere && !isSpent ? { confirmations: block ? (tip?.height ?? 0) - block.height + 1 : 900 } : null
  }
}
