import type { HonoRequest } from 'hono'
import { readText } from '../lib/body.ts'
import { type Fields, readFields } from '../lib/fields.ts'

/** The fields of one of our pages' forms. What is of another type is none of them: it has no fields, and no parser is asked. */
export async function formFields(request: HonoRequest): Promise<Readonly<Record<string, unknown>>> {
  const isForm = /^application\/x-www-form-urlencoded *(;|$)/i.test(request.header('content-type') ?? '')
  return isForm ? await request.parseBody() : {}
}

/** What the script of one of our pages sends, made of at most `bytesMax` bytes of JSON; null when it is anything else. */
export async function sentFields<T>(
  request: HonoRequest,
  known: readonly string[],
  build: (fields: Fields) => T,
  bytesMax: number,
): Promise<T | null> {
  if (!/^application\/json *(;|$)/i.test(request.header('content-type') ?? '')) return null
  const text = await readText(request.raw, bytesMax)
  if (!text.ok) return null
  let json: unknown
  try {
    json = JSON.parse(text.value)
  } catch {
    return null
  }
  const read = readFields(json, known, build)
  return read.ok ? read.value : null
}
