import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'

export class RatesObject extends DurableObject<CoreEnv> {}
