/**
 * JSON that keeps bigint, for rows of object storage and queue messages. A bigint is written as a string that
 * begins with a control character; any other string that begins with it is marked too, so nothing typed in
 * by anybody can be taken for a number.
 */
const MARK = '\u0001'

export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_key, field) => {
    if (typeof field === 'bigint') return `${MARK}n${field}`
    return typeof field === 'string' && field.startsWith(MARK) ? `${MARK}s${field}` : field
  })
}

/** Reads what `encodeJson` wrote. Throws on text that is not JSON: such a row is a defect. */
export function decodeJson<T>(text: string): T {
  return JSON.parse(text, (_key, field) => {
    if (typeof field !== 'string' || !field.startsWith(MARK)) return field
    return field[1] === 'n' ? BigInt(field.slice(2)) : field.slice(2)
  }) as T
}

/**
 * JSON with sorted keys and no spaces, amounts as texts of base units: the same value is the same text, whoever writes it.
 * For fingerprints and signatures.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'bigint') return `"${value}"`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`
}
