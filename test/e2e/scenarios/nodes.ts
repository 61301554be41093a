import { Address, OutScript, TEST_NETWORK } from '@scure/btc-signer'
import { encodeFunctionData, erc20Abi, type Hex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { ANVIL_MNEMONIC, FEES } from '../../../scripts/stack/evm/accounts.ts'
import { call } from '../../../scripts/stack/evm/call.ts'
import { ask, createBitcoinRpc, type RpcCall } from '../../../src/gateways/bitcoin/rpc.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { type Stack, waitFor } from '../harness.ts'

/** What the scenarios do to the nodes beside what the demo wallets can. */

const REGTEST = { ...TEST_NETWORK, bech32: 'bcrt' }
const TOKEN_GAS = 100_000n
/** Of ten transactions each: enough for bitcoind to estimate by. */
const ESTIMATE_BLOCKS = 12

/** One call of the Bitcoin node. Throws with the node's words when it refuses. */
export async function bitcoinCall({ bitcoin }: Stack, ...parts: RpcCall): Promise<unknown> {
  const rpc = createBitcoinRpc([{ url: bitcoin.rpcUrl, user: bitcoin.user, password: bitcoin.password }], fetch)
  const answer = await ask(rpc, ...parts)
  if (!answer.ok) throw new Error(`${parts[0]}: ${answer.error.detail}`)
  return answer.value
}

/** What the best chain holds at an address, in base units. What waits in the mempool is not counted. */
export async function balanceOf(stack: Stack, asset: string, address: string): Promise<bigint> {
  if (asset === 'BTC') {
    return bitcoinHeld(stack, [address])
  }
  const { rpcUrl, usdc } = stack.evm
  if (asset === 'ETH') return BigInt(await call<Hex>(rpcUrl, 'eth_getBalance', [address, 'latest']))
  const data = encodeFunctionData({ abi: erc20Abi, functionName: 'balanceOf', args: [address as Hex] })
  return BigInt(await call<Hex>(rpcUrl, 'eth_call', [{ to: usdc, data }, 'latest']))
}

/** What the best chain holds at all of these addresses together, in satoshi. */
export async function bitcoinHeld(stack: Stack, addresses: readonly string[]): Promise<bigint> {
  const scripts = addresses.map((address) => toHex(OutScript.encode(Address(REGTEST).decode(address))))
  const { unspents } = await waitFor(() => scanOutputs(stack, scripts))
  return unspents.reduce((sum, { amount }) => sum + BigInt(Math.round(amount * 1e8)), 0n)
}

/** Core scans for one caller at a time: null when another is being served. */
async function scanOutputs(stack: Stack, scripts: readonly string[]): Promise<{ unspents: { amount: number }[] } | null> {
  const descriptors = scripts.map((script) => `raw(${script})`)
  try {
    return (await bitcoinCall(stack, 'scantxoutset', 'start', descriptors)) as { unspents: { amount: number }[] }
  } catch (error) {
    if (String(error).includes('in progress')) return null
    throw error
  }
}

export async function rawTransaction(stack: Stack, txid: string): Promise<string> {
  return String(await bitcoinCall(stack, 'getrawtransaction', txid))
}

export async function broadcast(stack: Stack, hex: string): Promise<void> {
  await bitcoinCall(stack, 'sendrawtransaction', hex)
}

/**
 * Makes Bitcoin blocks that leave a waiting transaction out, and answers their hashes; it waits on. Core has a call for that; in bcoin it is
 * dropped meanwhile, so do this where nobody looks (`unseen`).
 */
export async function mineWithout(stack: Stack, txid: string, blocks: number): Promise<string[]> {
  const { bitcoin } = stack.wallets
  if (stack.bitcoin.kind === 'bitcoind') {
    const hashes: string[] = []
    while (hashes.length < blocks) {
      const { hash } = (await bitcoinCall(stack, 'generateblock', bitcoin.address, [])) as { hash: string }
      hashes.push(hash)
    }
    return hashes
  }
  const hex = await rawTransaction(stack, txid)
  await bitcoin.evict(txid)
  const hashes = await bitcoin.mine(blocks)
  await broadcast(stack, hex)
  return hashes
}

/** The node estimates 5 sat/vB from now on: bcoin as told, bitcoind by the fees that it has seen in blocks. */
export async function estimate5(stack: Stack): Promise<void> {
  const { bitcoin } = stack.wallets
  if (stack.bitcoin.kind === 'bcoin') return void (await bitcoinCall(stack, 'setestimate', 0.00005))
  for (let block = 0; block < ESTIMATE_BLOCKS; block++) {
    for (let n = 0; n < 10; n++) await bitcoin.send({ address: bitcoin.address, units: 20_000n, feeRate: 5n })
    await bitcoin.mine(1)
  }
}

/** Sends USDC from an account that has ether for the fee and no USDC: the node takes it, and it fails in its block. */
export async function sendTokenInVain({ evm }: Stack, to: string, units: bigint): Promise<string> {
  const poor = mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex: 7 })
  const nonce = Number(await call<Hex>(evm.rpcUrl, 'eth_getTransactionCount', [poor.address, 'pending']))
  const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to as Hex, units] })
  const transaction = {
    ...FEES,
    type: 'eip1559',
    chainId: evm.chainId,
    nonce,
    to: evm.usdc as Hex,
    value: 0n,
    gas: TOKEN_GAS,
    data,
  } as const
  return call<string>(evm.rpcUrl, 'eth_sendRawTransaction', [await poor.signTransaction(transaction)])
}
