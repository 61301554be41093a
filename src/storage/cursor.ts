/** Cursors are base64url of a short ASCII text: opaque to callers, and safe in an address. */
export function encodeCursorText(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Null for what is no base64url of at most 100 characters. */
export function decodeCursorText(cursor: string): string | null {
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(cursor)) return null
  try {
    return atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
  } catch {
    return null
  }
}
