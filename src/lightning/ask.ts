import type { CoreEnv } from '../../workers/core/env.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { LightningMessage } from './rpc.ts'

/** Asks the gateways Worker to work for a node. What is lost is asked for again: by the next request, or by the alarm. */
export async function askGateways({ GATEWAY_LIGHTNING }: CoreEnv, message: LightningMessage): Promise<void> {
  try {
    await GATEWAY_LIGHTNING.send(message)
  } catch (thrown) {
    logEvent('warn', 'lightning_not_asked', { ...message, reason: reasonOf(thrown) })
  }
}
