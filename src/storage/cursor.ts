import { fromBase64Url, toBase64Url } from '../lib/base64.ts'
import { type IdPrefix, isId } from '../lib/ids.ts'

/** The place of one row in a list that goes by time: newest first, then by id. */
export interface ListPosition {
  readonly createdAtMs: number
  readonly id: string
}

/** An opaque cursor. */
export function encodePosition({ createdAtMs, id }: ListPosition): string {
  return encodeCursorText(`${createdAtMs}.${id}`)
}

/** Null for anything that `encodePosition` did not write, of rows with such ids. */
export function decodePosition(prefix: IdPrefix, cursor: string): ListPosition | null {
  const [time = '', id = ''] = decodeCursorText(cursor)?.split('.') ?? []
  if (!/^\d{1,15}$/.test(time) || !isId(prefix, id)) return null
  const position = { createdAtMs: Number(time), id }
  return encodePosition(position) === cursor ? position : null
}

/** Cursors are base64url of a short ASCII text: opaque to callers, and safe in an address. */
export function encodeCursorText(text: string): string {
  return toBase64Url(new TextEncoder().encode(text))
}

/** Null for what is no base64url of at most 100 characters. */
export function decodeCursorText(cursor: string): string | null {
  const bytes = /^[A-Za-z0-9_-]{1,100}$/.test(cursor) ? fromBase64Url(cursor) : null
  return bytes && new TextDecoder().decode(bytes)
}
