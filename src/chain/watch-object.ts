import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'

export class WatchObject extends DurableObject<CoreEnv> {}
