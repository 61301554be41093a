import type { AttemptResult } from '../../src/delivery/rpc.ts'
import type { QueuePort } from '../../src/lib/objects.ts'

/** Bindings of the courier Worker (wrangler.toml beside this file): its queues and nothing else. */
export interface CourierEnv {
  /** `development` lets webhooks go to loopback; anything else refuses private addresses. */
  ENVIRONMENT: string
  RESULTS: QueuePort<AttemptResult>
}
