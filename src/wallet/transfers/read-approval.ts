import type { Fields } from '../../lib/fields.ts'
import type { Approval } from '../../signer/rpc.ts'

export const APPROVAL_FIELDS = ['credentialId', 'authenticatorData', 'clientDataJson', 'signature']

/** The parts of a WebAuthn assertion as they are sent to us, in good form; what they are worth only the signer says. */
export function readApproval(fields: Fields): Approval {
  const bytes = (name: string, max: number) =>
    fields.text(name, { max, pattern: /^[A-Za-z0-9_-]+$/, form: 'base64url without padding' })
  return {
    credentialId: bytes('credentialId', 1_400),
    authenticatorData: bytes('authenticatorData', 4_000),
    clientDataJson: bytes('clientDataJson', 4_000),
    signature: bytes('signature', 1_400),
  }
}
