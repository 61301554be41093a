import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** From the request being sent to the first byte of the answer's head. */
  readonly firstByteMs: number
  readonly wholeMs: number
}

export interface Client {
  send(url: string, options?: { method?: string; headers?: Record<string, string>; body?: string }): Promise<Answer>
  close(): void
}

/** A client of some kept connections: node:http, the cheapest there is, since it shares the machine with what is measured. */
export function createClient(connections: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return {
    send: (url, { method = 'GET', headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const startedAt = performance.now()
        const length: Record<string, string> = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const sent = request(url, { agent, method, headers: { ...headers, ...length } }, (response) => {
          const firstByteMs = performance.now() - startedAt
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString('utf8'),
              firstByteMs,
              wholeMs: performance.now() - startedAt,
            }),
          )
        })
        sent.on('error', reject)
        sent.end(body)
      }),
    close: () => agent.destroy(),
  }
}

/** Runs `work` `count` times by `clients` at once. Answers requests per second and each one's milliseconds. */
export async function drive(
  clients: number,
  count: number,
  work: (n: number) => Promise<Answer>,
): Promise<{ perSecond: number; latenciesMs: number[] }> {
  const latenciesMs: number[] = []
  let next = 0
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < count) latenciesMs.push((await work(next++)).wholeMs)
    }),
  )
  return { perSecond: (count * 1000) / (performance.now() - startedAt), latenciesMs }
}
