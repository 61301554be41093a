/**
 * JSON that keeps bigint, for rows of object storage and queue messages.
 * A bigint is written as `{"$n":"123"}`; a plain object may not have a key `$n` of its own.
 */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_key, field) => (typeof field === 'bigint' ? { $n: field.toString() } : field))
}

/** Reads what `encodeJson` wrote. Throws on text that is not JSON: such a row is a defect. */
export function decodeJson<T>(text: string): T {
  return JSON.parse(text, (_key, field) =>
    field !== null && typeof field === 'object' && typeof field.$n === 'string' ? BigInt(field.$n) : field,
  ) as T
}
