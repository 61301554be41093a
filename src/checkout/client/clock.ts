import { countdownText } from '../countdown.ts'

const LOW_MS = 120_000
/** Minutes left at which a screen reader is told. */
const TOLD_AT = [5, 1]

/**
 * Counts down by the server's clock: from the time the page says it is there, on by the browser's own count of
 * milliseconds, whatever its clock shows. One timer at most; none once the time is over.
 */
export function createClock(main: HTMLElement, announce: (text: string) => void, minutesText: string, onEnd: () => Promise<void>) {
  let timer = 0
  let endsAt = 0

  function tick(): void {
    const leftMs = endsAt - performance.now()
    const left = main.querySelector('[data-left]')
    if (!left) return
    left.textContent = countdownText(leftMs)
    const isLow = leftMs < LOW_MS
    main.querySelector('[data-clock]')?.classList.toggle('short', isLow)
    const note = main.querySelector<HTMLElement>('[data-low]')
    if (note) note.hidden = !isLow
    const seconds = Math.ceil(leftMs / 1000)
    for (const minutes of TOLD_AT) if (seconds === minutes * 60) announce(minutesText.replace('{m}', String(minutes)))
    if (leftMs > 0) timer = setTimeout(tick, leftMs % 1000 || 1000)
    else onEnd().catch(() => {})
  }

  return {
    start(nowMs: number, expiresAtMs: number): void {
      clearTimeout(timer)
      if (!expiresAtMs) return
      endsAt = performance.now() + expiresAtMs - nowMs
      tick()
    },
  }
}
