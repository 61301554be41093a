import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createApiKey } from '../../src/auth/api-keys.ts'
import { randomId } from '../../src/lib/ids.ts'
import { readJson, writePrivate } from './processes.ts'

/** What is random in one installation on a developer's machine, made at the first start and kept. */
export interface Secrets {
  readonly idSecret: string
  readonly webhookSecret: string
  /** `SIGNER_KEK`: what the seeds of this installation's hot wallets are sealed under. */
  readonly signerKek: string
  readonly storeId: string
  readonly apiKey: string
}

/** Reads `<state>/secrets.json` (mode 600), made when it is missing. What it lacks, from an earlier version, is added. */
export function openSecrets(stateDir: string): Secrets {
  const path = join(stateDir, 'secrets.json')
  const kept = readJson<Partial<Secrets>>(path) ?? {}
  const secrets: Secrets = {
    idSecret: kept.idSecret || randomBytes(32).toString('hex'),
    webhookSecret: kept.webhookSecret || randomBytes(32).toString('hex'),
    signerKek: kept.signerKek || randomBytes(32).toString('base64'),
    storeId: kept.storeId || randomId('st'),
    apiKey: kept.apiKey || createApiKey('test'),
  }
  if (Object.entries(secrets).some(([name, value]) => kept[name as keyof Secrets] !== value))
    writePrivate(path, JSON.stringify(secrets, null, 2))
  return secrets
}
