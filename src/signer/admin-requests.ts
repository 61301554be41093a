import { type FieldRefusal, type Fields, readFields } from '../lib/fields.ts'
import type { Result } from '../lib/result.ts'
import type { Word } from './book.ts'
import type { SealedSeed } from './seal.ts'

const WHO = { max: 100 }
const WHY = { max: 500 }
const BASE64URL = { pattern: /^[A-Za-z0-9_-]+$/, form: 'base64url' }

/** Who stops or allows, and why. */
export function parseWord(input: unknown): Result<Word, FieldRefusal> {
  return readFields(input, ['by', 'reason'], (fields) => ({ by: fields.text('by', WHO), reason: fields.text('reason', WHY) }))
}

/** An envelope as the ceremony wrote it. Words have no field here, and would be refused by name. */
export function parseImport(input: unknown): Result<{ by: string; envelope: SealedSeed }, FieldRefusal> {
  return readFields(input, ['by', 'envelope'], (fields) => ({ by: fields.text('by', WHO), envelope: readEnvelope(fields) }))
}

/** The policy itself is read by `parsePolicy`. */
export function parsePolicyOrder(input: unknown): Result<{ by: string; policy: unknown }, FieldRefusal> {
  return readFields(input, ['by', 'policy'], (fields) => ({ by: fields.text('by', WHO), policy: fields.value('policy') }))
}

function readEnvelope(fields: Fields): SealedSeed {
  const envelope = fields.object('envelope', ['version', 'walletId', 'space', 'script', 'salt', 'iv', 'sealed'])
  envelope.integer('version', 1, 1)
  return {
    version: 1,
    walletId: envelope.text('walletId', { max: 60 }),
    space: envelope.text('space', { max: 60 }),
    script: envelope.choice('script', ['p2wpkh', 'p2tr', 'evm']),
    salt: envelope.text('salt', { max: 100, ...BASE64URL }),
    iv: envelope.text('iv', { max: 100, ...BASE64URL }),
    sealed: envelope.text('sealed', { max: 500, ...BASE64URL }),
  }
}
