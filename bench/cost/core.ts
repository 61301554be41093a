import type { CoreEnv } from '../../workers/core/env.ts'
/** The core Worker with everything counted that Cloudflare counts: calls, alarms, rows, messages. `GET /bench/counts` tells. */
import core, * as objects from '../../workers/core/index.ts'
import { count, countedEnv, countMethods, counts, watchStorage } from './counting.ts'

export class InvoiceObject extends objects.InvoiceObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('InvoiceObject', ctx), countedEnv(env))
  }
}

export class WalletObject extends objects.WalletObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('WalletObject', ctx), countedEnv(env))
  }
}

export class ChainObject extends objects.ChainObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('ChainObject', ctx), countedEnv(env))
  }
}

export class WatchObject extends objects.WatchObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('WatchObject', ctx), countedEnv(env))
  }
}

export class RatesObject extends objects.RatesObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('RatesObject', ctx), countedEnv(env))
  }
}

export class DeliveryObject extends objects.DeliveryObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('DeliveryObject', ctx), countedEnv(env))
  }
}

export class LedgerObject extends objects.LedgerObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('LedgerObject', ctx), countedEnv(env))
  }
}

export class AuditObject extends objects.AuditObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('AuditObject', ctx), countedEnv(env))
  }
}

export class BankObject extends objects.BankObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('BankObject', ctx), countedEnv(env))
  }
}

export class LightningObject extends objects.LightningObject {
  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(watchStorage('LightningObject', ctx), countedEnv(env))
  }
}

const classes = {
  InvoiceObject,
  WalletObject,
  ChainObject,
  WatchObject,
  RatesObject,
  DeliveryObject,
  LedgerObject,
  AuditObject,
  BankObject,
  LightningObject,
} satisfies Record<Exclude<keyof typeof objects, 'default'>, unknown>
for (const [name, base] of Object.entries(classes)) countMethods(name, Object.getPrototypeOf(base).prototype)

export default {
  async fetch(request, env) {
    return new URL(request.url).pathname === '/bench/counts' ? Response.json(counts()) : core.fetch(request as never, env)
  },
  async queue(batch, env) {
    count(`consumer runs ${batch.queue}`)
    count(`consumed ${batch.queue}`, batch.messages.length)
    await core.queue(batch, countedEnv(env))
  },
  scheduled: (controller, env) => core.scheduled(controller, countedEnv(env)),
} satisfies ExportedHandler<CoreEnv>
