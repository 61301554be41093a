import { look } from '../../src/chain/look.ts'
import type { LookMessage } from '../../src/chain/rpc.ts'
import { watchShardName } from '../../src/chain/watch.ts'
import { BOARD_NAME } from '../../src/exchange/cache.ts'
import type { RatesMessage } from '../../src/exchange/rpc.ts'
import { fetchQuotes } from '../../src/exchange/sources.ts'
import { balanceReaderOf } from '../../src/gateways/balances.ts'
import { lightningNodeOf, lightningPayerOf } from '../../src/gateways/lightning/nodes.ts'
import { readerOf } from '../../src/gateways/readers.ts'
import { senderOf } from '../../src/gateways/senders.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { logEvent, reasonOf } from '../../src/lib/log.ts'
import type { LightningMessage, NodeName } from '../../src/lightning/rpc.ts'
import { carryPayment } from '../../src/lightning/transfers/carry.ts'
import { lookAtPayments, runErrands } from '../../src/lightning/work.ts'
import { lightningRailOf, registryOf } from '../../src/money/registry.ts'
import { readBalance } from '../../src/wallet/read-balance.ts'
import type { BalanceMessage } from '../../src/wallet/rpc.ts'
import { carryOut } from '../../src/wallet/transfers/carry-out.ts'
import type { TransferMessage } from '../../src/wallet/transfers/rpc.ts'
import type { GatewaysEnv } from './env.ts'

/** When each chain's look of this isolate began. One that has not ended by then hangs, and another may start. */
const looking = new Map<string, number>()
const LOOK_MAX_MS = 60_000

/** The gateways Worker: carries out what chain objects and the rate board ask, and has no public address. */
export default {
  // Taken off the queue at once and worked on beside it: a slow node holds up no other chain. What is lost is asked
  // for again by the object's alarm, so nothing is gained by letting the queue repeat it.
  async queue(batch, env, ctx) {
    for (const message of batch.messages) {
      const { body } = message
      if (body.kind === 'balance') {
        await readOnce(env, body)
        continue
      }
      message.ack()
      ctx.waitUntil(
        workOn(env, body).catch((thrown) =>
          logEvent('error', 'gateway_work_failed', { kind: body.kind, reason: reasonOf(thrown) }),
        ),
      )
    }
  },
  fetch: () => new Response('not found', { status: 404 }),
} satisfies ExportedHandler<GatewaysEnv, BesideMessage | BalanceMessage>

/** Worked on beside the queue. */
type BesideMessage = LookMessage | RatesMessage | TransferMessage | LightningMessage

function workOn(env: GatewaysEnv, message: BesideMessage): Promise<void> {
  if (message.kind === 'look') return lookOnce(env, message.chainId)
  if (message.kind === 'lightning') return askLightning(env, message)
  return message.kind === 'transfer' ? carryOnce(env, message) : publishQuotes(env, message)
}

async function lookOnce(env: GatewaysEnv, chainId: string): Promise<void> {
  const nowMs = systemClock()
  if (nowMs - (looking.get(chainId) ?? Number.NEGATIVE_INFINITY) < LOOK_MAX_MS) return
  looking.set(chainId, nowMs)
  try {
    const chain = registryOf(env).chain(chainId)
    const follower = env.CHAINS_FOLLOWED.getByName(chainId)
    const reader = readerOf(env, chain)
    if (!reader) return await follower.fail({ reason: 'not_configured', detail: 'NODES names no node for this chain' })
    const watch = Array.from({ length: chain.watchShards }, (_, shard) => env.WATCH.getByName(watchShardName(chain, shard)))
    await look({ follower, watch, reader, clock: systemClock })
  } finally {
    if (looking.get(chainId) === nowMs) looking.delete(chainId)
  }
}

/** A page of a wallet's balance. What goes wrong with a node is told to the wallet; a defect is the queue's to repeat once. */
async function readOnce(env: GatewaysEnv, message: BalanceMessage): Promise<void> {
  const { chainId, walletId, readingId } = message
  const chain = registryOf(env).chain(chainId)
  const wallet = env.WALLETS.getByName(walletId)
  const reader = balanceReaderOf(env, chain)
  if (!reader) {
    return await wallet.failReading(chainId, readingId, { reason: 'not_configured', detail: 'NODES names no node for this chain' })
  }
  await readBalance({ wallet, follower: env.CHAINS_FOLLOWED.getByName(chainId), reader }, message)
}

/** A transfer as far as it goes now. The wallet's alarm asks again until it is final. */
async function carryOnce(env: GatewaysEnv, message: TransferMessage): Promise<void> {
  const sender = senderOf(env, registryOf(env).chain(message.chainId))
  await carryOut({ wallet: env.WALLETS.getByName(message.walletId), sender, signer: env.SIGNER }, message)
}

/**
 * What a Lightning node is to do, a payment it is to make, or a look at what it was paid, which waits for payments. The
 * node's object asks again.
 */
async function askLightning(env: GatewaysEnv, message: LightningMessage): Promise<void> {
  const railOf = (chainId: string) => lightningRailOf(registryOf(env), chainId)
  const ports = {
    object: env.LIGHTNINGS.getByName(message.walletId),
    clock: systemClock,
    railOf,
    connect: ({ chainId, name }: NodeName) => {
      const connected = lightningNodeOf(env, railOf(chainId), name)
      return connected && { ...connected, sending: lightningPayerOf(env, railOf(chainId), name)?.policy ?? null }
    },
  }
  if (message.task === 'make') return runErrands(ports)
  if (message.task === 'look') return lookAtPayments(ports)
  const node = await ports.object.health()
  const paying = node && lightningPayerOf(env, railOf(node.chainId), node.name)
  return carryPayment({ object: ports.object, paying }, message.transferId)
}

async function publishQuotes(env: GatewaysEnv, { pairs }: RatesMessage): Promise<void> {
  await env.RATES.getByName(BOARD_NAME).publish(await fetchQuotes(pairs, fetch, systemClock()))
}
