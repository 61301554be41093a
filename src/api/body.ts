import { readText } from '../lib/body.ts'
import { type Fields, readFields } from '../lib/fields.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Problem } from './problems.ts'

export const BODY_BYTES_MAX = 65_536

/**
 * Reads a JSON body field by field. Answers what `build` made of it and the JSON value itself, which then holds only
 * fields that are known. At most `bytesMax` bytes are taken from the network.
 */
export async function readBody<T>(
  request: Request,
  known: readonly string[],
  build: (fields: Fields) => T,
  bytesMax: number = BODY_BYTES_MAX,
): Promise<Result<{ value: T; json: unknown }, Problem>> {
  if (!/^application\/json *(; *charset="?utf-8"? *)?$/i.test(request.headers.get('content-type') ?? ''))
    return err({
      reason: 'unsupported_media_type',
      detail: 'send the body as Content-Type: application/json',
      param: 'Content-Type',
    })
  const text = await readText(request, bytesMax)
  if (!text.ok) return text
  let json: unknown
  try {
    json = JSON.parse(text.value)
  } catch {
    return err({ reason: 'malformed_json', detail: 'the body is not valid JSON' })
  }
  const read = readFields(json, known, build)
  if (read.ok) return ok({ value: read.value, json })
  return err(read.error.param === '' ? { reason: 'malformed_json', detail: read.error.detail } : read.error)
}

/** For actions that need no body: nothing, or `{}`. */
export async function readNoBody(request: Request): Promise<Result<null, Problem>> {
  const text = await readText(request, BODY_BYTES_MAX)
  if (!text.ok) return text
  return /^\s*(\{\s*\})?\s*$/.test(text.value) ? ok(null) : err({ reason: 'malformed_json', detail: 'this call takes no body' })
}

/** Reads the query string; a parameter may come once. */
export function readQuery<T>(request: Request, known: readonly string[], build: (fields: Fields) => T): Result<T, Problem> {
  const pairs = [...new URL(request.url).searchParams]
  const twice = pairs.find(([name], at) => pairs.findIndex(([other]) => other === name) !== at)
  if (twice) return err({ reason: 'invalid_field', detail: `${twice[0]} is given twice`, param: twice[0] })
  return readFields(Object.fromEntries(pairs), known, build)
}
