import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Abi, encodeDeployData, encodeFunctionData, type Hex } from 'viem'
import { FEES } from '../../../scripts/stack/evm/accounts.ts'
import { call } from '../../../scripts/stack/evm/call.ts'
import { compileContract } from '../../../scripts/stack/evm/compile.ts'
import { createEvmDemoWallet, type EvmDemoWallet, type EvmNode, startEvmNode } from '../../../scripts/stack/evm/index.ts'
import { BALANCE_OF } from '../../../src/gateways/evm/erc20.ts'
import { viemAccount } from './money-out.ts'

/** A real node for tests of money out, with somebody who makes contracts on it. */
export interface Anvil {
  readonly node: EvmNode
  readonly miner: EvmDemoWallet
  rpc<T>(method: string, ...params: unknown[]): Promise<T>
  /** Answers the contract's address, lower case. */
  deploy(name: string): Promise<Hex>
  /** Sent by anvil's sixth account and mined; the transaction may fail. */
  write(name: string, to: string, functionName: string, args: readonly unknown[], value?: bigint): Promise<Receipt>
  /** The same with any bytes for a call. */
  raw(to: Hex, data: Hex): Promise<Receipt>
  native(address: string): Promise<bigint>
  tokens(contract: string, address: string): Promise<bigint>
  receipt(txid: string): Promise<Receipt>
  stop(): Promise<void>
}

export interface Receipt {
  readonly status: Hex
  readonly gasUsed: Hex
  readonly contractAddress: Hex | null
  readonly logs: readonly { address: Hex; topics: readonly Hex[] }[]
}

const STRANGER = 5
const GAS = 3_000_000n

export async function startAnvil(): Promise<Anvil> {
  const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-evm-out-'))
  const node = await startEvmNode({ stateDir, chainId: 31337, blockTimeSeconds: 0, log: () => {} })
  const miner = createEvmDemoWallet(node)
  const rpc = <T>(method: string, ...params: unknown[]) => call<T>(node.rpcUrl, method, params)
  const stranger = viemAccount(STRANGER)

  async function send(transaction: { to?: Hex; data: Hex; value?: bigint }): Promise<Receipt> {
    const nonce = Number(await rpc<Hex>('eth_getTransactionCount', stranger.address, 'latest'))
    const raw = await stranger.signTransaction({ ...FEES, chainId: 31337, nonce, gas: GAS, ...transaction })
    const txid = await rpc<Hex>('eth_sendRawTransaction', raw)
    await miner.mine(1)
    return await receipt(txid)
  }

  async function receipt(txid: string): Promise<Receipt> {
    const found = await rpc<Receipt | null>('eth_getTransactionReceipt', txid)
    if (found === null) throw new Error(`${txid} is in no block`)
    return found
  }

  return {
    node,
    miner,
    rpc,
    receipt,
    async deploy(name) {
      const { abi, bytecode } = await compileContract(name)
      const { contractAddress } = await send({ data: encodeDeployData({ abi: abi as Abi, bytecode, args: [] }) })
      if (!contractAddress) throw new Error(`${name} was not made`)
      return contractAddress.toLowerCase() as Hex
    },
    async write(name, to, functionName, args, value = 0n) {
      const { abi } = await compileContract(name)
      return await send({ to: to as Hex, data: encodeFunctionData({ abi: abi as Abi, functionName, args }), value })
    },
    raw: (to, data) => send({ to, data }),
    native: async (address) => BigInt(await rpc<Hex>('eth_getBalance', address, 'latest')),
    async tokens(contract, address) {
      const data = BALANCE_OF + address.slice(2).toLowerCase().padStart(64, '0')
      return BigInt(await rpc<Hex>('eth_call', { to: contract, data }, 'latest'))
    },
    async stop() {
      await node.stop()
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}
