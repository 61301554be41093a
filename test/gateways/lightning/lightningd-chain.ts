import { createInterface } from 'node:readline'

/**
 * What lightningd knows of the chain, as its plugin in place of `bcli` (docs.corelightning.org, "Bitcoin backend"): our regtest
 * node by JSON-RPC, so that no `bitcoin-cli` is needed. Started by lightningd, which writes to its standard input.
 */
const { PAYTOMAT_RPC_URL: url = '', PAYTOMAT_RPC_USER: user, PAYTOMAT_RPC_PASSWORD: password } = process.env
/** Satoshi per 1,000 virtual bytes. */
const FEERATE = 2_000

type Params = Readonly<Record<string, unknown>>
const METHODS: Readonly<Record<string, (params: Params) => Promise<object> | object>> = {
  getmanifest: () => ({
    options: [],
    dynamic: false,
    rpcmethods: ['getchaininfo', 'estimatefees', 'getrawblockbyheight', 'getutxout', 'sendrawtransaction'].map((name) => ({
      name,
      usage: '',
      description: name,
    })),
  }),
  init: () => ({}),
  async getchaininfo() {
    const height = await ask('getblockcount')
    return { chain: 'regtest', headercount: height, blockcount: height, ibd: false }
  },
  estimatefees: () => ({ feerate_floor: 1_000, feerates: [2, 6, 12, 100].map((blocks) => ({ blocks, feerate: FEERATE })) }),
  async getrawblockbyheight({ height }) {
    const blockhash = await ask('getblockhash', height).catch(() => null)
    return { blockhash, block: blockhash === null ? null : await ask('getblock', blockhash, 0) }
  },
  async getutxout({ txid, vout }) {
    const found = (await ask('gettxout', txid, vout)) as { value: number; scriptPubKey: { hex: string } } | null
    return { amount: found && Math.round(found.value * 1e8), script: found?.scriptPubKey.hex ?? null }
  },
  async sendrawtransaction({ tx }) {
    return ask('sendrawtransaction', tx).then(
      () => ({ success: true, errmsg: '' }),
      (refused: Error) => ({ success: false, errmsg: refused.message }),
    )
  },
}

async function ask(method: string, ...params: readonly unknown[]): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id: 1, method, params }),
  })
  const { result, error } = (await answer.json()) as { result: unknown; error: { message: string } | null }
  if (error) throw new Error(error.message)
  return result
}

// A request is one line, and an empty line after it.
createInterface({ input: process.stdin }).on('line', async (line) => {
  if (line === '') return
  const { id, method, params } = JSON.parse(line) as { id: unknown; method: string; params: Params }
  const answer = await Promise.resolve(METHODS[method]?.(params) ?? {}).then(
    (result) => ({ result }),
    (thrown: Error) => ({ error: { code: -1, message: thrown.message } }),
  )
  if (id !== undefined) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n\n`)
})
