const SECONDS = 5

/** Just paid: back to the shop by itself after some seconds that are looked at, unless the shopper stays. */
export function offerReturn(card: HTMLElement): void {
  const link = card.querySelector<HTMLAnchorElement>('[data-return]')
  const line = card.querySelector<HTMLElement>('[data-returning]')
  const text = line?.firstElementChild
  if (!link || !line || !text) return
  let left = SECONDS
  const show = () => {
    text.textContent = (line.dataset.returning ?? '').replace('{s}', String(left))
  }
  const timer = setInterval(() => {
    if (!card.isConnected) clearInterval(timer)
    else if (!document.hidden) {
      left--
      show()
      if (left === 0) {
        clearInterval(timer)
        location.assign(link.href)
      }
    }
  }, 1000)
  line.querySelector('[data-stay]')?.addEventListener('click', () => {
    clearInterval(timer)
    line.hidden = true
    link.focus()
  })
  line.hidden = false
  show()
}
