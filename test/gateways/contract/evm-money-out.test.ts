import type { Hex } from 'viem'
import { HDKey, hdKeyToAccount } from 'viem/accounts'
import { describe, vi } from 'vitest'
import { payerOf } from '../../../src/gateways/evm/address.ts'
import { createEvmSender } from '../../../src/gateways/evm/sender.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { startAnvil } from '../evm/anvil.ts'
import { chain, ETHER, USDC } from '../evm/money-out.ts'
import { runMoneyOut } from './money-out.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
/** What the paying address is given for gas each time. */
const GAS_MONEY = ETHER / 100n
const TREASURY = 2

describe('an EVM chain, on anvil', () => {
  runMoneyOut(['evm'], async () => {
    const anvil = await startAnvil()
    const endpoint = { url: anvil.node.rpcUrl }
    const senderOver = (endpoints: Parameters<typeof createEvmSender>[1]) => createEvmSender(chain, endpoints, fetch)
    const sender = senderOver([endpoint])
    const seed = new Uint8Array(32).fill(43)
    return {
      chain,
      spender: evmSpender,
      signer: evmSigner,
      sender,
      senderOver,
      endpoint,
      seed,
      assets: ['ETH', 'USDC'],
      stranger: async () => `0x${toHex(crypto.getRandomValues(new Uint8Array(20)))}`,
      balanceOf: (address, asset) => (asset === 'ETH' ? anvil.native(address) : anvil.tokens(USDC, address)),
      async fund(account, asset, units) {
        const to = payerOf(chain, account, TREASURY)
        await anvil.miner.sendNative({ to, units: GAS_MONEY + (asset === 'ETH' ? units : 0n) })
        if (asset === 'USDC') await anvil.miner.sendToken({ to, units })
        await anvil.miner.mine(1)
      },
      async funds(account, asset, outputs) {
        const address = payerOf(chain, account, TREASURY)
        const facts = must(await sender.facts({ targetBlocks: 2, payer: { address, asset, outputs } }))
        if (facts.payer === null) throw new Error('nothing of the payer')
        const { nonce, units, native, gas } = facts.payer
        return { funds: { kind: 'account', index: TREASURY, nonce, units, native, gas }, fees: facts.fees, height: facts.height }
      },
      dearer: (fees) => (fees.kind === 'account' ? { ...fees, maxFeePerGas: 3n * fees.maxFeePerGas } : fees),
      async signElsewhere(_account, { evm }) {
        if (!evm) throw new Error('no transaction')
        const { fields } = evm
        const field = (name: string) => fields[name] as Hex
        return await hdKeyToAccount(HDKey.fromMasterSeed(seed), { addressIndex: TREASURY }).signTransaction({
          type: 'eip1559',
          chainId: Number(field('chainId')),
          nonce: Number(field('nonce')),
          to: field('to'),
          value: BigInt(field('value')),
          data: field('data'),
          gas: BigInt(field('gas')),
          maxFeePerGas: BigInt(field('maxFeePerGas')),
          maxPriorityFeePerGas: BigInt(field('maxPriorityFeePerGas')),
        })
      },
      mine: (blocks) => anvil.miner.mine(blocks),
      takeBack: () => anvil.miner.reorg(1),
      stop: () => anvil.stop(),
    }
  })
})

function must<T>(result: Result<T, { detail: string }>): T {
  if (!result.ok) throw new Error(result.error.detail)
  return result.value
}
