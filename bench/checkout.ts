import { gzipSync } from 'node:zlib'
import { type Bench, median, ms } from './lib/figure.ts'
import { type Answer, type Client, createClient } from './lib/load.ts'
import { chooseMethod, INVOICE_BODY, newInvoice } from './lib/merchant.ts'
import { startSystem } from './lib/system.ts'
import { startBenchWorker } from './lib/workerd.ts'

const READS = 600
const WARM_UP = 100
const GOALS = { pageBytes: 20 * 1024, requests: 1, ttfb: 1.5, widgetBytes: 2 * 1024 }
/** What Cloudflare compresses text with for a browser that takes gzip. */
const GZIP_LEVEL = 6

interface Weight {
  readonly path: string
  readonly bytes: number
}

/** What the checkout weighs, how many requests the QR code takes, and how its first byte compares with reading one object. */
export const checkout: Bench = {
  name: 'checkout',
  title: 'The checkout page',
  async run() {
    const bare = await startBenchWorker('lib/bare-worker.ts', { BARE: 'BareObject' })
    const system = await startSystem()
    const client = createClient(1)
    try {
      const { stack } = system
      const invoiceId = await newInvoice(client, stack)
      const pageUrl = new URL(await chooseMethod(client, stack, invoiceId, 'BTC'), stack.origin).href
      const page = await good(client, pageUrl)
      const weights = [
        weigh(pageUrl, page),
        ...(await Promise.all(parts(pageUrl, page.body).map(async (url) => weigh(url, await good(client, url))))),
      ]
      const total = weights.reduce((sum, weight) => sum + weight.bytes, 0)
      const requests = hasInlineQr(page.body) ? 1 : weights.length
      const widget = weigh('/widget.js', await good(client, `${stack.origin}/widget.js`))

      const row = JSON.parse((await client.send(bare.origin, { method: 'POST', body: INVOICE_BODY })).body) as { id: string }
      const times = await readBoth(client, pageUrl, `${bare.origin}/${row.id}`)
      const first = { page: median(times.page.map(firstByte)), bare: median(times.bare.map(firstByte)) }
      const last = { page: median(times.page.map(lastByte)), bare: median(times.bare.map(lastByte)) }
      const ratio = first.page / first.bare
      return {
        figures: [
          {
            what: 'checkout with HTML, CSS, script and QR code, gzip',
            measured: kilobytes(total),
            floor: '-',
            ratio: '-',
            goal: '<= 20 KB',
            met: total <= GOALS.pageBytes,
          },
          {
            what: 'requests until the QR code can be scanned',
            measured: String(requests),
            floor: '-',
            ratio: '-',
            goal: String(GOALS.requests),
            met: requests <= GOALS.requests,
          },
          {
            what: 'first byte of `/i/:id`, p50',
            measured: ms(first.page),
            floor: ms(first.bare),
            ratio: ratio.toFixed(2),
            goal: `<= ${GOALS.ttfb}`,
            met: ratio <= GOALS.ttfb,
          },
          {
            what: 'last byte of `/i/:id`, p50',
            measured: ms(last.page),
            floor: ms(last.bare),
            ratio: (last.page / last.bare).toFixed(2),
            goal: '-',
            met: null,
          },
          {
            what: 'widget loader, gzip',
            measured: kilobytes(widget.bytes),
            floor: '-',
            ratio: '-',
            goal: '<= 2 KB',
            met: widget.bytes <= GOALS.widgetBytes,
          },
        ],
        notes: `Bodies: ${weights.map((weight) => `\`${new URL(weight.path).pathname.replace(invoiceId, ':id')}\` ${kilobytes(weight.bytes)}`).join(', ')}; gzip level ${GZIP_LEVEL}, headers not counted. Head and style are sent before the card is drawn. Floor of both times: a bare Worker that reads one row of one Durable Object; ${READS} reads of each, taking turns on one kept connection.`,
      }
    } finally {
      client.close()
      await bare.stop()
      await system.stop()
    }
  },
}

function weigh(path: string, answer: Answer): Weight {
  return { path, bytes: gzipSync(answer.body, { level: GZIP_LEVEL }).length }
}

/** Everything a browser fetches for the page: scripts, style sheets, images, icons. */
function parts(pageUrl: string, html: string): string[] {
  const links = [...html.matchAll(/<(?:script|img|link|iframe|source)\b[^>]*?\s(?:src|href)="([^"]+)"/g)].map(
    (match) => match[1] ?? '',
  )
  return [
    ...new Set(
      links.filter((link) => !link.startsWith('data:')).map((link) => new URL(link.replaceAll('&amp;', '&'), pageUrl).href),
    ),
  ]
}

/** The code is drawn in the page itself: an SVG of more than an icon's size. */
function hasInlineQr(html: string): boolean {
  return [...html.matchAll(/<svg\b.*?<\/svg>/gs)].some((match) => match[0].length > 1_000)
}

async function readBoth(client: Client, page: string, bare: string): Promise<{ page: Answer[]; bare: Answer[] }> {
  const answers = { page: [] as Answer[], bare: [] as Answer[] }
  for (let n = 0; n < WARM_UP + READS; n++) {
    const ours = await good(client, page)
    const floor = await good(client, bare)
    if (n < WARM_UP) continue
    answers.page.push(ours)
    answers.bare.push(floor)
  }
  return answers
}

function firstByte({ firstByteMs }: Answer): number {
  return firstByteMs
}

function lastByte({ wholeMs }: Answer): number {
  return wholeMs
}

async function good(client: Client, url: string): Promise<Answer> {
  const answer = await client.send(url)
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`)
  return answer
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(2)} KB`
}
