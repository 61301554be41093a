/** The gateways Worker, telling when each look at a chain begins: the poll wait is measured by it. */
import type { LookMessage } from '../../src/chain/rpc.ts'
import type { GatewaysEnv } from '../../workers/gateways/env.ts'
import gateways from '../../workers/gateways/index.ts'

export default {
  ...gateways,
  async queue(batch, env, ctx) {
    for (const { body } of batch.messages) {
      if (body.kind === 'look') console.warn(JSON.stringify({ bench: 'look', chainId: body.chainId, atMs: Date.now() }))
    }
    await gateways.queue(batch as never, env, ctx)
  },
} satisfies ExportedHandler<GatewaysEnv, LookMessage>
