/**
 * The word to the store's page around this one. The server has checked that `origin` is one of the store's;
 * a message goes there and to nobody else.
 */
export function tellParent(origin: string | undefined, invoice: string) {
  const isFramed = Boolean(origin) && parent !== window
  const post = (message: object) => {
    if (isFramed) parent.postMessage({ source: 'paytomat', invoice, ...message }, origin as string)
  }
  const close = () => post({ type: 'close' })
  let told = -1
  // The keys of a focused frame do not reach the dialog around it.
  if (isFramed) addEventListener('keydown', (event) => event.key === 'Escape' && close())
  return {
    isFramed,
    /** Asks the page around this one to take the checkout away. */
    close,
    status(status: string, version: number): void {
      if (version === told) return
      post({ type: told < 0 ? 'ready' : 'status', status, version })
      told = version
    },
  }
}
