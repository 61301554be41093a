/**
 * Bitcoin Core's behaviour on a bcoin node, for the calls that the demo wallet and the tests use. bcoin 1.0.2 answers
 * `sendrawtransaction` before it has looked at the transaction, knows no replacement (BIP 125), empties its mempool on
 * `invalidateblock`, has no `scantxoutset` and `generatetodescriptor`, and tells fees in words of its own. Refusals have
 * Core's codes (`src/rpc/protocol.h`).
 */
const { Address, Script, TX, util } = require('bcoin')

const MISC_ERROR = -1
const NOT_FOUND = -5
const INVALID_PARAMETER = -8
const DECODE_FAILED = -22
const MISSING_INPUTS = -25
const FEE_TOO_HIGH = -25
const REJECTED = -26
const ALREADY_IN_CHAIN = -27

/** Blocks mined in one call: more would hold up every other call. */
const MINE_MAX = 1_000

/** What a transaction may cost where the call does not say, in bitcoin for 1,000 virtual bytes. */
const MAX_FEE_RATE = 0.1

/** sat/vB that a replacement must pay above what it replaces (BIP 125 rule 4). */
const INCREMENTAL_RATE = 1

function addCoreRpc(node, { recordInvalid, recordValid }) {
  const { chain, mempool, rpc } = node
  // One change at a time: bcoin's own locks are per object, and a replacement or a reorganisation touches several.
  let last = Promise.resolve()
  const inTurn = (call) => (args) => {
    const turn = last.then(() => call(args))
    last = turn.catch(() => {})
    return turn
  }
  let estimate = null
  const calls = {
    sendrawtransaction: inTurn(async ([hex, maxFeeRate = MAX_FEE_RATE]) =>
      acceptTransaction(node, decodeTransaction(hex), maxFeeRate),
    ),

    generatetodescriptor: inTurn(async ([count, descriptor]) => {
      if (!Number.isInteger(count) || count < 0 || count > MINE_MAX)
        throw rpcError(INVALID_PARAMETER, `mine 0 to ${MINE_MAX} blocks`)
      return rpc.mineBlocks(count, Address.fromScript(scriptOf(descriptor)))
    }),

    // In turn: read while a block is being connected, a coin that it spends is listed and gone.
    scantxoutset: inTurn(async ([_action, descriptors]) => {
      const unspents = []
      for (const descriptor of descriptors) {
        const script = scriptOf(descriptor)
        for (const coin of await chain.getCoinsByAddress([Address.fromScript(script)])) {
          const { hash, index, value, height, coinbase } = coin
          unspents.push({
            txid: util.revHex(hash),
            vout: index,
            scriptPubKey: script.toJSON(),
            amount: value / 1e8,
            coinbase,
            height,
          })
        }
      }
      return { success: true, height: chain.height, bestblock: chain.tip.rhash(), unspents }
    }),

    // bcoin's own still shows a confirmed coin that a waiting transaction spends.
    gettxout: async (args) => {
      const [txid, index, withMempool = true] = args
      return withMempool && mempool.isSpent(util.revHex(txid), index) ? null : rpc.getTXOut(args)
    },

    // As Core says it on a chain that has seen no fees.
    estimatesmartfee: async ([target]) =>
      estimate === null ? { errors: ['Insufficient data or no feerate found'], blocks: 0 } : { feerate: estimate, blocks: target },

    // Not in Core: what nodes estimate from now on, in bitcoin for 1,000 virtual bytes.
    setestimate: async ([feerate]) => {
      estimate = feerate
      return null
    },

    getmempoolinfo: async () => {
      const info = await rpc.getMempoolInfo([])
      return { loaded: true, ...info, minrelaytxfee: info.mempoolminfee, incrementalrelayfee: INCREMENTAL_RATE / 1e5 }
    },

    // bcoin's own refusal has another code.
    getmempoolentry: async (args) => {
      if (!mempool.hasEntry(util.revHex(String(args[0])))) throw rpcError(NOT_FOUND, 'Transaction not in mempool')
      return rpc.getMempoolEntry(args)
    },

    invalidateblock: inTurn(async ([hash]) => {
      await setAside(node, await knownHash(chain, hash))
      recordInvalid(util.revHex(hash))
      return null
    }),

    reconsiderblock: inTurn(async ([hash]) => {
      await takeBack(node, await knownHash(chain, hash))
      recordValid(util.revHex(hash))
      return null
    }),

    // Not in Core: drops a transaction and its descendants, as a full mempool or two weeks would.
    evicttransaction: inTurn(async ([txid]) => {
      const entry = mempool.getEntry(util.revHex(txid))
      if (!entry) throw rpcError(NOT_FOUND, 'Transaction not in mempool')
      mempool.evictEntry(entry)
      return null
    }),

    // The mempool is on disk already.
    savemempool: async () => null,
  }
  Object.assign(rpc.calls, calls)
}

/**
 * Takes a transaction into the mempool as Core does: fully checked, replacing what it conflicts with when it pays more.
 * `maxFeeRate`: bitcoin for 1,000 virtual bytes; 0 for any.
 */
