import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import { addressGroups } from './format.ts'

export type Tone = 'good' | 'busy' | 'warn' | 'bad'

const ICONS: Record<Tone, string> = {
  good: 'M9 16.5l5 5 9.5-10.5',
  busy: 'M16 9v7l4.5 2.8',
  warn: 'M16 9.5v8m0 4.4v.1',
  bad: 'M11 11l10 10m0-10L11 21',
}

/** The large round sign of a stage. Decoration: the headline beside it says the same. */
export function Sign({ tone }: { tone: Tone }) {
  return (
    <svg class={`sign ${tone}`} viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="16" />
      {tone === 'busy' && <circle class="turn" cx="16" cy="16" r="14.5" pathLength="100" />}
      <path d={ICONS[tone]} />
    </svg>
  )
}

/** Several times in a page, so drawn once. */
const COPY_SIGN = raw(
  <svg viewBox="0 0 20 20" aria-hidden="true">
    <rect x="7" y="7" width="9.5" height="9.5" rx="2" />
    <path d="M13 4.5a1 1 0 0 0-1-1H5a1.5 1.5 0 0 0-1.5 1.5v7a1 1 0 0 0 1 1" />
    <path class="tick" d="M5 10.5l3.5 3.5 7-8" />
  </svg>,
)

/** Of a view: the words of the button. */
interface Copying {
  readonly t: { readonly copy: string }
}

/** A value to take along. The button is for scripts only: without one the text can still be selected. */
export function Copy({ view, value, label, wide = false }: { view: Copying; value: string; label: string; wide?: boolean }) {
  return (
    <button type="button" class={wide ? 'copy wide js' : 'copy js'} data-copy={value} aria-label={wide ? undefined : label}>
      {COPY_SIGN}
      <span>{wide ? label : view.t.copy}</span>
    </button>
  )
}

/** Strokes and shapes of our own for the best-known coins; a letter for the others. */
export function Coin({ ticker }: { ticker: string }) {
  return (
    <svg class={`coin ${ticker.toLowerCase()}`} viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="16" />
      {coinShape(ticker)}
    </svg>
  )
}

function coinShape(ticker: string) {
  switch (ticker) {
    case 'BTC':
      return (
        <path d="M12.5 9.5v13m0-13h4.6a3.1 3.1 0 0 1 0 6.2h-4.6m0 0h5.4a3.4 3.4 0 0 1 0 6.8h-5.4m1.6-15v2m3-2v2m-3 13v2m3-2v2m-6.6-15H11m1.5 13H11" />
      )
    case 'ETH':
      return <path class="fill" d="M16 5.5l6.3 10.6L16 19.8l-6.3-3.7zM9.7 18.1l6.3 3.7 6.3-3.7L16 26.5z" />
    case 'USDC':
      return (
        <path d="M19.3 13c-.5-1.3-1.7-2-3.3-2-1.9 0-3.2 1-3.2 2.5 0 3.5 6.6 1.6 6.6 5 0 1.6-1.4 2.5-3.4 2.5-1.8 0-3.1-.8-3.5-2.1M16 9v2m0 10v2M12.2 7.3a9.5 9.5 0 0 0 0 17.4m7.6-17.4a9.5 9.5 0 0 1 0 17.4" />
      )
    case 'LN':
      return <path class="fill" d="M17.8 5.5L8.8 18h5.9l-1.5 8.5L23.2 13h-6.4z" />
    case 'EUR':
      return <path d="M21 11.2a6 6 0 1 0 0 9.6M9 14.6h8.4M9 17.4h8.4" />
    default:
      return (
        <text x="16" y="21.5" text-anchor="middle">
          {ticker.slice(0, 1)}
        </text>
      )
  }
}

/** What went wrong with the last click, above everything else. */
export function Problem({ text }: { text: string }) {
  return (
    <p class="problem" role="alert">
      {text}
    </p>
  )
}

export function Note({ tone, title, children }: { tone: 'info' | 'warn' | 'bad'; title?: string; children: Child }) {
  return (
    <div class={`note ${tone}`}>
      {title && <h2>{title}</h2>}
      {children}
    </div>
  )
}

/** The one thing that must not be done otherwise. */
export function Only({ children }: { children: Child }) {
  return (
    <p class="only">
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <path d="M10 3l7.8 13.5H2.2zM10 8v4m0 2.2v.1" />
      </svg>
      <span>{children}</span>
    </p>
  )
}

/** How far something is: `now` counts the steps that are done. */
export function Steps({ names, now }: { names: readonly string[]; now: number }) {
  return (
    <ol class="steps">
      {names.map((name, at) => (
        <li class={at < now ? 'done' : at === now ? 'now' : undefined} aria-current={at === now ? 'step' : undefined}>
          {name}
        </li>
      ))}
    </ol>
  )
}

/** Groups of four with the ends stressed: what people compare. Selected by hand it is copied without gaps. */
export function Address({ address, large = false }: { address: string; large?: boolean }) {
  const groups = addressGroups(address)
  return (
    <code class={large ? 'address groups' : 'address'} translate="no">
      {groups.map((group, at) => (at < 2 || at >= groups.length - 2 ? <b>{group}</b> : <i>{group}</i>))}
    </code>
  )
}
