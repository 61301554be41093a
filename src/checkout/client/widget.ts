/**
 * The widget a shop embeds: `<script src="https://pay.example/widget.js"></script>` gives the element
 * `<paytomat-pay invoice="inv_…">Pay</paytomat-pay>` and `Paytomat.open({ invoice })`. Documented in docs/widget.md.
 */
type EventType = 'ready' | 'status' | 'close'

interface PaytomatEvent {
  type: EventType
  invoice: string
  status?: string
  version?: number
}

interface OpenOptions {
  invoice: string
  origin?: string
  onEvent?: (event: PaytomatEvent) => void
}

interface OpenCheckout {
  close(): void
  /** Settles when the dialog is closed, with the last status that was told. */
  closed: Promise<string | undefined>
}

/** Where this script came from is where the checkout is. */
const home = new URL((document.currentScript as HTMLScriptElement | null)?.src ?? location.href).origin
/** No word from the frame for so long: offer the checkout as a page of its own. */
const SILENT_MS = 6000

const sheet = (css: string) => {
  const made = new CSSStyleSheet()
  made.replaceSync(css)
  return made
}

const dialogSheet = sheet(
  'dialog{box-sizing:border-box;width:min(100vw,440px);height:min(100dvh,820px);max-width:none;max-height:none;margin:auto;padding:0;border:0;border-radius:20px;overflow:hidden;background:Canvas;color:CanvasText;box-shadow:0 24px 80px #0006;color-scheme:light dark}' +
    'dialog::backdrop{background:#0a1412a6}' +
    '@media(max-width:480px){dialog{width:100vw;height:100dvh;border-radius:0}}' +
    '@media(min-width:960px) and (min-height:560px){dialog{width:920px;height:min(94dvh,820px)}}' +
    'iframe{display:block;width:100%;height:100%;border:0}' +
    'button{position:absolute;top:12px;right:12px;width:40px;height:40px;border:0;border-radius:50%;background:#8884;color:inherit;font:20px/1 system-ui;cursor:pointer}' +
    'button:focus-visible,a:focus-visible{outline:3px solid #0b6b5c;outline-offset:2px}' +
    'a{position:absolute;inset:auto 0 0;padding:16px;background:Canvas;color:LinkText;font:16px system-ui;text-align:center}[hidden]{display:none}',
)
const buttonSheet = sheet(
  'button{font:600 16px/1.2 system-ui,sans-serif;padding:14px 22px;border:0;border-radius:14px;background:#0b6b5c;color:#fff;cursor:pointer}' +
    'button:hover{filter:brightness(1.1)}button:focus-visible{outline:3px solid #0b6b5c;outline-offset:2px}',
)

function open({ invoice, origin = home, onEvent }: OpenOptions): OpenCheckout {
  const host = document.createElement('div')
  const root = host.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [dialogSheet]
  const page = `${origin}/i/${encodeURIComponent(invoice)}`
  const dialog = document.createElement('dialog')
  const frame = document.createElement('iframe')
  const close = document.createElement('button')
  const alone = document.createElement('a')
  frame.src = `${page}?embed=${encodeURIComponent(location.origin)}`
  frame.title = 'Paytomat'
  frame.allow = 'clipboard-write'
  close.textContent = '✕'
  close.setAttribute('aria-label', 'Close')
  close.part.add('close')
  dialog.part.add('dialog')
  dialog.setAttribute('aria-label', 'Paytomat')
  alone.href = page
  alone.target = '_blank'
  alone.rel = 'noopener'
  alone.textContent = 'Open the payment page'
  alone.hidden = true
  dialog.append(frame, alone, close)
  root.append(dialog)
  document.body.append(host)

  let status: string | undefined
  const silence = setTimeout(() => {
    alone.hidden = false
  }, SILENT_MS)
  const listen = ({ origin: from, source, data }: MessageEvent) => {
    if (from !== origin || source !== frame.contentWindow || data?.source !== 'paytomat' || data.invoice !== invoice) return
    if (data.type === 'close') dialog.close()
    else if (
      (data.type === 'ready' || data.type === 'status') &&
      typeof data.status === 'string' &&
      Number.isInteger(data.version)
    ) {
      clearTimeout(silence)
      alone.hidden = true
      status = data.status
      onEvent?.({ type: data.type, invoice, status, version: data.version })
    }
  }
  addEventListener('message', listen)
  close.onclick = () => dialog.close()
  const closed = new Promise<string | undefined>((resolve) => {
    dialog.onclose = () => {
      clearTimeout(silence)
      removeEventListener('message', listen)
      host.remove()
      onEvent?.({ type: 'close', invoice, status })
      resolve(status)
    }
  })
  // Modal: the rest of the page is inert, Escape closes, and the focus goes back to where it was.
  dialog.showModal()
  return { close: () => dialog.close(), closed }
}

class PaytomatPay extends HTMLElement {
  connectedCallback(): void {
    if (this.shadowRoot) return
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true })
    root.adoptedStyleSheets = [buttonSheet]
    const button = document.createElement('button')
    button.type = 'button'
    button.part.add('button')
    button.append(document.createElement('slot'))
    button.onclick = () => {
      const invoice = this.getAttribute('invoice')
      if (!invoice) return
      const onEvent = (detail: PaytomatEvent) => {
        const name = detail.type === 'close' ? 'paytomat-close' : 'paytomat-status'
        this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }))
      }
      open({ invoice, origin: this.getAttribute('origin') ?? home, onEvent })
    }
    root.append(button)
  }
}

if (!customElements.get('paytomat-pay')) customElements.define('paytomat-pay', PaytomatPay)
Object.assign(window, { Paytomat: { open } })