async function acceptTransaction(node, tx, maxFeeRate) {
  const { chain, mempool } = node
  if (mempool.hasEntry(tx.hash('hex'))) return tx.txid()
  if (await chain.hasCoins(tx)) throw rpcError(ALREADY_IN_CHAIN, 'Transaction outputs already in utxo set')

  const fee = tx.getFee(await mempool.getCoinView(tx))
  const size = tx.getVirtualSize()
  if (maxFeeRate > 0 && fee / size > maxFeeRate * 1e5) {
    throw rpcError(FEE_TOO_HIGH, 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)')
  }
  const replaced = replacedBy(mempool, tx)
  if (replaced.length > 0) {
    const replacedFee = replaced.reduce((sum, entry) => sum + entry.fee, 0)
    const bestRate = Math.max(...replaced.map((entry) => entry.fee / entry.tx.getVirtualSize()))
    if (fee < replacedFee + size * INCREMENTAL_RATE || fee / size <= bestRate) {
      throw rpcError(REJECTED, 'insufficient fee, rejecting replacement')
    }
  }
  for (const entry of replaced) if (mempool.hasEntry(entry.tx.hash('hex'))) mempool.evictEntry(entry)
  try {
    const missing = await mempool.addTX(tx)
    if (!missing) return tx.txid()
    mempool.removeOrphan(tx.hash('hex'))
    throw rpcError(MISSING_INPUTS, 'bad-txns-inputs-missingorspent')
  } catch (error) {
    await readdTransactions(
      node,
      replaced.map((entry) => entry.tx),
    )
    if (error.type === 'VerifyError') throw rpcError(REJECTED, error.reason)
    throw error
  }
}

/** Waiting transactions that spend what `tx` spends, and their descendants, parents first. */
function replacedBy(mempool, tx) {
  const entries = new Map()
  for (const { prevout } of tx.inputs) {
    const entry = mempool.getSpent(prevout.hash, prevout.index)
    if (!entry) continue
    for (const one of [entry, ...mempool.getDescendants(entry)]) entries.set(one.tx.hash('hex'), one)
  }
  return [...entries.values()].sort((a, b) => mempool.countAncestors(a) - mempool.countAncestors(b))
}

/** Tips of the branches that `setAside` took out, by the hash it was told. */
const branchTips = new Map()

/** Disconnects the block and all above it; the next block is built on its parent. `hash` is in bcoin's byte order. */
async function setAside(node, hash) {
  const { chain } = node
  const entry = await chain.getEntry(hash)
  if (await chain.isMainChain(entry)) {
    branchTips.set(hash, chain.tip)
    await reorganize(node, async () => {
      while (chain.height >= entry.height) await chain.disconnect(chain.tip)
    })
  }
  chain.setInvalid(hash)
}

/** Forgets that the block is invalid and returns to its branch when that has more work. */
async function takeBack(node, hash) {
  const { chain } = node
  chain.removeInvalid(hash)
  const tip = branchTips.get(hash)
  branchTips.delete(hash)
  if (!tip || tip.chainwork.lte(chain.tip.chainwork)) return
  await reorganize(node, async () => {
    await chain.reorganize(tip)
    // It leaves the new tip itself to its usual caller.
    await chain.reconnect(tip)
  })
}

/** Runs a change of the best chain; afterwards the mempool holds what is still valid of what waited and what was disconnected. */
async function reorganize(node, change) {
  const { chain, mempool } = node
  const waiting = [...mempool.map.values()]
    .sort((a, b) => mempool.countAncestors(a) - mempool.countAncestors(b))
    .map((entry) => entry.tx)
  const disconnected = []
  const collect = (_entry, block) => disconnected.unshift(...block.txs.slice(1))
  for (const entry of [...mempool.map.values()]) if (mempool.hasEntry(entry.tx.hash('hex'))) mempool.evictEntry(entry)
  const unlock = await chain.locker.lock()
  chain.on('disconnect', collect)
  try {
    await change()
    chain.setDeploymentState(await chain.getDeploymentState())
  } finally {
    chain.removeListener('disconnect', collect)
    unlock()
  }
  await readdTransactions(node, [...disconnected, ...waiting])
}

/** Parents first. What is confirmed, spent or no longer valid falls away, as in Core. */
async function readdTransactions({ mempool }, transactions) {
  for (const tx of transactions) {
    try {
      if (await mempool.addTX(tx)) mempool.removeOrphan(tx.hash('hex'))
    } catch (error) {
      if (error.type !== 'VerifyError') throw error
    }
  }
}

/** An error whose code bcoin's HTTP server hands on. */
function rpcError(code, message) {
  return Object.assign(new Error(message), { type: 'RPCError', code })
}

function decodeTransaction(hex) {
  try {
    return TX.fromRaw(hex, 'hex')
  } catch {
    throw rpcError(DECODE_FAILED, 'TX decode failed')
  }
}

/** `raw(<hex>)`, the one descriptor that needs no key. */
function scriptOf(descriptor) {
  const [, hex] = /^raw\(([0-9a-f]+)\)$/.exec(descriptor) ?? []
  if (!hex) throw rpcError(MISC_ERROR, 'only raw(<hex>) descriptors are known here')
  return Script.fromRaw(hex, 'hex')
}

async function knownHash(chain, hash) {
  const inner = util.revHex(hash)
  if (!(await chain.hasEntry(inner))) throw rpcError(NOT_FOUND, 'Block not found')
  return inner
}

module.exports = { addCoreRpc, readdTransactions, setAside, takeBack }
