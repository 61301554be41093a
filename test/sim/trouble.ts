import type { StoreTerms } from '../../src/invoice/types.ts'
import { approveSomething } from './approvers.ts'
import { hurrySomething } from './hurriers.ts'
import { descendantsIn } from './packages.ts'
import { meddle, payOut, refundSomething, sendGas, stopSomething } from './payers.ts'
import { moveOut, resolveSomething, shopAndPay } from './people.ts'
import type { Plot } from './plot.ts'

/** Where hardly any block comes: one of so many. */
const STILL_BLOCKS = 8
const INVOICES_MAX = 8

type Often = (times: number, label: string, act: () => void) => void
type Start = (promise: Promise<void>) => void

/** Everything that people, miners and misfortune will do, spread over the time of trouble. */
export function planTrouble(plot: Plot, stores: readonly StoreTerms[], troubleMs: number): void {
  const { world } = plot
  const { random, scheduler } = world
  const often: Often = (times, label, act) => {
    for (let n = 0; n < times; n++) scheduler.after(random.between(0, troubleMs), label, act)
  }
  const start: Start = (promise) => void promise.catch(plot.failed)
  const invoices = random.between(2, world.hasMoneyOut ? INVOICES_MAX / 2 : INVOICES_MAX)
  for (let n = 0; n < invoices; n++) {
    const store = random.pick(stores)
    scheduler.after(random.between(0, troubleMs * (world.hasMoneyOut ? 0.25 : 0.5)), `shop of ${store.storeId}`, () =>
      start(shopAndPay(plot, store, n)),
    )
  }
  often(random.between(0, 3), 'a person resolves', () => start(resolveSomething(plot)))
  if (world.hasMoneyOut) planMoneyOut(plot, stores, often, start)
  else often(random.between(0, 5), 'money out', () => start(moveOut(plot, random.pick(stores))))
  often(1 + Math.floor(troubleMs / 60_000), 'cron', () => world.wakeFollowers())
  often(random.between(0, 2), 'rates move', () => world.moveRates())
  for (const chain of world.chains) {
    const looksToBlock = world.hasMoneyOut ? 0.3 + 0.9 * random.fraction() : 0.5 + 1.5 * random.fraction()
    const blocks = Math.floor(troubleMs / (world.pollMs * looksToBlock))
    often(world.isStill ? blocks / STILL_BLOCKS : blocks, `${chain.config.native.code} block`, () => chain.mine(0.7))
    if (world.isStill) often(3 * blocks, 'a look comes again', () => world.lookAgain(chain))
    often(random.chance(0.6) ? random.between(1, 3) : 0, `${chain.config.native.code} fork`, () => chain.fork())
    const node = () => random.pick(chain.nodes)
    often(random.chance(0.4) ? random.between(1, 3) : 0, 'node down', () => {
      node().isUp = false
    })
    often(random.chance(0.6) ? random.between(1, 4) : 0, 'node restarts', () => node().restart())
    often(random.chance(0.4) ? random.between(1, 2) : 0, 'node lags', () => {
      node().lagMs = random.pick([0, 1_000, 8_000, 30_000])
    })
  }
  const kills = random.chance(0.6) ? random.between(1, 12) : 0
  often(kills, 'kill', () => {
    const awake = [...world.host.objects.values()].filter(({ isAwake }) => isAwake)
    if (awake.length > 0) random.pick(awake).kill()
  })
  often(random.chance(0.4) ? random.between(1, 4) : 0, 'gateway ends', () => world.endGateway())
  often(random.chance(0.3) ? 1 : 0, 'deploy', () => {
    for (const object of world.host.objects.values()) object.kill()
    world.endGateway()
  })
}

function planMoneyOut(plot: Plot, stores: readonly StoreTerms[], often: Often, start: Start): void {
  const { world } = plot
  const { random } = world
  often(random.between(1, 7), 'a payout', () => start(payOut(plot, random.pick(stores))))
  often(random.between(1, 3), 'a refund', () => start(refundSomething(plot)))
  often(random.between(0, 5), 'a merchant hurries what waits', () => start(hurrySomething(plot, stores)))
  often(random.chance(0.8) ? random.between(4, 10) : 0, 'somebody approves', () => start(approveSomething(plot)))
  often(random.between(0, 6), 'somebody meddles', () => start(meddle(plot)))
  often(random.chance(0.4) ? random.between(1, 2) : 0, 'something is stopped', () => start(stopSomething(plot, stores)))
  if (world.chains.some(({ config }) => config.gateway === 'evm'))
    often(random.chance(0.5) ? random.between(1, 3) : 0, 'gas is sent', () => sendGas(plot, stores))
  for (const chain of world.chains) {
    often(random.between(1, 4), 'the market moves', () => chain.moveMarket())
    often(random.chance(0.4) ? random.between(1, 3) : 0, 'a transfer is evicted', () => {
      const own = [...chain.pool.values()].filter(({ own, txid }) => own || descendantsIn(chain.pool, txid).length > 0)
      if (own.length > 0) chain.evict(random.pick(own).txid)
    })
  }
}
