/**
 * The word to the store's page around this one. The server has checked that `origin` is one of the store's;
 * a message goes there and to nobody else.
 */
export function tellParent(origin: string | undefined, invoice: string) {
  const post = (message: object) => {
    if (origin && parent !== window) parent.postMessage({ source: 'paytomat', invoice, ...message }, origin)
  }
  let told = -1
  if (origin) {
    // The keys of a focused frame do not reach the dialog around it.
    addEventListener('keydown', (event) => event.key === 'Escape' && post({ type: 'close' }))
  }
  return {
    status(status: string, version: number): void {
      if (version === told) return
      post({ type: told < 0 ? 'ready' : 'status', status, version })
      told = version
    },
  }
}
