import { encodeFunctionData, erc20Abi, type Hex } from 'viem'
import { FEES, payer } from './accounts.ts'
import { call, toQuantity } from './call.ts'

/** Pays from anvil's second account. Any number of processes may use it at once. Units are base units. */
export interface EvmDemoWallet {
  readonly address: string
  /** Both return the transaction id once the node has accepted it. `gas`: its limit, else what every account can take. */
  sendNative(payment: { to: string; units: bigint; gas?: bigint }): Promise<string>
  sendToken(payment: { to: string; units: bigint }): Promise<string>
  /** Sends nothing to itself with the same nonce and twice the fee; returns the id of the replacement. */
  replace(txid: string): Promise<string>
  /** Makes blocks now, whatever the block time; what waits goes into the first. */
  mine(blocks: number): Promise<void>
  /**
   * Takes the newest `depth` blocks off the chain and puts as many empty ones in their place; blocks from before the
   * node's last start stay. Their transactions are gone, or wait again when `returnTransactions` is set.
   */
  reorg(depth: number, options?: { returnTransactions: boolean }): Promise<void>
  /** Takes a waiting transaction, and later ones of this wallet, out of the mempool. The next payment takes its nonce. */
  dropTransaction(txid: string): Promise<void>
  height(): Promise<number>
}

interface NodeTransaction {
  readonly hash: Hex
  readonly from: string
  readonly nonce: Hex
  readonly maxFeePerGas: Hex
  readonly maxPriorityFeePerGas: Hex
  readonly blockNumber: Hex | null
}

const SENDS_MAX = 50
const RETRY_PAUSE_MS_MAX = 40
/** An account that has delegated, as a treasury that has paid many, takes a little over the 21,000 of a plain one. */
const NATIVE_GAS = 30_000n
const TOKEN_GAS = 100_000n
/** anvil's words for a nonce that another process was first to use. */
const NONCE_TAKEN = /nonce too low|already imported|already known|underpriced/i

export function createEvmDemoWallet(node: { rpcUrl: string; chainId: number; usdc: string }): EvmDemoWallet {
  const { rpcUrl, chainId } = node
  const usdc = node.usdc as Hex

  /** Another process may take the nonce between asking and sending: then the node refuses, and the next is tried. */
  async function send(transaction: { to: Hex; value: bigint; gas: bigint; data?: Hex }): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const nonce = await freeNonce()
      try {
        return await broadcast({ ...transaction, ...FEES, nonce })
      } catch (error) {
        if (attempt >= SENDS_MAX || !NONCE_TAKEN.test(String(error))) throw error
        await new Promise((resolve) => setTimeout(resolve, Math.random() * RETRY_PAUSE_MS_MAX))
      }
    }
  }

  /** The lowest nonce not used in a block or waiting, so that one left by a dropped transaction is filled first. */
  async function freeNonce(): Promise<number> {
    let nonce = Number(await call<Hex>(rpcUrl, 'eth_getTransactionCount', [payer.address, 'latest']))
    const pool = await call<Record<'pending' | 'queued', Record<string, Record<string, unknown>>>>(rpcUrl, 'txpool_content')
    const waiting = [pool.pending, pool.queued].flatMap((accounts) =>
      Object.entries(accounts).flatMap(([from, byNonce]) => (isPayer(from) ? Object.keys(byNonce) : [])),
    )
    const taken = new Set(waiting.map(Number))
    while (taken.has(nonce)) nonce++
    return nonce
  }

  async function broadcast(transaction: {
    to: Hex
    value: bigint
    gas: bigint
    nonce: number
    maxFeePerGas: bigint
    maxPriorityFeePerGas: bigint
    data?: Hex
  }): Promise<string> {
    return await call<Hex>(rpcUrl, 'eth_sendRawTransaction', [
      await payer.signTransaction({ ...transaction, chainId, type: 'eip1559' }),
    ])
  }

  return {
    address: payer.address,
    sendNative: ({ to, units, gas = NATIVE_GAS }) => send({ to: to as Hex, value: units, gas }),
    sendToken({ to, units }) {
      const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to as Hex, units] })
      return send({ to: usdc, value: 0n, gas: TOKEN_GAS, data })
    },
    async replace(txid) {
      const old = await call<NodeTransaction | null>(rpcUrl, 'eth_getTransactionByHash', [txid])
      if (old === null || old.blockNumber !== null || !isPayer(old.from))
        throw new Error(`${txid} is not a waiting payment of this wallet`)
      return await broadcast({
        to: payer.address,
        value: 0n,
        gas: NATIVE_GAS,
        nonce: Number(old.nonce),
        maxFeePerGas: BigInt(old.maxFeePerGas) * 2n,
        maxPriorityFeePerGas: BigInt(old.maxPriorityFeePerGas) * 2n,
      })
    },
    async mine(blocks) {
      await call(rpcUrl, 'anvil_mine', [toQuantity(blocks)])
    },
    async reorg(depth, options = { returnTransactions: false }) {
      const raws = options.returnTransactions ? await rawTransactions(rpcUrl, depth) : []
      await call(rpcUrl, 'anvil_reorg', [depth, []])
      for (const raw of raws) await call(rpcUrl, 'eth_sendRawTransaction', [raw])
    },
    async dropTransaction(txid) {
      await call(rpcUrl, 'anvil_dropTransaction', [txid])
    },
    height: async () => Number(await call<Hex>(rpcUrl, 'eth_blockNumber')),
  }
}

/** Those of the newest `depth` blocks as they were sent, oldest first. */
async function rawTransactions(rpcUrl: string, depth: number): Promise<Hex[]> {
  const height = Number(await call<Hex>(rpcUrl, 'eth_blockNumber'))
  const raws: Hex[] = []
  for (let at = height - depth + 1; at <= height; at++) {
    const block = await call<{ transactions: Hex[] }>(rpcUrl, 'eth_getBlockByNumber', [toQuantity(at), false])
    for (const txid of block.transactions) raws.push(await call<Hex>(rpcUrl, 'eth_getRawTransactionByHash', [txid]))
  }
  return raws
}

function isPayer(address: string): boolean {
  return address.toLowerCase() === payer.address.toLowerCase()
}
