/** Addresses given out by the real wallet object, and the same number of them derived with nothing around. */
import { addressBookOf } from '../../src/gateways/registry.ts'
import { registryOf } from '../../src/money/registry.ts'
import type { WalletObject } from '../../src/wallet/object.ts'
import { benchAccount } from './account.ts'

export { WalletObject } from '../../src/wallet/object.ts'

interface BenchEnv {
  CHAINS: string
  WALLETS: DurableObjectNamespace<WalletObject>
}

/** Calls to the object that are under way at once, as from many checkouts. */
const AT_ONCE = 16

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    const chain = registryOf(env).chain(searchParams.get('chain') ?? '')
    const [from, count] = [Number(searchParams.get('from')), Number(searchParams.get('count'))]
    const account = benchAccount(chain)
    if (pathname === '/derive') {
      for (let index = from; index < from + count; index++) {
        if (!addressBookOf(chain).derive(chain, account, index).ok) return new Response('not derived', { status: 500 })
      }
      return new Response('ok')
    }
    const wallet = env.WALLETS.getByName(`bench ${chain.id}`)
    await wallet.configure(account)
    let next = from
    const allocate = async () => {
      while (next < from + count) {
        const given = await wallet.allocate(chain.id, `inv_${next++}`)
        if (!given.ok) throw new Error(given.error.reason)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, allocate))
    return new Response('ok')
  },
} satisfies ExportedHandler<BenchEnv>
