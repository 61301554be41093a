/**
 * One line of JSON per happening, for Workers Logs. Fields are flat and never hold a secret, an API key,
 * a signature or a webhook body; ids, counts, reasons and times only.
 */
export type LogFields = Record<string, string | number | boolean | null | undefined>

export function logEvent(level: 'info' | 'warn' | 'error', what: string, fields: LogFields = {}): void {
  const line = JSON.stringify({ level, what, ...fields })
  if (level === 'error') console.error(line)
  else if (level === 'warn') console.warn(line)
  else console.log(line)
}

/** The short text of anything thrown, for a log field. Cut at 300 characters. */
export function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, 300)
}
