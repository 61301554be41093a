import { mergeParents } from '../../src/gateways/bitcoin/sender-parent.ts'
import { ownDelegate } from '../../src/gateways/evm/delegate.ts'
import type { AddressBalance, BalanceReader, NodeError } from '../../src/gateways/gateway.ts'
import type { BroadcastAnswer, FactsQuestion, ParentFacts, Sender, SpendFacts } from '../../src/gateways/send.ts'
import { mergeSights } from '../../src/gateways/sightings.ts'
import { toHex } from '../../src/lib/bytes.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { addressKey } from './addresses.ts'
import type { SimChain } from './chain.ts'
import type { SimNode } from './node.ts'
import { gasOf, readOwn } from './own.ts'
import { misled, parentAt } from './parents.ts'
import { askNode, type NodePorts } from './reader.ts'
import { lookAt } from './sight.ts'
import type { SimBlock, SimTransaction } from './transactions.ts'

const KEYS_MAX = 100_000
const TIP = 10n ** 8n

/** The simulated nodes as a gateway's `Sender`: each is asked by itself, and what they say of a transfer is put together by the real code. */
export function createSimSender(chain: SimChain, ports: NodePorts): Sender {
  const { random, network } = ports
  const isLie = () => random.chance(network.faults.nodeLies)
  const isCut = () => random.chance(network.faults.lostAnswers / 2)

  const sendTo = (node: SimNode, transaction: SimTransaction) =>
    askNode(node, ports, 'sendrawtransaction', (): Result<BroadcastAnswer, NodeError> => {
      // It says so, and forgets it; or says that it never can be.
      if (isLie()) return ok(random.chance(0.5) ? { answer: 'taken' } : { answer: 'refused', why: 'spent', detail: 'a lie' })
      const answer = node.judge(transaction)
      if (answer === 'taken') {
        chain.spread(transaction)
        node.accept(transaction)
      }
      if (isCut()) return err({ reason: 'node_unreachable', detail: 'no answer came' })
      return ok(answer === 'taken' ? { answer } : { answer: 'refused', why: answer, detail: `${node.label} has it so` })
    })

  const parentBy = (node: SimNode, question: NonNullable<FactsQuestion['parent']>) =>
    askNode(node, ports, 'parent', (): Result<ParentFacts, NodeError> => {
      const facts = parentAt(node, question)
      return ok(isLie() ? misled(facts, random) : facts)
    })

  return {
    async facts({ payer, parent: question }) {
      let last: Result<SpendFacts, NodeError> = err({ reason: 'protocol', detail: 'no node' })
      for (const node of honest(chain)) {
        last = await askNode(node, ports, 'facts', () => ok(factsOf(chain, node, payer)))
        if (last.ok) break
      }
      if (!last.ok || !question) return last
      const parent = mergeParents(await Promise.all(chain.nodes.map((node) => parentBy(node, question))))
      return parent.ok ? ok({ ...last.value, parent: parent.value }) : parent
    },
    async broadcast(raw) {
      const transaction = readOwn(chain, raw, ports.scheduler.nowMs)
      const answers = await Promise.all(chain.nodes.map((node) => sendTo(node, transaction)))
      const said = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
      const first = said.find(({ answer }) => answer === 'taken') ?? said[0]
      return first ? ok(first) : (answers[0] as Result<BroadcastAnswer, NodeError>)
    },
    async look(question) {
      const looks = chain.nodes.map((node) => askNode(node, ports, 'look', () => ok(lookAt(chain, node, question, isLie()))))
      return mergeSights(chain.config, await Promise.all(looks))
    },
  }
}

