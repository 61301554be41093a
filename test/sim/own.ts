import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { RawTx } from '@scure/btc-signer'
import { addressBytes } from '../../src/gateways/evm/address.ts'
import { type Meaning, meaningOf } from '../../src/gateways/evm/calls.ts'
import { ownDelegate } from '../../src/gateways/evm/delegate.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '../../src/gateways/evm/rlp.ts'
import { type ReadTransaction, readRaw, txidOf } from '../../src/gateways/evm/transaction.ts'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { addressKey } from './addresses.ts'
import type { SimChain } from './chain.ts'
import { OWN_INDEX, type OwnCall, type SimOutput, type SimTransaction } from './transactions.ts'

const WITNESS_SCALE = 4
/** Gas that transactions take here, as nodes estimate it. */
const PLAIN_GAS = 21_000n
const TOKEN_GAS = 50_000n
const DEPLOY_GAS = 460_000n
const FLUSH_GAS = 40_000n
const ACCOUNT_GAS = 30_000n
/** EIP-7702. */
const SET_CODE = 4
const AUTHORIZATION_MAGIC = 5
const SIGNATURE_AT = 10

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
  const own = { from: null, nonce: 0, fee, price: (fee * 1_000n) / BigInt(vsize), gas: 0n, call: null }
  return { txid, spends, outputs: paid, bornAtMs, cost: { fee, vsize }, own }
}

function readAccount({ config }: SimChain, raw: string, bornAtMs: number): SimTransaction {
  const { authorizations, ...read } = readBytes(raw)
  const meaning = meaningOf(config, read.sender, read)
  if (meaning === null) throw new Error(`a call that nobody here makes: ${raw}`)
  const from = read.sender.slice(2)
  const outputs =
    meaning.does === 'pay'
      ? meaning.outputs.map(({ address, units }, n): SimOutput => {
          const native = meaning.own ? OWN_INDEX : 'native'
          const index = meaning.asset.contract === null ? native : `${meaning.asset.contract}:${n}`
          return { index, key: addressKey(address), asset: meaning.asset.code, units }
        })
      : []
  const call = callOf(config, read.sender, meaning, authorizations)
  const gas = gasOf((outputs[0]?.asset ?? config.native.code) === config.native.code, call)
  const fee = read.gasLimit * read.maxFeePerGas
  const own = { from, nonce: Number(read.nonce), fee, price: read.maxFeePerGas, gas, call }
  return { txid: read.txid, spends: [`${from}:${read.nonce}`], outputs, bornAtMs, own }
}

function callOf(config: ChainConfig, payer: string, meaning: Meaning, authorizations: OwnCall['authorizations']): OwnCall | null {
  if (meaning.does !== 'flush' && meaning.does !== 'deploy') return null
  const { asset, accounts } = meaning.does === 'flush' ? meaning : { asset: null, accounts: [] }
  const flush = asset && { asset: asset.code, accounts: accounts.map((account) => account.slice(2)) }
  return { delegate: ownDelegate(config, payer), authorizations, flush }
}

export function gasOf(isPlain: boolean, call: Pick<OwnCall, 'flush'> | null): bigint {
  if (call) return call.flush === null ? DEPLOY_GAS : FLUSH_GAS + ACCOUNT_GAS * BigInt(call.flush.accounts.length)
  return isPlain ? PLAIN_GAS : TOKEN_GAS
}

interface ReadBytes extends Pick<ReadTransaction, 'nonce' | 'maxFeePerGas' | 'gasLimit' | 'to' | 'value' | 'data' | 'txid'> {
  readonly sender: string
  readonly authorizations: OwnCall['authorizations']
}

/** Of type 2, by the gateway's own reading; of type 4 (EIP-7702), which that has no need to read, here. */
function readBytes(raw: string): ReadBytes {
  const bytes = fromHex(raw.slice(2))
  const refused = new Error(`bytes that no node takes: ${raw}`)
  if (bytes[0] !== SET_CODE) {
    const read = readRaw(raw)
    if (typeof read === 'string' || read.sender === null) throw refused
    return { ...read, sender: read.sender, authorizations: [] }
  }
  const items = decodeRlp(bytes.subarray(1)) as RlpItem[]
  const word = (at: number) => numberOf(items[at])
  const hex = (at: number) => `0x${toHex(items[at] as Uint8Array)}`
  const unsigned = new Uint8Array([SET_CODE, ...encodeRlp(items.slice(0, SIGNATURE_AT))])
  const sender = signerOf(keccak_256(unsigned), items.slice(SIGNATURE_AT))
  const authorizations = (items[SIGNATURE_AT - 1] as RlpItem[][]).map((one) => {
    const hash = keccak_256(new Uint8Array([AUTHORIZATION_MAGIC, ...encodeRlp(one.slice(0, 3))]))
    return { authority: signerOf(hash, one.slice(3)).slice(2), nonce: Number(numberOf(one[1])) }
  })
  const [nonce, maxFeePerGas, gasLimit, value] = [word(1), word(3), word(4), word(6)]
  return { nonce, maxFeePerGas, gasLimit, to: hex(5), value, data: hex(7), txid: txidOf(bytes), sender, authorizations }
}

/** `signature`: parity, r and s. */
function signerOf(hash: Uint8Array, signature: readonly RlpItem[]): string {
  const [odd, r = 0n, s = 0n] = signature.map(numberOf)
  const key = new secp256k1.Signature(r, s, odd === 1n ? 1 : 0).recoverPublicKey(hash).toBytes()
  return `0x${toHex(addressBytes(key))}`
}

function numberOf(item: RlpItem | undefined): bigint {
  return BigInt(`0x0${toHex(item as Uint8Array)}`)
}
