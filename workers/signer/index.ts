/** The signer Worker: the only one with seeds. It has no route: the gateways Worker calls `Signer`, operators the rest. */
import { WorkerEntrypoint } from 'cloudflare:workers'
import { createSignerAdmin } from '../../src/signer/admin.ts'
import { signFor } from '../../src/signer/door.ts'
import type { SignerRpc, SignRequest } from '../../src/signer/rpc.ts'
import type { SignerEnv } from './env.ts'

export { SignerObject } from '../../src/signer/object.ts'

/** What the gateways Worker is bound to: one call, and none of the admin routes. */
export class Signer extends WorkerEntrypoint<SignerEnv> implements SignerRpc {
  async sign(request: SignRequest) {
    return signFor(this.env, request)
  }
}

const admin = createSignerAdmin()

export default {
  /** Reached through a service binding or a local tool only: this Worker has no route and no workers.dev address. */
  fetch: (request, env) => admin.fetch(request, env),
} satisfies ExportedHandler<SignerEnv>
