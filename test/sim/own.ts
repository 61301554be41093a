import { sha256 } from '@noble/hashes/sha2.js'
import { RawTx } from '@scure/btc-signer'
import { meaningOf } from '../../src/gateways/evm/calls.ts'
import { readRaw } from '../../src/gateways/evm/transaction.ts'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { addressKey } from './addresses.ts'
import type { SimChain } from './chain.ts'
import type { SimOutput, SimTransaction } from './transactions.ts'

const WITNESS_SCALE = 4
/** Gas that transactions take here, as nodes estimate it. */
export const PLAIN_GAS = 21_000n
export const TOKEN_GAS = 50_000n

/** What a node reads out of bytes that a wallet of ours has signed. Throws on anything else. */
export function readOwn(chain: SimChain, raw: string, nowMs: number): SimTransaction {
  return chain.config.gateway === 'evm' ? readAccount(chain, raw, nowMs) : readCoins(chain, raw, nowMs)
}

function readCoins(chain: SimChain, raw: string, bornAtMs: number): SimTransaction {
  const bytes = fromHex(raw)
  const { inputs, outputs, ...rest } = RawTx.decode(bytes)
  const stripped = RawTx.encode({ ...rest, inputs, outputs, segwitFlag: false, witnesses: undefined })
  const txid = toHex(sha256(sha256(stripped)).reverse())
  const spends = inputs.map((input) => `${toHex(input.txid)}:${input.index}`)
  const paid = outputs.map(({ script, amount }, n): SimOutput => ({ index: String(n), key: script, asset: 'BTC', units: amount }))
  const sum = (units: readonly bigint[]) => units.reduce((all, one) => all + one, 0n)
  const fee = sum(spends.map((coin) => chain.worthOf(coin))) - sum(paid.map(({ units }) => units))
  const vsize = Math.ceil((stripped.length * (WITNESS_SCALE - 1) + bytes.length) / WITNESS_SCALE)
  const own = { from: null, nonce: 0, fee, price: (fee * 1_000n) / BigInt(vsize), gas: 0n }
  return { txid, spends, outputs: paid, bornAtMs, own }
}

function readAccount({ config }: SimChain, raw: string, bornAtMs: number): SimTransaction {
  const read = readRaw(raw)
  if (typeof read === 'string' || read.sender === null) throw new Error(`bytes that no node takes: ${raw}`)
  const meaning = meaningOf(config, read.sender, read)
  if (meaning?.does !== 'pay') throw new Error('only payments are sent here')
  const outputs = meaning.outputs.map(({ address, units }, n): SimOutput => {
    const index = meaning.asset.contract === null ? 'native' : `${meaning.asset.contract}:${n}`
    return { index, key: addressKey(address), asset: meaning.asset.code, units }
  })
  const gas = meaning.asset.contract === null ? PLAIN_GAS : TOKEN_GAS
  const from = read.sender.slice(2)
  const own = { from, nonce: Number(read.nonce), fee: read.gasLimit * read.maxFeePerGas, price: read.maxFeePerGas, gas }
  return { txid: read.txid, spends: [`${from}:${read.nonce}`], outputs, bornAtMs, own }
}
