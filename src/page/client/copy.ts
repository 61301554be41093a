const SHOWN_MS = 2000

/** Every copy button there is now or will be: one listener. Says what happened in the button and to a screen reader. */
export function watchCopies(body: HTMLElement, announce: (text?: string) => void): void {
  body.addEventListener('click', async (event) => {
    const button = (event.target as Element).closest<HTMLElement>('[data-copy]')
    if (!button) return
    try {
      await navigator.clipboard.writeText(button.dataset.copy ?? '')
    } catch {
      announce(body.dataset.copyFailed)
      return
    }
    announce('')
    const label = button.querySelector('span')
    const text = label?.textContent ?? ''
    if (!label || button.classList.contains('done')) return
    button.classList.add('done')
    label.textContent = body.dataset.copied ?? ''
    // Emptied first, so that copying twice is told twice.
    requestAnimationFrame(() => announce(body.dataset.copied))
    setTimeout(() => {
      button.classList.remove('done')
      label.textContent = text
    }, SHOWN_MS)
  })
}
