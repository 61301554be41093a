import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createApiKey } from '../../src/auth/api-keys.ts'
import { randomId } from '../../src/lib/ids.ts'
import { readJson, writePrivate } from './processes.ts'

/** What is random in one installation on a developer's machine, made at the first start and kept. */
export interface Secrets {
  readonly idSecret: string
  readonly webhookSecret: string
  readonly storeId: string
  readonly apiKey: string
}

/** Reads `<state>/secrets.json` (mode 600), made when it is missing. */
export function openSecrets(stateDir: string): Secrets {
  const path = join(stateDir, 'secrets.json')
  const kept = readJson<Secrets>(path)
  if (kept?.idSecret && kept.webhookSecret && kept.storeId && kept.apiKey) return kept
  const fresh: Secrets = {
    idSecret: randomBytes(32).toString('hex'),
    webhookSecret: randomBytes(32).toString('hex'),
    storeId: randomId('st'),
    apiKey: createApiKey('test'),
  }
  writePrivate(path, JSON.stringify(fresh, null, 2))
  return fresh
}
