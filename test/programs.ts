import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a program is on the PATH; null where it is not. */
export function programOnPath(name: string): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((one) => one !== '')
  return folders.map((one) => join(one, name)).find(isExecutable) ?? null
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
