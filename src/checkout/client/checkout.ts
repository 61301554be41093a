/**
 * The script of the checkout page. The page works without it; it adds what time brings: the countdown, the news of
 * a payment, copying, and the word to a page around this one.
 */

import { watchCopies } from '../../page/client/copy.ts'
import { createClock } from './clock.ts'
import { follow } from './follow.ts'
import { tellParent } from './parent.ts'
import { createReturn } from './return.ts'

/** No page around this one takes so long to close it. */
const UNHEARD_MS = 1000

const body = document.body
const main = document.querySelector('main') as HTMLElement
const live = document.querySelector('[data-live]') as HTMLElement
const lost = document.querySelector('[data-lost]') as HTMLElement
const path = `/i/${body.dataset.invoice}`

const card = () => main.firstElementChild as HTMLElement
const version = () => Number(card().dataset.version)

const announce = (text = '') => {
  live.textContent = text
}

const clock = createClock(main, announce, body.dataset.minutes ?? '', () => refresh())
const shop = tellParent(body.dataset.parent, body.dataset.invoice ?? '')
const homeward = createReturn(goBack)
/** Paid while somebody looked: a receipt that is opened later stays. */
let isPaidHere = false

// A card that could not be drawn leaves nothing to follow.
if (body.dataset.invoice) start()

function start(): void {
  const connection = follow(
    path,
    version,
    (isNewer) => (isNewer ? refresh() : Promise.resolve()),
    (isLost) => {
      lost.textContent = isLost ? (lost.dataset.lost ?? '') : ''
    },
  )
  watchCopies(body, announce)
  main.addEventListener('click', (event) => {
    const target = event.target as Element
    if (target.closest('[data-print]')) print()
    const link = target.closest<HTMLAnchorElement>('[data-return]')
    if (!link || !shop.isFramed) return
    event.preventDefault()
    goBack(link)
    // A page that has made a frame of its own may not listen: then it goes where the link leads.
    if (link.href) setTimeout(() => window.open(link.href, '_top'), UNHEARD_MS)
  })
  // Back from another page, another tab or a lost network: the connection may be dead without knowing it.
  addEventListener('pageshow', (event) => event.persisted && connection.check())
  addEventListener('online', () => connection.check())
  document.addEventListener('visibilitychange', () => document.hidden || connection.check())
  dress()
}

/** Brings the card of the newest version. Whoever calls it tries again when it throws. */
async function refresh(): Promise<void> {
  const answer = await fetch(`${path}/fragment${location.search}`, { headers: { accept: 'text/html' } })
  if (!answer.ok) throw new Error(String(answer.status))
  swap(await answer.text())
}

/** Puts a newer card in place of this one, and leaves the reader where they were. */
function swap(html: string): void {
  const template = document.createElement('template')
  template.innerHTML = html
  const next = template.content.firstElementChild as HTMLElement | null
  const old = card()
  if (!next || Number(next.dataset.version) < version()) return
  const wasPaid = old.dataset.stage === 'paid'
  const changed = old.dataset.stage !== next.dataset.stage || old.dataset.title !== next.dataset.title
  const focused = main.contains(document.activeElement) ? document.activeElement : null
  const open = old.querySelector('details')?.open ?? false
  const scroll = scrollY
  main.replaceChildren(next)
  const details = next.querySelector('details')
  if (details) details.open = open
  if (focused) (sameIn(next, focused) ?? next.querySelector('h1'))?.focus({ preventScroll: true })
  // A new stage is read from its top; anything else leaves the page where it is.
  scrollTo(0, changed ? 0 : scroll)
  dress()
  if (changed) announce(next.dataset.title)
  if (next.dataset.stage !== 'paid') return
  isPaidHere ||= !wasPaid
  if (isPaidHere) homeward.offer(next)
}

/** In a frame the shop's own page is behind: the checkout only has to go. */
function goBack(link: HTMLElement): void {
  if (shop.isFramed) shop.close()
  else location.assign((link as HTMLAnchorElement).href)
}

/** The control of the new card that stands for the one that had the focus. */
function sameIn(next: HTMLElement, focused: Element): HTMLElement | null {
  if (focused.id) return next.querySelector(`#${CSS.escape(focused.id)}`)
  const value = (focused as HTMLElement).getAttribute('aria-label') ?? focused.textContent
  for (const one of next.querySelectorAll<HTMLElement>(focused.tagName)) {
    if ((one.getAttribute('aria-label') ?? one.textContent) === value) return one
  }
  return null
}

/** What every card needs once it stands. */
function dress(): void {
  const now = card()
  document.title = `${now.dataset.title} · ${document.querySelector('.store')?.textContent}`
  for (const time of now.querySelectorAll('time')) {
    time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {
      dateStyle: 'medium',
      timeStyle: 'short',
    })
  }
  clock.start(Number(now.dataset.now), Number(now.dataset.expires))
  shop.status(now.dataset.status ?? '', version())
}
