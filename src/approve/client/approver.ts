/** The script of `/approver`: makes a passkey in this browser and shows the line that makes it known. It sends nothing. */

import { watchCopies } from '../../page/client/copy.ts'
import { toBase64Url } from './base64.ts'

/** WebAuthn: ES256 is -7 among COSE's algorithms (RFC 9053). */
const ES256 = -7
const USER_VERIFIED = 4

const { body } = document
const form = document.querySelector('form') as HTMLFormElement
const live = document.querySelector('[data-live]') as HTMLElement
const result = document.querySelector('[data-result]') as HTMLElement
const rpId = body.dataset.rp ?? ''

let made: { id: ArrayBuffer; key: ArrayBuffer } | null = null

const say = (text = '') => {
  live.textContent = text
}

if (!window.PublicKeyCredential) say(body.dataset.unsupported)
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  say(await make((form.elements.namedItem('name') as HTMLInputElement).value.trim()).catch(() => body.dataset.notMade))
})
document.querySelector('[data-try]')?.addEventListener('click', async () => {
  say((await works().catch(() => false)) ? body.dataset.works : body.dataset.fails)
})
watchCopies(body, say)

async function make(name: string): Promise<string | undefined> {
  if (!name) return body.dataset.notMade
  const credential = (await navigator.credentials.create({
    publicKey: {
      rp: { id: rpId, name: 'Paytomat' },
      user: { id: random(), name, displayName: name },
      challenge: random(),
      pubKeyCredParams: [{ type: 'public-key', alg: ES256 }],
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      attestation: 'none',
    },
  })) as PublicKeyCredential
  const key = (credential.response as AuthenticatorAttestationResponse).getPublicKey()
  if (!key) throw credential
  made = { id: credential.rawId, key }
  const approver = {
    name,
    credentialId: toBase64Url(made.id),
    publicKey: toBase64Url(key),
    rpId,
    origin: location.origin,
  }
  const line = JSON.stringify(approver)
  const shown = result.querySelector('[data-line]') as HTMLElement
  shown.textContent = line
  ;(result.querySelector('[data-copy]') as HTMLElement).dataset.copy = line
  result.hidden = false
  return body.dataset.made
}

/** Has the passkey sign something, as an approval does, and verifies it by the key in the line. */
async function works(): Promise<boolean> {
  if (!made) return false
  const publicKey: PublicKeyCredentialRequestOptions = { challenge: random(), rpId, userVerification: 'required' }
  const { rawId, response } = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential
  const { authenticatorData, clientDataJSON, signature } = response as AuthenticatorAssertionResponse
  const data = new Uint8Array(authenticatorData)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', clientDataJSON))
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const key = await crypto.subtle.importKey('spki', made.key, algorithm, false, ['verify'])
  const signed = new Uint8Array([...data, ...hash])
  const isSigned = await crypto.subtle.verify(
    { name: 'ECDSA', hash: 'SHA-256' },
    key,
    rawSignature(new Uint8Array(signature)),
    signed,
  )
  return isSigned && toBase64Url(rawId) === toBase64Url(made.id) && ((data[32] ?? 0) & USER_VERIFIED) > 0
}

/** r and s in DER (RFC 3279, 2.2.3), as authenticators give them, to the two numbers of 32 bytes that WebCrypto takes. */
function rawSignature(der: Uint8Array): Uint8Array<ArrayBuffer> {
  const sAt = 4 + (der[3] ?? 0)
  const number = (at: number) => [...new Array<number>(32).fill(0), ...der.subarray(at + 2, at + 2 + (der[at + 1] ?? 0))].slice(-32)
  return new Uint8Array([...number(2), ...number(sAt)])
}

function random(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(32))
}
