import { reasonOf } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Pair } from './pairs.ts'
import type { Quote, QuoteRound } from './rpc.ts'
import { bitstamp } from './sources/bitstamp.ts'
import { coinbase } from './sources/coinbase.ts'
import { kraken } from './sources/kraken.ts'
import type { RateSource, SourceError, SourceRequest } from './sources/source.ts'

export const RATE_SOURCES: readonly RateSource[] = [kraken, coinbase, bitstamp]

/** From the first byte sent to the last one read. */
export const SOURCE_TIMEOUT_MS = 4_000
/** Kraken's ticker of all pairs, the largest body, is under half of it. */
export const SOURCE_BODY_MAX_BYTES = 2 * 1024 * 1024

/**
 * Asks every source at once for the wanted pairs. Never throws: what failed is listed, and the other sources' quotes stand.
 * The board decides which of the quotes are usable.
 */
export async function fetchQuotes(pairs: readonly Pair[], fetcher: typeof fetch, nowMs: number): Promise<QuoteRound> {
  const asked = RATE_SOURCES.flatMap((source) => source.requests(pairs).map((request) => ask(source, request, fetcher, nowMs)))
  const answers = await Promise.all(asked)
  return { quotes: answers.flatMap((answer) => answer.quotes), failures: answers.flatMap((answer) => answer.failures) }
}

async function ask(source: RateSource, request: SourceRequest, fetcher: typeof fetch, nowMs: number): Promise<QuoteRound> {
  const failed = (detail: string, quotes: readonly Quote[] = []) => ({ quotes, failures: [{ source: source.name, detail }] })
  const body = await readBody(request, fetcher)
  if (!body.ok) return failed(`${body.error.reason}: ${body.error.detail}`)
  if (body.value === null) return { quotes: [], failures: [] }
  const answer = source.read(body.value, request.pairs, nowMs)
  if (!answer.ok) return failed(`${answer.error.reason}: ${answer.error.detail}`)
  if (answer.value.refused.length > 0) return failed(answer.value.refused.join(', ').slice(0, 300), answer.value.quotes)
  return { quotes: answer.value.quotes, failures: [] }
}

/** The text of a body, null where the source says by its status that it has no such asset. Follows no redirect. */
async function readBody(request: SourceRequest, fetcher: typeof fetch): Promise<Result<string | null, SourceError>> {
  const signal = AbortSignal.timeout(SOURCE_TIMEOUT_MS)
  try {
    const response = await fetcher(request.url, {
      headers: { accept: 'application/json', 'user-agent': 'paytomat' },
      redirect: 'manual',
      signal,
    })
    if (response.status === 200) return await readText(response)
    await response.body?.cancel()
    if (request.absentStatuses.includes(response.status)) return ok(null)
    if (response.status >= 300 && response.status < 400) return err({ reason: 'redirected', detail: `HTTP ${response.status}` })
    return err({ reason: 'http_status', detail: `HTTP ${response.status}` })
  } catch (thrown) {
    if (signal.aborted) return err({ reason: 'timeout', detail: `no answer within ${SOURCE_TIMEOUT_MS} ms` })
    return err({ reason: 'unreachable', detail: reasonOf(thrown) })
  }
}

async function readText(response: Response): Promise<Result<string, SourceError>> {
  if (response.body === null) return err({ reason: 'unexpected_body', detail: 'empty body' })
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    // Leaving the loop cancels the stream.
    if (bytes > SOURCE_BODY_MAX_BYTES) return err({ reason: 'too_large', detail: `over ${SOURCE_BODY_MAX_BYTES} bytes` })
    text += decoder.decode(chunk, { stream: true })
  }
  return ok(text + decoder.decode())
}
