import { type Abi, encodeDeployData, encodeFunctionData, getContractAddress, type Hex } from 'viem'
import { LOCAL_USDC } from '../../../config/development.ts'
import { deployer, FEES, payer } from './accounts.ts'
import { call, toQuantity } from './call.ts'
import { compileContract } from './compile.ts'

/** The payer is given this much when it has less than half of it: ten million USDC. */
const PAYER_UNITS = 10_000_000_000_000n
const GAS = 2_000_000n

/**
 * Makes sure that the test USDC is at `LOCAL_USDC` and that the payer has some. Does nothing on a chain that has both;
 * can be cut off anywhere and run again. Answers the contract in lower case.
 */
export async function ensureUsdc(rpcUrl: string, chainId: number): Promise<string> {
  const { abi, bytecode } = await compileContract('TestUsdc')
  const nonce = Number(await call<Hex>(rpcUrl, 'eth_getTransactionCount', [deployer.address, 'latest']))
  if ((await call<Hex>(rpcUrl, 'eth_getCode', [LOCAL_USDC, 'latest'])) === '0x') {
    const made = getContractAddress({ from: deployer.address, nonce: BigInt(nonce) }).toLowerCase()
    if (made !== LOCAL_USDC)
      throw new Error(`the test USDC would be made at ${made}, not ${LOCAL_USDC}: ${deployer.address} has been used`)
    const data = encodeDeployData({ abi: abi as Abi, bytecode, args: [] })
    await sendMined(rpcUrl, await deployer.signTransaction({ ...FEES, chainId, nonce, gas: GAS, data }))
    return ensureUsdc(rpcUrl, chainId)
  }
  const balanceCall = encodeFunctionData({ abi: abi as Abi, functionName: 'balanceOf', args: [payer.address] })
  if (BigInt(await call<Hex>(rpcUrl, 'eth_call', [{ to: LOCAL_USDC, data: balanceCall }, 'latest'])) < PAYER_UNITS / 2n) {
    const data = encodeFunctionData({ abi: abi as Abi, functionName: 'mint', args: [payer.address, PAYER_UNITS] })
    await sendMined(rpcUrl, await deployer.signTransaction({ ...FEES, chainId, nonce, to: LOCAL_USDC, gas: GAS, data }))
  }
  return LOCAL_USDC
}

/** Sends, makes a block at once, and throws unless the transaction is in it and succeeded. */
async function sendMined(rpcUrl: string, raw: Hex): Promise<void> {
  const txid = await call<Hex>(rpcUrl, 'eth_sendRawTransaction', [raw])
  await call(rpcUrl, 'anvil_mine', [toQuantity(1)])
  const receipt = await call<{ status: Hex } | null>(rpcUrl, 'eth_getTransactionReceipt', [txid])
  if (receipt?.status !== '0x1') throw new Error(`transaction ${txid} of the test USDC failed`)
}
