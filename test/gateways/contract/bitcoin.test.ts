import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HDKey } from '@scure/bip32'
import { Address, NETWORK, TEST_NETWORK } from '@scure/btc-signer'
import { describe, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { createDemoWallet, startBitcoinNode } from '../../../scripts/stack/bitcoin/index.ts'
import { createBitcoinBalances } from '../../../src/gateways/bitcoin/balance.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { runChain } from './chain.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** The account of BIP 84's test vectors, and its first two receiving addresses, written as on a test network. */
const ZPUB = 'zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs'
const RECEIVING = ['bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', 'bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g']

describe('Bitcoin, on the node that is there: bitcoind, else bcoin', () => {
  runChain(async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-contract-'))
    const node = await startBitcoinNode({ stateDir })
    const wallet = createDemoWallet(node, stateDir)
    await wallet.fund()
    const chain = createRegistry(DEVELOPMENT_CHAINS).chain(BITCOIN_REGTEST)
    const endpoint = { url: node.rpcUrl, user: node.user, password: node.password }
    const { publicKey, chainCode, depth, index, parentFingerprint } = HDKey.fromExtendedKey(ZPUB, {
      public: 0x04b24746,
      private: 0,
    })
    const versions = { public: 0x043587cf, private: 0x04358394 }
    const account = new HDKey({ publicKey, chainCode, depth, index, parentFingerprint, versions } as ConstructorParameters<
      typeof HDKey
    >[0])
    const regtest = Address({ ...TEST_NETWORK, bech32: 'bcrt' })
    return {
      chain,
      account: { xpub: account.publicExtendedKey, script: 'p2wpkh' },
      known: RECEIVING.map((address, at) => ({ index: at, address: regtest.encode(Address(NETWORK).decode(address)) })),
      endpoint,
      reader: createBitcoinReader(chain, [endpoint], fetch),
      balancesOver: (endpoints) => createBitcoinBalances(chain, endpoints, fetch),
      pay: async (address, _asset, units) => (await wallet.send({ address, units })).txid,
      mine: (blocks) => wallet.mine(blocks),
      async takeBack() {
        const reader = createBitcoinReader(chain, [endpoint], fetch)
        const head = await reader.head()
        if (head.ok) await wallet.invalidate(head.value.hash)
      },
      async stop() {
        await node.stop()
        rmSync(stateDir, { recursive: true, force: true })
      },
    }
  })
})
