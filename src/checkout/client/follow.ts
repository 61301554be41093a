import { retryDelayMs } from './retry.ts'

const POLL_MS = 4000
const PING_MS = 30_000
const PONG_MS = 10_000
/** Without any answer for so long the shopper is told. */
const LOST_MS = 8000

/**
 * Follows an invoice: a WebSocket that resumes from the version on the page, and while there is none, polling.
 * `onNews` brings the page up to date and may throw: then it is tried again. A page nobody looks at does not poll.
 */
export function follow(
  path: string,
  version: () => number,
  onNews: (isNewer: boolean) => Promise<void>,
  onLost: (isLost: boolean) => void,
): { check(): void } {
  let socket: WebSocket | null = null
  let attempt = 0
  let heardAt = performance.now()
  let retryTimer = 0
  let pollTimer = 0
  let pingTimer = 0

  function connect(): void {
    clearTimeout(retryTimer)
    const address = new URL(`${path}/live?since=${version()}`, location.href)
    address.protocol = address.protocol.replace('http', 'ws')
    const opened = new WebSocket(address)
    socket = opened
    opened.onopen = () => {
      attempt = 0
      heard()
      clearTimeout(pollTimer)
      ping(opened)
    }
    opened.onmessage = ({ data }) => {
      heard()
      ping(opened)
      if (typeof data === 'string' && data.startsWith('{')) news(JSON.parse(data))
    }
    opened.onclose = () => {
      if (socket !== opened) return
      clearTimeout(pingTimer)
      socket = null
      retryTimer = setTimeout(connect, retryDelayMs(attempt++, Math.random()))
      poll()
    }
  }

  /** A connection can die without a word: an unanswered ping ends it. */
  function ping(opened: WebSocket): void {
    clearTimeout(pingTimer)
    pingTimer = setTimeout(() => {
      opened.send('ping')
      pingTimer = setTimeout(() => {
        opened.close()
        opened.onclose?.(new CloseEvent('close'))
      }, PONG_MS)
    }, PING_MS)
  }

  async function poll(): Promise<void> {
    clearTimeout(pollTimer)
    if (document.hidden) return
    try {
      const answer = await fetch(`${path}/state`)
      if (!answer.ok) throw new Error(String(answer.status))
      const state = await answer.json()
      heard()
      await onNews(state.version > version())
    } catch {
      if (performance.now() - heardAt > LOST_MS) onLost(true)
    }
    // Two polls may have overlapped: the newest timer is the only one.
    clearTimeout(pollTimer)
    if (!socket || socket.readyState !== WebSocket.OPEN) pollTimer = setTimeout(poll, POLL_MS)
  }

  function news(message: { version: number }): void {
    if (message.version > version()) onNews(true).catch(poll)
  }

  function heard(): void {
    heardAt = performance.now()
    onLost(false)
  }

  connect()
  return {
    check() {
      if (!socket) connect()
      poll()
    },
  }
}
