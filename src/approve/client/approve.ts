/**
 * The script of the approval page. It signs with a passkey what the page shows, and nothing else; and it brings the news of
 * the transfer. Reading works without it.
 */

import { toBase64Url } from './base64.ts'
import { digestOf, isShown, type ShownIntent } from './intent.ts'

/** Between looks: from the first to the last, a half longer each time nothing was new. */
const FIRST_MS = 1_000
const LAST_MS = 30_000

const { body } = document
const main = document.querySelector('main') as HTMLElement
const live = document.querySelector('[data-live]') as HTMLElement
const path = location.pathname

let delayMs = FIRST_MS
let timer = 0
let isBusy = false

const card = () => main.firstElementChild as HTMLElement
const say = (text = '') => {
  live.textContent = text
}
/** As it came from the server, whatever was opened or pressed since. */
let html = card().outerHTML

main.addEventListener('click', async (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>('[data-approve]')
  if (!button || isBusy) return
  isBusy = button.disabled = true
  try {
    await approve()
  } catch {
    say(body.dataset.failed)
  }
  isBusy = button.disabled = false
  look(FIRST_MS)
})
document.addEventListener('visibilitychange', () => document.hidden || look(0))
look(FIRST_MS)

async function approve(): Promise<void> {
  const words = text('[data-intent]')
  const challenge = await digestOf(words)
  if (toBase64Url(challenge) !== card().dataset.challenge || !isAsShown(JSON.parse(words))) return say(body.dataset.differs)
  say(body.dataset.giving)
  const options: PublicKeyCredentialRequestOptions = { challenge, userVerification: 'required' }
  const publicKey = { ...options, rpId: body.dataset.rp ?? '', allowCredentials: [] }
  const credential = (await navigator.credentials.get({ publicKey }).catch(() => null)) as PublicKeyCredential | null
  if (!credential) return say(body.dataset.unused)
  const { authenticatorData, clientDataJSON, signature } = credential.response as AuthenticatorAssertionResponse
  const approval = {
    credentialId: toBase64Url(credential.rawId),
    authenticatorData: toBase64Url(authenticatorData),
    clientDataJson: toBase64Url(clientDataJSON),
    signature: toBase64Url(signature),
  }
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(path + location.search, { method: 'POST', headers, body: JSON.stringify(approval) }).catch(() => null)
  // It may have been taken all the same: that is not known, and the next looks will show it.
  if (!answer || answer.status >= 500) return say(body.dataset.unsure)
  if (answer.status === 404) throw answer
  swap(await answer.text())
  // Not in the card: the next look brings one that knows nothing of it.
  say(answer.ok ? body.dataset.given : card().dataset.problem)
}

function isAsShown(intent: ShownIntent): boolean {
  const rows = [...main.querySelectorAll('[data-output]')].map(
    (row) => [text('[data-amount]', row), text('.address', row)] as const,
  )
  return isShown(intent, rows, text('[data-sum]'), Number(card().dataset.decimals))
}

function text(selector: string, within: ParentNode = main): string {
  return within.querySelector(selector)?.textContent ?? ''
}

/** Looks again after so long, and then again, until it is over. A page that nobody looks at asks nothing. */
function look(afterMs: number): void {
  clearTimeout(timer)
  delayMs = Math.max(afterMs, FIRST_MS)
  if ('over' in card().dataset) return
  timer = setTimeout(async () => {
    if (document.hidden) return
    let isNew = false
    if (!isBusy) {
      const answer = await fetch(`${path}/card${location.search}`).catch(() => null)
      isNew = answer?.ok === true && !isBusy && swap(await answer.text())
    }
    look(isNew ? FIRST_MS : Math.min(delayMs * 1.5, LAST_MS))
  }, afterMs)
}

/** Puts a newer card in place of this one, and leaves the reader where they were. Answers whether it is another. */
function swap(next: string): boolean {
  const template = document.createElement('template')
  template.innerHTML = next
  const made = template.content.firstElementChild as HTMLElement | null
  if (!made || made.outerHTML === html) return false
  html = made.outerHTML
  const old = card()
  const details = made.querySelector('details')
  if (details) details.open = old.querySelector('details')?.open ?? false
  const hadFocus = main.contains(document.activeElement)
  const scrolled = old.querySelector('.many')?.scrollTop ?? 0
  main.replaceChildren(made)
  made.querySelector('.many')?.scrollTo(0, scrolled)
  if (made.dataset.title === old.dataset.title) return true
  say()
  document.title = document.title.replace(old.dataset.title ?? '', made.dataset.title ?? '')
  if (hadFocus) made.querySelector('h1')?.focus({ preventScroll: true })
  scrollTo(0, 0)
  return true
}
