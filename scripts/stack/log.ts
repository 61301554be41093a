import { appendFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from './processes.ts'

const FILE_BYTES_MAX = 10 * 1024 * 1024

/** Appends lines with their time to `<state>/logs/<name>.log`. Keeps at most two files of 10 MB each. */
export function openLog(stateDir: string, name: string): (line: string) => void {
  const folder = join(stateDir, 'logs')
  makeFolder(folder)
  const path = join(folder, `${name}.log`)
  let bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  return (line) => {
    const text = `${new Date().toISOString()} ${line.trimEnd()}\n`
    if (bytes + text.length > FILE_BYTES_MAX) {
      rmSync(`${path}.1`, { force: true })
      renameSync(path, `${path}.1`)
      bytes = 0
    }
    appendFileSync(path, text, { mode: 0o600 })
    bytes += text.length
  }
}