/** Balances of an honest node's newest block; of an earlier one where nodes keep states. */
export function createSimBalances(chain: SimChain, ports: NodePorts): BalanceReader {
  return {
    keysMax: KEYS_MAX,
    read: (keys, at) => {
      const node = ports.random.pick(honest(chain))
      return askNode(node, ports, 'balances', () => {
        const isEvm = chain.config.gateway === 'evm'
        const wanted = isEvm && at ? chain.byHash.get(at.hash) : node.head
        if (!wanted || wanted.ref.height > node.head.ref.height || (at && !isEvm && node.head.ref.height < at.height))
          return err({ reason: 'node_refused', detail: 'no such block' } as const)
        const { height, hash, timeMs } = wanted.ref
        return ok({ block: { height, hash, timeMs }, balances: balancesAt(chain, node, wanted, keys) })
      })
    },
  }
}

function balancesAt(chain: SimChain, node: SimNode, block: SimBlock, keys: readonly Uint8Array[]): AddressBalance[] {
  const { coins, sums } = chain.branches.stateOf(block)
  const { native, tokens } = chain.config
  const leaving = new Set([...node.mempool.values()].flatMap(({ spends }) => spends))
  return keys.flatMap((key, position): AddressBalance[] => {
    const name = toHex(key)
    if (chain.config.gateway === 'evm')
      return [native, ...tokens].flatMap(({ code: assetCode }) => {
        const confirmed = sums.get(`${name} ${assetCode}`) ?? 0n
        return confirmed > 0n ? [{ position, assetCode, confirmed, leaving: 0n, coins: [] }] : []
      })
    const own = [...coins].flatMap(([coin, { key: of, units, height }]) => {
      const [txid = '', vout] = coin.split(':')
      return of === name ? [{ txid, vout: Number(vout), units, height, coinbase: false, leaving: leaving.has(coin) }] : []
    })
    const sum = (some: typeof own) => some.reduce((all, { units }) => all + units, 0n)
    if (own.length === 0) return []
    return [{ position, assetCode: native.code, confirmed: sum(own), leaving: sum(own.filter((one) => one.leaving)), coins: own }]
  })
}

type Payer = Parameters<Sender['facts']>[0]['payer']

function factsOf(chain: SimChain, node: SimNode, payer: Payer): SpendFacts {
  const { height } = node.head.ref
  if (payer === null) return { fees: { kind: 'coins', satsPerKvb: chain.market }, height, payer: null }
  const from = toHex(addressKey(payer.address))
  const native = chain.config.native.code
  const { sums, nonces, made, delegates } = node.state
  const hasOf = (key: string, asset: string) => sums.get(`${key} ${asset}`) ?? 0n
  const has = (asset: string) => hasOf(from, asset)
  const nonce = nonces.get(from) ?? 0
  const waiting = [...node.mempool.values()].filter(({ own }) => own?.from === from && own.nonce >= nonce).length
  const wanted = payer.outputs.reduce((sum, { units }) => sum + units, 0n)
  const isToken = payer.asset !== native
  const swept = payer.deposits?.map((address) => toHex(addressKey(address)))
  const delegate = swept && ownDelegate(chain.config, `0x${from}`)
  const deposits = swept?.map((key) => {
    const delegated = delegates.get(key) === delegate
    return { units: hasOf(key, payer.asset), native: hasOf(key, native), nonce: nonces.get(key) ?? 0, delegated }
  })
  // It is made once, and nothing is swept before.
  const canSweep = delegate !== undefined && made.has(delegate) === (deposits?.length ?? 0) > 0
  const flush = swept && swept.length > 0 ? { asset: payer.asset, accounts: swept } : null
  const gas = swept ? (canSweep ? gasOf(false, { flush }) : null) : has(payer.asset) < wanted ? null : gasOf(!isToken, null)
  return {
    ...(deposits && { deposits }),
    fees: { kind: 'account', maxFeePerGas: chain.market + TIP, maxPriorityFeePerGas: TIP },
    height,
    payer: { nonce, pendingNonce: nonce + waiting, units: has(payer.asset), native: has(native), gas },
  }
}

function honest(chain: SimChain): SimNode[] {
  return chain.nodes.filter(({ isLiar }) => !isLiar)
}
