const SECONDS = 5

/**
 * Paid while the shopper watched: `goBack` to the shop by itself after some seconds that are looked at, unless the
 * shopper stays. A newer card goes on with the seconds that are left.
 */
export function createReturn(goBack: (link: HTMLElement) => void): { offer(card: HTMLElement): void } {
  let left = SECONDS
  let timer = 0

  function offer(card: HTMLElement): void {
    const link = card.querySelector<HTMLElement>('[data-return]')
    const line = card.querySelector<HTMLElement>('[data-returning]')
    const text = line?.firstElementChild
    clearInterval(timer)
    if (!link || !line || !text || left === 0) return
    const show = () => {
      text.textContent = (line.dataset.returning ?? '').replace('{s}', String(left))
    }
    const stop = () => {
      clearInterval(timer)
      left = 0
      line.hidden = true
    }
    timer = setInterval(() => {
      if (document.hidden) return
      left--
      show()
      if (left > 0) return
      stop()
      goBack(link)
    }, 1000)
    line.querySelector('[data-stay]')?.addEventListener('click', () => {
      stop()
      link.focus()
    })
    line.hidden = false
    show()
  }

  return { offer }
}
