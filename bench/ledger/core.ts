/** The core Worker with a tool in it that calls the ledgers by itself: HTTP between each two calls would be most of the time. */
import type { CoreEnv } from '../../workers/core/env.ts'
import core from '../../workers/core/index.ts'
import { benchOwner, bookingOf, positionsOf } from './bookings.ts'
import { type Filling, fill } from './fill.ts'
import { drive, readLoad } from './lanes.ts'

export * from '../../workers/core/index.ts'

export default {
  ...core,
  async fetch(request, env) {
    const url = new URL(request.url)
    switch (url.pathname) {
      case '/bench/book':
        await drive(readLoad(url), async (owner, n) => {
          const booked = await env.LEDGERS.getByName(owner.merchantId).book(bookingOf(owner, n))
          if (!booked.ok) throw new Error(`a booking was refused: ${booked.error.reason}`)
        })
        return new Response('ok')
      case '/bench/record':
        await drive(readLoad(url), async (owner, n) => {
          // Two calls are one invoice: by turns its payment is seen, and settled.
          const positions = positionsOf(owner, Math.floor(n / 2))[n % 2]
          const recorded = positions && (await env.LEDGERS.getByName(owner.merchantId).record(positions))
          if (!recorded?.ok) throw new Error(`an invoice was refused: ${recorded?.error.reason}`)
        })
        return new Response('ok')
      case '/bench/behind':
        return Response.json({ behind: await behind(env, Number(url.searchParams.get('merchants'))) })
      case '/bench/fill':
        return Response.json({ written: await fill(env.SHARD_0, await request.json<Filling>()) })
      default:
        return core.fetch(request as never, env)
    }
  },
} satisfies ExportedHandler<CoreEnv>

/** How many ledgers D1 has not all of. */
async function behind(env: CoreEnv, merchants: number): Promise<number> {
  const waiting = await Promise.all(
    Array.from({ length: merchants }, async (_, merchant) => {
      const { merchantId } = benchOwner(merchant)
      return (await env.LEDGERS.getByName(merchantId).unprojected()).length
    }),
  )
  return waiting.filter((entries) => entries > 0).length
}
