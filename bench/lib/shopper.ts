import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import type { Stack } from '../../scripts/stack/supervisor.ts'
import { parseDecimal } from '../../src/money/amount.ts'
import { assetsOf } from '../../src/money/chain.ts'
import type { Answer, Client } from './load.ts'
import { chooseMethod, merchantHeaders, newInvoice } from './merchant.ts'

const SEEN_MS_MAX = 30_000

/** A shopper's browser without its drawing: reads the pages, keeps the WebSocket, fetches the fragment when told of a change. */
export interface Shopper {
  readonly invoiceId: string
  readonly asset: string
  /** Sends what is due from the demo wallet; answers when the node had accepted it. */
  pay(): Promise<number>
  /** Answers when a fetched fragment first showed this stage. */
  shows(stage: string): Promise<number>
  /** Requests to the public Worker that it took to get here, the merchant's one for the invoice among them. */
  readonly requests: () => number
  leave(): void
}

/** Creates an invoice, opens its page, chooses a method, opens the page with the QR code and connects. */
export async function openShopper(client: Client, stack: Stack, asset: string, body?: string): Promise<Shopper> {
  let requests = 0
  const get = async (url: string, headers?: Record<string, string>): Promise<Answer> => {
    requests++
    const answer = await client.send(url, { headers })
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`)
    return answer
  }
  const invoiceId = await newInvoice(client, stack, body)
  const base = `${stack.origin}/i/${invoiceId}`
  await get(base)
  const page = await get(new URL(await chooseMethod(client, stack, invoiceId, asset), stack.origin).href)
  // The one POST for the invoice and the one for the method.
  requests += 2
  const fragmentUrl = `${base}/fragment?method=${asset}`

  const shownAtMs = new Map<string, number>()
  let wake = () => {}
  const note = (html: string) => {
    const stage = /data-stage="([a-z_]+)"/.exec(html)?.[1]
    if (stage && !shownAtMs.has(stage)) shownAtMs.set(stage, Date.now())
    wake()
  }
  note(page.body)
  const version = /data-version="(\d+)"/.exec(page.body)?.[1] ?? '0'
  const socket = await connect(`${base.replace(/^http/, 'ws')}/live?since=${version}`, stack.origin)
  requests++
  let failure: unknown
  socket.addEventListener('message', () => {
    get(fragmentUrl).then(
      (answer) => note(answer.body),
      (error) => {
        failure = error
        wake()
      },
    )
  })

  return {
    invoiceId,
    asset,
    requests: () => requests,
    async pay() {
      const answer = await client.send(`${stack.origin}/v1/invoices/${invoiceId}`, { headers: merchantHeaders(stack) })
      const { paymentMethods } = JSON.parse(answer.body) as {
        paymentMethods: { asset: string; amountDue: string; address: string }[]
      }
      const method = paymentMethods.find((offered) => offered.asset === asset)
      const units = method && parseDecimal(method.amountDue, decimalsOf(asset))
      if (!units?.ok || !method) throw new Error(`invoice ${invoiceId} cannot be paid in ${asset}`)
      await stack.wallets.pay({ asset, address: method.address, units: units.value })
      return Date.now()
    },
    async shows(stage) {
      const endsAtMs = Date.now() + SEEN_MS_MAX
      for (;;) {
        const atMs = shownAtMs.get(stage)
        if (atMs !== undefined) return atMs
        if (failure) throw failure
        const leftMs = endsAtMs - Date.now()
        if (leftMs <= 0) throw new Error(`invoice ${invoiceId} (${asset}) did not show "${stage}" within ${SEEN_MS_MAX} ms`)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    },
    leave: () => socket.close(),
  }
}

async function connect(url: string, origin: string): Promise<WebSocket> {
  // Node's WebSocket takes headers, as a browser sends them; the type is the browser's.
  const socket = new WebSocket(url, { headers: { origin } } as unknown as string[])
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new Error(`${url} refused the WebSocket`)))
  })
  return socket
}

function decimalsOf(code: string): number {
  const asset = DEVELOPMENT_CHAINS.flatMap(assetsOf).find((asset) => asset.code === code)
  if (!asset) throw new Error(`${code} is no asset of the development chains`)
  return asset.decimals
}
