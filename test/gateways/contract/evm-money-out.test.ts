import type { Hex } from 'viem'
import { HDKey, hdKeyToAccount } from 'viem/accounts'
import { describe, vi } from 'vitest'
import { payerOf } from '../../../src/gateways/evm/address.ts'
import { createEvmBalances } from '../../../src/gateways/evm/balance.ts'
import { createEvmReader } from '../../../src/gateways/evm/reader.ts'
import { createEvmSender } from '../../../src/gateways/evm/sender.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { type Anvil, startAnvil } from '../evm/anvil.ts'
import { chain, ETHER, USDC } from '../evm/money-out.ts'
import { chainWorld } from './chain-world.ts'
import { type MoneyOutWorld, runMoneyOut } from './money-out.ts'
import { runContract } from './suite.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
/** What the paying address is given for gas each time. */
const GAS_MONEY = ETHER / 100n
const TREASURY = 2

describe('an EVM chain, on anvil', () => {
  let anvil: Anvil
  let world: MoneyOutWorld

  runMoneyOut(['evm'], async () => {
    anvil = await startAnvil()
    const endpoint = { url: anvil.node.rpcUrl }
    const senderOver = (endpoints: Parameters<typeof createEvmSender>[1]) => createEvmSender(chain, endpoints, fetch)
    const sender = senderOver([endpoint])
    const seed = new Uint8Array(32).fill(43)
    world = {
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
    return world
  })

  runContract('evm', async () =>
    chainWorld(world, {
      script: 'evm',
      reader: createEvmReader(chain, [{ ...world.endpoint, pending: true }], fetch),
      balancesOver: (endpoints) => createEvmBalances(chain, endpoints, fetch),
      pay: (to, asset, units) => (asset === 'ETH' ? anvil.miner.sendNative({ to, units }) : anvil.miner.sendToken({ to, units })),
      // No address of another kind, and one with a letter of the wrong case (EIP-55).
      unreachable: ['bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', '0x70997970c51812dc3A010C7d01b50e0d17dc79C8'],
    }),
  )
})

function must<T>(result: Result<T, { detail: string }>): T {
  if (!result.ok) throw new Error(result.error.detail)
  return result.value
}
