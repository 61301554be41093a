import { err, ok, type Result } from './result.ts'

export interface BodyRefusal {
  readonly reason: 'body_too_large' | 'malformed_json'
  readonly detail: string
}

/** At most so many bytes are taken from the network. */
export async function readText(request: Request, bytesMax: number): Promise<Result<string, BodyRefusal>> {
  const tooLarge = err({ reason: 'body_too_large', detail: `the body may have at most ${bytesMax} bytes` } as const)
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return tooLarge
  if (!request.body) return ok('')
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  let text = ''
  let bytes = 0
  try {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      bytes += chunk.byteLength
      if (bytes > bytesMax) return tooLarge
      text += decoder.decode(chunk, { stream: true })
    }
    return ok(text + decoder.decode())
  } catch {
    return err({ reason: 'malformed_json', detail: 'the body is not whole UTF-8 text' })
  }
}
